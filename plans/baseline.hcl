# What every host should have before anything else: people with keys, sshd without passwords, a firewall, security updates, a ban
# for who tries passwords, and figures for Prometheus. For Debian 12 or 13, Ubuntu 22.04 or later.
#
#   rcprov apply plans/baseline.hcl -var-file baseline.vars.hcl

# By their names: where they are.
variable "hosts" {
  type = map(string)
  validation {
    condition     = length(var.hosts) > 0
    error_message = "Name a host: hosts = { web1 = \"203.0.113.10\" }."
  }
}

# By their names: their public keys. All of them may use sudo.
variable "admins" {
  type = map(list(string))
  validation {
    condition     = length(var.admins) > 0
    error_message = "Name at least one person: afterwards nobody logs in as root, or with a password."
  }
  validation {
    condition     = alltrue([for name in keys(var.admins) : can(regex("^[a-z_][a-z0-9_-]{0,31}$", name))])
    error_message = "The name of an account has lowercase letters, digits, - and _, and begins with a letter."
  }
  validation {
    condition     = alltrue([for keys in values(var.admins) : length(keys) > 0])
    error_message = "Each person needs a public key, the only way to log in: admins = { alice = [\"ssh-ed25519 AAAA...\"] }."
  }
}

# Whose turn it is until the plan has made `user`; on a new host often root.
variable "fallback_user" { default = null }

variable "user" {
  default     = null
  description = "one of the admins, to log in as; null: as ~/.ssh/config says"
  validation {
    condition     = var.user == null ? true : contains(keys(var.admins), var.user)
    error_message = "It must be one of the admins: ${join(", ", keys(var.admins))}."
  }
}

variable "monitoring" {
  type        = list(string)
  default     = []
  description = "addresses that may read the host's figures, on port 9100"
  validation {
    condition     = alltrue([for from in var.monitoring : can(cidrhost(from, 0)) || can(cidrhost("${from}/32", 0))])
    error_message = "Each must be an IP address or a network such as 192.0.2.0/24: a firewall knows no names."
  }
}

variable "reboot_at" {
  default     = ""
  description = "when a host may reboot for an update, such as 04:00; empty: never by itself"
  validation {
    condition     = var.reboot_at == "" || can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.reboot_at))
    error_message = "It must be a time of day such as 04:00, or empty."
  }
}

host "base" {
  for_each      = var.hosts
  address       = each.value
  user          = var.user
  fallback_user = var.fallback_user
}

locals {
  keys = merge([for name, keys in var.admins : { for i, key in keys : "${name}/${i + 1}" => { user = name, key = key } }]...)

  network = {
    "net.ipv4.conf.all.accept_redirects" = 0
    "net.ipv4.conf.all.send_redirects"   = 0
    "net.ipv4.conf.all.log_martians"     = 1
    "net.ipv4.tcp_syncookies"            = 1
    "net.ipv6.conf.all.accept_redirects" = 0
  }
  kernel = {
    "kernel.dmesg_restrict"  = 1
    "kernel.kptr_restrict"   = 2
    "fs.protected_hardlinks" = 1
    "fs.protected_symlinks"  = 1
  }
}

play "base" {
  hosts = group.all

  include "firewall" {
    source   = "./lib/firewall"
    packages = ["sudo", "unattended-upgrades", "fail2ban", "python3-systemd", "prometheus-node-exporter"]
    rules    = [for address in var.monitoring : { port = "9100", from = address, comment = "prometheus" }]
  }
  timezone "utc" { name = "Etc/UTC" }

  # --- people ---

  user "admin" {
    for_each = var.admins
    name     = each.key
    groups   = ["sudo"]
    shell    = "/bin/bash"
  }
  authorized_key "admin" {
    for_each = local.keys
    user     = each.value.user
    key      = each.value.key
  }
  file "sudoers" {
    path     = "/etc/sudoers.d/admins"
    mode     = "0440"
    content  = join("", [for name in keys(var.admins) : "${name} ALL=(ALL:ALL) NOPASSWD: ALL\n"])
    validate = ["visudo", "-cf", "%s"]
  }
  sshd "access" {
    permit_root_login       = "no"
    password_authentication = false
    x11_forwarding          = false
    max_auth_tries          = 3
    login_grace_time        = "30s"
    client_alive_interval   = "5m"
  }
  file "fail2ban" {
    path    = "/etc/fail2ban/jail.local"
    content = <<-EOT
      [DEFAULT]
      bantime  = 1h
      findtime = 10m
      maxretry = 5
      banaction = ufw

      [sshd]
      enabled = true
      backend = systemd
    EOT
  }
  systemd_unit "fail2ban" {
    name       = "fail2ban.service"
    enabled    = true
    running    = true
    restart_on = [file.fail2ban]
  }

  # --- updates ---

  file "updates" {
    path    = "/etc/apt/apt.conf.d/60rcprov-updates"
    content = <<-EOT
      APT::Periodic::Update-Package-Lists "1";
      APT::Periodic::Unattended-Upgrade "1";
      APT::Periodic::AutocleanInterval "7";
      Unattended-Upgrade::Remove-Unused-Dependencies "true";
      Unattended-Upgrade::Automatic-Reboot "${var.reboot_at != ""}";
      Unattended-Upgrade::Automatic-Reboot-Time "${var.reboot_at == "" ? "now" : var.reboot_at}";
    EOT
  }
  systemd_unit "updates" {
    for_each = ["apt-daily.timer", "apt-daily-upgrade.timer"]
    name     = each.value
    enabled  = true
    running  = true
  }

  # --- the kernel ---

  sysctl "network" {
    for_each = local.network
    name     = each.key
    value    = each.value
  }
  # In a container these belong to the machine.
  sysctl "kernel" {
    for_each = local.kernel
    when     = contains(["", "none", "kvm", "qemu", "vmware", "microsoft", "xen", "amazon"], facts.virtual)
    name     = each.key
    value    = each.value
  }

  # --- figures ---

  systemd_unit "figures" {
    name    = "prometheus-node-exporter.service"
    enabled = true
    running = true
  }
  http_check "figures" {
    url           = "http://127.0.0.1:9100/metrics"
    body_contains = "node_load1"
  }
  check "bans" {
    argv     = ["fail2ban-client", "status", "sshd"]
    contains = ["Status for the jail: sshd"]
  }
}
