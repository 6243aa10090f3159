// Package command is the module command: a program that runs if a condition does not hold.
package command

import _ "embed"

//go:embed args.go
var source string

// Args describe a program, and conditions that hold when it has nothing to do. It runs if one of the given conditions
// (creates, removes, unless, changed_when) does not hold, and all must hold afterwards. Its umask is 022, whatever
// that of the login is.
//
//	command "dhparam" {
//	  argv    = ["openssl", "dhparam", "-out", "/etc/ssl/dhparam.pem", "2048"]
//	  creates = "/etc/ssl/dhparam.pem"
//	}
//
//	command "timezone" {
//	  argv   = ["timedatectl", "set-timezone", "Europe/Berlin"]
//	  unless = ["grep", "-qx", "Europe/Berlin", "/etc/timezone"]
//	}
//
//	command "seed" {
//	  shell  = "createdb app && psql app <seed.sql"
//	  user   = "postgres"
//	  dir    = "/srv/app"
//	  unless = ["psql", "-c", "", "app"]
//	}
//
// While it runs, rcprov shows the latest line of its output, unless env or stdin have a secret.
//
// `unless` and `changed_when` run whenever rcprov observes the host, also for `rcprov plan`: they must not change anything.
// They run as the same user, in the same directory and environment as the command, for at most 30 seconds. For plan their
// result is unknown if an earlier step provides their program, directory or user, changes a file or a unit that they name,
// or is a command that names it as well: it shows the command with a condition. It knows nothing about other things that
// they depend on.
//
// What a command changes is not known to plan either: what the command names, and what is in directories that it names, may be
// different for later steps. With `changes`, these things are, and nothing else.
//
//	command "migrate" {
//	  argv    = ["/opt/app/bin/migrate", "--config", "/etc/app/app.conf"]
//	  unless  = ["/opt/app/bin/migrate", "--check"]
//	  changes = ["/var/lib/app", "app.service"]
//	}
type Args struct {
	// The program and its arguments. No shell interprets them. Give argv or shell.
	Argv []string `hcl:"argv,optional" exposed:"Everyone on the host can read a command line: hand it over in env or stdin."`

	// A shell script instead, run by `sh -eu`: it stops at the first command that fails.
	Shell string `hcl:"shell,optional" exposed:"Everyone on the host can read a command line: hand it over in env or stdin."`

	// The directory to run in.
	Dir string `hcl:"dir,optional" default:"/"`

	// The user to run as, with its groups.
	User string `hcl:"user,optional" default:"root"`

	// Variables for the environment. Their values are never shown; this is the place for secrets, which must not
	// be in argv: everyone on the host can read it.
	Env map[string]string `hcl:"env,optional" secret:"yes"`

	// Text for the program's standard input. It is never shown.
	Stdin string `hcl:"stdin,optional" secret:"yes"`

	// An absolute path that the command creates: if it exists, there is nothing to do.
	Creates string `hcl:"creates,optional"`

	// An absolute path that the command removes: if it does not exist, there is nothing to do.
	Removes string `hcl:"removes,optional"`

	// A program with its arguments that exits with 0 if there is nothing to do.
	Unless []string `hcl:"unless,optional" exposed:"Everyone on the host can read a command line: hand it over in env or stdin."`

	// What the command changes, and nothing else: absolute paths, each with all that is below it, and units of systemd.
	Changes []string `hcl:"changes,optional"`

	// A program with its arguments that exits with 0 if there is something to do.
	ChangedWhen []string `hcl:"changed_when,optional" exposed:"Everyone on the host can read a command line: hand it over in env or stdin."`
}
