# A server becomes ready when it was asked eight times. It counts under /run, so that being asked by a plan is no write to the
# host's disk.
case "waits until the output is right" {
  setup = <<-EOT
    printf '#!/bin/sh\nasked=$(($(cat /run/asked) + 1))\necho $asked >/run/asked\n[ $asked -ge 8 ] && echo ready\n' >/usr/local/bin/answer
    chmod 755 /usr/local/bin/answer
    echo 0 >/run/asked
  EOT
  plan  = <<-EOT
    check "ready" {
      argv     = ["answer"]
      contains = ["ready"]
      interval = "100ms"
      deadline = "30s"
    }
  EOT
  check = "[ \"$(cat /run/asked)\" -ge 8 ]"
  drift "starting again" { run = "echo 0 >/run/asked" }
}
