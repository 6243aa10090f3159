package download

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
)

// work is what is done to the file: it is created or updated.
type work struct {
	Action       modules.Action
	Path         string
	URL          string
	Seen, SHA256 string       // the sum of a file that is there, and the desired one
	Drift        rights.Drift // of a file that is there
}

// downloads reports whether the file is downloaded, and gets its rights with that.
func (w work) downloads() bool { return w.Action == modules.Create || w.Seen != w.SHA256 }

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	e := modules.Edit{Action: w.Action, Subject: w.Path}
	switch {
	case w.Action == modules.Create:
		e.To = "from " + w.URL
		return []modules.Edit{e}
	case !w.downloads():
		return w.Drift.Edits()
	}
	e.Field, e.From, e.To = "sha256", w.Seen, w.SHA256
	return append([]modules.Edit{e}, w.Drift.Edits()...)
}
