// Package plan turns HCL into a checked plan: hosts, plays, and the steps of each play on each host.
//
// [Load] reads a file or a directory of *.hcl, evaluates everything that does not depend on hosts, and reports all mistakes
// at once as hcl.Diagnostics. Values that depend on facts.* are type-checked then, and evaluated for each host by
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
//   - host.NAME: an object with name, address, port, user, groups and vars; port and user are null if the plan leaves
//     them to ssh_config, and groups are those of the host's own block. host["web1.example.com"] for names that are not
//     identifiers.
//   - group.NAME: the list of a group's host objects, in the order of the plan; group.all has every host.
//   - self: the object of the current host, and facts.*: its facts ([observe.Facts]). Both only in the `when` of plays
//     and in steps.
//   - each.key and each.value in a step with for_each, and in a nested block with for_each, which becomes one block for
//     each element (`rule { for_each = [...] }` of a ufw step; blocks with labels can't have it).
//   - MODULE.NAME: a step, an object of its arguments (defaults included) and the module's outputs. With for_each it is
//     MODULE.NAME["key"]; MODULE["NAME"] for names that are not identifiers. A step of the same play is preferred; otherwise
//     the name must be unique in the plan. Order does not matter: the values depend on arguments and facts only and are
//     known before anything is applied. A step of a play that does not run on the current host has its value for that
//     play's first host; parts that depend on that host's facts are unknown and can't be used. A group of hosts hides a
//     step of the module `group` with the same name.
//
// Blocks of hosts, groups and plays are the same for all hosts and can't refer to self, facts.* or steps.
//
// # Includes
//
// A library is a directory of *.hcl with variables, locals, outputs, and steps. A block include uses it in a play, like a step:
//
//	include "base" {
//	  source  = "./lib/base"
//	  swap_gb = 2
//	}
//
// The other arguments are the library's inputs: its variables, with all of their checks. `include.base.NAME` is the value of an
// output. An include may have the meta-arguments of a step. when, for_each and tags are for all of its steps; a step's own retries,
// timeout, run_once and preflight override those of the include. A library of plays is included outside of plays.
//
// A library is a scope of its own: `var`, `local`, `include` and MODULE.NAME are those of its files, and only its outputs are seen from
// outside. host, group, self and facts are those of the plan. Relative paths (file, templates, sources, other libraries) start at the
// directory of the file that they are written in; abspath makes one that may be passed on.
//
// Reports, tags, the journal and the machine output name a step of a library by its include: "base/file.motd", `base["a"]/file.motd`;
// a play as "site/web", whose steps are called as in any other play. A mistake in a library names the line of the library and the lines of the includes that lead to it.
//
// # Preflight
//
// Modules have requirements: memory, disk, cpu, clock, release, ports, dns. A host that doesn't meet one fails before its
// first change, or gets a warning. A step, or a play for all of its steps, can choose:
//
//	preflight = { memory = "warn", dns = "off" }
//
// "error" makes the host fail, "warn" only warns, "off" skips the check. The step overrides its play; if neither chooses,
// the module decides.
//
// An argument with the name of a meta-argument (when, for_each, tags, retries, timeout, run_once, preflight) belongs to the
// module if the module has such an argument.
package plan
