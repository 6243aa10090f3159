# A private network between hosts with WireGuard, each connected to all others. For Debian 12 or 13, Ubuntu 22.04 or later.
#
#   rcprov apply plans/wireguard.hcl -var-file wireguard.vars.hcl
#
# Private keys are made on the hosts, and stay there. To change one, remove /etc/wireguard/private.key and apply the plan again.

# By their names: where they are (an IP address, a name, or a Host of ~/.ssh/config), the address in the private network, and where
# the others reach it (an IP address or a name), if that is not `address`.
variable "hosts" {
  type = map(object({ address = string, tunnel = string, endpoint = optional(string) }))
  validation {
    condition     = length(var.hosts) > 1
    error_message = "A network needs two hosts at least."
  }
  validation {
    condition     = alltrue([for host in var.hosts : can(cidrhost("${host.tunnel}/32", 0))])
    error_message = "tunnel of each host must be an IP address."
  }
  validation {
    condition     = length(distinct([for host in var.hosts : host.tunnel])) == length(var.hosts)
    error_message = "Two hosts have the same tunnel: each needs an address of its own in the private network."
  }
  validation {
    condition = alltrue([for host in var.hosts :
    try(cidrhost("${host.tunnel}/${split("/", var.network)[1]}", 0) == cidrhost(var.network, 0), true)])
    error_message = "tunnel of each host must be an address in the private network, ${var.network}."
  }
}

variable "network" {
  default     = "10.90.0.0/24"
  description = "the private network"
  validation {
    condition     = can(cidrhost(var.network, 0))
    error_message = "It must be a network such as 10.90.0.0/24."
  }
}

variable "port" {
  default = 51820
  validation {
    condition     = var.port >= 1 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "It must be a number from 1 to 65535."
  }
}

# For a container whose kernel lacks WireGuard.
variable "userspace" { default = false }

host "peer" {
  for_each = var.hosts
  address  = each.value.address
  vars     = { tunnel = each.value.tunnel, endpoint = coalesce(each.value.endpoint, each.value.address) }
}

play "keys" {
  hosts = group.all

  include "firewall" {
    source   = "./lib/firewall"
    packages = concat(["wireguard-tools"], var.userspace ? ["wireguard-go"] : [])
    # A firewall knows no names: for a peer that has one, any address may come in. WireGuard answers nobody without a key.
    rules = [for from, names in {
      for peer in group.all : can(cidrhost("${peer.vars.endpoint}/32", 0)) ? peer.vars.endpoint : "" => peer.name... if peer.name != self.name
    } : { port = var.port, proto = "udp", from = from == "" ? null : from, comment = "wireguard: ${join(", ", names)}" }]
  }
  command "key" {
    shell   = "umask 077; wg genkey >/etc/wireguard/private.key"
    creates = "/etc/wireguard/private.key"
    changes = ["/etc/wireguard"]
  }
}

play "network" {
  hosts      = group.all
  depends_on = [play.keys]

  query "key" { argv = ["sh", "-c", "wg pubkey </etc/wireguard/private.key"] }

  file "network" {
    path = "/etc/wireguard/wg0.conf"
    mode = "0600"
    content = join("\n", concat(
      [
        "[Interface]",
        "Address = ${self.vars.tunnel}/${split("/", var.network)[1]}",
        "ListenPort = ${var.port}",
        "PostUp = wg set %i private-key /etc/wireguard/private.key",
      ],
      flatten([for peer in group.all : [
        "",
        "# ${peer.name}",
        "[Peer]",
        "PublicKey = ${query.key[peer.name].stdout}",
        "AllowedIPs = ${peer.vars.tunnel}/32",
        "Endpoint = ${can(regex(":", peer.vars.endpoint)) ? "[${peer.vars.endpoint}]" : peer.vars.endpoint}:${var.port}",
        "PersistentKeepalive = 25",
      ] if peer.name != self.name]),
      [""],
    ))
  }
  systemd_unit "network" {
    name       = "wg-quick@wg0.service"
    enabled    = true
    running    = true
    restart_on = [file.network, "/etc/wireguard/private.key"]
  }
}

# When all are up: from each host to sshd of each other one, through the network.
play "check" {
  hosts      = group.all
  depends_on = [play.network]

  tcp_check "peer" {
    for_each = { for peer in group.all : peer.name => peer.vars.tunnel if peer.name != self.name }
    host     = each.value
    port     = 22
  }
}
