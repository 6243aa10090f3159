# systemd_unit: the unit's files and state, and that the running instance is the one on disk. A drift may not leave
# changes in files that the plan doesn't own (law 3), so these are edited, read by the service, and put back.

case "own service" {
  reads = ["/etc/systemd/system/loop.service", "/var/lib/rcprov/stamps/loop.service"]
  plan   = <<-EOT
    systemd_unit "loop" {
      name    = "loop.service"
      content = <<-UNIT
        [Service]
        ExecStart=/bin/sleep infinity
        [Install]
        WantedBy=multi-user.target
      UNIT
      enabled = true
      running = true
    }
  EOT
  check  = <<-EOT
    set -e
    systemctl is-active loop
    systemctl is-enabled loop
    [ "$(stat -c '%a %U %G' /etc/systemd/system/loop.service)" = "644 root root" ]
    [ "$(systemctl show -p NeedDaemonReload --value loop)" = no ]
    tr '\0' ' ' <"/proc/$(systemctl show -p MainPID --value loop)/cmdline" | grep -qx '/bin/sleep infinity '
  EOT
  drift "unit file edited" {
    run = "sed -i 's/infinity/100000/' /etc/systemd/system/loop.service"
  }
  drift "unit file edited and started from" {
    run = "sed -i 's/infinity/100000/' /etc/systemd/system/loop.service; systemctl daemon-reload; systemctl restart loop"
  }
  drift "unit file broken" { run = "sed -i '/ExecStart/d' /etc/systemd/system/loop.service; systemctl daemon-reload" }
  drift "unit file removed" { run = "rm /etc/systemd/system/loop.service" }
  drift "unit file removed and reloaded" { run = "rm /etc/systemd/system/loop.service; systemctl daemon-reload" }
  drift "touched" { run = "touch /etc/systemd/system/loop.service" }
  drift "mode" { run = "chmod 600 /etc/systemd/system/loop.service" }
  drift "stopped" { run = "systemctl stop loop" }
  drift "killed" { run = "kill -9 \"$(systemctl show -p MainPID --value loop)\"; sleep 0.2" }
  drift "disabled" { run = "systemctl disable loop" }
  drift "enabled until the next boot only" { run = "systemctl disable loop; systemctl enable --runtime loop" }
  drift "disabled behind systemd's back" { run = "rm /etc/systemd/system/multi-user.target.wants/loop.service" }
  drift "disabled and stopped" { run = "systemctl disable --now loop" }
  drift "masked" { run = "rm /etc/systemd/system/loop.service; systemctl mask loop" }
  drift "masked and stopped" { run = "rm /etc/systemd/system/loop.service; systemctl mask loop; systemctl stop loop" }
  drift "start limit hit" {
    run = "for i in 1 2 3 4 5 6 7; do systemctl stop loop; systemctl start loop || true; done; systemctl is-active loop && systemctl stop loop || true"
  }
  drift "wanted by another target" {
    run = "sed -i 's/multi-user/graphical/' /etc/systemd/system/loop.service; systemctl daemon-reload; systemctl reenable loop"
  }
}

