// Package node is the product node: an exact version of Node.js beside others, with npm packages of exact versions.
package node

import _ "embed"

//go:embed args.go
var source string

// Args describe an installation of Node.js from the vendor's binaries in a directory of its own, `/opt/node/VERSION`.
// Several versions can be installed side by side; the distribution's stays as it is.
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
// The host downloads the tarball. Its SHA-256 is the plan's, or else that of the vendor's list SHASUMS256.txt.asc: when there
// is something to install, rcprov fetches the list and the keys of the vendor's releasers itself (not through the host), and
// uses the sum only if one of the keys in `fingerprints` signed the list.
//
// With `source = "nodesource"` the package nodejs of NodeSource's apt repository is installed in /usr instead, and held at
// this version. There can be only one, and it replaces the distribution's.
//
//	node "system" {
//	  version = "22.22.3"
//	  source  = "nodesource"
//	}
//
// Preflight requires 300 MB of disk, and for NodeSource's repository a clock that is right.
//
// Beside its arguments a node block has the outputs `path` (/opt/node/22.22.3), `bin` (the directory of its programs), `node`,
// `npm` and `npx` (paths of these programs).
type Args struct {
	// The exact version: `22.22.3`. If you change it, the new version is installed beside the old one, which stays, and the
	// links change to the new one.
	Version string `hcl:"version"`

	// `tarball` or `nodesource`.
	Source string `hcl:"source,optional" default:"tarball" oneof:"tarball,nodesource"`

	// The directory for the versions, each of which has its own below it.
	Directory string `hcl:"directory,optional" default:"/opt/node"`

	// The SHA-256 of the tarball node-vVERSION-linux-ARCH.tar.gz; from the signed list when left out.
	SHA256 string `hcl:"sha256,optional"`

	// Where the versions are published: MIRROR/vVERSION has the tarball and the signed list, or MIRROR/node_MAJOR.x is
	// the apt repository. `https://nodejs.org/dist` or `https://deb.nodesource.com` when left out.
	Mirror string `hcl:"mirror,optional"`

	// The full fingerprints of the primary keys that may sign the list, or the repository. When left out: NodeSource's key
	// for its repository; for the list those of the nine active releasers of Node.js in July 2026. Older releases may need
	// the key of a retired releaser: see the README of github.com/nodejs/release-keys.
	Fingerprints []string `hcl:"fingerprints,optional"`

	// Where the keys are published. For the list, FINGERPRINT stands for each fingerprint; without that word it is one file
	// with all keys. `https://github.com/nodejs/release-keys/raw/main/keys/FINGERPRINT.asc` or
	// `https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key` when left out.
	KeyURL string `hcl:"key_url,optional"`

	// A file with the keys on the controller, relative to the plan, instead of key_url.
	KeyFile string `hcl:"key_file,optional"`

	// Programs of this version that get a link in /usr/local/bin: `node`, `npm`, `npx`, or one of an npm package. If you
	// take a program off the list, its link stays: remove it with a `link` step. Not with nodesource.
	Links []string `hcl:"links,optional"`

	// npm packages to install globally for this version, with their exact versions: `{ pm2 = "6.0.13" }`. Other packages
	// stay.
	NpmPackages map[string]string `hcl:"npm_packages,optional"`

	// Whether npm runs the installation scripts of these packages and of all their dependencies, as root. Native modules need
	// it.
	NpmScripts bool `hcl:"npm_scripts,optional"`

	// The registry that npm uses; its default, or the one in the host's npmrc, when left out.
	NpmRegistry string `hcl:"npm_registry,optional"`
}
