# A web server, from nothing.
play "web" {
  hosts = [host.demo]

  apt_package "nginx" {
    packages = ["nginx-light"]
  }

  user "editor" {
    name   = "editor"
    groups = ["www-data"]
    shell  = "/bin/bash"
  }

  directory "site" {
    path  = "/srv/site"
    owner = "editor"
  }

  file "page" {
    path    = "/srv/site/index.html"
    owner   = "editor"
    content = "<h1>Hello from ${facts.hostname}</h1>\n"
  }

  file "site" {
    path    = "/etc/nginx/sites-available/default"
    content = <<-EOT
      server {
        listen 80 default_server;
        root /srv/site;
      }
    EOT
  }

  systemd_unit "nginx" {
    name      = "nginx.service"
    enabled   = true
    running   = true
    reload_on = [file.site]
  }

  http_check "page" {
    url           = "http://127.0.0.1/"
    body_contains = "Hello from"
  }
}
