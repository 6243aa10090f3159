# Jitsi Meet alone on a host: firewall, nginx, a certificate from Let's Encrypt, and video calls in the browser.
# For Debian 12 or 13, Ubuntu 22.04 or later, with 4 GB of memory and four processor cores; 8 GB for more than a few
# people. To share a host with Rocket.Chat, take plans/prod.hcl with its meet_domain.
#
#   rcprov plan  plans/jitsi.hcl -var-file jitsi.vars.hcl    what would change
#   rcprov apply plans/jitsi.hcl -var-file jitsi.vars.hcl    change it; run again: nothing left to change
#
# jitsi.vars.hcl is your own file, with a line `name = value` for each variable without a default. Keep it with your
# other secrets.

variable "address" {
  description = "where the host is: an IP address, a name, or a Host of ~/.ssh/config"
}

variable "domain" {
  description = "the name by which people reach the calls; its DNS record must already point to the host"
}

variable "email" {
  description = "where the CA may write to"
}

# --- secrets. A changed one reaches all parts of Jitsi that need it ---

variable "bridge_secret" {
  sensitive   = true
  description = "with which the video bridge logs in to prosody"
  generate    = "hex:24"
}

variable "focus_secret" {
  sensitive   = true
  description = "with which jicofo, which runs the conferences, logs in to prosody"
  generate    = "hex:24"
}

# With both, only people with a token can start or join a conference: enter the same values in Rocket.Chat's Jitsi app
# (application id and secret). Empty: anyone who knows the address can.
variable "token_app_id" { default = "" }

variable "token_secret" {
  default   = ""
  sensitive = true
}

# For coturn, which serves people whose firewall lets only TLS out. Empty: no coturn.
variable "turn_secret" {
  default   = ""
  sensitive = true
}

# For a host behind NAT: `{ private = "10.0.0.5", public = "203.0.113.7" }`.
variable "nat" { default = {} }

# `staging` to try things out: the limits of production are soon reached. The URL of any ACME directory works, too.
variable "acme_directory" { default = "production" }

host "meet" {
  address = var.address
}

play "meet" {
  hosts = [host.meet]

  # First, so that nothing is reachable by accident: prosody listens on all addresses.
  include "ground" {
    source   = "./lib/firewall"
    packages = ["ca-certificates"]
    rules = [
      { port = include.calls.tcp_ports, comment = "jitsi: page, login, turn" },
      { port = include.calls.udp_ports, proto = "udp", comment = "jitsi: media" },
    ]
  }
  nginx "web" {}

  include "calls" {
    source = "./lib/calls"
    domain = var.domain
    site   = { acme = { email = var.email, directory = var.acme_directory }, webroot = nginx.web.webroot }

    bridge_secret = var.bridge_secret
    focus_secret  = var.focus_secret
    turn_secret   = var.turn_secret
    token_app_id  = var.token_app_id
    token_secret  = var.token_secret
    nat           = var.nat
  }
}

output "url" {
  value = include.calls.url
}
