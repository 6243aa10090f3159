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

case "without TLS, on other ports" {
  setup = <<-EOT
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=tls.internal \
      -addext subjectAltName=DNS:tls.internal -keyout /etc/ssl/private/tls.key -out /etc/ssl/tls.crt
  EOT
  plan  = <<-EOT
    nginx "web" {}
    nginx_site "app" {
      names     = ["app.internal", "10.9.8.7"]
      tls       = "off"
      upstreams = ["127.0.0.1:3000"]
      health    = "/healthz"
      location "= /hello" {
        config = "return 200 \"hello from $host\";"
      }
    }
    nginx_site "one" {
      names = ["one.internal"]
      tls   = "off"
      port  = 8080
      location "/" {
        config = "return 200 one;"
      }
    }
    nginx_site "two" {
      names = ["two.internal"]
      tls   = "off"
      port  = 8080
      location "/" {
        config = "return 200 two;"
      }
    }
    nginx_site "tls" {
      names       = ["tls.internal"]
      port        = 8443
      certificate = "/etc/ssl/tls.crt"
      key         = "/etc/ssl/private/tls.key"
      health      = "/healthz"
      location "/" {
        config = "return 200 tls;"
      }
    }
    nginx_site "back" {
      names       = ["back.internal"]
      certificate = "/etc/ssl/tls.crt"
      key         = "/etc/ssl/private/tls.key"
      location "/" {
        config = "return 200 back;"
      }
    }
  EOT
  check = <<-EOT
    set -e
    nginx -t -q
    get() { # get PORT PATH NAME
      bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"; printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$2" "$3" >&3; cat <&3' get "$@"
    }
    get 80 /healthz 10.9.8.7 | grep -x ok
    get 80 /hello app.internal | grep 'hello from app.internal'
    get 80 / app.internal | grep '502 Bad'
    get 80 /.well-known/acme-challenge/none app.internal | grep '404 Not'
    get 8080 / one.internal | grep one
    get 8080 / two.internal | grep two
    get 80 / two.internal | grep '404 Not'
    get 80 /x tls.internal | tr -d '\r' | grep -x 'Location: https://tls.internal:8443/x'
    get 80 /x other.internal | tr -d '\r' | grep -x 'Location: https://other.internal/x'
    printf 'GET /healthz HTTP/1.0\r\nHost: tls.internal\r\n\r\n' |
      openssl s_client -quiet -ign_eof -connect 127.0.0.1:8443 -servername tls.internal 2>/dev/null >/run/healthz
    grep -x ok /run/healthz
    if grep -i strict /run/healthz || grep healthz /var/log/nginx/access.log; then exit 1; fi
  EOT
  drift "with TLS" {
    run     = <<-EOT
      sed -i 's|listen 80;|listen 443 ssl; ssl_certificate /etc/ssl/tls.crt; ssl_certificate_key /etc/ssl/private/tls.key;|; /listen .::.:80;/d' \
        /etc/nginx/conf.d/app.internal.conf
      systemctl reload nginx
    EOT
    changes = ["nginx_site.app/configuration", "nginx_site.app/service"]
  }
  # What is asked would be in its access log.
  drift "without TLS" {
    run     = <<-EOT
      sed -i 's/443 ssl.*/80;/; /ssl_/d; /http2 on/d; s/server_tokens off;/access_log off;/' /etc/nginx/conf.d/back.internal.conf
      systemctl reload nginx
    EOT
    changes = ["nginx_site.back/configuration", "nginx_site.back/service"]
  }
  drift "other ports" {
    run     = "cd /etc/nginx/conf.d && sed -i 's/8080/8081/; s/8443/8444/' one.internal.conf tls.internal.conf; systemctl reload nginx"
    changes = ["nginx_site.one/configuration", "nginx_site.tls/configuration", "nginx_site.tls/service"]
  }
  drift "nginx stopped" {
    run     = "systemctl stop nginx"
    changes = ["nginx.web/service"]
  }
}
