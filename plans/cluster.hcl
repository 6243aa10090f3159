# Rocket.Chat on six hosts: three members of a MongoDB replica set, two hosts with two instances of Rocket.Chat each, and
# nginx with a certificate from Let's Encrypt in front of them. Each of the first five can fail, and people notice no more
# than a pause.
# For Debian 12, Ubuntu 22.04 or 24.04; MongoDB's hosts need a processor with AVX.
#
#   rcprov plan  plans/cluster.hcl -var-file cluster.vars.hcl    what would change
#   rcprov apply plans/cluster.hcl -var-file cluster.vars.hcl    change it; run again: nothing left to change
#
# cluster.vars.hcl is yours, and has a line `name = value` for each variable without a default. Keep it where you keep
# secrets.

# Where the hosts reach each other: IP addresses, those of a private network if they have one. If your laptop reaches them
# in another way, say so in ~/.ssh/config: `Host 10.0.0.*` with `ProxyJump 203.0.113.10`, for example.
variable "addresses" {
  type        = map(string)
  description = "IP address of each host by its name: `{ mongo1 = \"10.0.0.11\", mongo2 = ... }`"
}

variable "domain" {
  type        = string
  description = "the name by which people reach the chat; its DNS record must already point to the host `web`"
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

# --- versions: all exact, but for MongoDB's, which is a series; plans/prod.hcl says more ---

variable "rocketchat_version" { default = "9.0.0" }

# An instance uses one processor core at most: leave one core of each host for everything else.
variable "rocketchat_ports" {
  type    = list(number)
  default = [3000, 3001]
}

variable "node_version" { default = "22.22.3" }

variable "mongodb_version" { default = "8.0" }

# Turn it off only to try Rocket.Chat with a release of MongoDB that it doesn't support.
variable "check_mongodb_version" { default = true }

# null: MongoDB's default, half of the memory, which suits hosts that do nothing else.
variable "mongodb_cache_gb" {
  type    = number
  default = null
}

# How long the members may take to copy the data when one is added: hours, with a large database.
variable "mongodb_deadline" { default = "30m" }

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

# --- the hosts ---

# To add a member, add a host with `groups = ["mongo"]`, here and in the addresses; to drop one, remove it. An odd number of
# members is best: four survive the loss of no more members than three. Rocket.Chat's instances are then restarted, one
# after the other, because their configuration names the members.
host "mongo1" {
  address = var.addresses.mongo1
  groups  = ["mongo"]
}

host "mongo2" {
  address = var.addresses.mongo2
  groups  = ["mongo"]
}

host "mongo3" {
  address = var.addresses.mongo3
  groups  = ["mongo"]
}

host "chat1" {
  address = var.addresses.chat1
  groups  = ["chat"]
}

host "chat2" {
  address = var.addresses.chat2
  groups  = ["chat"]
}

host "web" {
  address = var.addresses.web
}

locals {
  upstreams = flatten([for h in group.chat : [for port in var.rocketchat_ports : "${h.address}:${port}"]])
}

# First, so that nothing is reachable by accident: who may talk to whom. `exclusive`: when you remove a host from the plan,
# its rules go as well. If sshd listens on another port, name it here, or rcprov refuses.
play "firewall" {
  hosts = group.all

  apt_package "ufw" {
    packages = ["ufw", "ca-certificates"]
  }
  ufw "firewall" {
    exclusive = true
    rule {
      port    = "22"
      proto   = "tcp"
      comment = "ssh"
    }
    rule {
      for_each = contains(self.groups, "mongo") ? concat(group.mongo[*].address, group.chat[*].address) : []
      from     = each.value
      port     = "27017"
      proto    = "tcp"
      comment  = "mongod"
    }
    rule {
      for_each = contains(self.groups, "chat") ? [host.web.address] : []
      from     = each.value
      port     = join(",", var.rocketchat_ports)
      proto    = "tcp"
      comment  = "rocketchat"
    }
    # Messages between instances. Rocket.Chat sends them only with a licence for "scalability"; without one, people on
    # different instances see some things late.
    rule {
      for_each = contains(self.groups, "chat") ? [for h in group.chat : h.address if h.name != self.name] : []
      from     = each.value
      port     = join(",", [for port in var.rocketchat_ports : port + 1000])
      proto    = "tcp"
      comment  = "rocketchat instances"
    }
    rule {
      for_each = self.name == "web" ? ["80,443"] : []
      port     = each.value
      proto    = "tcp"
      comment  = "nginx"
    }
  }
}

play "database" {
  hosts = group.mongo

  # The members are the hosts of this play, by their addresses.
  mongod "rs0" {
    version        = var.mongodb_version
    replica_set    = "rs0"
    key_file       = var.mongo_key
    cache_size_gb  = var.mongodb_cache_gb
    repository_uri = var.mongodb_repository.uri
    key_url        = var.mongodb_repository.key_url
    fingerprints   = var.mongodb_repository.fingerprints
  }
  mongo_replica_set "rs0" {
    admin_password = var.mongo_admin_password
    deadline       = var.mongodb_deadline
    user "rocketchat" {
      password = var.mongo_password
      roles    = ["readWrite@rocketchat"]
    }
  }
}

play "node" {
  hosts = group.chat

  node "lts" {
    version      = var.node_version
    mirror       = var.node_releases.mirror
    key_url      = var.node_releases.key_url
    fingerprints = var.node_releases.fingerprints
  }
  apt_package "build" {
    packages = concat(["fontconfig"], var.build_packages)
  }
}

# The first host with a new release migrates the database, and no instance of the old release may run then. On that host
# rcprov stops them at the last moment; on the others, this play does. Until they run again there are fewer instances, and
# none while the database is migrated.
play "upgrade" {
  hosts      = group.chat
  depends_on = [play.database]

  command "stop" {
    when = self.name != group.chat[0].name
    argv = ["systemctl", "stop", "rocketchat-*.service"]
    unless = ["sh", "-c", <<-EOT
      [ "$(readlink /opt/rocketchat/current)" = "releases/$1" ] ||
      [ -z "$(systemctl list-units --no-legend --state=active,activating,reloading 'rocketchat-*.service')" ]
    EOT
    , "sh", var.rocketchat_version]
  }
}

# One host after the other, and none after one that failed: while the instances of one host restart, those of the other
# serve people.
play "chat" {
  hosts      = group.chat
  depends_on = [play.database, play.upgrade]
  serial     = 1

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
    packages        = apt_package.build.packages
    npm_registry    = var.npm_registry

    ports       = var.rocketchat_ports
    bind_ip     = self.address
    instance_ip = self.address

    root_url  = "https://${var.domain}"
    mongo_url = "mongodb://rocketchat:${urlencode(var.mongo_password)}@${join(",", mongod.rs0.hosts)}/rocketchat?replicaSet=rs0&authSource=admin"
    admin {
      username = "admin"
      email    = var.email
      password = var.admin_password
    }
    settings = {
      Show_Setup_Wizard = "completed" # there is an administrator already
    }
  }
}

play "web" {
  hosts = [host.web]

  nginx "web" {}

  acme_certificate "chat" {
    names       = [var.domain]
    email       = var.email
    webroot     = nginx.web.webroot
    directory   = var.acme_directory
    ca_file     = var.acme_ca_file
    nameservers = var.acme_nameservers
    renew_timer = var.renew_timer
  }

  # A person stays with one instance, as long as it answers. A host that is down doesn't answer at all, and nginx would wait
  # a minute for it.
  nginx_site "chat" {
    names       = [var.domain]
    certificate = acme_certificate.chat.certificate
    key         = acme_certificate.chat.key
    upstreams   = local.upstreams
    sticky      = "cookie"
    config      = "proxy_connect_timeout 3s;"
  }

  # All that a request passes, except DNS: certificate, proxy, Rocket.Chat.
  http_check "chat" {
    url        = "${nginx_site.chat.url}/api/info"
    connect_to = "127.0.0.1:443"
    ca_file    = var.site_ca_file
  }
}

output "url" {
  value = rocketchat.chat.url
}
