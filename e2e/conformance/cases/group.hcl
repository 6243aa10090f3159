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

case "system group" {
  plan = <<-EOT
    group "app" {
      name   = "app"
      system = true
    }
  EOT
  check = "gid=$(getent group app | cut -d: -f3) && [ \"$gid\" -lt 1000 ]"
  drift "removed" { run = "groupdel app" }
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
