package sysctl

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/deadman"
)

// work is what is done to a parameter and to its file in sysctl.d.
type work struct {
	Name  string     // of the parameter
	Value *valueWork // nil: the value stays
	File  *fileWork  // nil: the file stays

	// Unconfirmed is how the switch stands that a run left undecided. The engine takes that run's change back, and nothing
	// else is done.
	Unconfirmed deadman.State
}

// valueWork is a value that is set.
type valueWork struct{ Old, New string }

// fileWork is a file that is created, updated or removed.
type fileWork struct {
	Action   modules.Action
	Path     string
	Old, New string // content
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	if e, ok := w.Unconfirmed.Edit("sysctl " + w.Name); ok {
		return []modules.Edit{e}
	}
	var edits []modules.Edit
	if w.Value != nil {
		edits = append(edits, modules.Edit{
			Action: modules.Update, Subject: "sysctl " + w.Name, Field: "value", From: w.Value.Old, To: w.Value.New,
		})
	}
	if w.File != nil {
		e := modules.Edit{Action: w.File.Action, Subject: w.File.Path, Field: "persistent"}
		if w.File.Action != modules.Remove {
			e.Text = &modules.Text{Old: w.File.Old, New: w.File.New}
		}
		edits = append(edits, e)
	}
	return edits
}
