// Package swap is the module swap: a file that a host swaps to.
package swap

import _ "embed"

//go:embed args.go
var source string

// Args describe a file that a host swaps to. It has its size and the mode 0600, belongs to root, is in use now, and is in fstab(5) for
// each boot.
//
//	swap "2G" { size = "2G" }
//
//	swap "fast" {
//	  path     = "/srv/fast/swap"
//	  size     = "512M"
//	  priority = 10
//	}
//
// A file of another size is turned off, made anew and turned on again; the memory must have room for what was in it meanwhile.
// How eagerly the kernel swaps is a matter of `sysctl`: vm.swappiness.
//
// A container can't have swap of its own: it is its machine's. There is no swap file on btrfs (as long as it copies on write), ZFS,
// tmpfs, overlays and file systems of a network.
type Args struct {
	// The file. All directories above it must be root's, and nobody else may write there.
	Path string `hcl:"path,optional" default:"/swapfile"`

	// The size of the file, in units of 1024: `2G`, `512M`. Required, unless state is `absent`.
	Size string `hcl:"size,optional"`

	// Which swap is used first: the one with the higher number, from 0 to 32767. If left out, the kernel says: earlier ones.
	Priority *int `hcl:"priority,optional"`

	// `absent` turns it off, and removes the file and the line of fstab.
	State string `hcl:"state,optional" default:"present" oneof:"present,absent"`
}