case "restart when a file changes" {
  setup = "echo one >/etc/watched.conf; echo two >/etc/other.conf"
  plan  = <<-EOT
    file "conf" {
      path    = "/etc/reader.conf"
      content = "blue\n"
    }
    systemd_unit "reader" {
      name       = "reader.service"
      content    = <<-UNIT
        [Service]
        ExecStart=/bin/sh -c 'cat /etc/reader.conf /etc/watched.conf >/run/reader; sleep infinity'
      UNIT
      running    = true
      restart_on = ["/etc/reader.conf", "/etc/watched.conf"]
    }
  EOT
  check = <<-EOT
    set -e
    systemctl is-active reader
    cat /etc/reader.conf /etc/watched.conf | cmp - /run/reader
    grep -qx blue /run/reader
  EOT
  drift "watched file read with other content" {
    run     = "cp -p /etc/watched.conf /tmp/w; echo three >>/etc/watched.conf; systemctl restart reader; sleep 0.2; cp -p /tmp/w /etc/watched.conf; rm /tmp/w"
    changes = ["systemd_unit.reader"]
  }
  drift "edited, read by a restart, put back by the plan" {
    run     = "echo red >/etc/reader.conf; systemctl restart reader; sleep 0.2"
    changes = ["file.conf", "systemd_unit.reader"]
  }
  drift "chown does not count" {
    run     = "chown nobody /etc/reader.conf"
    changes = ["file.conf"]
  }
  drift "the same content does not count" {
    run     = "cp -p /etc/watched.conf /tmp/w; mv /tmp/w /etc/watched.conf; chmod 600 /etc/reader.conf"
    changes = ["file.conf"]
  }
  drift "edited and put back does not count" {
    run     = "echo red >/etc/reader.conf"
    changes = ["file.conf"]
  }
  drift "removed and put back does not count" {
    run     = "rm /etc/reader.conf"
    changes = ["file.conf"]
  }
  drift "watched file removed and back" {
    run     = "mv /etc/watched.conf /tmp/x; systemctl restart reader; sleep 0.2; mv /tmp/x /etc/watched.conf"
    changes = ["systemd_unit.reader"]
  }
}

case "reload when a file changes" {
  setup = "echo one >/etc/reloader.conf"
  plan  = <<-EOT
    systemd_unit "reloader" {
      name      = "reloader.service"
      content   = <<-UNIT
        [Service]
        ExecStart=/bin/sh -c 'trap "cat /etc/reloader.conf >/run/reloader" HUP; cat /etc/reloader.conf >/run/reloader; while :; do sleep 0.1; done'
        ExecReload=/bin/sh -c 'kill -HUP $MAINPID; sleep 0.3'
        Restart=always
      UNIT
      running   = true
      reload_on = ["/etc/reloader.conf"]
    }
  EOT
  check = "set -e; systemctl is-active reloader; cmp /etc/reloader.conf /run/reloader"
  drift "reloaded with other content" { run = "cp -p /etc/reloader.conf /tmp/r; echo two >>/etc/reloader.conf; systemctl reload reloader; sleep 0.3; cp -p /tmp/r /etc/reloader.conf; rm /tmp/r" }
  drift "restarted with other content" { run = "cp -p /etc/reloader.conf /tmp/r; echo two >>/etc/reloader.conf; systemctl restart reloader; sleep 0.3; cp -p /tmp/r /etc/reloader.conf; rm /tmp/r" }
  drift "stopped" { run = "systemctl stop reloader" }
}

case "drop-ins of a package's unit" {
  plan  = <<-EOT
    systemd_unit "ssh" {
      name    = "ssh.service"
      drop_ins = {
        "limits.conf" = "[Service]\nLimitNOFILE=4321\n"
        "nice.conf"   = "[Service]\nNice=1\n"
      }
      enabled   = true
      running   = true
      reload_on = ["/etc/ssh/sshd_config"]
    }
  EOT
  check = <<-EOT
    set -e
    systemctl is-active ssh
    systemctl is-enabled ssh
    grep 'Max open files *4321 ' "/proc/$(systemctl show -p MainPID --value ssh)/limits"
    [ "$(systemctl show -p NeedDaemonReload --value ssh)" = no ]
  EOT
  drift "drop-in edited" { run = "echo LimitNOFILE=999 >>/etc/systemd/system/ssh.service.d/limits.conf" }
  drift "drop-in removed" { run = "rm /etc/systemd/system/ssh.service.d/limits.conf" }
  drift "drop-in removed and restarted" {
    run = "rm /etc/systemd/system/ssh.service.d/limits.conf; systemctl daemon-reload; systemctl restart ssh"
  }
  drift "reloaded with another configuration" {
    run = "cp -p /etc/ssh/sshd_config /tmp/s; echo '# hello' >>/etc/ssh/sshd_config; systemctl reload ssh; sleep 0.2; cp -p /tmp/s /etc/ssh/sshd_config; rm /tmp/s"
  }
}

