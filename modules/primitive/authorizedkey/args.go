// Package authorizedkey is the module authorized_key: an SSH public key that may log in as a user.
package authorizedkey

import _ "embed"

//go:embed args.go
var source string

// Args describe one line of a user's authorized_keys file.
//
//	authorized_key "alice-laptop" {
//	  user = "alice"
//	  key  = file("keys/alice.pub")
//	}
//
//	authorized_key "backup" {
//	  user    = "backup"
//	  key     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0rGm3sGvSJBlYvGJSLVTSLPEUP1HKfhoKaGUDX1Xto"
//	  comment = "backup@nas"
//	  options = ["restrict", "command=\"/usr/local/bin/backup\"", "from=\"10.0.0.0/8\""]
//	}
//
// The file is read and written with the rights of the user whose directory it is in, so a link that the user puts
// there gives access to nothing more.
type Args struct {
	// Name of the user who can log in with the key. An earlier step may create it.
	User string `hcl:"user"`

	// The public key, one line as in a `.pub` file. The comment at its end is kept, unless `comment` is given.
	Key string `hcl:"key"`

	// Text after the key that says whose key it is.
	Comment *string `hcl:"comment,optional"`

	// What the key may do, as in sshd(8) under AUTHORIZED_KEYS FILE FORMAT, one option each. If left out, the key has
	// no options, and those that it has on the host are removed.
	Options []string `hcl:"options,optional" secret:"yes"`

	// Whether all other keys are removed from the file.
	Exclusive bool `hcl:"exclusive,optional"`

	// The file, an absolute path, if sshd looks elsewhere than in `~/.ssh/authorized_keys`. Its
	// directory must exist, unless it is the user's `~/.ssh`.
	Path string `hcl:"path,optional"`

	// `absent` removes the key.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
