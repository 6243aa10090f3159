// Package archive is the module archive: a directory with the contents of a verified archive.
package archive

import _ "embed"

//go:embed args.go
var source string

// Args describe a directory that an archive is unpacked into. The archive may be tar (plain, or compressed with gzip,
// bzip2, xz or zstd) or zip; rcprov finds out which by its first bytes.
//
//	archive "prometheus" {
//	  url              = "https://example.com/prometheus-3.5.0.linux-amd64.tar.gz"
//	  sha256           = "9f0e7c8f3b3a8a1c5f4d3e2b1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f"
//	  path             = "/opt/prometheus-3.5.0"
//	  strip_components = 1
//	  contains         = ["prometheus"]
//	}
//
// The host downloads it (with apt's helper, so apt's proxy settings apply), verifies the checksum, unpacks it beside path
// and moves the whole directory into place: path never holds half of it. A file .rcprov-archive in the directory says
// what it was unpacked from, so that a later run downloads nothing. While earlier steps change the host, the download
// already goes on, into /var/cache/rcprov, if that is on the same file system as path.
//
// Later changes inside the directory are left alone, unless something that `contains` names is missing. With another
// checksum the directory is replaced, and everything in the old one is lost: keep data elsewhere, or give each version a
// path of its own and a `link` to the current one.
//
// xz, zstd, bzip2 and zip need the packages xz-utils, zstd, bzip2 and unzip on the host.
type Args struct {
	// The directory, an absolute path. Missing parents are created with mode 0755. A directory that is not empty and
	// was not unpacked by rcprov is never replaced.
	Path string `hcl:"path"`

	// Where the host downloads the archive. Give one of url, source and file.
	URL string `hcl:"url,optional" exposed:"It becomes part of a command line, which everyone on the host can read. Use a command that runs curl --config - with the URL in its stdin."`

	// The archive as a file on the controller, relative to the plan. It travels only when it is unpacked, and its checksum needs
	// not be given.
	Source string `hcl:"source,optional"`

	// The archive as a file on the host; the file stays.
	File string `hcl:"file,optional"`

	// The archive's SHA-256. Required with url and file, unless state is `absent`.
	SHA256 string `hcl:"sha256,optional"`

	// How many leading directories to strip from each name in the archive; names with no more than these are left
	// out.
	StripComponents int `hcl:"strip_components,optional"`

	// Names below path that must be there, such as `bin/node`. An archive without them is refused; if one is
	// missing later, or a link to what is missing, the archive is unpacked again.
	Contains []string `hcl:"contains,optional"`

	// User who owns the directory and all that is unpacked: a name or a number.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of the directory and of all that is unpacked: a name or a number.
	Group string `hcl:"group,optional" default:"root"`

	// Permissions of the directory itself, in octal. What is in it has those of the archive, except that group and
	// others may not write, and nothing sets user or group IDs.
	Mode string `hcl:"mode,optional" default:"0755"`

	// `absent` removes the directory and everything in it, if rcprov unpacked it.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
