package check

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/inspect"
)

// work is to wait until the program of Step succeeds; there is none if it did.
type work struct {
	Step *Step
	Seen inspect.Outcome
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	wrong := w.Step.judge(w.Seen)
	if wrong == "" {
		return nil
	}
	return []modules.Edit{{Action: modules.Run, Subject: "wait for " + w.Step.Name, From: wrong, To: "as wanted"}}
}
