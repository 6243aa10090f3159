# nginx_site: a site with TLS in front of an application. The certificate is made beforehand, so that it is the same
# file whatever happens to the run.

case "one site" {
  reads = ["/etc/nginx/conf.d/chat.example.com.conf"]
  setup = <<-EOT
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=chat.example.com \
      -addext subjectAltName=DNS:chat.example.com -keyout /etc/ssl/private/chat.key -out /etc/ssl/chat.crt
  EOT
  plan  = <<-EOT
    nginx "web" {}
    nginx_site "chat" {
      names       = ["chat.example.com"]
      certificate = "/etc/ssl/chat.crt"
      key         = "/etc/ssl/private/chat.key"
      upstreams   = ["127.0.0.1:3000", "127.0.0.1:3001"]
      sticky      = "cookie"
      location "= /hello" {
        config = "return 200 \"hello from $host\";"
      }
    }
    nginx_site "long" {
      names       = ["a-name-for-which-nginx-has-no-room-by-itself.example.com"]
      certificate = "/etc/ssl/chat.crt"
      key         = "/etc/ssl/private/chat.key"
      upstreams   = ["127.0.0.1:3000"]
      sticky      = "cookie"
    }
    nginx_site "gone" {
      names = ["gone.example.com"]
      state = "absent"
    }
  EOT
  check = <<-EOT
    set -e
    nginx -t -q
    served=$(openssl s_client -connect 127.0.0.1:443 -servername chat.example.com </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256)
    [ "$served" = "$(openssl x509 -noout -fingerprint -sha256 -in /etc/ssl/chat.crt)" ]
    printf 'GET /hello HTTP/1.0\r\nHost: chat.example.com\r\n\r\n' |
      openssl s_client -quiet -ign_eof -connect 127.0.0.1:443 -servername chat.example.com 2>/dev/null >/run/hello
    grep -q '^hello from chat.example.com' /run/hello
    grep -qi '^strict-transport-security: max-age=63072000' /run/hello
  EOT
  drift "site removed" {
    run     = "rm /etc/nginx/conf.d/chat.example.com.conf; systemctl reload nginx"
    changes = ["nginx_site.chat/configuration", "nginx_site.chat/service"]
  }
  drift "the file of a former first name" {
    run     = <<-EOT
      cd /etc/nginx/conf.d && sed 's/server_name /server_name old.example.com /; s/rcprov_chat/rcprov_old/' chat.example.com.conf >old.example.com.conf
      systemctl reload nginx
    EOT
    changes = ["nginx_site.chat/configuration", "nginx_site.chat/service"]
  }
  drift "a site that is to be absent, which nginx has read" {
    run     = <<-EOT
      cd /etc/nginx/conf.d && sed 's/chat/gone/g; s|/etc/ssl/gone|/etc/ssl/chat|; s|private/gone|private/chat|' chat.example.com.conf >gone.example.com.conf
      systemctl reload nginx
    EOT
    changes = ["nginx_site.gone/configuration", "nginx_site.gone/service"]
  }
  drift "the room for long names removed" {
    run     = "rm /etc/nginx/conf.d/rcprov-long-names.conf"
    changes = ["nginx_site.long/configuration"]
  }
  drift "site edited" { run = "sed -i 's/hello from/bye from/' /etc/nginx/conf.d/chat.example.com.conf; systemctl reload nginx" }
  drift "nginx stopped" {
    run     = "systemctl stop nginx"
    changes = ["nginx.web/service"]
  }
  drift "mode and owner" { run = "chmod 640 /etc/nginx/conf.d/chat.example.com.conf; chown www-data /etc/nginx/conf.d/chat.example.com.conf" }
}
