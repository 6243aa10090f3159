// Package node is the product node: an exact version of Node.js beside others, with npm packages of exact versions.
package node

import _ "embed"

//go:embed args.go
var source string

// Args describe an installation of Node.js from the vendor's binaries in a directory of its own, `/opt/node/VERSION`.
// Several versions live side by side, and what the distribution installs stays as it is.
//
//	node "lts" {
//	  version      = "22.22.3"
//	  links        = ["node", "npm", "npx"]
//	  npm_packages = { pm2 = "6.0.13" }
//	}
//
//	systemd_unit "app" {
//	  name    = "app.service"
//	  content = "[Service]\nExecStart=${node.lts.node} /srv/app/main.js\n"
//	  running = true
//	}
//
// The host downloads the tarball. Its SHA-256 is that of the plan, or, without one, that of the vendor's list
// SHASUMS256.txt.asc: rcprov fetches the list and the keys of the vendor's releasers itself (not through the host) when
// there is something to install, and uses the sum only if one of the keys named by `fingerprints` signed the list.
//
// With `source = "nodesource"` it is the package nodejs of NodeSource's apt repository instead, held at this version in
// /usr; there can be one only, and it takes the place of the distribution's.
//
//	node "system" {
//	  version = "22.22.3"
//	  source  = "nodesource"
//	}
//
// Preflight asks for 300 MB of disk, and for NodeSource's repository for the clock.
//
// Beside its arguments a node block gives out `path` (/opt/node/22.22.3), `bin` (the directory of its programs), `node`,
// `npm` and `npx` (paths of these programs).
type Args struct {
	// The exact version: `22.22.3`. With another version this one is installed beside it, links change over, and the
	// old one stays.
	Version string `hcl:"version"`

	// `tarball` or `nodesource`.
	Source string `hcl:"source,optional" default:"tarball" oneof:"tarball,nodesource"`

	// Where the versions are, a directory for each.
	Directory string `hcl:"directory,optional" default:"/opt/node"`

	// SHA-256 of the tarball node-vVERSION-linux-ARCH.tar.gz. Without it the signed list is asked.
	SHA256 string `hcl:"sha256,optional"`

	// Where the versions are published: MIRROR/vVERSION has the tarball and the signed list, or MIRROR/node_MAJOR.x is
	// the apt repository. `https://nodejs.org/dist` or `https://deb.nodesource.com` when left out.
	Mirror string `hcl:"mirror,optional"`

	// Full fingerprints of the primary keys that may sign the list, or the repository. When left out: NodeSource's
	// key for its repository, and for the list the nine active releasers of
	// Node.js as of July 2026. Older releases may need that of a retired one, which the README of
	// github.com/nodejs/release-keys names.
	Fingerprints []string `hcl:"fingerprints,optional"`

	// Where the keys are published; for the list, FINGERPRINT stands for that of each, and without that word it is one
	// file with all. `https://github.com/nodejs/release-keys/raw/main/keys/FINGERPRINT.asc` or
	// `https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key` when left out.
	KeyURL string `hcl:"key_url,optional"`

	// A file on the controller with the keys, relative to the plan, instead of key_url.
	KeyFile string `hcl:"key_file,optional"`

	// Programs of the tarball's version that get a link in /usr/local/bin: `node`, `npm`, `npx`, or one of an npm
	// package. A program that is taken off the list keeps its link: remove it with a `link` step.
	Links []string `hcl:"links,optional"`

	// npm packages that are installed globally for this version, with their exact versions: `{ pm2 = "6.0.13" }`.
	// Others are left alone.
	NpmPackages map[string]string `hcl:"npm_packages,optional"`

	// Whether npm runs the installation scripts of these packages and of all that they depend on, as root. Native
	// modules need it.
	NpmScripts bool `hcl:"npm_scripts,optional"`

	// The registry that npm asks; its own default, or that of the host's npmrc, when left out.
	NpmRegistry string `hcl:"npm_registry,optional"`
}
