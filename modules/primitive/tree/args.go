// Package tree is the module tree: a directory with all that is in one of the controller.
package tree

import _ "embed"

//go:embed args.go
var source string

// Args describe a directory with the files, directories and links of a directory on the controller.
//
//	tree "site" {
//	  source  = "files/site"
//	  path    = "/srv/site"
//	  exclude = [".git", "*.swp"]
//	  delete  = true
//	}
//
// rcprov compares contents by their SHA-256, on the host, in the same round trip as all other questions. Only files that differ
// travel, all of them in one compressed stream. Each is written whole or not at all, and a new directory is put in place as a
// whole.
//
// Programs (files that are executable on the controller) get the mode 0755, other files 0644; `mode` gives all files another one.
// A file in the place of a directory, and the other way round, is an error, and so are names with a newline or a tab.
//
// All that is in the directory belongs to the owner, with whose rights it is written. If that is root, nobody else may write to
// any directory in it.
type Args struct {
	// The directory on the controller, relative to the plan.
	Source string `hcl:"source"`

	// The directory on the host, an absolute path. Missing parents are created with mode 0755.
	Path string `hcl:"path"`

	// User who owns the directory and all that comes from the controller: a name or a number.
	Owner string `hcl:"owner,optional" default:"root"`

	// Group of the directory and of all that comes from the controller: a name or a number.
	Group string `hcl:"group,optional" default:"root"`

	// Permissions of all files, in octal. Without it, those of the controller decide whether a file is executable.
	Mode string `hcl:"mode,optional"`

	// Permissions of all directories, in octal.
	DirectoryMode string `hcl:"directory_mode,optional" default:"0755"`

	// What is neither copied nor deleted: patterns such as `*.swp` for a name, or `cache/*.tmp` for a path below the directory. All
	// that is in an excluded directory is excluded.
	Exclude []string `hcl:"exclude,optional"`

	// Whether all is deleted that is not in the directory of the controller. An excluded file, and the directories that it is
	// in, stay.
	Delete bool `hcl:"delete,optional"`
}
