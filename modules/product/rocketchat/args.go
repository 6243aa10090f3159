// Package rocketchat is the product rocketchat: a Rocket.Chat server from the vendor's release, without containers.
package rocketchat

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a Rocket.Chat server from the vendor's release. It has a system user, the release in a directory of
// its own (`/opt/rocketchat/releases/VERSION`), `npm install` with an exact Node.js, the environment in a file for root
// alone (/etc/rocketchat/env), and for each port a systemd unit `rocketchat-PORT.service`.
//
//	rocketchat "chat" {
//	  version      = "9.0.0"
//	  node_version = node.lts.version
//	  node_bin     = node.lts.bin
//	  root_url     = "https://chat.example.com"
//	  mongo_url    = "mongodb://rocketchat:${urlencode(var.password)}@127.0.0.1:27017/rocketchat?replicaSet=rs0&authSource=admin"
//	  admin {
//	    username = "admin"
//	    email    = "admin@example.com"
//	    password = var.admin_password
//	  }
//	  settings = {
//	    Show_Setup_Wizard = "completed"
//	  }
//	}
//
// The host downloads the release's tarball. It is unpacked only if it is what the vendor has signed, which rcprov checks
// without having it: rcprov itself fetches the signature and the vendor's key, and the host computes the digest. With
// `sha256` neither is asked for.
//
// With another `version` the new release is made ready beside the old one, which stays: only when npm has succeeded and
// the native modules could be loaded does the link `/opt/rocketchat/current` move, and the server is restarted once. Of
// several instances all are stopped then, and started one after the other, as the first one migrates the database.
//
// Before it changes anything, these are refused: a Node.js or MongoDB that the release doesn't run with, a way from the
// installed release that Rocket.Chat doesn't support (over a major version, or back). Releases before 7.0 are refused.
// Preflight asks for 2 GB of memory, and 1 GB for each further instance, 2 GB of disk for a release, the ports, and the
// clock.
//
// Apps of the releases 7.0 to 8.7 run with Deno: the version that the release names is put below `directory`, for this
// server alone. From 8.8 on they run with Node.js, and Deno isn't used any more.
//
// A block that is taken out of the plan leaves the server running: `systemctl disable --now rocketchat-PORT` turns it off.
//
// The server may write to `data_directory` only (with Deno, also to the directory of the engine that runs apps), and is
// done when it says on each port that it is ready.
type Args struct {
	// The release: `9.0.0`.
	Version string `hcl:"version"`

	// SHA-256 of the release's tarball, instead of the vendor's signature.
	SHA256 string `hcl:"sha256,optional"`

	// Where the releases are published: the tarball is RELEASES/VERSION/download, its signature RELEASES/VERSION/asc.
	Releases string `hcl:"releases,optional" default:"https://releases.rocket.chat"`

	// Full fingerprints of the primary keys that may sign releases; that of Rocket.Chat's build machine,
	// 0E163286C20D07B9787EBE9FD7F9D0414FD08104, when left out.
	Fingerprints []string `hcl:"fingerprints,optional"`

	// Where the keys are published; FINGERPRINT stands for that of each, and without that word it is one file with all.
	KeyURL string `hcl:"key_url,optional" default:"https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0xFINGERPRINT"`

	// A file with the keys on the controller, relative to the plan, instead of key_url.
	KeyFile string `hcl:"key_file,optional"`

	// Version of Node.js: that of a `node` step.
	NodeVersion string `hcl:"node_version"`

	// Directory with the programs `node` and `npm`: the output `bin` of a `node` step.
	NodeBin string `hcl:"node_bin"`

	// Another version of Deno than the release names, which most releases refuse to be installed with. For releases that
	// need it, and 8.8, where `env = { APPS_ENGINE_RUNTIME_BACKEND = "deno" }` brings it back.
	DenoVersion string `hcl:"deno_version,optional"`

	// SHA-256 of Deno's zip for the host's architecture. Needed where rcprov doesn't know it.
	DenoSHA256 string `hcl:"deno_sha256,optional"`

	// Where Deno is published: DENO_RELEASES/vVERSION/deno-ARCH-unknown-linux-gnu.zip.
	DenoReleases string `hcl:"deno_releases,optional" default:"https://dl.deno.land/release"`

	// Version of MongoDB, to be compared with what the release needs: that of a `mongod` step. Not compared when left
	// out.
	MongoDBVersion string `hcl:"mongodb_version,optional"`

	// The address by which people reach the server: `https://chat.example.com`, without a port behind a proxy. It is
	// enforced at each start, as settings are.
	RootURL string `hcl:"root_url"`

	// A port for each instance; `[3000]` when left out. An instance keeps a processor core busy at most. That of a port
	// which is taken off the list is stopped, and its unit removed.
	Ports []int `hcl:"ports,optional"`

	// The address to listen on. 127.0.0.1 is for a proxy on the same host.
	BindIP string `hcl:"bind_ip,optional" default:"127.0.0.1"`

	// Address by which instances on other hosts reach those of this host, so that what happens on one is seen by people
	// on another at once. For that each listens on its port + 1000 (4000 for 3000), which the firewall must let them
	// in by. Left out: there are no other hosts. Rocket.Chat wants a licence for it ("scalability").
	InstanceIP string `hcl:"instance_ip,optional"`

	// The database, with user and password (both by `urlencode()`), and the name of the replica set.
	MongoURL modules.Secret `hcl:"mongo_url"`

	// The mail server, until settings name one: `smtp://user:password@mail.example.com:587`.
	MailURL modules.Secret `hcl:"mail_url,optional"`

	// The first administrator. Without one, the first person who registers becomes administrator.
	Admin *Admin `hcl:"admin,block"`

	// Settings by their IDs, which are enforced at each start (`OVERWRITE_SETTING_ID`): what administrators change
	// about them is undone. They are never shown.
	Settings map[string]string `hcl:"settings,optional"`

	// More variables of the server's environment. They are never shown.
	Env map[string]string `hcl:"env,optional"`

	// Where uploads go: into the database (`gridfs`), or to `uploads` below data_directory (`filesystem`). `other`
	// leaves it to settings. What was uploaded before a change stays where it is.
	Uploads string `hcl:"uploads,optional" default:"gridfs" oneof:"gridfs,filesystem,other"`

	// The system user that the server runs as.
	User string `hcl:"user,optional" default:"rocketchat"`

	// Where the releases are, a directory for each in `releases`, and the link `current`.
	Directory string `hcl:"directory,optional" default:"/opt/rocketchat"`

	// The user's home. No release touches it.
	DataDirectory string `hcl:"data_directory,optional" default:"/var/lib/rocketchat"`

	// Packages of the distribution: what the vendor's image has, and for native modules without a prebuilt binary a
	// compiler. `["ca-certificates", "fontconfig", "g++", "make", "python3"]` when left out, and `unzip` for Deno.
	Packages []string `hcl:"packages,optional"`

	// The registry that npm uses; its default, or the one in the host's npmrc, when left out.
	NpmRegistry string `hcl:"npm_registry,optional"`

	// How long an instance may take until it is ready. The first start and upgrades migrate the database.
	Deadline string `hcl:"deadline,optional" default:"10m"`
}

// Admin is the first administrator, who is made when there is none. Nothing is changed about one who is there.
type Admin struct {
	// The login name.
	Username string `hcl:"username"`

	// The name that others see; that for the login when left out.
	Name string `hcl:"name,optional"`

	// The mail address, which counts as verified.
	Email string `hcl:"email"`

	// The password.
	Password modules.Secret `hcl:"password"`
}
