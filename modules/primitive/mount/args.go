// Package mount is the module mount: a file system in fstab(5), and mounted.
package mount

import _ "embed"

//go:embed args.go
var source string

// Args describe a mounted file system. It has a line in fstab(5), by which it is mounted now and after each boot; other lines
// stay.
//
//	mount "data" {
//	  path   = "/srv/data"
//	  src    = "UUID=0a3407de-014b-458b-b5c1-848e92a327a3"
//	  fstype = "ext4"
//	  opts   = ["noatime", "nofail"]
//	}
//
//	mount "scratch" {
//	  path   = "/srv/scratch"
//	  src    = "tmpfs"
//	  fstype = "tmpfs"
//	  opts   = ["size=512m", "mode=1777"]
//	}
//
//	mount "uploads" {
//	  path = "/srv/www/uploads"
//	  src  = "/srv/data/uploads"
//	  opts = ["bind"]
//	}
//
// What is mounted is compared by its source, its type, the options ro, nosuid, nodev, noexec and noatime, and the size of a tmpfs;
// another file system in the place is unmounted first, and what differs in these options is remounted. Other options that
// change count from the next mount on.
//
// rcprov adds no option of its own. In particular, without `nofail` a device that is missing stops the next boot in systemd's
// emergency mode, where nobody can log in by ssh; with it, the boot goes on without the file system. In either case, a run
// in which it can't be mounted fails.
//
// The mount point is made if it is missing; all directories above it must be root's, as must those above the source of a bind mount.
type Args struct {
	// The mount point, an absolute path without links.
	Path string `hcl:"path"`

	// What is mounted: a device, `UUID=...` or `LABEL=...`, `server:/export`, a name for a tmpfs, or the directory of a bind
	// mount. Required, unless state is `absent`.
	Src string `hcl:"src,optional"`

	// The type of file system. Required, unless opts have `bind` or state is `absent`.
	FSType string `hcl:"fstype,optional"`

	// Options, as mount(8) has them. If left out, `defaults`.
	Opts []string `hcl:"opts,optional"`

	// The order in which fsck checks it at boot: 1 for the root, 2 for others, 0 for not at all.
	Passno int `hcl:"passno,optional"`

	// `present` leaves it as it is now, and only writes the line; `absent` unmounts it and removes the line, but not the
	// directory.
	State string `hcl:"state,optional" default:"mounted" oneof:"mounted,present,absent"`
}
