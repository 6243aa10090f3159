# Sixty steps over the modules of a plain host. make bench puts the hosts in front of it.

locals {
  settings = join("", [for n in range(30) : "setting_${n} = value ${n}\n"])
}

play "sixty" {
  hosts = group.all

  apt_package "tools" { packages = ["tree", "less", "rsync"] }
  apt_package "ufw" { packages = ["ufw"] }
  apt_package "cron" { packages = ["cron"] }
  apt_package "no-telnet" {
    packages = ["telnetd"]
    state    = "absent"
  }

  group "bench" { name = "bench" }
  group "readers" { name = "readers" }

  user "people" {
    for_each = ["ann", "bob", "cid"]
    name     = "bench-${each.value}"
    group    = group.bench.name
    groups   = [group.readers.name]
    shell    = "/bin/bash"
  }
  authorized_key "people" {
    for_each = ["ann", "bob"]
    user     = "bench-${each.value}"
    key      = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB2wkMEuh6YBKmUOnDwr6Rkl5bnHcmmHpJKO5kcVJ4Qh ${each.value}"
  }

  directory "tree" {
    for_each = ["/srv/bench", "/srv/bench/conf", "/srv/bench/data", "/srv/bench/log", "/srv/bench/run"]
    path     = each.value
    group    = group.bench.name
    mode     = "0750"
  }
  file "conf" {
    for_each = [for n in range(25) : format("%02d", n)]
    path     = "/srv/bench/conf/${each.value}.conf"
    content  = "# file ${each.value}\n${local.settings}"
    group    = group.bench.name
    mode     = "0640"
  }
  link "current" {
    for_each = ["00", "01", "02"]
    path     = "/srv/bench/run/${each.value}"
    target   = "../conf/${each.value}.conf"
  }
  line "login" {
    for_each = { UMASK = "027", PASS_MAX_DAYS = "365", LOGIN_RETRIES = "4" }
    path     = "/etc/login.defs"
    line     = "${each.key} ${each.value}"
    regexp   = "^#?${each.key}\\s"
  }
  hosts_entry "peers" {
    for_each = { "192.0.2.11" = "db1", "192.0.2.12" = "db2" }
    ip       = each.key
    names    = [each.value]
  }
  sysctl "net" {
    for_each = {
      "net.ipv4.tcp_syncookies"            = "1"
      "net.ipv4.conf.all.rp_filter"        = "1"
      "net.ipv4.conf.all.accept_redirects" = "0"
      "net.ipv4.ip_local_port_range"       = "20000 60000"
    }
    name  = each.key
    value = each.value
  }

  systemd_unit "worker" {
    for_each   = ["00", "01", "02", "03"]
    name       = "bench-${each.value}.service"
    content    = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    enabled    = true
    running    = true
    restart_on = [file.conf[each.value]]
  }
  systemd_unit "cron" {
    name    = "cron.service"
    enabled = true
    running = true
  }
  command "marker" {
    argv    = ["touch", "/srv/bench/data/marker"]
    creates = "/srv/bench/data/marker"
  }
  ufw "firewall" {
    default_incoming = "deny"
    rule {
      action = "allow"
      port   = "22"
      proto  = "tcp"
    }
    rule {
      action = "allow"
      port   = "80,443"
      proto  = "tcp"
    }
  }
}
