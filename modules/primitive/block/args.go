// Package block is the module block: several lines between markers in a file that others own.
package block

import _ "embed"

//go:embed args.go
var source string

// Args describe lines of a text file between two lines that mark them. The rest of the file is not touched: other lines, mode,
// owner, access lists and the style of line endings. For one line, use `line`; to manage a whole file, use `file`.
//
//	block "jump" {
//	  path  = "/etc/ssh/ssh_config"
//	  block = <<-EOT
//	    Host db
//	      ProxyJump bastion
//	  EOT
//	}
//
// The markers of this one are `# BEGIN rcprov jump` and `# END rcprov jump`; each block of a file needs a label or a marker of
// its own. A new block goes after the last line that matches `after`, before the first that matches `before`, or else to
// the end of the file; one that is there stays where it is. A marker whose other one is missing is an error: nobody knows where
// the block ends.
type Args struct {
	// The file on the host, an absolute path.
	Path string `hcl:"path"`

	// The lines between the markers. Required, unless state is `absent`.
	Block string `hcl:"block,optional" secret:"yes"`

	// The lines around the block: `{mark}` stands for BEGIN and END. If left out, `# {mark} rcprov LABEL`.
	Marker string `hcl:"marker,optional"`

	// A new block is added after the last line that matches this regular expression.
	After *string `hcl:"after,optional"`

	// A new block is added before the first line that matches this regular expression.
	Before *string `hcl:"before,optional"`

	// `absent` removes the block and its markers.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// Whether a missing file is created. Otherwise it is an error, unless an earlier step creates it.
	Create bool `hcl:"create,optional"`

	// Permissions of a file that is created, in octal.
	Mode string `hcl:"mode,optional" default:"0644"`

	// User who owns a file that is created: a name or a number.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of a file that is created: a name or a number.
	Group string `hcl:"group,optional" default:"root"`

	// A command that checks the new file before it replaces the old one; `%s` stands for its path, in the same
	// directory. If the command does not exit with 0, the old file stays.
	Validate []string `hcl:"validate,optional"`

	// Whether the file is copied before the change, under /var/lib/rcprov/backup.
	Backup bool `hcl:"backup,optional"`

	// Whether the file's text is hidden in diffs. A block made from sensitive variables always hides it, and is an error for a
	// file that everybody may read. In a file that not everybody may read, diffs show the lines that change, and none beside
	// them.
	Sensitive bool `hcl:"sensitive,optional"`
}
