// Package sshd is the module sshd: the configuration of OpenSSH's server. Its changes are made under a dead man's switch,
// because they can lock out rcprov itself.
package sshd

import _ "embed"

//go:embed args.go
var source string

// Args describe the configuration of OpenSSH's server: who may log in, how, and where it listens. What you leave out stays as
// it is on the host.
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
// The settings are written to /etc/ssh/sshd_config.d/00-rcprov.conf, which sshd reads first, and sshd uses the first value
// that it finds. rcprov then asks `sshd -T` what is in force: a line in another file that overrides this one is an error,
// which names it. `sshd -t` tests the new configuration before it is live; then sshd is reloaded, so that sessions go on.
//
// No change can lock you out. rcprov refuses what would certainly lock out the user that it is logged in as. Everything else
// is changed under a dead man's switch: unless a new connection, with its own login, confirms the change within
// `confirm_within`, the host itself restores the previous state, even if your laptop dies meanwhile.
//
// To move SSH to another port, give the host block the new `port` and, as `fallback_port`, the port that it has until then,
// and open both in the firewall first:
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
// The first apply connects to the fallback port, and confirms the change by a new connection to the new port; it also adds
// the host's key for the new port to known_hosts. If systemd listens for sshd, as on Ubuntu 24.04 and later, it is told the
// new port as well.
type Args struct {
	// The port to listen on.
	Port *int `hcl:"port,optional"`

	// Several ports to listen on, instead of port.
	Ports []int `hcl:"ports,optional"`

	// IP addresses to listen on, such as `0.0.0.0` (all of IPv4) or `10.0.0.5`. The host must have them when sshd starts.
	ListenAddresses []string `hcl:"listen_addresses,optional"`

	// Whether root may log in: `no`; `prohibit-password` (only with a key); `forced-commands-only` (only with a key that is
	// tied to a command); `yes`.
	PermitRootLogin string `hcl:"permit_root_login,optional" oneof:"yes,no,prohibit-password,forced-commands-only"`

	// Whether users may log in with a password. `false` also turns off keyboard_interactive, by which PAM asks for the
	// password as well, unless you set that.
	PasswordAuthentication *bool `hcl:"password_authentication,optional"`

	// Whether PAM may ask for a second factor, or for the password (KbdInteractiveAuthentication).
	KeyboardInteractive *bool `hcl:"keyboard_interactive,optional"`

	// The only users who may log in: names, with `*` and `?`, or `name@address`, as in sshd_config(5).
	AllowUsers []string `hcl:"allow_users,optional"`

	// The only groups whose members may log in: names, with `*` and `?`.
	AllowGroups []string `hcl:"allow_groups,optional"`

	// How many login attempts a connection may make.
	MaxAuthTries int `hcl:"max_auth_tries,optional"`

	// How many sessions a connection may have. rcprov needs up to 8.
	MaxSessions int `hcl:"max_sessions,optional"`

	// How long a login may take, in sshd's notation: `30s`, `2m`.
	LoginGraceTime string `hcl:"login_grace_time,optional"`

	// After how much silence sshd asks the client for a sign of life: `5m`; `0`: never. After three questions without an
	// answer it closes the connection.
	ClientAliveInterval string `hcl:"client_alive_interval,optional"`

	// Whether programs on the host may open windows on the client.
	X11Forwarding *bool `hcl:"x11_forwarding,optional"`

	// Whether clients may forward TCP connections. rcprov itself reaches databases and web servers that way.
	AllowTCPForwarding *bool `hcl:"allow_tcp_forwarding,optional"`

	// Whether the client's SSH agent may be used on the host.
	AllowAgentForwarding *bool `hcl:"allow_agent_forwarding,optional"`

	// Any other keyword of sshd_config(5) with its value: `{ LogLevel = "VERBOSE" }`.
	Settings map[string]string `hcl:"settings,optional" exposed:"Every user can read the configuration of sshd. Name a file with the secret there, if the setting can."`

	// Within what time a new login must confirm the change.
	ConfirmWithin string `hcl:"confirm_within,optional" default:"60s"`

	// Settings for some connections only: `match "Group sftp" { settings = { ForceCommand = "internal-sftp" } }`.
	Matches []Match `hcl:"match,block"`
}

// Match has settings for some connections.
type Match struct {
	// Which connections, as after sshd's keyword Match: `User backup`, `Group sftp`, `Address 10.0.0.0/8`.
	Criteria string `hcl:"criteria,label"`

	// Keywords of sshd_config(5), with their values.
	Settings map[string]string `hcl:"settings" exposed:"Every user can read the configuration of sshd. Name a file with the secret there, if the setting can."`
}

// Outputs are what other blocks can refer to beside the arguments.
type Outputs struct {
	Service string   `cty:"service"` // the systemd unit
	Files   []string `cty:"files"`   // that it writes
}
