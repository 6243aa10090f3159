// Package rocketchat is the product rocketchat: a Rocket.Chat server from the vendor's release, without containers.
package rocketchat

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a Rocket.Chat server from the vendor's release. It has a system user, the release in a directory of its
// own (`/opt/rocketchat/releases/VERSION`), `npm install` with an exact Node.js, the environment in a file that only root can read
// (/etc/rocketchat/env), and for each port a systemd unit `rocketchat-PORT.service`.
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
// The host downloads the release's tarball, and unpacks it only if the vendor has signed it: the host computes the digest, and
// rcprov itself fetches the signature and the vendor's key, and checks them. With `sha256` the signature isn't used.
//
// If you change `version`, the new release is prepared beside the old one, which stays. Only when npm has succeeded and the
// native modules can be loaded is the link `/opt/rocketchat/current` moved and the server restarted, once. If there are
// several instances, all are stopped first and then started one after the other, because the first one migrates the database.
//
// rcprov refuses, before anything changes, a Node.js or MongoDB that the release doesn't run with, and an upgrade that
// Rocket.Chat doesn't support (one that skips a major version, or a downgrade). It refuses releases before 7.0. Preflight
// requires 2 GB of memory, and 1 GB for each further instance, 2 GB of disk for a release, free ports, and a clock that is
// right.
//
// Apps of the releases 7.0 to 8.7 run with Deno: the version that the release requires is installed below `directory`, for
// this server alone. From 8.8 on they run with Node.js, without Deno.
//
// If you take the block out of the plan, the server keeps running: `systemctl disable --now rocketchat-PORT` turns it off.
//
// The server may write only to `data_directory` (with Deno, also to the directory of the apps engine). The step is done when
// it reports on each port that it is ready.
type Args struct {
	// The release: `9.0.0`.
	Version string `hcl:"version"`

	// The SHA-256 of the release's tarball, instead of the vendor's signature.
	SHA256 string `hcl:"sha256,optional"`

	// The URL of the releases: the tarball is RELEASES/VERSION/download, its signature RELEASES/VERSION/asc.
	Releases string `hcl:"releases,optional" default:"https://releases.rocket.chat"`

	// The full fingerprints of the primary keys that may sign releases; that of Rocket.Chat's build machine,
	// 0E163286C20D07B9787EBE9FD7F9D0414FD08104, when left out.
	Fingerprints []string `hcl:"fingerprints,optional"`

	// The URL of the keys. FINGERPRINT stands for each fingerprint; without that word it is one file with all keys.
	KeyURL string `hcl:"key_url,optional" default:"https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0xFINGERPRINT"`

	// A file with the keys on the controller, relative to the plan, instead of key_url.
	KeyFile string `hcl:"key_file,optional"`

	// The version of Node.js: that of a `node` step.
	NodeVersion string `hcl:"node_version"`

	// The directory with the programs `node` and `npm`: the output `bin` of a `node` step.
	NodeBin string `hcl:"node_bin"`

	// Another version of Deno than the release requires; most releases refuse to be installed with it. Only for releases that
	// use Deno, and for 8.8, where `env = { APPS_ENGINE_RUNTIME_BACKEND = "deno" }` turns it on again.
	DenoVersion string `hcl:"deno_version,optional"`

	// The SHA-256 of Deno's zip for the host's architecture. Required for versions whose sum rcprov doesn't know.
	DenoSHA256 string `hcl:"deno_sha256,optional"`

	// The URL of Deno's releases: the zip is DENO_RELEASES/vVERSION/deno-ARCH-unknown-linux-gnu.zip.
	DenoReleases string `hcl:"deno_releases,optional" default:"https://dl.deno.land/release"`

	// The version of MongoDB, that of a `mongod` step: rcprov checks that the release runs with it. Not checked when left out.
	MongoDBVersion string `hcl:"mongodb_version,optional"`

	// The URL by which people reach the server: `https://chat.example.com`, without a port if there is a proxy. It is enforced
	// at each start, as settings are.
	RootURL string `hcl:"root_url"`

	// A port for each instance; `[3000]` when left out. An instance can use one processor core. If you take a port off the
	// list, its instance is stopped and its unit removed.
	Ports []int `hcl:"ports,optional"`

	// The address to listen on. 127.0.0.1 is for a proxy on the same host.
	BindIP string `hcl:"bind_ip,optional" default:"127.0.0.1"`

	// The address at which instances on other hosts reach those of this host, so that people on one see at once what happens
	// on another. Each instance listens for them on its port + 1000 (4000 for 3000), which the firewall must open to the other
	// hosts. Left out: there are no other hosts. Rocket.Chat requires a licence for this ("scalability").
	InstanceIP string `hcl:"instance_ip,optional"`

	// The URL of the database, with user and password (both through `urlencode()`) and the name of the replica set.
	MongoURL modules.Secret `hcl:"mongo_url"`

	// The mail server, unless settings name one: `smtp://user:password@mail.example.com:587`.
	MailURL modules.Secret `hcl:"mail_url,optional"`

	// The first administrator. Left out: the first person who registers becomes administrator.
	Admin *Admin `hcl:"admin,block"`

	// Settings by their IDs, which are enforced at each start (`OVERWRITE_SETTING_ID`): changes that administrators make to
	// them are undone. Their values are never shown.
	Settings map[string]string `hcl:"settings,optional" secret:"yes"`

	// More variables for the server's environment. Their values are never shown.
	Env map[string]string `hcl:"env,optional" secret:"yes"`

	// Where uploads are stored: in the database (`gridfs`), or in `uploads` below data_directory (`filesystem`). `other`
	// leaves it to settings. If you change it, earlier uploads stay where they are.
	Uploads string `hcl:"uploads,optional" default:"gridfs" oneof:"gridfs,filesystem,other"`

	// The system user that the server runs as.
	User string `hcl:"user,optional" default:"rocketchat"`

	// The directory for the releases, which are in `releases/VERSION`, and for the link `current`.
	Directory string `hcl:"directory,optional" default:"/opt/rocketchat"`

	// The user's home, and the directory for its data. Upgrades don't touch it.
	DataDirectory string `hcl:"data_directory,optional" default:"/var/lib/rocketchat"`

	// Packages of the distribution: those of the vendor's image, and a compiler for native modules without a prebuilt binary.
	// `["ca-certificates", "fontconfig", "g++", "make", "python3"]` when left out, and `unzip` for Deno.
	Packages []string `hcl:"packages,optional"`

	// The registry that npm uses; its default, or the one in the host's npmrc, when left out.
	NpmRegistry string `hcl:"npm_registry,optional"`

	// How long an instance may take to become ready. The first start after an upgrade migrates the database.
	Deadline string `hcl:"deadline,optional" default:"10m"`
}

// Admin is the first administrator, who is made if there is none. An existing one is not changed.
type Admin struct {
	// The login name.
	Username string `hcl:"username"`

	// The name that others see; the login name when left out.
	Name string `hcl:"name,optional"`

	// The email address, which counts as verified.
	Email string `hcl:"email"`

	// The password.
	Password modules.Secret `hcl:"password"`
}
