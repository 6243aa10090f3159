// Package aptrepository is the module apt_repository: a third-party apt repository with the key that signs it.
package aptrepository

import _ "embed"

//go:embed args.go
var source string

// Args describe an apt repository and the key it is signed with, which the host trusts for this repository alone.
//
// rcprov itself downloads the key, not the host. The key must have one of the given fingerprints, and must be neither
// expired nor revoked; a stored key that has expired, or with which apt can't verify the newest index that it fetched, is
// downloaded again. Before source and key are put in place, apt on the host fetches the index of the repository with the
// new key. If that fails, nothing is changed.
//
// On the host these are /etc/apt/sources.list.d/rcprov-NAME.sources and /etc/apt/keyrings/rcprov-NAME.asc.
//
//	apt_repository "mongodb" {
//	  uris         = ["https://repo.mongodb.org/apt/ubuntu"]
//	  suites       = ["noble/mongodb-org/8.0"]
//	  components   = ["multiverse"]
//	  key_url      = "https://pgp.mongodb.com/server-8.0.asc"
//	  fingerprints = ["4B07 52C1 BCA2 38C0 B4EE  14DC 41DE 058A 4E7D CA05"]
//	}
//
//	apt_repository "jitsi" {
//	  uris         = ["https://download.jitsi.org"]
//	  suites       = ["stable/"]
//	  key_url      = "https://download.jitsi.org/jitsi-key.gpg.key"
//	  fingerprints = ["FFD6 5DA0 DA2B EBDE B73D  44C8 B4D2 D216 F1FD 7806"]
//	}
type Args struct {
	// Name of the files on the host: letters, digits, `-` and `_`. If left out, the block's label.
	Name string `hcl:"name,optional"`

	// Where the repository is. Required, as suites are, unless state is `absent`.
	URIs []string `hcl:"uris,optional" exposed:"Every user can read the sources of apt. Write the login to a file with mode 0600 in /etc/apt/auth.conf.d in an earlier step."`

	// The distributions: `noble`, `noble/mongodb-org/8.0`. A path that ends with `/`, such as `stable/`, is a flat
	// repository, which has no components.
	Suites []string `hcl:"suites,optional"`

	// The components: `main`.
	Components []string `hcl:"components,optional"`

	// `deb`, `deb-src` or both; if left out, `deb`.
	Types []string `hcl:"types,optional"`

	// The architectures to fetch: `amd64`. If left out, all of the host's.
	Architectures []string `hcl:"architectures,optional"`

	// Where the key is published, armored or binary. Give exactly one of key_url, key_file and key.
	KeyURL string `hcl:"key_url,optional"`

	// A file on the controller with the key, relative to the plan.
	KeyFile string `hcl:"key_file,optional"`

	// The key itself, armored.
	Key string `hcl:"key,optional"`

	// Fingerprints of the primary keys that may sign, in full: 40 (or 64) hexadecimal digits, spaces allowed. A
	// published file may have any of these keys, but no other. If the fingerprint of the next key is listed beside the
	// current one, a rotation needs no change of the plan.
	Fingerprints []string `hcl:"fingerprints,optional"`

	// `absent` removes the source and the key.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
