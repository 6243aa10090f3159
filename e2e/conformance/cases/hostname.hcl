case "name with a domain" {
  reads = ["/etc/hostname"]
  plan  = <<-EOT
    hostname "this" { name = "web1.example.com" }
  EOT
  check = <<-EOT
    [ "$(hostname)" = web1.example.com ] && [ "$(cat /etc/hostname)" = web1.example.com ] && [ "$(hostname -f)" = web1.example.com ] &&
    [ "$(grep -c '^127.0.1.1' /etc/hosts)" = 1 ] && getent ahostsv4 web1 | grep -q '^127.0.1.1' && getent hosts localhost
  EOT
  drift "of the kernel" { run = "hostname other" }
  drift "of the next boot" { run = "echo other >/etc/hostname" }
  drift "no longer resolves" { run = "sed -i '/web1/d' /etc/hosts" }
}
