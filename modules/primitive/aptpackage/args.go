// Package aptpackage is the module apt_package: Debian packages that are or are not installed.
package aptpackage

import _ "embed"

//go:embed args.go
var source string

// Args describe packages from the host's apt repositories, or one that is a file. Steps that follow each other and differ go into one
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
//
//	apt_package "agent" {
//	  packages = ["agent"]
//	  file     = "/srv/packages/agent_1.4.2_amd64.deb"
//	}
//
//	apt_package "docker" {
//	  packages = ["docker-ce=latest"]
//	  origin   = "download.docker.com"
//	}
type Args struct {
	// Names of packages. `name=version` installs this version, `name=22.*` the newest one that begins with 22.;
	// without a version any installed one is accepted, and unattended-upgrades keeps it secure. `name=latest` is the version that
	// apt would install by the host's package lists as they are; a note says when these are older than `update_cache`.
	Packages []string `hcl:"packages,optional"`

	// A package as a file on the controller, relative to the plan, in place of `packages`. It travels only when it is installed,
	// and apt installs what it depends on. The host has it when it has its version: another build with the same version is not
	// noticed. To replace a newer version, set `allow_downgrade`.
	Source string `hcl:"source,optional"`

	// The package that `packages` names as a file on the host, which stays there. Only root may be able to write it or to put
	// another one in its place.
	File string `hcl:"file,optional"`

	// The repository that the packages must be from: its host (`download.docker.com`), or the origin or label of its Release file
	// (`Docker`), as `apt-cache policy` shows them. An installed version of another repository, or of none, is replaced by the newest
	// of this one. Where no list has the installed version, and this repository has a newer one, nobody can know where it is from,
	// and a note says so.
	Origin string `hcl:"origin,optional"`

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

	// Whether a package may be replaced by an older version. If not, that is an error.
	AllowDowngrade bool `hcl:"allow_downgrade,optional"`
}
