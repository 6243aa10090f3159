# The chat's site: nginx with a certificate in front of Rocket.Chat's instances.

variable "domain" {
  type        = string
  description = "by which people reach the chat"
}

variable "webroot" {
  type        = string
  description = "that of the nginx step"
}

variable "acme" {
  type        = any
  description = "as for the library `certificate`"
}

variable "upstreams" {
  type        = list(string)
  description = "the instances, as nginx names servers of an upstream"
}

variable "sticky" {
  default     = "none"
  description = "`cookie` lets a person stay with one instance, as long as it answers"
}

variable "config" {
  default     = ""
  description = "more lines for nginx"
}

include "sources" { source = "../sources" }

include "certificate" {
  source  = "../certificate"
  domain  = var.domain
  webroot = var.webroot
  acme    = var.acme
}

nginx_site "chat" {
  names       = [var.domain]
  certificate = include.certificate.certificate
  key         = include.certificate.key
  upstreams   = var.upstreams
  sticky      = var.sticky
  config      = var.config
}

# All that a request passes, except DNS: certificate, proxy, Rocket.Chat.
http_check "chat" {
  url        = "${nginx_site.chat.url}/api/info"
  connect_to = "127.0.0.1:443"
  ca_file    = include.sources.site_ca_file
}

http_check "live" {
  url        = "wss://${var.domain}/websocket"
  connect_to = "127.0.0.1:443"
  ca_file    = include.sources.site_ca_file
}
