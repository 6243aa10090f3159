package portion

import (
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
)

// Work is what is done to the file: it is created or updated.
type Work struct {
	Action    modules.Action
	Path      string
	Field     string
	NoFile    bool          // there is none to update yet; New is the part
	Old, New  string        // content
	Rights    rights.Rights // of a new file
	Sensitive bool
	Private   bool // not everybody may read the file: what is beside the part is not shown
}

// Edits implements [modules.Work].
func (w Work) Edits() []modules.Edit {
	e := modules.Edit{Action: w.Action, Subject: w.Path, Sensitive: w.Sensitive}
	if w.NoFile {
		e.Field, e.To, e.If = w.Field, w.New, observe.Earlier+" creates it"
		return []modules.Edit{e}
	}
	e.Text = &modules.Text{Old: w.Old, New: w.New}
	if w.Private {
		e.Text = changed(*e.Text)
	}
	if w.Action == modules.Create {
		e.To = w.Rights.String()
	} else {
		e.Field = w.Field
	}
	return []modules.Edit{e}
}

// changed returns the lines of a text before and after an edit that differ, without their neighbours. Those of a file that not
// everybody may read are nobody's business: they may be secrets.
func changed(text modules.Text) *modules.Text {
	old, desired := slices.Collect(strings.Lines(text.Old)), slices.Collect(strings.Lines(text.New))
	without := func(lines, others []string) string {
		others = slices.Clone(others)
		var kept strings.Builder
		for _, line := range lines {
			if i := slices.Index(others, line); i >= 0 {
				others = slices.Delete(others, i, i+1)
				continue
			}
			kept.WriteString(line)
		}
		return kept.String()
	}
	return &modules.Text{Old: without(old, desired), New: without(desired, old)}
}
