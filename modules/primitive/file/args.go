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
// The directory must be there: a `directory` step makes it. A symbolic link in the file's place is an error, never
// followed. Binary content and content larger than 1 MiB is written like any other, but diffs only show its size.
type Args struct {
	// Where the file is on the host, an absolute path.
	Path string `hcl:"path"`

	// What the file contains. Give one of content, source and template; with none of them an existing file keeps
	// its content, and a missing one is created empty.
	Content *string `hcl:"content,optional"`

	// A file on the controller with the content, relative to the plan.
	Source string `hcl:"source,optional"`

	// A template on the controller, relative to the plan, in the language of `templatefile()`.
	Template string `hcl:"template,optional" renders:"vars"`

	// The variables of the template: `{ port = 3000 }`.
	Vars cty.Value `hcl:"vars,optional"`

	// Permissions, in octal. Like owner and group they are set on a file that is already there, too.
	Mode string `hcl:"mode,optional" default:"0644"`

	// User who owns the file: a name or a number.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of the file: a name or a number.
	Group string `hcl:"group,optional" default:"root"`

	// A command that checks the new content before it takes the old one's place; `%s` is the path of the new file,
	// beside the old one. When it doesn't exit with 0, the file stays as it was.
	Validate []string `hcl:"validate,optional"`

	// Keep a copy of a file that is replaced or removed, under /var/lib/rcprov/backup.
	Backup bool `hcl:"backup,optional"`

	// Whether the content is hidden in diffs. Content made from sensitive variables always is.
	Sensitive bool `hcl:"sensitive,optional"`

	// `absent` removes the file, or a symbolic link in its place (not what that leads to).
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
