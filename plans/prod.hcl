# Rocket.Chat on one host: MongoDB as a replica set, Node.js, Rocket.Chat, and nginx with a certificate from Let's Encrypt.
# For Debian 12, Ubuntu 22.04 or 24.04 with 4 GB of memory and a processor with AVX; rcprov says what a host lacks before
# it changes anything.
#
#   rcprov plan  plans/prod.hcl -var-file prod.vars.hcl    what would change
#   rcprov apply plans/prod.hcl -var-file prod.vars.hcl    change it; run again: nothing left to change
#
# prod.vars.hcl is yours, and has a line `name = value` for each variable without a default. Keep it where you keep
# secrets.

variable "address" {
  description = "where the host is: an IP address, a name, or a Host of ~/.ssh/config"
}

variable "domain" {
  description = "the name by which people reach the chat; its DNS record must already point to the host"
}

# Empty: no video calls. If Jitsi is already installed, the firewall closes its port, and everything else of it stays.
variable "meet_domain" {
  default     = ""
  description = "the name by which people reach video calls; its DNS record must already point to their host"
}

# Empty: on the chat's host.
variable "meet_address" {
  default     = ""
  description = "where the host for video calls is, if it is a separate one"
}

variable "email" {
  description = "where the CA may write to, and the first administrator's address"
}

# --- secrets ---

variable "admin_password" {
  description = "password of the chat's first administrator, whose name is admin; change it later in the chat, not here"
  generate    = "letters:20"
  sensitive   = true
}

variable "mongo_key" {
  description = "with which members of the replica set authenticate to each other"
  generate    = "base64:756"
  sensitive   = true
}

variable "mongo_admin_password" {
  generate  = "hex:24"
  sensitive = true
}

variable "mongo_password" {
  description = "with which Rocket.Chat logs in to MongoDB; no spaces"
  generate    = "hex:24"
  sensitive   = true
}

# Two of the video calls, needed with meet_domain; `openssl rand -hex 24` makes a good one.
variable "meet_bridge_secret" {
  sensitive   = true
  default     = null
  description = "with which the video bridge logs in to prosody"
}

variable "meet_focus_secret" {
  sensitive   = true
  default     = null
  description = "with which jicofo, which runs the conferences, logs in to prosody"
}

# With it, only people with a token can start or join a conference: enter the same secret in Rocket.Chat's Jitsi app, with
# `rocketchat` as the application id. Empty: anyone who knows the address can.
variable "meet_token_secret" {
  sensitive = true
  default   = ""
}

# For calls on a host behind NAT: `{ private = "10.0.0.5", public = "203.0.113.7" }`.
variable "meet_nat" {
  type    = object({ private = optional(string, ""), public = optional(string, "") })
  default = {}
}

# --- versions: all exact, but for MongoDB's, which is a series ---

variable "rocketchat_version" { default = "9.0.0" }

# An instance uses one processor core at most: `[3000, 3001]` is for more people, on a host with more cores.
variable "rocketchat_ports" {
  type    = list(number)
  default = [3000]
}

variable "node_version" { default = "22.22.3" }

# The long-lived series, the one that Rocket.Chat names.
variable "mongodb_version" { default = "8.0" }

# --- certificates ---

# `staging` to try things out: the limits of production are soon reached. The URL of any ACME directory works, too.
variable "acme_directory" { default = "production" }

# Renewed by an apply when a third of its three months remains; with `true` by the host itself.
variable "renew_timer" { default = false }

host "chat" {
  address = var.address
}

# Gets no steps while the calls are on the chat's host, or there are none.
host "meet" {
  address = var.meet_address == "" ? var.address : var.meet_address
}

locals {
  acme      = { email = var.email, directory = var.acme_directory, renew_timer = var.renew_timer }
  calls     = var.meet_domain == "" ? [] : ["meet"] # none, or one
  meet_host = var.meet_address == "" ? "chat" : "meet"

  # Elsewhere the firewall closes the port for media again.
  media = [for name in local.calls : { port = include.calls[name].udp_ports, proto = "udp", comment = "jitsi: media" }]
}

play "ground" {
  hosts = [for h in group.all : h if h.name == "chat" || length(local.calls) > 0 && h.name == local.meet_host]

  include "ground" {
    source   = "./lib/firewall"
    packages = concat(["ca-certificates"], self.name == "chat" ? include.node.packages : [])
    rules    = concat([{ port = "80,443", comment = "nginx" }], self.name == local.meet_host ? local.media : [])
  }
  nginx "web" {}
}

play "chat" {
  hosts = [host.chat]

  # A set of one, because Rocket.Chat needs change streams. Its member's name is 127.0.0.1, so that MongoDB listens there
  # alone; a set that will grow to several hosts needs names that all of them reach from the start: then remove both
  # `members`.
  include "database" {
    source   = "./lib/mongod"
    version  = var.mongodb_version
    members  = ["127.0.0.1"]
    key      = var.mongo_key
    cache_gb = 0.5   # the host is also Rocket.Chat's
    wait     = false # it starts while Node.js is unpacked
  }
  include "node" {
    source  = "./lib/node"
    version = var.node_version
  }
  include "members" {
    source         = "./lib/replica-set"
    members        = ["127.0.0.1"]
    admin_password = var.mongo_admin_password
    password       = var.mongo_password
  }
  include "chat" {
    source   = "./lib/rocketchat"
    version  = var.rocketchat_version
    ports    = var.rocketchat_ports
    domain   = var.domain
    node     = include.node
    packages = [] # above

    admin_email    = var.email
    admin_password = var.admin_password
    mongodb        = include.database
    mongo_password = var.mongo_password
  }

  # max_fails=0: otherwise nginx would send it nothing for ten seconds after a restart. An instance that is down on the
  # same host costs no time: nginx tries the next one at once.
  include "site" {
    source    = "./lib/site"
    domain    = var.domain
    upstreams = [for address in include.chat.upstreams : "${address} max_fails=0"]
    sticky    = length(var.rocketchat_ports) > 1 ? "cookie" : "none"
    webroot   = nginx.web.webroot
    acme      = local.acme
  }
}

play "meet" {
  hosts = [for h in group.all : h if h.name == local.meet_host]

  include "calls" {
    source   = "./lib/calls"
    for_each = local.calls
    domain   = var.meet_domain
    site     = { acme = local.acme, webroot = nginx.web.webroot }
    nat      = var.meet_nat

    bridge_secret = var.meet_bridge_secret
    focus_secret  = var.meet_focus_secret
    token_app_id  = nonsensitive(var.meet_token_secret == "") ? "" : "rocketchat"
    token_secret  = var.meet_token_secret
  }
  check "meet-services" {
    when = length(local.calls) > 0
    argv = ["systemctl", "is-enabled", "ufw", "nginx", "prosody", "jicofo", "jitsi-videobridge2"]
  }
}

# What a person would try at the end, beside the requests that the libraries make. The step of the replica set checks in
# each run that it has a PRIMARY.
play "checks" {
  hosts = [host.chat]

  check "services" {
    argv = concat(["systemctl", "is-enabled", "ufw", "nginx", "mongod"], [for port in var.rocketchat_ports : "rocketchat-${port}"])
  }
  check "firewall" {
    argv     = ["ufw", "status"]
    contains = ["Status: active", "22/tcp", "80,443/tcp"]
  }
}

output "url" { value = include.chat.url }

output "calls" {
  value = length(local.calls) == 0 ? "none" : include.calls["meet"].url
}
