// Package directory is the module directory: a directory with its mode and owner.
package directory

import _ "embed"

//go:embed args.go
var source string

// Args describe a directory. What is in it is left alone.
//
//	directory "uploads" {
//	  path  = "/srv/chat/uploads"
//	  mode  = "0750"
//	  owner = "rocketchat"
//	  group = "rocketchat"
//	}
//
// Missing parents are created with mode 0755, owned by root; plan names them. A symbolic link in the directory's place
// is an error, even if its target is a directory.
type Args struct {
	// Where the directory is on the host, an absolute path.
	Path string `hcl:"path"`

	// Permissions, in octal. Like owner and group, they are also set on an existing directory, but not on what is
	// in it.
	Mode string `hcl:"mode,optional" default:"0755"`

	// User who owns the directory: a name or a number. Below a directory that belongs to somebody else than root, it can
	// only be that user, with a group that the user is in.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of the directory: a name or a number.
	Group string `hcl:"group,optional" default:"root"`

	// `absent` removes the directory, if it is empty. System directories such as `/etc` and `/var/lib` are
	// never removed.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// With `state = "absent"`: remove the directory and everything in it, except what is mounted there.
	Force bool `hcl:"force,optional"`
}
