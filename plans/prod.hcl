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
  type        = string
  description = "where the host is: an IP address, a name, or a Host of ~/.ssh/config"
}

variable "domain" {
  type        = string
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
  type        = string
  description = "where the CA may write to, and the first administrator's address"
}

variable "admin_password" {
  type        = string
  sensitive   = true
  description = "password of the chat's first administrator, whose name is admin; change it later in the chat, not here"
  generate    = "letters:20"
}

# --- secrets of the database ---

variable "mongo_key" {
  type        = string
  sensitive   = true
  description = "with which members of the replica set authenticate to each other"
  generate    = "base64:756"
}

variable "mongo_admin_password" {
  type      = string
  sensitive = true
  generate  = "hex:24"
}

variable "mongo_password" {
  type        = string
  sensitive   = true
  description = "with which Rocket.Chat logs in to MongoDB; no spaces"
  generate    = "hex:24"
}

# --- secrets of the video calls, unused if there are none; `openssl rand -hex 24` makes a good one ---

variable "meet_bridge_secret" {
  type        = string
  sensitive   = true
  default     = "not-in-use-without-calls"
  description = "with which the video bridge logs in to prosody"
}

variable "meet_focus_secret" {
  type        = string
  sensitive   = true
  default     = "not-in-use-without-calls"
  description = "with which jicofo, which runs the conferences, logs in to prosody"
}

