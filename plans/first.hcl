# A first plan: a web server that runs what is on disk.
#
#   rcprov plan  plans/first.hcl -var address=203.0.113.10    what would change
#   rcprov apply plans/first.hcl -var address=203.0.113.10    change it; run again: nothing left to change

variable "address" { description = "where the host is: an IP address, a name, or a Host of ~/.ssh/config" }
host "web1" { address = var.address }

play "web" {
  hosts = group.all

  apt_package "nginx" { packages = ["nginx"] }

  file "headers" {
    path    = "/etc/nginx/conf.d/headers.conf"
    content = "add_header X-Content-Type-Options nosniff;\n"
  }

  systemd_unit "nginx" {
    name      = "nginx.service"
    enabled   = true
    running   = true
    reload_on = [file.headers]
  }
}
