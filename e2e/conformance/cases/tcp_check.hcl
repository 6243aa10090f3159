case "open and closed" {
  setup = <<-EOT
    printf '[Socket]\nListenStream=127.0.0.1:8098\nAccept=yes\n' >/etc/systemd/system/answer.socket
    printf '[Service]\nExecStart=/bin/cat\nStandardInput=socket\n' >/etc/systemd/system/answer@.service
    systemctl daemon-reload
  EOT
  waits = ["tcp_check.open"]
  plan  = <<-EOT
    systemd_unit "answer" {
      name    = "answer.socket"
      running = true
    }
    tcp_check "open" {
      host     = "localhost"
      port     = 8098
      interval = "100ms"
    }
    tcp_check "closed" {
      host  = "127.0.0.1"
      port  = 8097
      state = "closed"
    }
  EOT
  check = "grep -q ':1FA2 ' /proc/net/tcp && ! grep -q ':1FA1 ' /proc/net/tcp" # 8098 and 8097
  drift "stopped" { run = "systemctl stop answer.socket" }
}
