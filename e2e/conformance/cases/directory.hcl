case "with parents" {
  # /srv hands its group and the set-group-ID bit down.
  setup = "{ id alice 2>/dev/null || useradd -m alice; }; chgrp adm /srv; chmod 2755 /srv"
  plan  = <<-EOT
    directory "uploads" {
      path  = "/srv/chat/it's here/uploads"
      mode  = "02750"
      owner = "alice"
      group = "alice"
    }
    directory "plain" {
      path = "/srv/plain"
    }
    file "inside" {
      path    = "/srv/chat/it's here/uploads/f"
      content = "x\n"
      owner   = "alice"
      group   = "alice"
    }
  EOT
  check = <<-EOT
    cd "/srv/chat/it's here" && [ "$(stat -c '%a %U %G %F' uploads)" = "2750 alice alice directory" ] &&
    [ "$(stat -c '%a %U %G' . /srv/plain | uniq)" = "755 root root" ] && [ -f uploads/f ]
  EOT
  drift "mode" {
    run     = "chmod 777 /srv/chat/*/uploads"
    changes = ["directory.uploads"]
  }
  drift "set-group-ID" {
    run     = "chmod 2755 /srv/plain"
    changes = ["directory.plain"]
  }
  drift "owner" {
    run     = "chown 0:0 /srv/chat/*/uploads"
    changes = ["directory.uploads"]
  }
  drift "removed" {
    run = "rm -r /srv/chat/*/uploads"
  }
  drift "removed with its parents" {
    run = "rm -r /srv/chat"
  }
}

case "absent" {
  setup = "mkdir -p /srv/empty /srv/full/deep; echo x >/srv/full/deep/f; echo x >/srv/full/.hidden; echo kept >/srv/kept; ln -s /srv/kept /srv/full/l"
  plan  = <<-EOT
    directory "empty" {
      path  = "/srv/empty"
      state = "absent"
    }
    directory "full" {
      path  = "/srv/full"
      state = "absent"
      force = true
    }
    file "only one" {
      path  = "/srv/emptied/f"
      state = "absent"
    }
    directory "emptied" {
      path  = "/srv/emptied"
      state = "absent"
    }
  EOT
  check = "[ ! -e /srv/empty ] && [ ! -e /srv/full ] && [ ! -e /srv/emptied ] && [ -f /srv/kept ]"
  drift "back, empty" {
    run     = "mkdir /srv/empty"
    changes = ["directory.empty"]
  }
  drift "back, full" {
    run     = "mkdir -p /srv/full/a/b; echo x >/srv/full/..odd"
    changes = ["directory.full"]
  }
  drift "emptied by an earlier step" {
    run     = "mkdir /srv/emptied; echo x >/srv/emptied/f"
    changes = ["file[\"only one\"]", "directory.emptied"]
  }
}
