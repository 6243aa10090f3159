// Package tcpcheck is the module tcp_check: a TCP port that must be reached, or must not.
package tcpcheck

import _ "embed"

//go:embed args.go
var source string

// Args describe a TCP port that must be reached from a host, or must not be. rcprov tries again until it is as expected,
// or until the deadline has passed, which is an error. Nothing on the host is changed.
//
//	tcp_check "database" {
//	  host = "db1.internal"
//	  port = 5432
//	}
//
//	tcp_check "firewall" {
//	  host  = host.db1.address
//	  port  = 27017
//	  from  = "controller"
//	  state = "closed"
//	}
//
// The connection is closed at once, and nothing is sent: the server may note it in its log. For an HTTP server, `http_check`
// says more.
type Args struct {
	// A name, which is looked up where the connection comes from, or an address.
	Host string `hcl:"host"`

	// The port.
	Port int `hcl:"port"`

	// Where the connection comes from. `host`: through the SSH connection, by the host's sshd. `controller`: from the machine
	// rcprov runs on.
	From string `hcl:"from,optional" default:"host" oneof:"host,controller"`

	// `open`: there must be a connection. `closed`: there must be none: it is refused, or nothing answers within 5 seconds.
	State string `hcl:"state,optional" default:"open" oneof:"open,closed"`

	// The pause between two tries.
	Interval string `hcl:"interval,optional" default:"2s"`

	// How long to wait until it is as expected.
	Deadline string `hcl:"deadline,optional" default:"60s"`
}
