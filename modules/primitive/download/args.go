// Package download is the module download: a file that the host downloads from a URL and verifies.
package download

import _ "embed"

//go:embed args.go
var source string

// Args describe a file with a known SHA-256 that the host downloads. To unpack an archive, use `archive`; for a file from
// the controller, use `file`.
//
//	download "jq" {
//	  path   = "/usr/local/bin/jq"
//	  url    = "https://github.com/jqlang/jq/releases/download/jq-1.7.1/jq-linux-amd64"
//	  sha256 = "5942c9b0934e510ee61eb3e30273f1b3fe2590df93933a93d7c58b81d19c8ff5"
//	  mode   = "0755"
//	}
//
// The host downloads with apt's helper, so apt's proxy settings apply. The new file takes its place only once its
// checksum is verified and its owner and mode are set. A file with other content is replaced.
type Args struct {
	// Where the file is on the host, an absolute path. The directory must exist.
	Path string `hcl:"path"`

	// Where the host downloads it.
	URL string `hcl:"url" exposed:"It becomes part of a command line, which everyone on the host can read. Use a command that runs curl --config - with the URL in its stdin."`

	// The file's SHA-256.
	SHA256 string `hcl:"sha256"`

	// Permissions, in octal.
	Mode string `hcl:"mode,optional" default:"0644"`

	// User who owns the file: a name or a number.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of the file: a name or a number.
	Group string `hcl:"group,optional" default:"root"`
}
