package debconf

import "github.com/rcprov/rcprov/modules"

// work is the answers that are given to debconf, in the order of the plan.
type work []given

// given is one of them.
type given struct {
	Answer
	Seen      answer // what is stored
	Sensitive bool
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, a := range w {
		e := modules.Edit{Action: modules.Update, Subject: "debconf " + a.Question, Field: "value", Sensitive: a.Sensitive}
		if !a.Seen.There {
			e.Action = modules.Create
		}
		if !a.Sensitive {
			e.From, e.To = a.Seen.Value, a.Value
		}
		edits = append(edits, e)
	}
	return edits
}
