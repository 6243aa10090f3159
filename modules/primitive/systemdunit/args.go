// Package systemdunit is the module systemd_unit: a systemd unit with its file, its drop-ins and its state. It restarts
// or reloads a service that does not run what is on disk.
package systemdunit

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a systemd unit: a service, timer, socket, mount or any other kind. Without content it is the unit of a
// package, and only the given arguments are compared.
//
//	systemd_unit "chat" {
//	  name    = "chat.service"
//	  content = <<-EOT
//	    [Service]
//	    User=chat
//	    ExecStart=/opt/chat/bin/chat
//	    Restart=on-failure
//	    [Install]
//	    WantedBy=multi-user.target
//	  EOT
//	  enabled    = true
//	  running    = true
//	  restart_on = ["/etc/chat.conf"]
//	}
//
//	systemd_unit "ssh" {
//	  name      = "ssh.service"
//	  drop_ins  = { "nofile.conf" = "[Service]\nLimitNOFILE=65536\n" }
//	  running   = true
//	  reload_on = ["/etc/ssh/sshd_config"]
//	}
//
// An active unit is stale, and is restarted, if its unit file, a drop-in or a file of restart_on changed since it started,
// if an upgrade replaced the program that it runs, or if its WorkingDirectory= was removed: whoever changed it, and however
// many runs ago. A restart by hand counts as well. A stamp in /var/lib/rcprov/stamps notes which contents the running
// instance was started from, so that chown, or the same content written again, causes no restart. A unit with
// `running = false` is never started.
type Args struct {
	// The unit, with its suffix: `nginx.service`, `backup.timer`, `getty@tty1.service`.
	Name string `hcl:"name"`

	// The whole unit file, written to /etc/systemd/system. When systemd refuses it, nothing is changed.
	Content *string `hcl:"content,optional" exposed:"Every user can read a unit. Write the secret to a file with mode 0600 in an earlier step, and name it in the unit: EnvironmentFile=, or LoadCredential=."`

	// Additions to the unit file: the text of each file in /etc/systemd/system/NAME.d. Other files there stay.
	DropIns map[string]string `hcl:"drop_ins,optional" exposed:"Every user can read a unit. Write the secret to a file with mode 0600 in an earlier step, and name it in the unit: EnvironmentFile=, or LoadCredential=."`

	// Whether it is started at boot (or whenever its `[Install]` section says). If left out, that stays as it is.
	Enabled *bool `hcl:"enabled,optional"`

	// Whether it is running. If left out, that stays as it is, but an active unit that is stale is restarted. A start has
	// succeeded when systemd says so; where its type doesn't tell (simple, exec, forking, idle), when the program still runs half
	// a second later. It is looked at again when the last change of the play is made (`plan --verbose` says so); one that ends
	// after that is found by the next run. A `check` or `http_check` step behind this one waits for what the service does.
	Running *bool `hcl:"running,optional"`

	// Whether it is masked, so that nobody can start it. If left out, that stays as it is, unless the unit must be
	// unmasked for another argument.
	Masked *bool `hcl:"masked,optional"`

	// Files, or steps that own files, that the unit reads when it starts.
	RestartOn modules.Files `hcl:"restart_on,optional"`

	// Files, or steps that own files, that the unit reads again when it is reloaded.
	ReloadOn modules.Files `hcl:"reload_on,optional"`

	// `absent` stops and disables the unit, and removes its file and the named drop-ins from /etc/systemd/system. A
	// package's own unit file stays.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
