// Package link is the module link: a symbolic link.
package link

import _ "embed"

//go:embed args.go
var source string

// Args describe a symbolic link. It is replaced by a rename: at no moment is there none (with GNU coreutils).
//
//	link "current" {
//	  path   = "/opt/chat/current"
//	  target = "releases/9.0.0"
//	}
type Args struct {
	// Where the link is on the host, an absolute path.
	Path string `hcl:"path"`

	// What it leads to: an absolute path, or one relative to the directory of the link. It need not be there.
	Target string `hcl:"target,optional"`

	// `absent` removes the link, and not what it leads to.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// Replace a file in the link's place, which is lost. A directory is never replaced.
	Force bool `hcl:"force,optional"`
}
