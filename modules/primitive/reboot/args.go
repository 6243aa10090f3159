// Package reboot is the module reboot: a host that boots anew when something on it asks for that.
package reboot

import (
	_ "embed"

	"github.com/rcprov/rcprov/modules"
)

//go:embed args.go
var source string

// Args describe a reboot of the host when something on it asks for one. The run waits, connects again, and goes on with the next
// step. Where nothing asks for a reboot, there is none.
//
//	reboot "when-needed" {}
//
//	reboot "grub" {
//	  file      = ""
//	  kernel    = false
//	  reboot_on = ["/etc/default/grub"]
//	  timeout   = "15m"
//	}
//
// `plan` shows the hosts that will be rebooted, each with the reason. What an earlier step installs may ask for a reboot that
// nobody knows of before; such a reboot has a condition there.
//
// All hosts of a play are rebooted at the same time, unless it has `serial = 1`. Put an `approval` step in front of it where a
// person shall say when.
//
// `timeout`, which every step may have, says how long the host may take; if it is left out, 10 minutes. A host that is not back
// by then has failed: the error says how long it was waited and what its SSH server said last. The reason is on the console of the
// host. The run ends there, and a serial play goes on to no other host.
//
// Before the reboot, the run has confirmed or taken back what it changed under a dead man's switch; afterwards it takes the
// host's lock again. What runs on the host, but is not started at boot, does not run any more.
//
// The machine that rcprov itself runs on is never rebooted. A host without systemd, such as a container that runs a single
// program, can't be rebooted from within.
type Args struct {
	// A file in /run that asks for a reboot by being there. Debian's and Ubuntu's packages leave this one. Empty: none.
	File string `hcl:"file,optional" default:"/run/reboot-required"`

	// Whether a kernel asks for it: a newer one is installed than the one that runs. A container, whose kernel is that of its
	// machine, is not rebooted for that.
	Kernel bool `hcl:"kernel,optional" default:"true"`

	// Files, or steps that own files, that are read at boot: the host is rebooted if one of them has changed since it booted.
	RebootOn modules.Files `hcl:"reboot_on,optional"`
}
