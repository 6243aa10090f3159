# A server of a few lines, which becomes ready when it was asked eight times: systemd accepts the connections and
# starts a shell for each. It counts under /run, so that being asked by a plan is no write to the host's disk.
case "waits until the answer is right" {
  setup = <<-EOT
    cat >/usr/local/bin/answer <<'END'
    #!/bin/sh
    while read -r line && [ "$${#line}" -gt 1 ]; do :; done
    asked=$(($(cat /run/asked) + 1))
    echo $asked >/run/asked
    if [ $asked -lt 8 ]; then status='503 Busy' body=starting; else status='200 OK' body=ready; fi
    printf 'HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n' "$status" $(($${#body} + 1)) $body
    END
    chmod 755 /usr/local/bin/answer
    printf '[Socket]\nListenStream=127.0.0.1:8099\nAccept=yes\n' >/etc/systemd/system/answer.socket
    printf '[Service]\nExecStart=/usr/local/bin/answer\nStandardInput=socket\n' >/etc/systemd/system/answer@.service
    echo 0 >/run/asked
    systemctl daemon-reload
    systemctl start answer.socket
  EOT
  plan  = <<-EOT
    http_check "ready" {
      url           = "http://127.0.0.1:8099/health"
      body_contains = "ready"
      interval      = "100ms"
      deadline      = "30s"
    }
  EOT
  check = "[ \"$(cat /run/asked)\" -ge 8 ]"
  drift "starting again" { run = "echo 0 >/run/asked" }
}
