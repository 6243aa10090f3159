// Package sysctl is the module sysctl: a parameter of the kernel, now and after the next boot.
package sysctl

import _ "embed"

//go:embed args.go
var source string

// Args describe a kernel parameter, as sysctl(8) knows it. Its present value and the file that sets it at boot are
// watched apart: whichever differs is repaired.
//
//	sysctl "forwarding" {
//	  name  = "net.ipv4.ip_forward"
//	  value = 1
//	}
//
// Each parameter has a file of its own, `/etc/sysctl.d/99-zz-rcprov-NAME.conf`: it comes late in the order
// of sysctl.d(5), also after `/etc/sysctl.conf`. A file that comes later yet and says something else is an error that
// names it.
//
// Parameters of the network (all of net.*) can cut off the host, so their values are changed under a dead man's switch:
// unless rcprov can log in anew within `confirm_within`, the host puts the values and files of before back, also when rcprov or the
// network is gone by then. Steps that follow each other are changed together, and proved by one login.
//
// In a container many parameters are the machine's and can't be set.
type Args struct {
	// The parameter: `net.ipv4.ip_forward`. Where a part of it contains a dot (the name of an interface), separate
	// the parts by slashes: `net/ipv4/conf/eth0.100/rp_filter`.
	Name string `hcl:"name"`

	// Its value. Several numbers are separated by one space.
	Value string `hcl:"value,optional"`

	// Whether the value is set again at boot.
	Persistent bool `hcl:"persistent,optional" default:"true"`

	// How long a new login may take to confirm a changed parameter of the network.
	ConfirmWithin string `hcl:"confirm_within,optional" default:"60s"`

	// `absent` removes rcprov's file; the present value stays until the next boot.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
