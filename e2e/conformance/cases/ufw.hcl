# A rule that comes back comes last, so the drifts take away the last ones: then the files are as before (law 3).
# ufw: its rules files, its settings, and what the kernel does with them. The hosts' SSH comes in by port 22.

case "a web server's firewall" {
  installed = "ufw"
  setup     = "command -v ufw >/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install ufw >/dev/null; }"
  plan      = <<-EOT
    ufw "firewall" {
      rule {
        action = "deny"
        from   = "192.0.2.0/24"
      }
      rule {
        port    = "22"
        proto   = "tcp"
        comment = "ssh for é"
      }
      rule {
        port  = "443,80"
        proto = "tcp"
      }
      rule {
        port  = "10000:20000"
        proto = "udp"
        from  = "10.1.2.3/8"
      }
      rule {
        action = "limit"
        port   = "3478"
        from   = "2001:db8::1/32"
      }
      rule {
        route         = true
        port          = "80"
        proto         = "tcp"
        to            = "10.1.1.1"
        interface     = "host0"
        interface_out = "eth1"
      }
      rule {
        action    = "deny"
        direction = "out"
        port      = "25"
        proto     = "tcp"
        to        = "192.0.2.0/24"
      }
      rule {
        action    = "reject"
        direction = "out"
        port      = "25"
        proto     = "tcp"
      }
    }
  EOT
  check     = <<-EOT
    set -e
    ufw status | grep -qx 'Status: active'
    grep '^### tuple' /etc/ufw/user.rules | sed -n '/deny tcp 25 192.0.2.0/,$p' | grep 'reject tcp 25 '
    [ "$(grep -hc '^### tuple' /etc/ufw/user.rules /etc/ufw/user6.rules | tr '\n' ' ')" != "0 0 " ]
    iptables -S ufw-user-input | grep -- '-p tcp -m tcp --dport 22 -j ACCEPT'
    ip6tables -S ufw6-user-input | grep -- '-p tcp -m tcp --dport 22 -j ACCEPT'
    iptables -S ufw-user-input | grep -- '-p tcp -m multiport --dports 80,443 -j ACCEPT'
    iptables -S ufw-user-input | grep -- '-s 10.0.0.0/8 -p udp -m multiport --dports 10000:20000 -j ACCEPT'
    ip6tables -S ufw6-user-input | grep -- '-s 2001:db8::/32 .*3478'
    iptables -S ufw-user-forward | grep -- '-d 10.1.1.1/32 -i host0 -o eth1'
    iptables -S ufw-user-output | grep -- '--dport 25 -j REJECT'
    iptables -S | grep -x -- '-P INPUT DROP'
    iptables -S | grep -x -- '-P OUTPUT ACCEPT'
    iptables -S INPUT | grep -- '-j ufw-before-input'
    grep -x LOGLEVEL=low /etc/ufw/ufw.conf
  EOT
  drift "rule deleted" { run = "ufw delete reject out proto tcp to any port 25" }
  drift "rule deleted for IPv6 only" { run = "ufw delete reject out proto tcp from ::/0 to ::/0 port 25" }
  drift "rule turned into another" { run = "ufw deny proto udp from 10.0.0.0/8 to any port 10000:20000" }
  drift "comment wiped" { run = "ufw allow in proto tcp from any to any port 22" }
  drift "disabled" { run = "ufw disable" }
  drift "incoming allowed" { run = "ufw default allow incoming" }
  drift "outgoing denied" { run = "ufw default deny outgoing" }
  drift "logging off" { run = "ufw logging off" }
  drift "flushed" { run = "iptables -P INPUT ACCEPT; iptables -F; ip6tables -P INPUT ACCEPT; ip6tables -F" }
  drift "flushed, and a rule deleted" { run = "ufw delete reject out proto tcp to any port 25; /lib/ufw/ufw-init flush-all" }
  drift "the kernel's policy" { run = "iptables -P INPUT ACCEPT" }
  drift "chains removed" {
    run = "for t in iptables ip6tables; do $t -P INPUT ACCEPT; $t -P FORWARD ACCEPT; $t -F; $t -X; done"
  }
  drift "one kernel rule removed" { run = "iptables -D ufw-user-input 1" }
  drift "files edited by hand" { run = "sed -i '/tuple ### reject tcp 25/,+1d' /etc/ufw/user.rules" }
  drift "order" { run = "ufw delete deny out proto tcp to 192.0.2.0/24 port 25; ufw deny out proto tcp to 192.0.2.0/24 port 25" }
}

case "exclusive" {
  installed = "ufw"
  setup     = <<-EOT
    command -v ufw >/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install ufw >/dev/null; }
    printf '[Lab App]\ntitle=x\ndescription=y\nports=7000/tcp|7001/udp\n' >/etc/ufw/applications.d/lab
    ufw allow 8080
    ufw deny out 23/tcp
    ufw allow in log from 192.0.2.7 comment 'not mine'
    ufw route allow in on host0
  EOT
  plan      = <<-EOT
    ufw "firewall" {
      exclusive        = true
      default_incoming = "reject"
      logging          = "medium"
      rule {
        port  = "22"
        proto = "tcp"
      }
    }
  EOT
  check     = <<-EOT
    set -e
    [ "$(grep -c '^### tuple' /etc/ufw/user.rules)" = 1 ]
    [ "$(grep -c '^### tuple' /etc/ufw/user6.rules)" = 1 ]
    [ "$(iptables -S ufw-user-input | grep -c -- ' -j ACCEPT')" = 1 ]
    grep -x LOGLEVEL=medium /etc/ufw/ufw.conf
    ufw status verbose | grep 'Default: reject (incoming), allow (outgoing)'
  EOT
  drift "another rule" { run = "ufw allow 8081" }
  drift "a rule for IPv6 only" { run = "ufw deny from 2001:db8::7/64 to any port 99 proto tcp comment x" }
  drift "a routed rule" { run = "ufw route deny in on host0 out on eth9 log from any to 10.0.0.1 port 53" }
  drift "an application's rule" { run = "ufw allow 'Lab App'" }
}

