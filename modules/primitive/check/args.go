// Package check is the module check: a program that must succeed, and what it must print.
package check

import _ "embed"

//go:embed args.go
var source string

// Args describe a program that checks whether something works, as a person would try at the end. It must exit with 0 and
// print what is expected. If it does not, rcprov tries again until it does, or until the deadline has passed, which is an
// error. A check changes nothing; it runs whenever rcprov observes the host, also for `rcprov plan`.
//
//	check "services" {
//	  argv = ["systemctl", "is-enabled", "nginx", "mongod"]
//	}
//
//	check "firewall" {
//	  argv     = ["ufw", "status"]
//	  contains = ["Status: active", "443/tcp"]
//	}
//
//	check "queue" {
//	  shell    = "test $(ls /var/spool/app | wc -l) -lt 100"
//	  user     = "app"
//	  deadline = "1m"
//	}
//
// One try takes at most 30 seconds. For HTTP there is http_check.
type Args struct {
	// The program and its arguments. No shell interprets them. Give argv or shell.
	Argv []string `hcl:"argv,optional" exposed:"Everyone on the host can read a command line: hand it over in env."`

	// A shell script instead, run by `sh -eu`: it stops at the first command that fails.
	Shell string `hcl:"shell,optional" exposed:"Everyone on the host can read a command line: hand it over in env."`

	// Texts that must all be in its output, on either stream, in the last 64 KiB.
	Contains []string `hcl:"contains,optional" secret:"yes"`

	// A regular expression that its output must match (Go's syntax; `(?m)` lets ^ and $ match at each line).
	Matches string `hcl:"matches,optional" secret:"yes"`

	// The directory to run in.
	Dir string `hcl:"dir,optional" default:"/"`

	// The user to run as, with its groups.
	User string `hcl:"user,optional" default:"root"`

	// Variables for the environment. Their values are never shown; this is the place for secrets, which must not
	// be in argv: everyone on the host can read it.
	Env map[string]string `hcl:"env,optional" secret:"yes"`

	// The pause between two tries.
	Interval string `hcl:"interval,optional" default:"1s"`

	// How long to try.
	Deadline string `hcl:"deadline,optional" default:"15s"`
}
