// Package cron is the module cron: a program that cron(8) starts again and again.
package cron

import _ "embed"

//go:embed args.go
var source string

// Args describe a program that cron starts again and again: a file of its own in /etc/cron.d.
//
//	cron "backup" {
//	  schedule = "30 3 * * *"
//	  user     = "backup"
//	  job      = "/usr/local/bin/backup --date $(date +%F)"
//	  env = {
//	    MAILTO = "ops@example.com"
//	    PATH   = "/usr/local/bin:/usr/bin:/bin"
//	  }
//	}
//
// The schedule is checked when the plan is, and the user must exist. cron must be there: an `apt_package` step for it, before this
// one. It reads the file by itself within a minute. A `systemd_unit` with a timer is the other way; it has logs, limits, and runs
// what was missed while the host was down.
type Args struct {
	// The file's name in /etc/cron.d: letters, digits, underscores and hyphens, as cron wants it. If left out, the label.
	Name string `hcl:"name,optional"`

	// When: minute, hour, day of the month, month and day of the week, as crontab(5) has them, by the host's time zone:
	// `*/15 8-18 * * mon-fri`. Or one of `@reboot`, `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`. Required, unless
	// state is `absent`.
	Schedule string `hcl:"schedule,optional"`

	// What to run, one line of sh. A `%` needs no backslash here, though it does in a crontab: the file gets it. Required,
	// unless state is `absent`.
	Job string `hcl:"job,optional" exposed:"Every user of the host can read a command line. Let the program read a file of mode 0600."`

	// The user to run it as.
	User string `hcl:"user,optional" default:"root"`

	// Its environment; cron itself sets little more than HOME, LOGNAME, SHELL and a short PATH. `MAILTO` is who gets
	// what it prints. Values are taken as they are.
	Env map[string]string `hcl:"env,optional" exposed:"Every user of the host can read files in /etc/cron.d. Let the program read a file of mode 0600."`

	// `absent` removes the file.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
