// Package sshd is the module sshd: how a host lets people in by SSH. Its changes are made under a dead man's switch,
// because they can shut out the one who makes them.
package sshd

import _ "embed"

//go:embed args.go
var source string

// Args describe how OpenSSH's server lets people in. What is left out stays as the host has it.
//
//	sshd "access" {
//	  permit_root_login       = "no"
//	  password_authentication = false
//	  allow_groups            = ["sudo"]
//	  max_auth_tries          = 3
//	  settings = {
//	    LogLevel = "VERBOSE"
//	    Ciphers  = "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com"
//	  }
//	}
//
// All of it is written to /etc/ssh/sshd_config.d/00-rcprov.conf, which sshd reads first, and sshd takes the first
// value that it finds. The truth is what `sshd -T` says: a line elsewhere that beats this file is an error that names
// it. `sshd -t` tries the new configuration before it is live; then sshd is reloaded, so that sessions go on.
//
// No change can lock you out. What would certainly shut out the user who is logged in is refused. Everything else is
// changed under a dead man's switch: unless a new connection, with its own login, confirms it within
// `confirm_within`, the host itself goes back to what it had, also when your laptop dies meanwhile.
//
// To move SSH to another port, give the host block the new `port` and, as `fallback_port`, the one where the host is
// until then, and open both in the firewall first:
//
//	ufw "firewall" {
//	  rule {
//	    port  = "22,2222"
//	    proto = "tcp"
//	  }
//	}
//
//	sshd "access" {
//	  port = self.port
//	}
//
// The first apply finds the host at the fallback port and is proved by a new connection to the new one; it also notes the
// host's key for the new port in known_hosts. Where systemd listens for sshd, as on Ubuntu 24.04 and later, it follows.
type Args struct {
	// The port to listen on.
	Port int `hcl:"port,optional"`

	// Several ports to listen on, instead of port.
	Ports []int `hcl:"ports,optional"`

	// IP addresses to listen on, such as `0.0.0.0` (all of IPv4) or `10.0.0.5`, which the host must have when sshd
	// starts.
	ListenAddresses []string `hcl:"listen_addresses,optional"`

	// Whether root may log in: `no`; `prohibit-password` (by key alone); `forced-commands-only` (by a key with a
	// command); `yes`.
	PermitRootLogin string `hcl:"permit_root_login,optional" oneof:"yes,no,prohibit-password,forced-commands-only"`

	// Whether one may log in with a password. `false` also turns off questions by PAM, which ask for the password
	// as well, unless keyboard_interactive says otherwise.
	PasswordAuthentication *bool `hcl:"password_authentication,optional"`

	// Whether PAM may ask questions, for a second factor or for the password.
	KeyboardInteractive *bool `hcl:"keyboard_interactive,optional"`

	// Who may log in, all others may not: names with `*` and `?`, or `name@address`, as in sshd_config(5).
	AllowUsers []string `hcl:"allow_users,optional"`

	// Whose members may log in, all others may not: names of groups with `*` and `?`.
	AllowGroups []string `hcl:"allow_groups,optional"`

	// How many attempts to log in a connection has.
	MaxAuthTries int `hcl:"max_auth_tries,optional"`

	// How many sessions a connection may have. rcprov needs up to 8.
	MaxSessions int `hcl:"max_sessions,optional"`

	// How long a login may take, as sshd writes it: `30s`, `2m`.
	LoginGraceTime string `hcl:"login_grace_time,optional"`

	// After how long a silence the client is asked for a sign of life: `5m`; `0` never. After three without an answer
	// the connection ends.
	ClientAliveInterval string `hcl:"client_alive_interval,optional"`

	// Whether programs on the host may open windows on the client.
	X11Forwarding *bool `hcl:"x11_forwarding,optional"`

	// Whether connections may be forwarded. rcprov itself asks databases and web servers through them.
	AllowTCPForwarding *bool `hcl:"allow_tcp_forwarding,optional"`

	// Whether the client's keys may be used on the host.
	AllowAgentForwarding *bool `hcl:"allow_agent_forwarding,optional"`

	// Any other keyword of sshd_config(5) with its value: `{ LogLevel = "VERBOSE" }`.
	Settings map[string]string `hcl:"settings,optional"`

	// How long a new login may take to confirm the change.
	ConfirmWithin string `hcl:"confirm_within,optional" default:"60s"`

	// What holds for some connections only: `match "Group sftp" { settings = { ForceCommand = "internal-sftp" } }`.
	Matches []Match `hcl:"match,block"`
}

// Match is what holds for some connections.
type Match struct {
	// Which ones, as behind sshd's word Match: `User backup`, `Group sftp`, `Address 10.0.0.0/8`.
	Criteria string `hcl:"criteria,label"`

	// Keywords of sshd_config(5), with their values.
	Settings map[string]string `hcl:"settings"`
}

// Outputs are what other blocks can refer to beside the arguments.
type Outputs struct {
	Service string   `cty:"service"` // the systemd unit
	Files   []string `cty:"files"`   // what it writes
}
