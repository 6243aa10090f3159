// Package knownhost is the module known_host: the host key of another host, as ssh on this one knows it.
package knownhost

import _ "embed"

//go:embed args.go
var source string

// Args describe the host key of another host, so that ssh, git and rsync on this one ask nobody whether to trust it. Other lines of
// the file stay.
//
//	known_host "git" {
//	  name = "git.example.com"
//	  key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
//	}
//
//	known_host "backup" {
//	  name  = "backup.example.com"
//	  port  = 2222
//	  key   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
//	  path  = "/home/deploy/.ssh/known_hosts"
//	  owner = "deploy"
//	  group = "deploy"
//	}
//
// A host has one key of each type: another key of the same type that the file has for the name is removed, and keys of other
// types stay. Names that the file keeps hashed are found. Lines with patterns (`*.example.com`), certificate authorities and
// revoked keys stay; it is an error if the key is revoked for the name. `ssh-keyscan HOST` prints a host's keys; compare them with
// what the host itself has, before you trust them: `ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub`.
type Args struct {
	// The other host, by the name or address that ssh is given.
	Name string `hcl:"name"`

	// Its port.
	Port int `hcl:"port,optional" default:"22"`

	// Its public key: the type and the text. With state `absent`, the only key to remove; if left out there, all are removed.
	Key string `hcl:"key,optional"`

	// The file: that of all users, or a user's, with that user's `owner` and `group`. It is created if it is missing; its
	// directory must be there.
	Path string `hcl:"path,optional" default:"/etc/ssh/ssh_known_hosts"`

	// Permissions of a file that is created, in octal.
	Mode string `hcl:"mode,optional" default:"0644"`

	// User who owns a file that is created: a name or a number.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of a file that is created: a name or a number.
	Group string `hcl:"group,optional" default:"root"`

	// `absent` removes the key, or all keys of the name.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
