package sshd

import (
	"strconv"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
)

// work is what Apply does to sshd.
type work struct {
	// unconfirmed is a change of a run that did not live to confirm it; there is nothing else to do then.
	unconfirmed deadman.State

	dropIn     modules.Change // of sshd's file
	socketFile modules.Change // of systemd's
	noSocket   bool           // that file is removed

	follow follow // how sshd comes to do as its files say; zero: it does
	port   int    // at which a new login proves that people get in; 0: at the one in use
}

// follow makes a unit do as the files say.
type follow struct {
	unit string
	how  string // reload, restart or listen
	why  string
}

// The ways to follow, which are the fields of their edits.
const (
	reload  = "reload"
	restart = "restart"
	listen  = "listening"
)

// writes reports whether a file changes.
func (w work) writes() bool { return !w.dropIn.Empty() || !w.socketFile.Empty() }

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	if e, undecided := w.unconfirmed.Edit("sshd"); undecided {
		return []modules.Edit{e}
	}
	edits := append(append([]modules.Edit{}, w.dropIn.Edits...), w.socketFile.Edits...)
	if w.follow != (follow{}) {
		edits = append(edits, modules.Edit{Action: modules.Run, Subject: w.follow.unit, Field: w.follow.how, To: w.follow.why})
	}
	if len(edits) > 0 && w.port != 0 {
		edits = append(edits, modules.Edit{Action: modules.Run, Subject: "sshd", Field: "new login at port", To: strconv.Itoa(w.port)})
	}
	return edits
}
