# Hosts and groups from an inventory that Ansible also reads, hosts.yml. What Ansible calls ansible_host, ansible_port,
# ansible_user and so on becomes the address, port and user; all other values are vars. From an inventory in the INI format, or
# with values in host_vars and group_vars, Ansible makes one such file:
#
#   ansible-inventory -i hosts.ini --list --yaml >hosts.yml
#   rcprov plan plans/inventory/ansible.hcl --limit 'db&amsterdam'

locals {
  inventory = ansibledecode(file("hosts.yml"))
}

# The vars of a host are those that Ansible would give it: of all its groups, the innermost first, and its own before these.
host "ansible" {
  for_each      = local.inventory.hosts
  address       = try(each.value.vars.ansible_host, each.key)
  port          = try(each.value.vars.ansible_port, null)
  user          = try(each.value.vars.ansible_user, null)
  identity_file = try(each.value.vars.ansible_ssh_private_key_file, null)
  connection    = try(each.value.vars.ansible_connection, "ssh") == "local" ? "local" : "ssh"
  vars          = { for key, value in each.value.vars : key => value if !startswith(key, "ansible_") }
}

group "ansible" {
  for_each = local.inventory.groups
  hosts    = [for name in each.value : host[name]]
}

play "greeting" {
  hosts = group.europe

  file "motd" {
    path    = "/etc/motd"
    content = "${self.name} in ${self.vars.site}, with ${self.vars.http_port}. Questions: ${self.vars.contact}\n"
  }
}
