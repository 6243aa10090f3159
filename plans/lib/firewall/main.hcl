# A firewall that lets ssh in, and what the rules say. Make it the first include of a host, so that nothing is reachable
# by accident.

# What may come in beside ssh; `ufw status` shows the comments.
variable "rules" {
  type = list(object({ port = string, proto = optional(string, "tcp"), from = optional(string), comment = string }))
}

# rcprov refuses rules that would close the port that it logs in by.
variable "ssh_port" {
  type        = string
  default     = "22"
  description = "where sshd listens; \"22,2222\" while it moves"
}

variable "exclusive" {
  type        = bool
  default     = false
  description = "remove all other rules"
}

variable "packages" {
  type        = list(string)
  default     = []
  description = "more packages of the distribution, in the same call of apt: each call costs seconds"
}

apt_package "base" {
  packages = concat(["ufw"], var.packages)
}

ufw "firewall" {
  exclusive = var.exclusive
  rule {
    port    = var.ssh_port
    proto   = "tcp"
    comment = "ssh"
  }
  rule {
    for_each = { for i, rule in var.rules : format("%04d", i) => rule }
    from     = each.value.from
    port     = each.value.port
    proto    = each.value.proto
    comment  = each.value.comment
  }
}
