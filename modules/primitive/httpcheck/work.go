package httpcheck

import "github.com/rcprov/rcprov/modules"

// work is to wait until the request of Step is answered as wanted; there is none if it was.
type work struct {
	Step *Step
	Seen answer
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	if w.Seen.AsWanted {
		return nil
	}
	return []modules.Edit{{
		Action: modules.Run, Subject: "wait for " + w.Step.subject(), From: w.Seen.Text, To: w.Step.wanted(),
	}}
}
