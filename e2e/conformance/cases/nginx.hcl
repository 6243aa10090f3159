# nginx: the server without a site.

case "challenges and redirect" {
  plan  = <<-EOT
    nginx "web" {}
  EOT
  check = <<-EOT
    set -e
    systemctl is-active nginx
    systemctl is-enabled nginx
    nginx -t -q
    printf 'GET /a?b HTTP/1.0\r\nHost: chat.example.com\r\n\r\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; cat >&3; cat <&3' | grep -q '^Location: https://chat.example.com/a?b'
    [ ! -e /etc/nginx/sites-enabled/default ]
    d=/var/www/acme/.well-known/acme-challenge
    mkdir -p $d
    echo key-authorization >$d/token
    printf 'GET /.well-known/acme-challenge/token HTTP/1.0\r\nHost: chat.example.com\r\n\r\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; cat >&3; cat <&3' | grep -q '^key-authorization'
    rm -r /var/www/acme/.well-known
  EOT
  drift "configuration edited" {
    run     = "sed -i 's/301/302/' /etc/nginx/conf.d/rcprov.conf; systemctl reload nginx"
    changes = ["nginx.web/configuration", "nginx.web/service"]
  }
  drift "configuration removed" { run = "rm /etc/nginx/conf.d/rcprov.conf; systemctl reload nginx" }
  drift "configuration mode" { run = "chmod 600 /etc/nginx/conf.d/rcprov.conf" }
  drift "default site came back" {
    run     = "ln -s /etc/nginx/sites-available/default /etc/nginx/sites-enabled/default"
    changes = ["nginx.web/configuration"] # nginx never read it
  }
  drift "webroot removed" {
    run     = "rmdir /var/www/acme"
    changes = ["nginx.web/webroot"]
  }
  drift "stopped" {
    run     = "systemctl stop nginx"
    changes = ["nginx.web/service"]
  }
  drift "disabled" { run = "systemctl disable -q nginx" }
}
