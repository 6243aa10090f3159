// Package link is the module link: a symbolic link.
package link

import _ "embed"

//go:embed args.go
var source string

// Args describe a symbolic link. It is replaced by a rename, so that path always exists (with GNU coreutils).
//
//	link "current" {
//	  path   = "/opt/chat/current"
//	  target = "releases/9.0.0"
//	}
type Args struct {
	// Where the link is on the host, an absolute path.
	Path string `hcl:"path"`

	// The target: an absolute path, or one relative to the directory of the link. It need not exist.
	Target string `hcl:"target,optional"`

	// `absent` removes the link, not its target.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// Whether a file in the link's place is replaced; its content is lost. A directory is never replaced.
	Force bool `hcl:"force,optional"`
}
