case "places, ends and absence" {
  reads = ["/srv/crlf", "/srv/new"]
  setup = "mkdir -p /srv; printf 'a1\\r\\na2\\r\\nz' >/srv/crlf; chmod 600 /srv/crlf; printf 'keep\\n# BEGIN rcprov none\\nold\\n# END rcprov none\\nkeep too\\n' >/srv/old"
  plan  = <<-EOT
    block "after" {
      path  = "/srv/crlf"
      block = "it's \\ `new`\ntwo\n"
      after = "^a1"
    }
    block "none" {
      path  = "/srv/old"
      state = "absent"
    }
    block "new file" {
      path   = "/srv/new"
      block  = "only\n"
      marker = "; {mark}"
      create = true
      mode   = "0640"
    }
  EOT
  check = <<-EOT
    [ "$(sha256sum </srv/crlf)" = "$(printf 'a1\r\n# BEGIN rcprov after\r\nit'"'"'s \\ `new`\r\ntwo\r\n# END rcprov after\r\na2\r\nz' | sha256sum)" ] &&
    [ "$(stat -c %a /srv/crlf)" = 600 ] && [ "$(cat /srv/old)" = "$(printf 'keep\nkeep too')" ] &&
    [ "$(cat /srv/new)" = "$(printf '; BEGIN\nonly\n; END')" ] && [ "$(stat -c %a /srv/new)" = 640 ]
  EOT
  drift "a line of it changed" {
    run     = "sed -i 's/^two/2/' /srv/crlf"
    changes = ["block.after"]
  }
  drift "block removed" {
    run     = "sed -i '/BEGIN/,/END/d' /srv/crlf"
    changes = ["block.after"]
  }
  drift "block back" {
    run     = "sed -i '1a # BEGIN rcprov none\\nold\\n# END rcprov none' /srv/old"
    changes = ["block.none"]
  }
  drift "file removed" {
    run     = "rm /srv/new"
    changes = ["block[\"new file\"]"]
  }
}
