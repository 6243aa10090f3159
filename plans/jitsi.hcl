# Jitsi Meet alone on a host: firewall, nginx, a certificate from Let's Encrypt, and video calls in the browser.
# For Debian 12 or 13, Ubuntu 22.04 or later, with 4 GB of memory and four processor cores; 8 GB for more than a few
# people. To share a host with Rocket.Chat, put the same `jitsi` block in that host's play, with its own name and
# certificate.
#
#   rcprov plan  plans/jitsi.hcl -var-file jitsi.vars.hcl    what would change
#   rcprov apply plans/jitsi.hcl -var-file jitsi.vars.hcl    change it; run again: nothing left to change
#
# jitsi.vars.hcl is yours, and has a line `name = value` for each variable without a default. Keep it where you keep
# secrets.

variable "address" {
  type        = string
  description = "where the host is: an IP address, a name, or a Host of ~/.ssh/config"
}

variable "domain" {
  type        = string
  description = "the name by which people reach the calls; its DNS record must already point to the host"
}

variable "email" {
  type        = string
  description = "where the CA may write to"
}

# --- secrets; `openssl rand -hex 24` makes a good one. A changed one reaches all parts of Jitsi that need it ---

variable "bridge_secret" {
  type        = string
  sensitive   = true
  description = "with which the video bridge logs in to prosody"
  generate    = "hex:24"
}

variable "focus_secret" {
  type        = string
  sensitive   = true
  description = "with which jicofo, which runs the conferences, logs in to prosody"
  generate    = "hex:24"
}

# With both, only people with a token can start or join a conference: enter the same values in Rocket.Chat's Jitsi app
# (application id and secret). Empty: anyone who knows the address can.
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

# For a host behind NAT: `{ private = "10.0.0.5", public = "203.0.113.7" }`.
variable "nat" {
  type    = object({ private = optional(string, ""), public = optional(string, "") })
  default = {}
}

# --- sources; the defaults are the vendors' own servers and keys ---

variable "jitsi_repository" {
  type = object({
    uri          = optional(string, "https://download.jitsi.org")
    key_url      = optional(string, "https://download.jitsi.org/jitsi-key.gpg.key")
    fingerprints = optional(list(string), ["FFD6 5DA0 DA2B EBDE B73D  44C8 B4D2 D216 F1FD 7806"])
  })
  default = {}
}

# `staging` to try things out: the limits of production are soon reached. The URL of any ACME directory works, too.
variable "acme_directory" { default = "production" }

variable "acme_ca_file" {
  default     = ""
  description = "a file with the CA's own authority, when acme_directory is a server of your own"
}

variable "site_ca_file" {
  default     = ""
  description = "a file with the root of the certificate, when acme_directory is not `production`"
}

variable "acme_nameservers" {
  type    = list(string)
  default = []
}

host "meet" {
  address = var.address
}

play "meet" {
  hosts = [host.meet]

  # First, so that nothing is reachable by accident: prosody listens on all addresses. If sshd listens on
  # another port, name it here, or rcprov refuses.
  apt_package "ufw" {
    packages = ["ufw", "ca-certificates"]
  }
  ufw "firewall" {
    rule {
      port    = "22"
      proto   = "tcp"
      comment = "ssh"
    }
    rule {
      port    = jitsi.meet.tcp_ports
      proto   = "tcp"
      comment = "jitsi: page, login, turn"
    }
    rule {
      port    = jitsi.meet.udp_ports
      proto   = "udp"
      comment = "jitsi: media"
    }
  }

  nginx "web" {}

  # Valid for three months, and renewed by an apply when a third of that remains; or by the host itself with `renew_timer`.
  acme_certificate "meet" {
    names       = [var.domain]
    email       = var.email
    webroot     = nginx.web.webroot
    directory   = var.acme_directory
    ca_file     = var.acme_ca_file
    nameservers = var.acme_nameservers
  }

  jitsi "meet" {
    domain        = var.domain
    certificate   = acme_certificate.meet.certificate
    key           = acme_certificate.meet.key
    webroot       = nginx.web.webroot
    bridge_secret = var.bridge_secret
    focus_secret  = var.focus_secret

    token_app_id = var.token_app_id
    token_secret = var.token_secret
    turn_secret  = var.turn_secret
    nat_private  = var.nat.private
    nat_public   = var.nat.public

    repository_uri = var.jitsi_repository.uri
    key_url        = var.jitsi_repository.key_url
    fingerprints   = var.jitsi_repository.fingerprints
  }

  # All that a request passes, except DNS and the firewall: certificate, nginx, page. The jitsi block itself checks that
  # focus and bridge work together, and that one can log in.
  http_check "meet" {
    url           = "${jitsi.meet.url}/config.js"
    connect_to    = "127.0.0.1:443"
    ca_file       = var.site_ca_file
    body_contains = var.domain
  }
}

output "url" {
  value = jitsi.meet.url
}