case "profiles, logs, one family" {
  installed = "ufw"
  setup     = <<-EOT
    command -v ufw >/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install ufw >/dev/null; }
    printf '[Lab App]\ntitle=x\ndescription=y\nports=7000/tcp|7002,7001/udp|7003\n' >/etc/ufw/applications.d/lab
  EOT
  plan      = <<-EOT
    ufw "firewall" {
      default_routed = "reject"
      confirm_within = "30s"
      rule {
        port  = "22"
        proto = "tcp"
      }
      rule {
        app     = "Lab App"
        log     = "new"
        comment = "ours"
      }
      rule {
        action = "limit"
        app    = "Lab App"
        from   = "10.0.0.0/8"
      }
      rule {
        port  = "8080"
        proto = "tcp"
        from  = "0.0.0.0/0"
      }
      rule {
        action = "deny"
        port   = "8081"
        from   = "::/0"
        log    = "all"
      }
      rule {
        route     = true
        app       = "Lab App"
        interface = "host0"
      }
    }
  EOT
  check     = <<-EOT
    set -e
    tuples() { grep -h '^### tuple' /etc/ufw/user.rules /etc/ufw/user6.rules; }
    ufw status | grep '^Lab App .*ALLOW .*Anywhere .*(log) # ours'
    ufw status | grep '^Lab App .*LIMIT .*10.0.0.0/8'
    iptables -S ufw-user-input | grep -- '-p udp -m multiport --dports 7001,7002 .*-j ACCEPT'
    ip6tables -S ufw6-user-input | grep -- '--dport 7000 .*-j ACCEPT'
    iptables -S ufw-user-forward | grep -- '-i host0 .*--dport 7000'
    [ "$(tuples | grep -c ' tcp 8080 ')" = 1 ]
    iptables -S ufw-user-input | grep -- '--dport 8080 -j ACCEPT'
    [ "$(tuples | grep -c 'deny_log-all any 8081 ::/0')" = 1 ]
    [ "$(tuples | grep -c ' any 8081 ')" = 1 ]
    iptables -S | grep -x -- '-P FORWARD DROP'
    ufw status verbose | grep 'reject (routed)'
  EOT
  drift "an application's rule deleted" { run = "ufw route delete allow in on host0 to any app 'Lab App'" }
  drift "an older profile" {
    run = "cd /etc/ufw/applications.d; cp -p lab /root/lab; sed -i s/7000/7009/ lab; ufw app update 'Lab App'; mv /root/lab lab"
  }
  drift "log wiped" { run = "ufw deny proto any from ::/0 to any port 8081" }
  drift "routed packets allowed" { run = "ufw default allow routed" }
}

case "beside filters of others" {
  installed = "ufw"
  setup     = <<-EOT
    command -v ufw >/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install ufw >/dev/null; }
    nft 'add table inet other; add chain inet other in { type filter hook input priority -5; policy accept; }; add rule inet other in tcp dport 9998 drop'
    iptables -N other; iptables -A INPUT -p tcp --dport 9999 -j other
  EOT
  plan      = <<-EOT
    ufw "firewall" {
      rule {
        port  = "22"
        proto = "tcp"
      }
      rule {
        port  = "443"
        proto = "tcp"
      }
    }
  EOT
  check     = <<-EOT
    set -e
    ufw status | grep -qx 'Status: active'
    nft list chain inet other in | grep 'tcp dport 9998 drop'
    iptables -S INPUT | grep -- '--dport 9999 -j other'
    iptables -S ufw-user-input | grep -- '-p tcp -m tcp --dport 443 -j ACCEPT'
  EOT
  drift "disabled" { run = "ufw disable" }
  drift "one kernel rule removed" { run = "iptables -D ufw-user-input 2" }
}

case "other rules stay, some go" {
  installed = "ufw"
  setup     = <<-EOT
    command -v ufw >/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install ufw >/dev/null; }
    printf '[Lab App]\ntitle=x\ndescription=y\nports=7000/tcp|7001/udp\n' >/etc/ufw/applications.d/lab
    ufw allow 8080; ufw allow 22/tcp; ufw allow 3000/tcp; ufw limit 'Lab App'
  EOT
  plan      = <<-EOT
    ufw "firewall" {
      rule {
        port  = "443"
        proto = "tcp"
      }
      rule {
        state = "absent"
        port  = "3000"
        proto = "tcp"
      }
      rule {
        state = "absent"
        app   = "Lab App"
      }
    }
  EOT
  check     = <<-EOT
    set -e; ufw status | grep -qx 'Status: active'; ufw status | grep '^8080 '; ufw status | grep '^22/tcp '; ufw status | grep '^443/tcp '
    if ufw status | grep -E '^(3000|Lab App)'; then exit 1; fi
    if iptables -S ufw-user-input | grep -E -- '--dport (3000|7001)'; then exit 1; fi
  EOT
  drift "disabled" { run = "ufw disable" }
  drift "a rule is back" { run = "ufw deny 3000/tcp comment 'not wanted'" }
  drift "an application's rule is back" { run = "ufw allow log 'Lab App'" }
}
