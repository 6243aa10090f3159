case "defaults" {
  reads = ["/etc/login.defs", "/etc/default/useradd"]
  plan = <<-EOT
    user "alice" {
      name    = "alice"
      expires = "2099-12-31"
    }
  EOT
  check = <<-EOT
    [ "$(id -gn alice)" = alice ] && [ "$(stat -c %U:%G /home/alice)" = alice:alice ] &&
    [ "$(getent shadow alice | cut -d: -f8)" = 47481 ] && cmp /etc/skel/.profile /home/alice/.profile && [ "$(stat -c %U /home/alice/.profile)" = alice ]
  EOT
  drift "home removed" { run = "rm -r /home/alice" }
  drift "expired" { run = "usermod -e 2020-01-01 alice" }
  drift "never expires" { run = "usermod -e '' alice" }
  drift "user removed" { run = "userdel -r alice" }
  drift "user removed, home kept" { run = "userdel alice" }
}

case "everything" {
  setup = "groupadd web; groupadd ops; groupadd staff2; useradd -m old; useradd -m shared; chown root /home/shared; chmod 2755 /srv"
  plan  = <<-EOT
    user "deploy" {
      name             = "deploy"
      uid              = 3000
      group            = "web"
      groups           = ["ops", "adm"]
      exclusive_groups = true
      comment          = "Deploys, and \"quotes\" $HOME"
      home             = "/srv/deploy home"
      shell            = "/bin/bash"
      password_hash    = "$6$rcprovcase$LCPKgoGQMQSRzndDqCPpDBEnRhA/VJAMTQxtPQHY649GbDcleCqhPNCWcoQkvR7./0Fcfz6f0BMGZjZljff0/0"
      locked           = false
    }
    user "old" {
      name        = "old"
      state       = "absent"
      remove_home = true
    }
    user "shared" {
      name        = "shared"
      state       = "absent"
      remove_home = true
    }
    user "nobody" {
      name   = "nobody"
      groups = ["ops"]
    }
  EOT
  check = <<-EOT
    [ "$(getent passwd deploy)" = 'deploy:x:3000:'"$(getent group web | cut -d: -f3)"':Deploys, and "quotes" $HOME:/srv/deploy home:/bin/bash' ] &&
    [ "$(id -Gn deploy | tr ' ' '\n' | sort | tr '\n' ' ')" = "adm ops web " ] &&
    [ -d "/srv/deploy home" ] && [ ! -g "/srv/deploy home" ] &&
    [ "$(getent shadow deploy | cut -d: -f2,8)" = '$6$rcprovcase$LCPKgoGQMQSRzndDqCPpDBEnRhA/VJAMTQxtPQHY649GbDcleCqhPNCWcoQkvR7./0Fcfz6f0BMGZjZljff0/0:' ] &&
    ! getent passwd old && [ ! -e /home/old ] && ! getent passwd shared && [ -d /home/shared ] &&
    id -Gn nobody | grep -qw ops && [ ! -e /nonexistent ]
  EOT
  drift "shell and comment" {
    run     = "usermod -s /bin/sh -c nobody deploy"
    changes = ["user.deploy"]
  }
  drift "number" { run = "usermod -u 3001 deploy" }
  drift "primary group" { run = "usermod -g ops deploy" }
  drift "another group" { run = "usermod -aG staff2 deploy" }
  drift "out of a group" { run = "gpasswd -d deploy adm" }
  drift "home" { run = "usermod -d /tmp deploy" }
  drift "password" { run = "echo deploy:x | chpasswd" }
  drift "password locked" { run = "usermod -L deploy" }
  drift "expired" { run = "usermod -e 2020-01-01 deploy" }
  drift "old is back" {
    run     = "useradd -m old"
    changes = ["user.old"]
  }
}

case "added to a group, and shut" {
  setup = "useradd -m -g users -p '$6$rcprovcase$LCPKgoGQMQSRzndDqCPpDBEnRhA/VJAMTQxtPQHY649GbDcleCqhPNCWcoQkvR7./0Fcfz6f0BMGZjZljff0/0' bob; groupadd web; usermod -aG adm bob"
  plan  = <<-EOT
    user "bob" {
      name   = "bob"
      groups = ["web"]
      locked = true
    }
  EOT
  check = <<-EOT
    id -Gn bob | grep -qw web && id -Gn bob | grep -qw adm && [ "$(id -gn bob)" = users ] &&
    getent shadow bob | cut -d: -f2,8 | grep -q '^!\$.*:1$'
  EOT
  drift "opened" { run = "usermod -U -e '' bob" }
  drift "only unlocked" { run = "usermod -U bob" }
  drift "out of the group" { run = "gpasswd -d bob web" }
}

case "system user without a home" {
  plan = <<-EOT
    group "app" {
      name   = "app"
      system = true
    }
    user "app" {
      name        = "app"
      system      = true
      group       = "app"
      home        = "/var/lib/app"
      create_home = false
      shell       = "/usr/sbin/nologin"
    }
  EOT
  check = "[ \"$(id -u app)\" -lt 1000 ] && [ \"$(getent passwd app | cut -d: -f6,7)\" = /var/lib/app:/usr/sbin/nologin ] && [ ! -e /var/lib/app ] && [ \"$(id -gn app)\" = app ]"
  drift "shell" { run = "usermod -s /bin/bash app" }
}