case "stopped, disabled and masked" {
  setup = <<-EOT
    systemctl unmask apt-daily.timer apt-daily-upgrade.timer
    systemctl enable --now apt-daily.timer
    printf '[Service]\nExecStart=/bin/sleep infinity\n' >/usr/lib/systemd/system/kept.service
    systemctl daemon-reload
    systemctl start kept
    sleep 0.1
  EOT
  plan  = <<-EOT
    systemd_unit "daily" {
      name    = "apt-daily.timer"
      enabled = false
      running = false
    }
    systemd_unit "upgrade" {
      name   = "apt-daily-upgrade.timer"
      masked = true
    }
    # Restarted by one step, so that it has a stamp, and masked by another one: it runs on.
    file "conf" {
      path    = "/etc/kept.conf"
      content = "1\n"
    }
    systemd_unit "kept" {
      name       = "kept.service"
      restart_on = [file.conf]
    }
    systemd_unit "masked" {
      name   = "kept.service"
      masked = true
    }
  EOT
  check = <<-EOT
    set -e
    if systemctl is-active apt-daily.timer; then exit 1; fi
    if systemctl is-enabled apt-daily.timer; then exit 1; fi
    [ "$(systemctl is-enabled apt-daily-upgrade.timer)" = masked ]
    [ "$(systemctl is-enabled kept)" = masked ]
    systemctl is-active kept
  EOT
  drift "started" {
    run     = "systemctl start apt-daily.timer"
    changes = ["systemd_unit.daily"]
  }
  drift "enabled" { run = "systemctl enable apt-daily.timer" }
  drift "unmasked" {
    run     = "systemctl unmask apt-daily-upgrade.timer kept"
    changes = ["systemd_unit.upgrade", "systemd_unit.masked"]
  }
}

case "timer with its oneshot" {
  plan  = <<-EOT
    systemd_unit "job" {
      name    = "job.service"
      content = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
    }
    systemd_unit "timer" {
      name    = "job.timer"
      content = "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n"
      enabled = true
      running = true
    }
  EOT
  check = <<-EOT
    set -e
    systemctl is-active job.timer
    systemctl is-enabled job.timer
    systemctl list-timers | grep job.service
  EOT
  drift "timer stopped" { run = "systemctl stop job.timer" }
  drift "other time" { run = "sed -i s/daily/weekly/ /etc/systemd/system/job.timer; systemctl daemon-reload" }
  drift "service file removed" {
    run     = "rm /etc/systemd/system/job.service"
    changes = ["systemd_unit.job"]
  }
}

case "program replaced by an upgrade" {
  setup = "cp /bin/sleep /usr/local/bin/napper"
  plan  = <<-EOT
    systemd_unit "napper" {
      name    = "napper.service"
      content = "[Service]\nExecStart=/usr/local/bin/napper infinity\n"
      running = true
    }
  EOT
  check = <<-EOT
    set -e
    systemctl is-active napper
    [ "$(readlink "/proc/$(systemctl show -p MainPID --value napper)/exe")" = /usr/local/bin/napper ]
  EOT
  drift "upgraded" { run = "cp /bin/sleep /usr/local/bin/n; mv /usr/local/bin/n /usr/local/bin/napper" }
}

case "absent" {
  setup = <<-EOT
    mkdir /etc/systemd/system/gone.service.d
    printf '[Service]\nNice=1\n' >/etc/systemd/system/gone.service.d/x.conf
    printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' >/etc/systemd/system/gone.service
    systemctl enable --now gone
  EOT
  plan  = <<-EOT
    systemd_unit "gone" {
      name     = "gone.service"
      drop_ins = { "x.conf" = "" }
      state    = "absent"
    }
  EOT
  check = <<-EOT
    set -e
    [ "$(systemctl show -p LoadState --value gone)" = not-found ]
    [ ! -e /etc/systemd/system/gone.service ] && [ ! -e /etc/systemd/system/gone.service.d ]
    [ ! -L /etc/systemd/system/multi-user.target.wants/gone.service ]
    if systemctl is-active gone; then exit 1; fi
  EOT
  drift "back" {
    run = "printf '[Service]\nExecStart=/bin/sleep infinity\n' >/etc/systemd/system/gone.service; systemctl start gone"
  }
  drift "back and failed" {
    run = "printf '[Service]\nExecStart=/bin/false\n' >/etc/systemd/system/gone.service; systemctl start gone; sleep 0.2"
  }
}
