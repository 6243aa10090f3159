# Rocket.Chat's instances on a host.
#
# To upgrade, change the version: the old release stays beside the new one. The only way back is a dump of the database.
# A release is installed only if the vendor has signed it, see `rcprov doc rocketchat`.

variable "version" { type = string }

# An instance uses one processor core at most.
variable "ports" {
  type    = list(number)
  default = [3000]
}

variable "domain" {
  type        = string
  description = "by which people reach the chat"
}

variable "node" {
  type        = object({ version = string, bin = string })
  description = "the outputs of the library node"
}

variable "mongodb" {
  type        = object({ version = string, hosts = list(string) })
  description = "the outputs of the library mongod"
}

variable "mongo_password" {
  type        = string
  sensitive   = true
  description = "without spaces"
}

# The first administrator, whose name is admin; change the password later in the chat, not here.
variable "admin_email" { type = string }

variable "admin_password" {
  type      = string
  sensitive = true
}

variable "packages" {
  type        = list(string)
  description = "of the distribution, for this step to install; [] if an earlier one does"
}

# null: 127.0.0.1. The address by which nginx, and instances on other hosts, reach it.
variable "address" {
  type    = string
  default = null
}

include "sources" { source = "../sources" }

rocketchat "chat" {
  version         = var.version
  releases        = include.sources.rocketchat.uri
  key_url         = include.sources.rocketchat.key_url
  fingerprints    = include.sources.rocketchat.fingerprints
  node_version    = var.node.version
  node_bin        = var.node.bin
  mongodb_version = include.sources.check_mongodb_version ? var.mongodb.version : ""
  packages        = var.packages
  npm_registry    = include.sources.npm_registry

  ports       = var.ports
  bind_ip     = var.address
  instance_ip = var.address

  root_url  = "https://${var.domain}"
  mongo_url = "mongodb://rocketchat:${urlencode(var.mongo_password)}@${join(",", var.mongodb.hosts)}/rocketchat?replicaSet=rs0&authSource=admin"
  admin {
    username = "admin"
    email    = var.admin_email
    password = var.admin_password
  }
  settings = {
    Show_Setup_Wizard = "completed" # there is an administrator already
  }
}

output "url" { value = rocketchat.chat.url }

output "upstreams" { value = rocketchat.chat.upstreams }
