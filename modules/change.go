package modules

import (
	"encoding/json"
	"slices"
)

// A Change is what a step would do to a host: the preview that plan shows, and the work order of Apply. Make it with
// [NewChange], so that what is shown is derived from what is done, in one place.
type Change struct {
	Work  Work     // what Apply does; nil in a Change without edits
	Edits []Edit   // the same for people and reports
	Notes []string // what a person should know although nothing is done about it; a Change of only notes is empty
}

// Work is what a step's Apply has to do, in the types of its module. Apply reads it and never the edits, whose words are
// free to become better ones.
type Work interface {
	// Edits tells the work in edits, in the order in which it is done; none when there is nothing to do.
	Edits() []Edit
}

// NewChange returns the Change of w.
func NewChange(w Work, notes ...string) Change {
	c := Change{Edits: w.Edits(), Notes: notes}
	if len(c.Edits) > 0 {
		c.Work = w
	}
	return c
}

// Empty reports whether the host is as the step wants it.
func (c Change) Empty() bool { return len(c.Edits) == 0 }

// Unsure reports whether all of the edits have a condition, so that perhaps none of them is made.
func (c Change) Unsure() bool {
	return !c.Empty() && !slices.ContainsFunc(c.Edits, func(e Edit) bool { return !e.Conditional() })
}

// Find returns the first edit of field, or of the whole subject for "".
func (c Change) Find(field string) (Edit, bool) {
	for _, e := range c.Edits {
		if e.Field == field {
			return e, true
		}
	}
	return Edit{}, false
}

// An Edit is one difference between a host and a step.
type Edit struct {
	Action  Action `json:"action"`
	Subject string `json:"subject"`         // what on the host: "/etc/motd", "package nginx", "user alice"
	Field   string `json:"field,omitempty"` // which property of it, by the argument's name; empty for the whole subject

	From string `json:"from,omitempty"` // short values for people; empty where there is none
	To   string `json:"to,omitempty"`

	Text *Text `json:"text,omitempty"` // for a text: old and new, shown as a unified diff; nil otherwise

	// If, Unless and Or are clauses such as "package nginx brings it": the edit is made only if it holds, or unless it
	// does; or, for a Create, the subject is there then and is changed instead. Only plans have them: see [Preview].
	If     string `json:"if,omitempty"`
	Unless string `json:"unless,omitempty"`
	Or     string `json:"or,omitempty"`

	// Sensitive edits show neither From, To nor Text: the old value may be a secret that rcprov doesn't know.
	Sensitive bool `json:"sensitive,omitempty"`
}

// Conditional reports whether the edit may not be made.
func (e Edit) Conditional() bool { return e.If != "" || e.Unless != "" }

// MarshalJSON leaves out what a sensitive edit must not show.
func (e Edit) MarshalJSON() ([]byte, error) {
	type plain Edit // without this method
	if e.Sensitive {
		e.From, e.To, e.Text = "", "", nil
	}
	return json.Marshal(plain(e))
}

// Text is a text before and after an edit.
type Text struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// An Action is what an edit does to its subject.
type Action string

// The actions. Their text appears in reports and JSON.
const (
	Create Action = "create" // it is not there
	Update Action = "update" // a property differs
	Remove Action = "remove" // it is there and shall not be
	Ask    Action = "ask"    // a person is asked: nothing of the host changes
	Run    Action = "run"    // something happens that leaves nothing to compare: a restart, a command, a wait
)
