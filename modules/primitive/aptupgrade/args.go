// Package aptupgrade is the module apt_upgrade: packages of the host at the newest version that its repositories have.
package aptupgrade

import _ "embed"

//go:embed args.go
var source string

// Args describe a host whose packages are the newest that its package lists know.
// Plan shows each package with both versions, what is removed or installed besides, and what is held back.
//
//	apt_upgrade "security" {
//	  security = true
//	}
//
//	apt_upgrade "all" {
//	  full = true
//	}
//
// When the lists are older than `update_cache`, the step fetches them, and upgrades what they then have; plan can't know that
// beforehand, and says so. Packages on hold stay: give `held = true` to an `apt_package` that names a version, or each would undo
// the other's work. Configuration files that were edited are kept, and no service is restarted but by the packages themselves.
type Args struct {
	// Whether only packages from the distribution's security archive are upgraded.
	Security bool `hcl:"security,optional"`

	// Whether packages may be installed or removed for an upgrade, as `apt-get dist-upgrade` does. Without it, packages that need
	// that are held back.
	Full bool `hcl:"full,optional"`

	// How old the package lists may be: a duration such as `24h` or `30m`. Older ones are fetched again first.
	UpdateCache string `hcl:"update_cache,optional" default:"24h"`
}
