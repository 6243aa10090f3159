# sshd: its drop-in, what `sshd -T` makes of it, and what it runs with. rcprov and the suite come in by port 22; for a
# moment after a reload nobody listens there.

case "a careful sshd" {
  reads = ["/etc/ssh/sshd_config.d/00-rcprov.conf"]
  setup = "groupadd -f sudo; usermod -aG sudo admin"
  plan  = <<-EOT
    sshd "access" {
      permit_root_login       = "prohibit-password"
      password_authentication = false
      allow_groups            = ["sudo", "root"]
      max_auth_tries          = 3
      login_grace_time        = "2m"
      x11_forwarding          = false
      settings = {
        LogLevel  = "VERBOSE"
        AcceptEnv = "RCPROV_*"
        Ciphers   = "aes256-gcm@openssh.com,chacha20-poly1305@openssh.com"
      }
      match "User nobody" {
        settings = { ForceCommand = "/bin/false" }
      }
    }
  EOT
  # The running sshd offers the ciphers; the log level shows in its journal.
  check = <<-EOT
    sshd -T | grep -qx 'passwordauthentication no' && sshd -T | grep -qx 'kbdinteractiveauthentication no' &&
    sshd -T | grep -qx 'maxauthtries 3' && sshd -T | grep -qx 'logingracetime 120' && sshd -T | grep -qx 'allowgroups sudo' &&
    sshd -T | grep -qx 'acceptenv RCPROV_\*' && sshd -T -C user=nobody,host=x,addr=192.0.2.1 | grep -qx 'forcecommand /bin/false' &&
    ssh -v -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o Ciphers=aes256-gcm@openssh.com nobody@127.0.0.1 true 2>&1 |
      grep -q 'Permission denied (publickey)' &&
    ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o Ciphers=aes128-ctr nobody@127.0.0.1 true 2>&1 |
      grep -q 'no matching cipher'
  EOT
  drift "an argument edited" { run = "sed -i 's/^MaxAuthTries 3/MaxAuthTries 30/' /etc/ssh/sshd_config.d/00-rcprov.conf" }
  drift "rubbish" { run = "echo rubbish >/etc/ssh/sshd_config.d/00-rcprov.conf" }
  drift "removed, and sshd follows" { run = "rm /etc/ssh/sshd_config.d/00-rcprov.conf; systemctl reload ssh; sleep 0.5" }
  drift "mode" { run = "chmod 600 /etc/ssh/sshd_config.d/00-rcprov.conf" }
  drift "sshd runs with something else" {
    run = <<-EOT
      cp -p /etc/ssh/sshd_config.d/00-rcprov.conf /root/kept
      echo 'Ciphers aes128-ctr' >/etc/ssh/sshd_config.d/00-rcprov.conf
      systemctl reload ssh
      sleep 0.5
      mv /root/kept /etc/ssh/sshd_config.d/00-rcprov.conf
    EOT
  }
}

case "one port more" {
  plan  = <<-EOT
    sshd "access" {
      ports = [22, 2222]
    }
  EOT
  check = "ss -Hltnp 'sport = :2222' | grep -q sshd && ss -Hltnp 'sport = :22' | grep -q sshd"
  drift "edited" { run = "sed -i '/2222/d' /etc/ssh/sshd_config.d/00-rcprov.conf; systemctl reload ssh; sleep 0.5" }
  drift "not listening" {
    run = <<-EOT
      sed -i 's/2222/2200/' /etc/ssh/sshd_config.d/00-rcprov.conf
      systemctl restart ssh
      sed -i 's/2200/2222/' /etc/ssh/sshd_config.d/00-rcprov.conf
    EOT
  }
}

case "systemd listens for sshd" {
  setup = "systemctl -q disable ssh.service; systemctl -q enable ssh.socket; systemctl stop ssh.service; systemctl start ssh.socket"
  plan  = <<-EOT
    sshd "access" {
      ports            = [22, 2222]
      listen_addresses = ["0.0.0.0"]
      max_auth_tries   = 4
    }
  EOT
  check = <<-EOT
    systemctl is-active -q ssh.socket && ss -Hltnp 'sport = :2222' | grep -q '"systemd",pid=1' && ss -Hltnp 'sport = :22' | grep -q '"systemd",pid=1' &&
    sshd -T | grep -qx 'maxauthtries 4'
  EOT
  drift "socket's file removed" { run = "rm /etc/systemd/system/ssh.socket.d/rcprov.conf" }
  drift "socket's file edited and loaded" {
    run = <<-EOT
      sed -i 's/2222/2200/' /etc/systemd/system/ssh.socket.d/rcprov.conf
      systemctl daemon-reload
      systemctl stop ssh.socket ssh.service
      systemctl reset-failed ssh.socket ssh.service 2>/dev/null || true # counters of starts
      systemctl start ssh.socket
    EOT
  }
  drift "configuration edited" { run = "sed -i 's/^MaxAuthTries 4/MaxAuthTries 40/' /etc/ssh/sshd_config.d/00-rcprov.conf" }
}

# A stand-in for Ubuntu's sshd-socket-generator, which makes ssh.socket follow the ports of sshd's configuration.
case "systemd listens for sshd, and reads its configuration" {
  setup = <<-EOT
    cat >/lib/systemd/system-generators/sshd-socket-generator <<'END'
    #!/bin/sh
    mkdir -p "$1/ssh.socket.d"
    { echo '[Socket]'; echo ListenStream=; sed -n 's/^Port /ListenStream=/p' /etc/ssh/sshd_config.d/*.conf /etc/ssh/sshd_config; } >"$1/ssh.socket.d/addresses.conf"
    grep -q '=[0-9]' "$1/ssh.socket.d/addresses.conf" || echo ListenStream=22 >>"$1/ssh.socket.d/addresses.conf"
    END
    chmod 755 /lib/systemd/system-generators/sshd-socket-generator
    systemctl daemon-reload
    systemctl -q disable ssh.service
    systemctl -q enable ssh.socket
    systemctl stop ssh.service
    systemctl start ssh.socket
  EOT
  plan  = <<-EOT
    sshd "access" {
      ports = [22, 2222]
    }
  EOT
  check = <<-EOT
    systemctl is-active -q ssh.socket && ss -Hltnp 'sport = :2222' | grep -q '"systemd",pid=1' && ss -Hltnp 'sport = :22' | grep -q '"systemd",pid=1' &&
    ! test -e /etc/systemd/system/ssh.socket.d/rcprov.conf
  EOT
  drift "another port" {
    run = <<-EOT
      sed -i 's/2222/2200/' /etc/ssh/sshd_config.d/00-rcprov.conf
      systemctl daemon-reload
      systemctl stop ssh.socket ssh.service
      systemctl reset-failed ssh.socket ssh.service 2>/dev/null || true # counters of starts
      systemctl start ssh.socket
    EOT
  }
  drift "systemd was not told" {
    run = <<-EOT
      sed -i 's/^Port 2222$/Port 2200/' /etc/ssh/sshd_config.d/00-rcprov.conf
      systemctl daemon-reload
      systemctl stop ssh.socket ssh.service
      systemctl reset-failed ssh.socket ssh.service 2>/dev/null || true
      systemctl start ssh.socket
      sed -i 's/^Port 2200$/Port 2222/' /etc/ssh/sshd_config.d/00-rcprov.conf
    EOT
  }
}
