// Package plan turns HCL into a checked plan: hosts, plays, and the steps of each play on each host.
//
// [Load] reads a file or a directory of *.hcl, evaluates all that does not depend on hosts, and reports every mistake
// at once as hcl.Diagnostics. What depends on facts.* is type-checked then and evaluated for each host by
// [Plan.Bind]. Neither connects to anything.
//
//	variable "port" { default = 3000 }
//
//	host "web1" {
//	  address = "203.0.113.10"
//	  groups  = ["web"]
//	  vars    = { weight = 10 }
//	}
//
//	play "web" {
//	  hosts = group.web
//
//	  file "conf" {
//	    path    = "/etc/app.conf"
//	    content = "port ${var.port}, weight ${self.vars.weight}, on ${facts.os.codename}\n"
//	  }
//	  systemd_unit "app" {
//	    name       = "app.service"
//	    running    = true
//	    restart_on = [file.conf]
//	  }
//	}
//
// # What expressions can refer to
//
//   - var.NAME and local.NAME. A local may use anything that the expression where it is used may use.
//   - host.NAME: an object with name, address, port, user, groups and vars; port and user are null when the plan
//     leaves them to ssh_config, and groups are those of the host's own block. host["web1.example.com"] for names that are no identifiers.
//   - group.NAME: the list of a group's host objects, in the order of the plan; group.all is every host.
//   - self: the host object of the current host, and facts.*: what it is ([observe.Facts]). Both only in plays'
//     `when` and in steps.
//   - each.key and each.value in a step with for_each.
//   - MODULE.NAME: a step, an object of its arguments (defaults included) and of what the module gives out beside
//     them. With for_each it is MODULE.NAME["key"]; MODULE["NAME"] for names that are no identifiers. A step of the same play comes first, then the only one of that
//     name in the plan. Order does not matter: the values follow from arguments and facts and are known before
//     anything is applied. A step of a play that does not run on the current host has its value for that play's
//     first host; what depends on that host's facts is then not known and can't be used. A group of hosts hides a
//     step of the module `group` with the same name.
//
// Blocks of hosts, groups and plays are the same for all hosts and can't refer to self, facts.* or steps.
//
// # Preflight
//
// Modules say what they need of a host: memory, disk, cpu, clock, release, ports, dns. What a host doesn't have stops
// it before its first change, or is a warning. A step, or a play for all of its steps, chooses:
//
//	preflight = { memory = "warn", dns = "off" }
//
// "error" stops the host, "warn" only tells, "off" doesn't look. What a step says comes before what its play says; where
// neither says anything, the module decides.
//
// An argument named like a meta-argument (when, for_each, tags, retries, timeout, run_once, preflight) belongs to the module if
// the module has such an argument.
package plan