# With it, only people with a token can start or join a conference: enter the same secret in Rocket.Chat's Jitsi app, with
# `rocketchat` as the application id. Empty: anyone who knows the address can.
variable "meet_token_secret" {
  type      = string
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

# 8.0 is the long-lived series, the one that Rocket.Chat names. MongoDB supports its minor series 8.2 only for months.
variable "mongodb_version" { default = "8.0" }

# Turn it off only to try Rocket.Chat with a release of MongoDB that it doesn't support.
variable "check_mongodb_version" { default = true }

# --- sources; the defaults are the vendors' own servers and keys ---

variable "mongodb_repository" {
  type    = object({ uri = optional(string, ""), key_url = optional(string, ""), fingerprints = optional(list(string), []) })
  default = {}
}

variable "node_releases" {
  type    = object({ mirror = optional(string, ""), key_url = optional(string, ""), fingerprints = optional(list(string), []) })
  default = {}
}

variable "rocketchat_releases" {
  type    = object({ uri = optional(string), key_url = optional(string), fingerprints = optional(list(string)) })
  default = {}
}

variable "jitsi_repository" {
  type = object({
    uri          = optional(string, "https://download.jitsi.org")
    key_url      = optional(string, "https://download.jitsi.org/jitsi-key.gpg.key")
    fingerprints = optional(list(string), ["FFD6 5DA0 DA2B EBDE B73D  44C8 B4D2 D216 F1FD 7806"])
  })
  default = {}
}

variable "npm_registry" { default = "" } # empty: npm's own

# More packages of the distribution: a compiler, for native modules without a prebuilt binary.
variable "build_packages" {
  type    = list(string)
  default = ["g++", "make", "python3"]
}

# `staging` to try things out: the limits of production are soon reached. The URL of any ACME directory works, too.
variable "acme_directory" { default = "production" }

# A certificate is valid for three months, and renewed by an apply when a third of that remains. With `true` the host renews
# it by itself, with the distribution's lego: for anyone who doesn't run an apply each month.
variable "renew_timer" { default = false }

variable "acme_ca_file" {
  default     = ""
  description = "a file with the CA's own authority, when acme_directory is a server of your own"
}

variable "site_ca_file" {
  default     = ""
  description = "a file with the root of the chat's certificate, when acme_directory is not `production`"
}

variable "acme_nameservers" {
  type    = list(string)
  default = []
}

host "chat" {
  address = var.address
}

# Gets no steps while the calls are on the chat's host, or there are none.
host "meet" {
  address = var.meet_address == "" ? var.address : var.meet_address
}

locals {
  calls       = var.meet_domain != ""
  meet_domain = local.calls ? var.meet_domain : "meet.invalid" # no site has it
  meet_host   = var.meet_address == "" ? "chat" : "meet"
}

play "ground" {
  hosts = [for h in group.all : h if h.name == "chat" || local.calls && h.name == local.meet_host]

  # All packages of the distribution in one step: each call of apt costs seconds.
  apt_package "base" {
    packages = concat(["ufw", "nginx", "ca-certificates"], self.name == "chat" ? concat(["fontconfig"], var.build_packages) : [])
  }

  # Before anything of ours listens, so that nothing is reachable by accident. If sshd listens on another port, name it
  # here, or rcprov refuses.
  ufw "firewall" {
    rule {
      port    = "22"
      proto   = "tcp"
      comment = "ssh"
    }
    rule {
      port    = "80,443"
      proto   = "tcp"
      comment = "nginx"
    }
    rule {
      for_each = local.calls && self.name == local.meet_host ? [jitsi.meet.udp_ports] : []
      port     = each.value
      proto    = "udp"
      comment  = "jitsi: media"
    }
  }
  nginx "web" {}
}

play "chat" {
  hosts = [host.chat]

  # A set of one, because Rocket.Chat needs change streams. Its member's name is 127.0.0.1, so that MongoDB listens there
  # alone; a set that will grow to several hosts needs names that all of them reach from the start: then remove both
  # `members`.
  mongod "rs0" {
    version        = var.mongodb_version
    replica_set    = "rs0"
    members        = ["127.0.0.1"]
    key_file       = var.mongo_key
    cache_size_gb  = 0.5   # the host is also Rocket.Chat's
    wait           = false # it starts while Node.js is unpacked
    repository_uri = var.mongodb_repository.uri
    key_url        = var.mongodb_repository.key_url
    fingerprints   = var.mongodb_repository.fingerprints
  }
  node "lts" {
    version      = var.node_version
    mirror       = var.node_releases.mirror
    key_url      = var.node_releases.key_url
    fingerprints = var.node_releases.fingerprints
  }
  mongo_replica_set "rs0" {
    members        = ["127.0.0.1"]
    admin_password = var.mongo_admin_password
    user "rocketchat" {
      password = var.mongo_password
      roles    = ["readWrite@rocketchat"]
    }
  }

  # To upgrade, change rocketchat_version: the old release stays beside the new one. The only way back is a dump of the
  # database. A release is installed only if the vendor has signed it, see `rcprov doc rocketchat`.
  rocketchat "chat" {
    version         = var.rocketchat_version
    releases        = var.rocketchat_releases.uri
    key_url         = var.rocketchat_releases.key_url
    fingerprints    = var.rocketchat_releases.fingerprints
    node_version    = node.lts.version
    node_bin        = node.lts.bin
    mongodb_version = var.check_mongodb_version ? mongod.rs0.version : ""
    packages        = [] # above
    npm_registry    = var.npm_registry
    ports           = var.rocketchat_ports

    root_url  = "https://${var.domain}"
    mongo_url = "mongodb://rocketchat:${urlencode(var.mongo_password)}@127.0.0.1:27017/rocketchat?replicaSet=rs0&authSource=admin"
    admin {
      username = "admin"
      email    = var.email
      password = var.admin_password
    }
    settings = {
      Show_Setup_Wizard = "completed" # there is an administrator already
    }
  }

  acme_certificate "chat" {
    names       = [var.domain]
    email       = var.email
    webroot     = nginx.web.webroot
    directory   = var.acme_directory
    ca_file     = var.acme_ca_file
    nameservers = var.acme_nameservers
    renew_timer = var.renew_timer
  }

  nginx_site "chat" {
    names       = [var.domain]
    certificate = acme_certificate.chat.certificate
    key         = acme_certificate.chat.key
    # max_fails=0: otherwise nginx would send it nothing for ten seconds after a restart. An instance that is down on the
    # same host costs no time: nginx tries the next one at once.
    upstreams = [for address in rocketchat.chat.upstreams : "${address} max_fails=0"]
    sticky    = length(var.rocketchat_ports) > 1 ? "cookie" : "none"
  }
}

play "meet" {
  hosts = [for h in group.all : h if h.name == local.meet_host]
  when  = local.calls

  acme_certificate "meet" {
    names       = [local.meet_domain]
    email       = var.email
    webroot     = nginx.web.webroot
    directory   = var.acme_directory
    ca_file     = var.acme_ca_file
    nameservers = var.acme_nameservers
    renew_timer = var.renew_timer
  }
  jitsi "meet" {
    domain         = local.meet_domain
    certificate    = acme_certificate.meet.certificate
    key            = acme_certificate.meet.key
    webroot        = nginx.web.webroot
    bridge_secret  = var.meet_bridge_secret
    focus_secret   = var.meet_focus_secret
    token_app_id   = nonsensitive(var.meet_token_secret == "") ? "" : "rocketchat"
    token_secret   = var.meet_token_secret
    nat_private    = var.meet_nat.private
    nat_public     = var.meet_nat.public
    repository_uri = var.jitsi_repository.uri
    key_url        = var.jitsi_repository.key_url
    fingerprints   = var.jitsi_repository.fingerprints
  }
}

# What a person would try at the end, all but DNS. mongo_replica_set checks in each run that the set has a PRIMARY.
play "checks" {
  hosts = [host.chat]

  check "services" {
    argv = concat(["systemctl", "is-enabled", "ufw", "nginx", "mongod"], [for port in var.rocketchat_ports : "rocketchat-${port}"])
  }
  check "firewall" {
    argv     = ["ufw", "status"]
    contains = ["Status: active", "22/tcp", "80,443/tcp"]
  }
  http_check "chat" {
    url        = "${nginx_site.chat.url}/api/info"
    connect_to = "127.0.0.1:443"
    ca_file    = var.site_ca_file
  }
  http_check "live" {
    url        = "wss://${var.domain}/websocket"
    connect_to = "127.0.0.1:443"
    ca_file    = var.site_ca_file
  }
}

play "meet-checks" {
  hosts = [for h in group.all : h if h.name == local.meet_host]
  when  = local.calls

  check "meet-services" {
    argv = ["systemctl", "is-enabled", "ufw", "nginx", "prosody", "jicofo", "jitsi-videobridge2"]
  }
  http_check "meet" {
    url           = "${jitsi.meet.url}/config.js"
    connect_to    = "127.0.0.1:443"
    ca_file       = var.site_ca_file
    body_contains = local.meet_domain
  }
  http_check "meet-live" {
    url        = "wss://${local.meet_domain}/xmpp-websocket"
    headers    = { Sec-WebSocket-Protocol = "xmpp" }
    connect_to = "127.0.0.1:443"
    ca_file    = var.site_ca_file
  }
}

output "url" {
  value = rocketchat.chat.url
}

output "calls" {
  value = local.calls ? "https://${local.meet_domain}" : "none"
}
