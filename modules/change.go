package modules

import (
	"encoding/json"
	"slices"
)

// A Change is what a step would do to a host: the preview that plan shows, and the work order of Apply. The words
// are made from it by package report, so what is shown and what is done can't come to differ.
type Change struct {
	Edits []Edit
	Notes []string // what a person should know although nothing is done about it; a Change of only notes is empty
}

// Empty tells whether the host is as the step wants it.
func (c Change) Empty() bool { return len(c.Edits) == 0 }

// Unsure tells whether it can't be told yet if any of the edits will be made: all of them have a condition.
func (c Change) Unsure() bool {
	return !c.Empty() && !slices.ContainsFunc(c.Edits, func(e Edit) bool { return e.If == "" })
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

	// If is the condition under which the edit will be made, when that only shows after earlier steps: a clause such as
	// "package nginx brings it". Only Diffs that depend on what is foreseen (see [Foreseer]) have it, so only plans do.
	If string `json:"if,omitempty"`

	// Sensitive edits show neither From, To nor Text: the old value may be a secret that rcprov doesn't know.
	Sensitive bool `json:"sensitive,omitempty"`
}

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
	Run    Action = "run"    // something happens that leaves nothing to compare: a restart, a command, a wait
)
