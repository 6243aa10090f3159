package directory

import (
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
)

// work is what is done to the directory: it is created, updated or removed.
type work struct {
	Action  modules.Action
	Path    string
	Rights  rights.Rights // of a new directory
	Drift   rights.Drift  // of one that is updated
	Entries int           // how many are removed with it
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	e := modules.Edit{Action: w.Action, Subject: w.Path}
	switch {
	case w.Action == modules.Update:
		return w.Drift.Edits()
	case w.Action == modules.Create:
		e.To = w.Rights.String()
	case w.Entries > 0:
		e.From = fmt.Sprintf("with everything in it (entries: %d)", w.Entries)
	}
	return []modules.Edit{e}
}
