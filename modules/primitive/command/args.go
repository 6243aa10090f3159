// Package command is the module command: a program that is run when something is not as it should be.
package command

import _ "embed"

//go:embed args.go
var source string

// Args describe a program and how to tell that it has nothing to do. It runs while one of the given conditions
// (creates, removes, unless, changed_when) is not met, and they must all be met after it ran. Its umask is 022, whatever
// that of the user who logs in is.
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
// `unless` and `changed_when` run whenever rcprov looks at the host, also for `rcprov plan`: they must only look.
// They run as the same user, in the same directory and environment as the command, for at most 30 seconds. A plan can't
// tell what they will say when their program, directory or user is not there yet, because an earlier step brings it, or
// when they name a file or a unit that an earlier step changes: it shows the command with this condition. Of other
// things that they depend on it knows nothing.
type Args struct {
	// The program and its arguments. No shell interprets them. Give this or shell.
	Argv []string `hcl:"argv,optional"`

	// A shell script instead, run by `sh -eu`: it stops at the first command that fails.
	Shell string `hcl:"shell,optional"`

	// The directory to run in.
	Dir string `hcl:"dir,optional" default:"/"`

	// The user to run as, with its groups.
	User string `hcl:"user,optional" default:"root"`

	// Variables for the environment. Their values are never shown; this is the place for secrets, which must not
	// be in argv: everyone on the host can read it.
	Env map[string]string `hcl:"env,optional"`

	// Text for the program's standard input. It is never shown.
	Stdin string `hcl:"stdin,optional"`

	// An absolute path that the command creates: it has nothing to do when that is there.
	Creates string `hcl:"creates,optional"`

	// An absolute path that the command removes: it has nothing to do when that is not there.
	Removes string `hcl:"removes,optional"`

	// A program with its arguments that exits with 0 when there is nothing to do.
	Unless []string `hcl:"unless,optional"`

	// A program with its arguments that exits with 0 when there is something to do.
	ChangedWhen []string `hcl:"changed_when,optional"`
}
