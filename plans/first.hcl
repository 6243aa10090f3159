# A first plan: one host that greets its visitors.
#
#   rcprov plan  plans/first.hcl -var address=203.0.113.10    what would be changed
#   rcprov apply plans/first.hcl -var address=203.0.113.10    change it; again: nothing left to change

variable "address" {
  description = "where the host is: an IP address, a name, or a Host of ~/.ssh/config"
}

variable "greeting" { default = "Hello" }

host "web1" {
  address = var.address
}

play "web" {
  hosts = group.all

  apt_package "nginx" { packages = ["nginx"] }

  user "editor" {
    name    = "editor"
    comment = "Whoever writes the page"
  }

  file "page" {
    path    = "/var/www/html/index.html"
    content = "<h1>${var.greeting} from ${facts.hostname}</h1>\n"
    owner   = user.editor.name
  }

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

output "url" { value = "http://${host.web1.address}/" }
