// Package hostname is the module hostname: what a host calls itself.
package hostname

import _ "embed"

//go:embed args.go
var source string

// Args describe the name of the host: the one in hostname(5), which counts at boot, and the running kernel's.
//
//	hostname "this" { name = "${self.name}.example.com" }
//
// So that the name always resolves (sudo and many daemons look it up), `/etc/hosts` gets it, as Debian's installer does: on the
// line of 127.0.1.1, in place of the previous name. A name with a domain is followed there by its first part. If any line of
// the file has the name already, with whatever address, the file stays as it is. Turn that off with `hosts = false`.
//
// Programs that are running may keep the old name until they restart; `facts.hostname` has the new one in the next run.
// cloud-init sets the name at each boot unless its configuration has `preserve_hostname: true`.
type Args struct {
	// The name, of letters, digits, hyphens and dots: `web1` or `web1.example.com`.
	Name string `hcl:"name"`

	// Whether /etc/hosts gets the name.
	Hosts bool `hcl:"hosts,optional" default:"true"`
}
