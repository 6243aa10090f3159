case "replaced, validated" {
  plan  = <<-EOT
    line "no-root-login" {
      path     = "/etc/ssh/sshd_config"
      line     = "PermitRootLogin prohibit-password"
      regexp   = "^#?\\s*PermitRootLogin\\s"
      validate = ["/usr/sbin/sshd", "-t", "-f", "%s"]
      backup   = true
    }
  EOT
  setup = "mkdir -p /run/sshd; printf 'PermitRootLogin yes\\n' >>/etc/ssh/sshd_config"
  check = "[ \"$(grep -c PermitRootLogin /etc/ssh/sshd_config)\" -ge 1 ] && grep -qx 'PermitRootLogin prohibit-password' /etc/ssh/sshd_config && ! grep -qx 'PermitRootLogin yes' /etc/ssh/sshd_config && [ \"$(stat -c %a /etc/ssh/sshd_config)\" = 644 ]"
  drift "changed" { run = "sed -i 's/^PermitRootLogin .*/PermitRootLogin yes/' /etc/ssh/sshd_config" }
  drift "a second one" { run = "echo 'PermitRootLogin yes' >>/etc/ssh/sshd_config" }
  drift "commented out" { run = "sed -i 's/^PermitRootLogin/#PermitRootLogin/' /etc/ssh/sshd_config" }
}

case "places, ends and absence" {
  reads = ["/srv/crlf", "/srv/old", "/srv/new"]
  setup = "printf 'a1\\r\\na2\\r\\nz' >/srv/crlf; chmod 600 /srv/crlf; chown 1234:5678 /srv/crlf; printf 'old 1\\nkeep\\nold 2' >/srv/old"
  plan  = <<-EOT
    line "after" {
      path  = "/srv/crlf"
      line  = "it's \\ `new`"
      after = "^a"
    }
    line "before" {
      path   = "/srv/crlf"
      line   = "first"
      before = "^a1$"
    }
    line "none" {
      path   = "/srv/old"
      regexp = "^old "
      state  = "absent"
    }
    line "new file" {
      path   = "/srv/new"
      line   = "only"
      create = true
      mode   = "0640"
    }
  EOT
  check = <<-EOT
    [ "$(sha256sum </srv/crlf)" = "$(printf 'first\r\na1\r\na2\r\nit'"'"'s \\ `new`\r\nz' | sha256sum)" ] &&
    [ "$(stat -c '%a %u %g' /srv/crlf)" = "600 1234 5678" ] && [ "$(cat /srv/old)" = keep ] &&
    [ "$(cat /srv/new)" = only ] && [ "$(stat -c %a /srv/new)" = 640 ]
  EOT
  drift "line after removed" {
    run     = "sed -i '/new/d' /srv/crlf; chown 1234:5678 /srv/crlf"
    changes = ["line.after"]
  }
  drift "line before removed" {
    run     = "sed -i '/first/d' /srv/crlf; chown 1234:5678 /srv/crlf"
    changes = ["line.before"]
  }
  drift "line back" {
    run     = "echo 'old 3' >>/srv/old"
    changes = ["line.none"]
  }
  drift "file removed" {
    run     = "rm /srv/new"
    changes = ["line[\"new file\"]"]
  }
}
