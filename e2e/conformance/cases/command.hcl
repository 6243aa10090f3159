case "creates, with a secret in the environment" {
  plan = <<-EOT
    command "token" {
      shell   = "umask 077; mkdir -p /etc/app; printf '%s\n' \"$TOKEN\" >/etc/app/token.new; mv /etc/app/token.new /etc/app/token"
      env     = { TOKEN = "it's a $secret" }
      creates = "/etc/app/token"
    }
  EOT
  check = "[ \"$(cat /etc/app/token)\" = \"it's a \\$secret\" ] && [ $(stat -c %a /etc/app/token) = 600 ]"
  drift "removed" { run = "rm /etc/app/token" }
}

case "removes" {
  setup = "touch /root/leftover"
  plan  = <<-EOT
    command "clean" {
      argv    = ["rm", "/root/leftover"]
      removes = "/root/leftover"
    }
  EOT
  check = "[ ! -e /root/leftover ]"
  drift "back again" { run = "touch /root/leftover" }
}

case "unless, as a user, from standard input" {
  setup = "useradd -m bob"
  plan  = <<-EOT
    command "profile" {
      argv   = ["dd", "of=answer", "status=none"]
      user   = "bob"
      dir    = "/home/bob"
      stdin  = "forty-two\n"
      unless = ["grep", "-qx", "forty-two", "answer"]
    }
  EOT
  check = "[ \"$(stat -c %U /home/bob/answer)\" = bob ] && grep -qx forty-two /home/bob/answer"
  drift "other content" { run = "echo 41 >/home/bob/answer" }
  drift "removed" { run = "rm /home/bob/answer" }
}

case "changed_when" {
  setup = "touch /root/stale"
  plan  = <<-EOT
    command "refresh" {
      argv         = ["mv", "/root/stale", "/root/fresh"]
      changed_when = ["test", "-e", "/root/stale"]
    }
  EOT
  check = "[ -e /root/fresh ] && [ ! -e /root/stale ]"
  drift "stale again" { run = "touch /root/stale" }
}

case "a condition whose program, user and directory come from the plan" {
  plan = <<-EOT
    user "app" {
      name = "app"
      home = "/srv/app"
    }
    file "tool" {
      path    = "/usr/local/bin/tool"
      mode    = "0755"
      content = "#!/bin/sh\ncase $1 in is-set) [ -e set ] ;; set) touch set ;; esac\n"
    }
    command "set" {
      argv   = ["tool", "set"]
      unless = ["tool", "is-set"]
      user   = "app"
      dir    = "/srv/app"

      changes = ["/srv/app/set"]
    }
  EOT
  check = "[ \"$(stat -c %U /srv/app/set)\" = app ]"
  drift "undone" {
    run     = "rm /srv/app/set"
    changes = ["command.set"]
  }
}
