# Hosts that Terraform or OpenTofu has made. Write its outputs to a file before each run:
#
#   tofu output -json >plans/inventory/terraform.json
#   rcprov plan plans/inventory/terraform.hcl
#
# They come from a block such as
#
#   output "hosts" {
#     value = { for name, x in aws_instance.web : name => { address = x.public_ip, role = x.tags.role } }
#   }

host "made" {
  for_each = jsondecode(file("terraform.json")).hosts.value
  address  = each.value.address
  user     = "admin"
  groups   = [each.value.role]
  vars     = { role = each.value.role }
}

play "greeting" {
  hosts = group.all

  file "motd" {
    path    = "/etc/motd"
    content = "${self.name}: ${self.vars.role}\n"
  }
}
