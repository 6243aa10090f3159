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
  description = "the name by which people reach the chat; its DNS record must already point to the host `web`"
}

variable "email" {
  description = "where the CA may write to, and the first administrator's address"
}

# --- secrets; plans/prod.hcl says more ---

variable "mongo_password" {
  sensitive = true
  generate  = "hex:24"
}

variable "mongo_admin_password" {
  sensitive = true
  generate  = "hex:24"
}

variable "mongo_key" {
  sensitive = true
  generate  = "base64:756"
}

variable "admin_password" {
  sensitive   = true
  description = "of the chat's first administrator, whose name is admin; change it later in the chat, not here"
  generate    = "letters:20"
}

# --- versions: all exact, but for MongoDB's, which is a series ---

variable "node_version" { default = "22.22.3" }

variable "mongodb_version" { default = "8.0" }

variable "rocketchat_version" { default = "9.0.0" }

# An instance uses one processor core at most: leave one core of each host for everything else.
variable "rocketchat_ports" {
  type    = list(number)
  default = [3000, 3001]
}

# null: MongoDB's default, half of the memory, which suits hosts that do nothing else.
variable "mongodb_cache_gb" {
  type    = number
  default = null
}

# How long the members may take to copy the data when one is added: hours, with a large database.
variable "mongodb_deadline" { default = "30m" }

# `staging` to try things out. The URL of any ACME directory works, too.
variable "acme_directory" { default = "production" }

# Whether the host renews its certificate by itself; otherwise an apply does, when a third of its three months remains.
variable "renew_timer" { default = false }

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
  ports     = join(",", var.rocketchat_ports)

  # Messages between instances. Rocket.Chat sends them only with a licence for "scalability"; without one, people on
  # different instances see some things late.
  messages = join(",", [for port in var.rocketchat_ports : port + 1000])
}

# First: who may talk to whom. `exclusive`: when you remove a host from the plan, its rules go as well.
play "firewall" {
  hosts = group.all

  include "ground" {
    source    = "./lib/firewall"
    exclusive = true
    packages  = ["ca-certificates"]
    rules = concat(
      contains(self.groups, "mongo") ? [for h in concat(group.mongo, group.chat) :
      { port = "27017", from = h.address, comment = "mongod" }] : [],
      contains(self.groups, "chat") ? [{ port = local.ports, from = host.web.address, comment = "rocketchat" }] : [],
      contains(self.groups, "chat") ? [for h in group.chat :
      { port = local.messages, from = h.address, comment = "rocketchat instances" } if h.name != self.name] : [],
      self.name == "web" ? [{ port = "80,443", comment = "nginx" }] : [],
    )
  }
}

play "database" {
  hosts = group.mongo

  # The members are the hosts of this play, by their addresses.
  include "database" {
    source   = "./lib/mongod"
    key      = var.mongo_key
    version  = var.mongodb_version
    cache_gb = var.mongodb_cache_gb
  }
  include "members" {
    source         = "./lib/replica-set"
    admin_password = var.mongo_admin_password
    password       = var.mongo_password
    deadline       = var.mongodb_deadline
  }
}

play "node" {
  hosts = group.chat

  include "node" {
    source  = "./lib/node"
    version = var.node_version
  }
  apt_package "build" {
    packages = include.node.packages
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

  include "chat" {
    source         = "./lib/rocketchat"
    version        = var.rocketchat_version
    mongodb        = include.database
    mongo_password = var.mongo_password
    node           = include.node
    packages       = apt_package.build.packages

    ports   = var.rocketchat_ports
    address = self.address
    domain  = var.domain

    admin_password = var.admin_password
    admin_email    = var.email
  }
}

play "web" {
  hosts = [host.web]

  nginx "web" {}

  # A person stays with one instance, as long as it answers. A host that is down doesn't answer at all, and nginx would wait
  # a minute for it.
  include "site" {
    source    = "./lib/site"
    upstreams = local.upstreams
    domain    = var.domain
    webroot   = nginx.web.webroot
    sticky    = "cookie"
    config    = "proxy_connect_timeout 3s;"
    acme      = { email = var.email, directory = var.acme_directory, renew_timer = var.renew_timer }
  }
}

output "url" {
  value = include.chat.url
}
