// Package file is the module file: a regular file with a given content.
package file

import (
	_ "embed"

	"github.com/zclconf/go-cty/cty"
)

//go:embed args.go
var source string

// Args describe a regular file: its content, mode and owner. A file is written whole or not at all; nobody can read
// it before its mode and owner are set.
//
//	file "motd" {
//	  path    = "/etc/motd"
//	  content = "Welcome to ${facts.hostname}.\n"
//	}
//
//	file "deployers" {
//	  path     = "/etc/sudoers.d/deployers"
//	  source   = "files/deployers.sudoers"
//	  mode     = "0440"
//	  validate = ["visudo", "-cf", "%s"]
//	}
//
//	file "no-default-site" {
//	  path  = "/etc/nginx/sites-enabled/default"
//	  state = "absent"
//	}
//
// The directory must exist: a `directory` step creates it. A symbolic link in the file's place is an error and is never
// followed. Binary content and content larger than 1 MiB is written like any other, but diffs show only its size and hash. A source
// that is so large is never in memory as a whole; over a slow network it is sent compressed, if that makes it a good deal smaller.
type Args struct {
	// Where the file is on the host, an absolute path.
	Path string `hcl:"path"`

	// What the file contains. Give at most one of content, source and template. Without any of them an existing file
	// keeps its content, and a missing one is created empty.
	Content *string `hcl:"content,optional" secret:"yes"`

	// A file on the controller with the content, relative to the plan.
	Source string `hcl:"source,optional"`

	// A template on the controller, relative to the plan, in the language of `templatefile()`.
	Template string `hcl:"template,optional" renders:"vars"`

	// The variables of the template: `{ port = 3000 }`.
	Vars cty.Value `hcl:"vars,optional" secret:"yes"`

	// Permissions, in octal. Like owner and group, they are also set on an existing file. It keeps its access control list,
	// under the mask that this mode sets, and its extended attributes, unless it gets another owner with its content (plan says
	// so), or is replaced in a directory that others may write.
	Mode string `hcl:"mode,optional" default:"0644"`

	// User who owns the file: a name or a number. In a directory that belongs to somebody else than root, it can only be
	// that user, with a group that the user is in.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of the file: a name or a number.
	Group string `hcl:"group,optional" default:"root"`

	// A command that checks the new file before it replaces the old one; `%s` stands for its path, in the same
	// directory. If the command does not exit with 0, the old file stays.
	Validate []string `hcl:"validate,optional"`

	// Whether a file that is replaced or removed is copied first, under /var/lib/rcprov/backup.
	Backup bool `hcl:"backup,optional"`

	// Whether the content is hidden in diffs. Content made from sensitive variables always is.
	Sensitive bool `hcl:"sensitive,optional"`

	// `absent` removes the file, or a symbolic link in its place (not its target).
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
