package aptrepository

import (
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
)

// work is what is done to the files of the key and of the source.
type work struct {
	Remove []string // paths; nothing else is done then

	Key          *keyWork     // nil: the key stays
	KeyRights    rights.Drift // of a file that is there
	Source       *sourceWork  // nil: the source stays
	SourceRights rights.Drift
}

// keyWork is a key that is stored, or replaces the stored one.
type keyWork struct {
	Action       modules.Action
	Path         string
	Given        *keyring // the key, if the plan has it; nil: it is fetched
	Fingerprints []string // of a key that is fetched
	Stored       *keyring // the key that is there; nil: none, or not a key
	Invalid      error    // why Stored is not valid; nil if it is
}

// sourceWork is a file that is created or updated.
type sourceWork struct {
	Action   modules.Action
	Path     string
	Old, New string // content
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, path := range w.Remove {
		edits = append(edits, modules.Edit{Action: modules.Remove, Subject: path})
	}
	if w.Key != nil {
		edits = append(edits, w.Key.edit())
	}
	edits = append(edits, w.KeyRights.Edits()...)
	if w.Source != nil {
		edits = append(edits, modules.Edit{
			Action: w.Source.Action, Subject: w.Source.Path, Text: &modules.Text{Old: w.Source.Old, New: w.Source.New},
		})
	}
	return append(edits, w.SourceRights.Edits()...)
}

func (w *keyWork) edit() modules.Edit {
	e := modules.Edit{Action: w.Action, Subject: w.Path, To: "a valid key of " + strings.Join(w.Fingerprints, ", ")}
	if w.Given != nil {
		e.To = w.Given.describe()
	}
	if w.Action == modules.Create {
		return e
	}
	e.Field = "key"
	switch {
	case w.Stored == nil:
		e.From = "not a key"
	case w.Given != nil:
		e.From = w.Stored.describe()
	case w.Invalid != nil:
		e.From = strings.ReplaceAll(w.Invalid.Error(), "\n", ", ")
	default:
		e.From = w.Stored.describe() + ", in another encoding"
	}
	return e
}
