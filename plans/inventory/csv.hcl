# Hosts from a table, hosts.csv: one line for each, as a spreadsheet writes it. Its columns may be
# divided by semicolons.
#
#   rcprov plan plans/inventory/csv.hcl --limit 'web*,!web2'

# The column name is what the host is called. The others are yours: here the address, groups, and what the steps need.
host "row" {
  for_each = csvdecode(file("hosts.csv"))
  address  = each.value.address
  port     = each.value.port == "" ? null : each.value.port
  groups   = compact(split(" ", each.value.groups))
  vars     = { purpose = each.value.purpose }
}

# Values for all hosts of a group; a host's own vars count first.
group "web" {
  vars = { contact = "web-team@example.com" }
}

group "db" {
  vars = { contact = "dba@example.com" }
}

play "greeting" {
  hosts = group.all

  file "motd" {
    path    = "/etc/motd"
    content = "${self.name}: ${self.vars.purpose}. Questions: ${self.vars.contact}\n"
  }
}
