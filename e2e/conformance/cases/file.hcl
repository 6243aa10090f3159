case "content, mode and owner" {
  reads = ["/etc/motd", "/srv/it's a \"file\""]
  setup = "groupadd -f keepers && { id alice 2>/dev/null || useradd -m alice; }"
  plan  = <<-EOT
    file "motd" {
      path    = "/etc/motd"
      content = "hello\n"
    }
    file "odd name" {
      path    = "/srv/it's a \"file\""
      content = "$HOME `id` \\n 'x'\n"
      mode    = "4750"
      owner   = "alice"
      group   = "keepers"
      backup  = true
    }
  EOT
  check = <<-EOT
    grep -qx hello /etc/motd && [ "$(stat -c '%a %U %G' /etc/motd)" = "644 root root" ] &&
    [ "$(cat "/srv/it's a \"file\"")" = '$HOME `id` \n '"'x'" ] &&
    [ "$(stat -c '%a %U %G' "/srv/it's a \"file\"")" = "4750 alice keepers" ]
  EOT
  drift "content edited" {
    run     = "echo bye >/etc/motd"
    changes = ["file.motd"]
  }
  drift "removed" {
    run     = "rm /etc/motd"
    changes = ["file.motd"]
  }
  drift "mode" {
    run     = "chmod 666 /etc/motd"
    changes = ["file.motd"]
  }
  drift "group, and the set-user-ID bit with it" {
    run     = "chgrp root /srv/it*"
    changes = ["file[\"odd name\"]"]
  }
  drift "owner" {
    run     = "chown 12345 /etc/motd"
    changes = ["file.motd"]
  }
  drift "replaced by a copy with the same content" {
    run     = "cp /etc/motd /etc/motd.new && chmod 600 /etc/motd.new && mv /etc/motd.new /etc/motd"
    changes = ["file.motd"]
  }
}

case "binary, empty and large" {
  laptop = "seq 170000 >numbers"
  plan   = <<-EOT
    file "source" {
      path   = "/srv/source"
      source = "numbers"
    }
    file "empty" {
      path    = "/srv/empty"
      content = ""
    }
    file "touched" {
      path = "/srv/touched"
      mode = "0600"
    }
    file "large" {
      path    = "/srv/large"
      content = join("", [for i in range(1000) : format("%0999d\n", i)])
    }
  EOT
  check  = <<-EOT
    [ "$(wc -l </srv/source)" = 170000 ] &&
    [ -f /srv/empty ] && [ ! -s /srv/empty ] && [ "$(stat -c %a /srv/touched)" = 600 ] &&
    [ "$(stat -c %s /srv/large)" = 1000000 ] && [ "$(tail -n 1 /srv/large | sed 's/^0*//')" = 999 ]
  EOT
  drift "empty is not empty" {
    run     = "echo x >/srv/empty"
    changes = ["file.empty"]
  }
  drift "mode of a file whose content is left alone" {
    run     = "chmod 644 /srv/touched"
    changes = ["file.touched"]
  }
  drift "a large source has more" {
    run     = "echo >>/srv/source"
    changes = ["file.source"]
  }
  drift "large is truncated" {
    run     = "truncate -s 999999 /srv/large"
    changes = ["file.large"]
  }
  drift "large is larger than what is sent" {
    run     = "truncate -s 3M /srv/large"
    changes = ["file.large"]
  }
}

case "validated" {
  plan  = <<-EOT
    file "deployers" {
      path     = "/etc/sudoers.d/deployers"
      content  = "%deployers ALL=(ALL) NOPASSWD: ALL\n"
      mode     = "0440"
      validate = ["visudo", "-cf", "%s"]
    }
  EOT
  check = "visudo -cf /etc/sudoers.d/deployers >/dev/null && grep -q deployers /etc/sudoers.d/deployers && [ $(stat -c %a /etc/sudoers.d/deployers) = 440 ] && [ -z \"$(ls -A /etc/sudoers.d | grep rcprov)\" ]"
  drift "broken by hand" { run = "echo 'no such rule' >/etc/sudoers.d/deployers" }
  drift "left over of a killed run" { run = "echo half >/etc/sudoers.d/.deployers.rcprov; rm -f /etc/sudoers.d/deployers" }
}

case "absent" {
  setup = "mkdir -p /srv/target && echo kept >/srv/kept && echo x >/srv/gone && ln -s kept /srv/gone-link"
  plan  = <<-EOT
    file "gone" {
      path   = "/srv/gone"
      state  = "absent"
      backup = true
    }
    file "gone-link" {
      path  = "/srv/gone-link"
      state = "absent"
    }
    file "never" {
      path  = "/srv/no/such/directory"
      state = "absent"
    }
  EOT
  check = "[ ! -e /srv/gone ] && [ ! -L /srv/gone-link ] && [ \"$(cat /srv/kept)\" = kept ] && [ -s /var/lib/rcprov/backup/srv/gone ]"
  drift "back again" {
    run     = "echo x >/srv/gone"
    changes = ["file.gone"]
  }
  drift "link back again, leading nowhere" {
    run     = "ln -s nowhere /srv/gone-link"
    changes = ["file.gone-link"]
  }
}

# Changes that go to the host together, some of which depend on others of the same case.
case "many at once" {
  setup = "mkdir -p /srv/many && echo x >/srv/many/gone && ln -s nowhere /srv/many/link && printf 'a = 1\\nb = 1\\n' >/srv/many/lines && useradd -m ann"
  plan  = <<-EOT
    file "many" {
      for_each = [for n in range(8) : format("%02d", n)]
      path     = "/srv/many/$${each.value}"
      content  = join("", [for n in range(50) : "$${each.value} it's line $${n}\n"])
      mode     = "0640"
    }
    link "link" {
      path   = "/srv/many/link"
      target = "00"
    }
    file "gone" {
      path  = "/srv/many/gone"
      state = "absent"
    }
    line "lines" {
      for_each = { a = "2", b = "2" }
      path     = "/srv/many/lines"
      line     = "$${each.key} = $${each.value}"
      regexp   = "^$${each.key} ="
    }
    directory "ann" {
      path  = "/srv/many/ann"
      owner = "ann"
      group = "ann"
    }
    file "hers" {
      path    = "/srv/many/ann/file"
      content = "hers\n"
      owner   = "ann"
      group   = "ann"
    }
    group "many" { name = "many" }
    hosts_entry "many" {
      ip    = "192.0.2.9"
      names = ["many"]
    }
    file "last" {
      path    = "/srv/many/last"
      content = "last\n"
      group   = "many"
    }
  EOT
  check = <<-EOT
    set -e
    [ "$(cat /srv/many/0? | wc -l)" = 400 ]
    [ "$(tail -n 1 /srv/many/07)" = "07 it's line 49" ]
    [ "$(stat -c %a%U /srv/many/03)" = 640root ]
    [ "$(readlink /srv/many/link)" = 00 ]
    [ ! -e /srv/many/gone ]
    [ "$(cat /srv/many/lines)" = "$(printf 'a = 2\nb = 2')" ]
    [ "$(stat -c %U /srv/many/ann/file)" = ann ]
    [ "$(stat -c %G /srv/many/last)" = many ]
    getent hosts many | grep -q 192.0.2.9
    [ -z "$(find /srv -name '*rcprov*')" ]
  EOT
  drift "all but some" {
    run = "rm /srv/many/0[2-6] /srv/many/lines; rm -r /srv/many/ann; chmod 600 /srv/many/last; touch /srv/many/lines"
    changes = [
      "file.many[\"02\"]", "file.many[\"03\"]", "file.many[\"04\"]", "file.many[\"05\"]", "file.many[\"06\"]",
      "line.lines[\"a\"]", "line.lines[\"b\"]", "directory.ann", "file.hers", "file.last",
    ]
  }
  drift "left over of killed runs" {
    run     = "for f in 01 04; do echo half >/srv/many/.$f.rcprov; rm /srv/many/$f; done; ln -s half /srv/many/.link.rcprov; rm /srv/many/link"
    changes = ["file.many[\"01\"]", "file.many[\"04\"]", "link.link"]
  }
}
