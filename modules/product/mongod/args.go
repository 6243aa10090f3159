// Package mongod is the module mongod: a MongoDB server from MongoDB's own apt repository.
package mongod

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a MongoDB server from MongoDB's own apt repository. It has the repository for the host's release, the packages,
// /etc/mongod.conf, the key file, the kernel settings of MongoDB's production notes, and the service, which is restarted when
// its configuration changes.
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
// The members of a replica set are the hosts of the play; mongo_replica_set makes a set of them. When the configuration of
// several members changes, give the play `serial = 1`: rcprov then restarts them one after the other, stops at the first one
// that fails, and the set keeps its majority.
//
// rcprov refuses, before anything changes, a series that the installed one can't be upgraded to, and a server that is in
// another set. Preflight requires a release of the distribution for which MongoDB builds packages (with
// `preflight = { release = "warn" }` rcprov tries those of the nearest release, or of repository_suite), a processor with AVX
// (on arm64: ARMv8.2), 1 GB of memory or what the cache needs, 700 MB below /usr and 1 GB for the data, a free port, and a
// clock that is right.
//
// A new series starts with the old one's feature compatibility version. Raise it by hand when you are sure of the upgrade:
// `db.adminCommand({setFeatureCompatibilityVersion: "8.0", confirm: true})`.
//
// Other steps can refer to `mongod.NAME.url` (`mongodb://203.0.113.10:27017/?replicaSet=rs0`, without a user) and
// `mongod.NAME.hosts` (`["203.0.113.10:27017"]`).
type Args struct {
	// A series such as `8.0`: any of its releases is accepted, and the newest is installed. Or an exact release such as
	// `8.0.26`.
	Version string `hcl:"version"`

	// Addresses of the host to listen on. Left out: 127.0.0.1, and with replica_set and key_file also the host's
	// address in the plan. Any other than loopback requires a key_file, or `"security.authorization" = "enabled"` in
	// settings; and use a firewall.
	BindIP []string `hcl:"bind_ip,optional"`

	// The port to listen on.
	Port int `hcl:"port,optional" default:"27017"`

	// The directory of the data. It is made if it is missing. If you change it, the data stays in the old one.
	DBPath string `hcl:"db_path,optional" default:"/var/lib/mongodb"`

	// The name of the server's replica set.
	ReplicaSet string `hcl:"replica_set,optional"`

	// The members of the set, for `url` and `hosts`: `HOST:PORT`, or `HOST` with this port. The addresses of the play's
	// hosts when left out.
	Members []string `hcl:"members,optional"`

	// The key that members authenticate each other with, the same for all: 6 to 1024 characters as `openssl rand -base64 756`
	// prints them. With it, clients must log in as well. It is written to /etc/mongod.key.
	KeyFile modules.Secret `hcl:"key_file,optional"`

	// The size of WiredTiger's cache in GB. Left out: half of the memory beyond the first GB, which is too much for a host
	// with other services.
	CacheSizeGB *float64 `hcl:"cache_size_gb,optional"`

	// TLS for clients and members.
	TLS *TLS `hcl:"tls,block"`

	// More settings of mongod.conf by their full names: `"storage.wiredTiger.engineConfig.journalCompressor" =
	// "zstd"`. Settings for which there is an argument are refused here.
	Settings map[string]string `hcl:"settings,optional" secret:"yes"`

	// Packages to install beside the server: mongodb-mongosh and mongodb-database-tools when left out.
	Tools []string `hcl:"tools,optional"`

	// Whether apt holds the server at its version (`apt-mark hold`), since an upgrade restarts it. A new `version` in the
	// plan upgrades it anyway.
	Held bool `hcl:"held,optional" default:"true"`

	// Whether the step waits until the server answers. If false, it ends when systemd has started the server, which may still
	// be starting during the next steps; mongo_replica_set waits for it.
	Wait bool `hcl:"wait,optional" default:"true"`

	// Whether to set vm.max_map_count, vm.swappiness and transparent huge pages as MongoDB's production notes recommend. In a
	// container they are the machine's, and stay as they are.
	TuneKernel bool `hcl:"tune_kernel,optional" default:"true"`

	// The URI of the repository, such as a mirror's; MongoDB's own for the distribution when left out.
	RepositoryURI string `hcl:"repository_uri,optional"`

	// The repository's suite: `noble/mongodb-org/8.0`; the one for the host's release when left out.
	RepositorySuite string `hcl:"repository_suite,optional"`

	// The repository's component; MongoDB's for the distribution when left out.
	RepositoryComponent string `hcl:"repository_component,optional"`

	// The URL of the key that signs the repository; MongoDB's for the series when left out.
	KeyURL string `hcl:"key_url,optional"`

	// The fingerprints of the keys that may sign the repository; MongoDB's for the series when left out.
	Fingerprints []string `hcl:"fingerprints,optional"`
}

// TLS has the settings for encrypted connections. An earlier step must put the files on the host, readable for the user
// mongodb.
type TLS struct {
	// `requireTLS`; or `allowTLS` and then `preferTLS`, while you move one member after the other to TLS.
	Mode string `hcl:"mode,optional" default:"requireTLS" oneof:"requireTLS,preferTLS,allowTLS"`

	// A file with the certificate and its key, in PEM format.
	CertificateKeyFile string `hcl:"certificate_key_file"`

	// A file with the certificates of the CAs that sign those of members and clients. A client needs no certificate; if it
	// has one, one of these CAs must have signed it.
	CAFile string `hcl:"ca_file"`
}
