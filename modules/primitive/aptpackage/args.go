// Package aptpackage is the module apt_package: Debian packages that are or are not installed.
package aptpackage

import _ "embed"

//go:embed args.go
var source string

// Args describe packages from the host's apt repositories. Steps that follow each other and differ go into one
// transaction. Nothing but the named packages and what they depend on is touched: when apt would have to remove
// another package, the step fails and says which.
//
// rcprov waits for other programs that use apt or dpkg (unattended-upgrades, cloud-init), and repairs an interrupted dpkg.
// Configuration files that were edited are kept. What is named here is marked as installed by hand (`apt-mark manual`), so that
// `apt-get autoremove` keeps it.
//
//	apt_package "tools" {
//	  packages = ["curl", "git"]
//	}
//
//	apt_package "node" {
//	  packages = ["nodejs=22.*"]
//	  held     = true
//	}
type Args struct {
	// Names of packages. `name=version` installs this version, `name=22.*` the newest one that begins with 22.;
	// without a version any installed one is accepted, and unattended-upgrades keeps it secure.
	Packages []string `hcl:"packages"`

	// `absent` removes the packages.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// Whether apt keeps the packages at their version (`apt-mark hold`). If left out, holds stay as they are. A held
	// package whose version the plan changes is on hold again afterwards.
	Held *bool `hcl:"held,optional"`

	// Whether configuration files are removed as well, and all else that a package deletes when it is purged: often
	// its data.
	Purge bool `hcl:"purge,optional"`

	// Whether recommended packages are installed too.
	InstallRecommends bool `hcl:"install_recommends,optional"`

	// How old the package lists may be when something is to be installed: a duration such as `24h` or `30m`.
	// Older ones are fetched again first, and so are lists that lack a package. When a source can't be fetched, apt goes on with
	// its previous list; a note on what is installed then says so, in later runs too, until that source is fetched.
	UpdateCache string `hcl:"update_cache,optional" default:"24h"`

	// Whether a package may be replaced by an older version.
	AllowDowngrade bool `hcl:"allow_downgrade,optional"`
}
