# A member of a MongoDB replica set, with authentication.

# 8.0 is the long-lived series, the one that Rocket.Chat names. MongoDB supports its minor series 8.2 only for months.
variable "version" { default = "8.0" }

variable "key" {
  type        = string
  sensitive   = true
  description = "with which members of the replica set authenticate to each other"
}

# null: the hosts of the play, by their addresses.
variable "members" {
  type    = list(string)
  default = null
}

# null: MongoDB's default, half of the memory, which suits hosts that do nothing else.
variable "cache_gb" {
  type    = number
  default = null
}

# Whether to wait until it answers, or leave that to the replica set's step.
variable "wait" { default = true }

include "sources" { source = "../sources" }

mongod "rs0" {
  version        = var.version
  replica_set    = "rs0"
  members        = var.members
  key_file       = var.key
  cache_size_gb  = var.cache_gb
  wait           = var.wait
  repository_uri = include.sources.mongodb.uri
  key_url        = include.sources.mongodb.key_url
  fingerprints   = include.sources.mongodb.fingerprints
}

output "version" { value = mongod.rs0.version }

output "hosts" { value = mongod.rs0.hosts }
