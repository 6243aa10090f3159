// Package line is the module line: one line of a file that others own.
package line

import _ "embed"

//go:embed args.go
var source string

// Args describe one line of a text file. The rest of the file is not touched: its other lines, its mode, owner and
// access lists, its kind of line ends. A file that is wholly rcprov's own is better written by `file`.
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
// With regexp, the file has the line afterwards and no other line that matches: the first match becomes the line, the
// others go. Without, a line that is there anywhere in the file is enough. A line that has to be added goes behind the
// last line that matches `after`, or ahead of the first that matches `before`, or else to the end of the file.
type Args struct {
	// The file on the host, an absolute path.
	Path string `hcl:"path"`

	// The line, without its end. Needed unless state is `absent` and regexp is given.
	Line string `hcl:"line,optional"`

	// Which lines to replace (or, with `absent`, to remove): a regular expression in the syntax of Go (RE2), found
	// anywhere in a line. The new line has to match as well, so that the next run finds it.
	Regexp string `hcl:"regexp,optional"`

	// A line that has to be added goes behind the last line that matches this regular expression.
	After string `hcl:"after,optional"`

	// A line that has to be added goes ahead of the first line that matches this regular expression.
	Before string `hcl:"before,optional"`

	// `absent` removes all lines that match regexp or, without it, are equal to line.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`

	// Make the file if it is not there. Otherwise that is an error, unless an earlier step makes it.
	Create bool `hcl:"create,optional"`

	// Permissions of a file that is created, in octal.
	Mode string `hcl:"mode,optional" default:"0644"`

	// User who owns a file that is created: a name or a number.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of a file that is created: a name or a number.
	Group string `hcl:"group,optional" default:"root"`

	// A command that checks the new content before it takes the old one's place; `%s` is the path of the new file,
	// beside the old one. When it doesn't exit with 0, the file stays as it was.
	Validate []string `hcl:"validate,optional"`

	// Keep a copy of the file before the change, under /var/lib/rcprov/backup.
	Backup bool `hcl:"backup,optional"`
}
