# The replica set of the members that the library `mongod` makes, and Rocket.Chat's user in it.

variable "members" {
  type        = list(string)
  default     = null
  description = "as for the library `mongod`"
}

variable "admin_password" {
  type      = string
  sensitive = true
}

variable "password" {
  type        = string
  sensitive   = true
  description = "with which Rocket.Chat logs in"
}

# How long the members may take to copy the data when one is added: hours, with a large database.
variable "deadline" {
  type    = string
  default = null
}

mongo_replica_set "rs0" {
  members        = var.members
  admin_password = var.admin_password
  deadline       = var.deadline
  user "rocketchat" {
    password = var.password
    roles    = ["readWrite@rocketchat"]
  }
}
