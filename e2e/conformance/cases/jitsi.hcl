# Prosody and nginx of Debian; Jitsi's packages are the lab's stand-ins, whose daemons log in to that prosody. Scenario TestJitsi has
# tokens, TURN, NAT and twenty drifts; here apply is killed at any moment.
case "calls" {
  image  = "debian-13" # scenario TestJitsi goes through both
  mirror = true
  alive  = ["var/lib/prosody/", "var/log/nginx/", "var/log/prosody/", "var/log/jitsi/", "etc/rcprov/tls/", "etc/ssl/"]
  plan   = <<-EOT
    nginx "web" {}
    acme_certificate "meet" {
      source = "self_signed"
      names  = ["meet.example.com"]
    }
    jitsi "meet" {
      domain         = "meet.example.com"
      certificate    = acme_certificate.meet.certificate
      key            = acme_certificate.meet.key
      bridge_secret  = "hunter2-bridge-01"
      focus_secret   = "hunter2-focus-001"
      repository_uri = local.mirror.jitsi.uri
      key_url        = local.mirror.jitsi.key_url
      fingerprints   = [local.mirror.jitsi.fingerprint]
    }
  EOT
  check  = <<-EOT
    get() { bash -c 'exec 3<>/dev/tcp/127.0.0.1/8888 && printf "GET /about/health HTTP/1.0\\r\\n\\r\\n" >&3 && head -n 1 <&3'; }
    get | grep -q ' 200 ' && systemctl is-enabled -q prosody jicofo jitsi-videobridge2 &&
    [ "$(stat -c %a /etc/jitsi/jicofo/jicofo.conf | tail -c 2)" = 0 ]
  EOT
  drift "focus with another secret" { run = "sed -i s/hunter2-focus-001/hunter2-other-001/ /etc/jitsi/jicofo/jicofo.conf && systemctl restart jicofo" }
  drift "prosody stopped" { run = "systemctl stop prosody" }
}
