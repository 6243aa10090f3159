// Package mongod is the module mongod: a MongoDB server from MongoDB's own apt repository.
package mongod

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a MongoDB server from MongoDB's own apt repository. That is the repository for the host's release, the
// packages, /etc/mongod.conf, the key file, what MongoDB's production notes ask of the kernel, and the service, which is
// restarted when its configuration changed.
//
//	mongod "rs0" {
//	  version     = "8.0"
//	  replica_set = "rs0"
//	  key_file    = var.mongo_key
//	}
//
//	mongod "single" {
//	  version       = "7.0.37"
//	  bind_ip       = ["127.0.0.1"]
//	  cache_size_gb = 0.5
//	  settings      = {
//	    "operationProfiling.slowOpThresholdMs" = 200
//	  }
//	}
//
// Members of a replica set are the hosts of the play; mongo_replica_set makes a set of them. When the configuration of
// several members changes, give the play `serial = 1`: they are restarted one after the other then, none after one that
// failed, and the set keeps its majority.
//
// Before anything changes, these are refused: a series that the installed one can't be upgraded to, and a server that is in
// another set. Preflight asks for a release of the distribution for which MongoDB builds packages (with
// `preflight = { release = "warn" }` those of the nearest one, or of repository_suite, are tried), a processor with AVX (on
// arm64: ARMv8.2), 1 GB of memory or what the cache needs, 700 MB below /usr and 1 GB for the data, the port, and the clock.
//
// A new series needs the old one's feature compatibility version, and is set by hand when the upgrade has proved itself:
// `db.adminCommand({setFeatureCompatibilityVersion: "8.0", confirm: true})`.
//
// Other steps can refer to `mongod.NAME.url` (`mongodb://203.0.113.10:27017/?replicaSet=rs0`, without a user) and
// `mongod.NAME.hosts` (`["203.0.113.10:27017"]`).
type Args struct {
	// The series, such as `8.0`, of which any release will do and the newest is installed; or an exact release, such
	// as `8.0.26`.
	Version string `hcl:"version"`

	// Addresses of the host to listen on. Left out: 127.0.0.1, and with replica_set and key_file also the host's
	// address in the plan. Listening on others than loopback needs a key_file, or `"security.authorization" =
	// "enabled"` in settings; and a firewall.
	BindIP []string `hcl:"bind_ip,optional"`

	// The port to listen on.
	Port int `hcl:"port,optional" default:"27017"`

	// Where the data is. It is made if missing; when it changes, the data stays where it was.
	DBPath string `hcl:"db_path,optional" default:"/var/lib/mongodb"`

	// Name of the replica set that the server is a member of, or is to be.
	ReplicaSet string `hcl:"replica_set,optional"`

	// The members of the set for `url` and `hosts`: `HOST:PORT`, or `HOST` for this port. The addresses of the play's
	// hosts when left out.
	Members []string `hcl:"members,optional"`

	// The key by which members know each other, the same for all: 6 to 1024 characters as `openssl rand -base64 756`
	// prints them. With it clients must log in as well. It becomes /etc/mongod.key.
	KeyFile modules.Secret `hcl:"key_file,optional"`

	// Size of WiredTiger's cache in GB. Left out: half of the memory beyond the first GB, which is too much for a
	// host that does other things, too.
	CacheSizeGB *float64 `hcl:"cache_size_gb,optional"`

	// TLS for clients and members.
	TLS *TLS `hcl:"tls,block"`

	// More settings of mongod.conf by their full names: `"storage.wiredTiger.engineConfig.journalCompressor" =
	// "zstd"`. Those that arguments are for can't be given here.
	Settings map[string]string `hcl:"settings,optional"`

	// Packages to install beside the server: mongodb-mongosh and mongodb-database-tools when left out.
	Tools []string `hcl:"tools,optional"`

	// Whether apt keeps the server at its version (`apt-mark hold`): an upgrade restarts it. Changing `version` in the
	// plan upgrades it all the same.
	Held bool `hcl:"held,optional" default:"true"`

	// Whether the step ends only when the server answers. Without, it ends when systemd has started the server, which
	// goes on starting beside what comes next; mongo_replica_set waits for it.
	Wait bool `hcl:"wait,optional" default:"true"`

	// Whether the kernel is set up as MongoDB's production notes say: vm.max_map_count, vm.swappiness and transparent
	// huge pages. In a container they are the machine's, and are left as they are.
	TuneKernel bool `hcl:"tune_kernel,optional" default:"true"`

	// Where the repository is; a mirror, for example. MongoDB's own for the distribution when left out.
	RepositoryURI string `hcl:"repository_uri,optional"`

	// The repository's suite: `noble/mongodb-org/8.0`. That of the host's release when left out.
	RepositorySuite string `hcl:"repository_suite,optional"`

	// The repository's component. MongoDB's for the distribution when left out.
	RepositoryComponent string `hcl:"repository_component,optional"`

	// Where the key that signs the repository is published. MongoDB's for the series when left out.
	KeyURL string `hcl:"key_url,optional"`

	// Fingerprints of keys that may sign the repository. MongoDB's for the series when left out.
	Fingerprints []string `hcl:"fingerprints,optional"`
}

// TLS is how connections are encrypted. The files must be on the host, readable for the user mongodb; a step before
// this one puts them there.
type TLS struct {
	// `requireTLS`, or while members are changed over one by one `allowTLS` and `preferTLS`.
	Mode string `hcl:"mode,optional" default:"requireTLS" oneof:"requireTLS,preferTLS,allowTLS"`

	// A file with the certificate and its key, in PEM format.
	CertificateKeyFile string `hcl:"certificate_key_file"`

	// A file with the certificates of the authorities that sign those of members and clients. A client need not have
	// a certificate; one that it has must be signed by these.
	CAFile string `hcl:"ca_file"`
}
