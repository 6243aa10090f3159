case "group with a number" {
  plan = <<-EOT
    group "deploy" {
      name = "deploy"
      gid  = 2000
    }
  EOT
  check = "[ \"$(getent group deploy | cut -d: -f1,3)\" = deploy:2000 ]"
  drift "other number" { run = "groupmod -g 2001 deploy" }
  drift "removed" { run = "groupdel deploy" }
}

case "system group with members" {
  setup = "useradd other; useradd own; groupadd ops; gpasswd -a other ops"
  plan  = <<-EOT
    user "alice" {
      name   = "alice"
      groups = ["ops"]
    }
    group "app" {
      name    = "app"
      system  = true
      members = [user.alice.name, "own"]
    }
    group "ops" {
      name    = "ops"
      members = [user.alice.name, "own"]
    }
    user "own" {
      name   = "own"
      groups = [group.app.name]
    }
  EOT
  check = <<-EOT
    gid=$(getent group app | cut -d: -f3) && [ "$gid" -lt 1000 ] && [ "$(getent group app | cut -d: -f4)" = alice,own ] &&
    [ "$(getent group ops | cut -d: -f4 | tr , '\n' | sort | tr '\n' ' ')" = "alice other own " ]
  EOT
  drift "removed" { run = "groupdel app" }
  drift "a member left" { run = "gpasswd -d own app" }
}

case "no such group" {
  setup = "groupadd old"
  plan  = <<-EOT
    group "old" {
      name  = "old"
      state = "absent"
    }
  EOT
  check = "! getent group old"
  drift "back again" { run = "groupadd old" }
}
