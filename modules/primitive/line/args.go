// Package line is the module line: one line of a file that others own.
package line

import _ "embed"

//go:embed args.go
var source string

// Args describe one line of a text file. The rest of the file is not touched: other lines, mode, owner, access lists
// and the style of line endings. To manage a whole file, use `file`.
//
//	line "no-root-login" {
//	  path     = "/etc/ssh/sshd_config"
//	  line     = "PermitRootLogin no"
//	  regexp   = "^#?\\s*PermitRootLogin\\s"
//	  validate = ["/usr/sbin/sshd", "-t", "-f", "%s"]
//	}
//
//	line "mongo-limits" {
//	  path  = "/etc/security/limits.conf"
//	  line  = "mongodb soft nofile 64000"
//	  after = "^mongodb "
//	}
//
// With regexp, the first line that matches is replaced by the line, and other lines that match are removed. Without it,
// the line may be anywhere in the file. A new line is added after the last line that matches `after`, before the first
// that matches `before`, or else at the end of the file.
type Args struct {
	// The file on the host, an absolute path.
	Path string `hcl:"path"`

	// The line, without its end. Required, unless state is `absent` and regexp is given.
	Line string `hcl:"line,optional" secret:"yes"`

	// Which lines to replace (or, with `absent`, to remove): a regular expression in the syntax of Go (RE2), found
	// anywhere in a line. It must match the new line as well, so that the next run finds it.
	Regexp *string `hcl:"regexp,optional"`

	// A new line is added after the last line that matches this regular expression.
	After *string `hcl:"after,optional"`

	// A new line is added before the first line that matches this regular expression.
	Before *string `hcl:"before,optional"`

	// `absent` removes all lines that match regexp or, without it, are equal to line.
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

	// Whether the file's text is hidden in diffs. A line made from sensitive variables always hides it, and is an error for a
	// file that everybody may read. In a file that not everybody may read, diffs show the lines that change, and none beside
	// them.
	Sensitive bool `hcl:"sensitive,optional"`
}
