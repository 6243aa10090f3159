// Package sysctl is the module sysctl: a parameter of the kernel, now and after the next boot.
package sysctl

import _ "embed"

//go:embed args.go
var source string

// Args describe a kernel parameter, as sysctl(8) knows it. Its current value and the file that sets it at boot are
// compared separately, and whichever differs is changed.
//
//	sysctl "forwarding" {
//	  name  = "net.ipv4.ip_forward"
//	  value = 1
//	}
//
// Each parameter has a file of its own, `/etc/sysctl.d/99-zz-rcprov-NAME.conf`: it comes late in the order
// of sysctl.d(5), also after `/etc/sysctl.conf`. It is an error if a file that comes even later sets another value.
//
// Parameters of the network (all of net.*) can cut off the host, so their values are changed under a dead man's switch:
// unless rcprov logs in again within `confirm_within`, the host restores the previous values and files, even if rcprov or
// the network is gone by then. Steps that follow each other are changed together and confirmed by one login.
//
// In a container many parameters belong to the machine that runs it, and can't be set.
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

	// `absent` removes rcprov's file; the current value stays until the next boot.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
