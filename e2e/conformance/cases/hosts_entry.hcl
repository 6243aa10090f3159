case "names of an address" {
  reads = ["/etc/hosts"]
  setup = "printf '10.9.9.8 db.internal other # old address\\n' >>/etc/hosts"
  plan  = <<-EOT
    hosts_entry "db" {
      ip    = "10.9.9.9"
      names = ["db.internal", "db"]
    }
    hosts_entry "db6" {
      ip    = "fd00:9::9"
      names = ["db.internal"]
    }
  EOT
  check = <<-EOT
    [ "$(getent ahostsv4 db.internal | awk '{print $1}' | sort -u)" = 10.9.9.9 ] && [ "$(getent ahostsv4 db | awk '{print $1; exit}')" = 10.9.9.9 ] &&
    [ "$(getent ahostsv4 other | awk '{print $1; exit}')" = 10.9.9.8 ] && grep -q '^fd00:9::9.*db.internal' /etc/hosts &&
    getent hosts localhost >/dev/null && grep -q '# old address' /etc/hosts
  EOT
  drift "line removed" {
    run     = "sed -i '/fd00:9::9/d' /etc/hosts"
    changes = ["hosts_entry.db6"]
  }
  drift "other address" {
    run     = "sed -i 's/^fd00:9::9/fd00:9::7/' /etc/hosts"
    changes = ["hosts_entry.db6"]
  }
  drift "one name removed" {
    run     = "sed -i 's/db.internal db$/db/' /etc/hosts"
    changes = ["hosts_entry.db"]
  }
  drift "first in another line" {
    run     = "sed -i '1i 10.1.1.1 db' /etc/hosts"
    changes = ["hosts_entry.db"]
  }
}

case "absent" {
  setup = "printf '10.9.9.9 a b c # mine\\n' >>/etc/hosts"
  plan  = <<-EOT
    hosts_entry "gone" {
      ip    = "10.9.9.9"
      names = ["a", "c"]
      state = "absent"
    }
  EOT
  check = "[ \"$(getent ahostsv4 b | awk '{print $1; exit}')\" = 10.9.9.9 ] && ! grep -qw a /etc/hosts && grep -q 'b # mine' /etc/hosts"
  drift "back" { run = "echo '10.9.9.9 a c' >>/etc/hosts" }
}
