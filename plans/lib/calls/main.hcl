# Video calls: Jitsi Meet behind nginx, with a certificate.

variable "domain" {
  type        = string
  description = "by which people reach them"
}

variable "bridge_secret" {
  type        = string
  nullable    = false
  sensitive   = true
  description = "with which the video bridge logs in to prosody"
}

variable "focus_secret" {
  type        = string
  nullable    = false
  sensitive   = true
  description = "with which jicofo, which runs the conferences, logs in to prosody"
}

# With both, only people with a token can start or join a conference.
variable "token_app_id" { default = "" }

variable "token_secret" {
  type      = string
  sensitive = true
  default   = ""
}

# For coturn, which serves people whose firewall lets only TLS out. Empty: no coturn.
variable "turn_secret" {
  type      = string
  sensitive = true
  default   = ""
}

# For a host behind NAT.
variable "nat" {
  type    = object({ private = optional(string, ""), public = optional(string, "") })
  default = {}
}

# The webroot is that of the nginx step.
variable "site" {
  type        = object({ webroot = string, acme = any })
  description = "what the library `certificate` takes beside the domain"
}

include "certificate" {
  source  = "../certificate"
  acme    = var.site.acme
  webroot = var.site.webroot
  domain  = var.domain
}

include "sources" { source = "../sources" }

jitsi "meet" {
  domain         = var.domain
  certificate    = include.certificate.certificate
  key            = include.certificate.key
  webroot        = var.site.webroot
  bridge_secret  = var.bridge_secret
  focus_secret   = var.focus_secret
  token_app_id   = var.token_app_id
  token_secret   = var.token_secret
  turn_secret    = var.turn_secret
  nat_private    = var.nat.private
  nat_public     = var.nat.public
  repository_uri = include.sources.jitsi.uri
  key_url        = include.sources.jitsi.key_url
  fingerprints   = include.sources.jitsi.fingerprints
}

# All that a request passes, except DNS and the firewall: certificate, nginx, page. The jitsi block itself checks that
# focus and bridge work together, and that one can log in.
http_check "meet" {
  url           = "${jitsi.meet.url}/config.js"
  connect_to    = "127.0.0.1:443"
  ca_file       = include.sources.site_ca_file
  body_contains = var.domain
}

http_check "meet-live" {
  url        = "wss://${var.domain}/xmpp-websocket"
  headers    = { Sec-WebSocket-Protocol = "xmpp" }
  connect_to = "127.0.0.1:443"
  ca_file    = include.sources.site_ca_file
}

output "url" { value = jitsi.meet.url }

output "tcp_ports" { value = jitsi.meet.tcp_ports }

output "udp_ports" { value = jitsi.meet.udp_ports }
