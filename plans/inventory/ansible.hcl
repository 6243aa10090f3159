# Hosts and groups from an inventory that Ansible also reads, hosts.yml. What Ansible calls ansible_host, ansible_port and
# ansible_user becomes the address, port and user; all other values are vars, of hosts and of groups.
#
#   rcprov plan plans/inventory/ansible.hcl --limit 'db&amsterdam'

locals {
  groups = yamldecode(file("hosts.yml")).all.children

  # Ansible may name a host in several groups, with its values in one of them.
  names = distinct(flatten([for g in values(local.groups) : keys(g.hosts)]))
  own   = { for name in local.names : name => merge([for g in values(local.groups) : try(merge(g.hosts[name], {}), {})]...) }
}

host "ansible" {
  for_each = local.own
  address  = try(each.value.ansible_host, each.key)
  port     = try(each.value.ansible_port, null)
  user     = try(each.value.ansible_user, null)
  vars     = { for key, value in each.value : key => value if !startswith(key, "ansible_") }
}

group "ansible" {
  for_each = local.groups
  hosts    = [for name in keys(each.value.hosts) : host[name]]
  vars     = try(merge(each.value.vars, {}), {})
}

play "greeting" {
  hosts = group.all

  file "motd" {
    path    = "/etc/motd"
    content = "${self.name} in ${self.vars.site}, with ${self.vars.http_port}\n"
  }
}
