# Only net.* is a container's own: the rest of /proc/sys is read-only on lab hosts.
case "one number" {
  reads = ["/etc/sysctl.d/99-zz-rcprov-net.ipv4.ip_default_ttl.conf", "/etc/sysctl.d/99-zz-rcprov-net.ipv4.conf.lo.rp_filter.conf"]
  plan  = <<-EOT
    sysctl "ttl" {
      name  = "net.ipv4.ip_default_ttl"
      value = 70
    }
    sysctl "interface" {
      name  = "net/ipv4/conf/lo/rp_filter"
      value = 2
    }
  EOT
  check = <<-EOT
    [ "$(cat /proc/sys/net/ipv4/ip_default_ttl)" = 70 ] && [ "$(cat /proc/sys/net/ipv4/conf/lo/rp_filter)" = 2 ] &&
    cat /etc/sysctl.d/*ttl.conf | grep -qx 'net/ipv4/ip_default_ttl = 70' &&
    { [ ! -x /lib/systemd/systemd-sysctl ] || { echo 71 >/proc/sys/net/ipv4/ip_default_ttl; /lib/systemd/systemd-sysctl --prefix=/net/ipv4/ip_default_ttl; [ "$(cat /proc/sys/net/ipv4/ip_default_ttl)" = 70 ]; }; }
  EOT
  drift "live value" {
    run     = "echo 64 >/proc/sys/net/ipv4/ip_default_ttl"
    changes = ["sysctl.ttl"]
  }
  drift "file removed" {
    run     = "rm /etc/sysctl.d/*ttl.conf"
    changes = ["sysctl.ttl"]
  }
  drift "file edited" {
    run     = "sed -i 's/70/71/' /etc/sysctl.d/*ttl.conf"
    changes = ["sysctl.ttl"]
  }
  drift "file's mode does not matter to anyone but the value does" {
    run     = "echo 0 >/proc/sys/net/ipv4/conf/lo/rp_filter"
    changes = ["sysctl.interface"]
  }
}

case "several numbers, and not at boot" {
  setup = "mkdir -p /etc/sysctl.d; echo 'net/ipv4/tcp_fin_timeout = 1' >/etc/sysctl.d/99-zz-rcprov-net.ipv4.tcp_fin_timeout.conf"
  plan  = <<-EOT
    sysctl "ports" {
      name       = "net.ipv4.ip_local_port_range"
      value      = "20000 60000"
      persistent = false
    }
    sysctl "no longer" {
      name  = "net.ipv4.tcp_fin_timeout"
      state = "absent"
    }
  EOT
  check = "[ \"$(tr '\\t' ' ' </proc/sys/net/ipv4/ip_local_port_range)\" = '20000 60000' ] && [ ! -e /etc/sysctl.d/99-zz-rcprov-net.ipv4.tcp_fin_timeout.conf ]"
  drift "one of the numbers" {
    run     = "echo '20000 60001' >/proc/sys/net/ipv4/ip_local_port_range"
    changes = ["sysctl.ports"]
  }
  drift "file is back" {
    run     = "echo x >/etc/sysctl.d/99-zz-rcprov-net.ipv4.tcp_fin_timeout.conf"
    changes = ["sysctl[\"no longer\"]"]
  }
}
