// Package hostsentry is the module hosts_entry: names of an address in /etc/hosts.
package hostsentry

import _ "embed"

//go:embed args.go
var source string

// Args describe the names of an address in hosts(5). Other lines, comments and other names of the address are left
// alone.
//
//	hosts_entry "db" {
//	  ip    = "10.0.0.5"
//	  names = ["db.internal", "db"]
//	}
//
// A name has one address of each family (IPv4, IPv6): the names are removed from other addresses of the same family.
// If cloud-init rewrites the file at each boot (`manage_etc_hosts`), plan says so.
type Args struct {
	// The address, IPv4 or IPv6.
	IP string `hcl:"ip"`

	// Its names, the canonical one first.
	Names []string `hcl:"names"`

	// `absent` removes the names from the address.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
