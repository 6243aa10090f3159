case "relative and absolute" {
  setup = "mkdir -p /opt/chat/releases/1 /opt/chat/releases/2"
  plan  = <<-EOT
    link "current" {
      path   = "/opt/chat/current"
      target = "releases/2"
    }
    link "odd" {
      path   = "/opt/chat/-it's a link"
      target = "/no/such \"target\""
    }
  EOT
  check = "[ \"$(readlink /opt/chat/current)\" = releases/2 ] && [ \"$(readlink \"/opt/chat/-it's a link\")\" = '/no/such \"target\"' ] && [ -z \"$(ls -A /opt/chat/releases/1)\" ]"
  drift "other target" {
    run     = "ln -sfn releases/1 /opt/chat/current"
    changes = ["link.current"]
  }
  drift "removed" {
    run     = "rm /opt/chat/current"
    changes = ["link.current"]
  }
  drift "left over of a killed run" {
    run     = "ln -s half /opt/chat/.current.rcprov; rm /opt/chat/current"
    changes = ["link.current"]
  }
}

case "forced and absent" {
  setup = "mkdir -p /srv/l; echo x >/srv/l/file; ln -s file /srv/l/gone"
  plan  = <<-EOT
    link "forced" {
      path   = "/srv/l/file"
      target = "/etc/hostname"
      force  = true
    }
    link "gone" {
      path  = "/srv/l/gone"
      state = "absent"
    }
  EOT
  check = "[ \"$(readlink /srv/l/file)\" = /etc/hostname ] && [ ! -L /srv/l/gone ] && [ -s /etc/hostname ]"
  drift "a file again" {
    run     = "rm /srv/l/file; echo x >/srv/l/file"
    changes = ["link.forced"]
  }
  drift "link back, to a directory" {
    run     = "ln -s /etc /srv/l/gone"
    changes = ["link.gone"]
  }
}
