package line

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
)

// work is what is done to the file: it is created or updated.
type work struct {
	Action    modules.Action
	Path      string
	NoFile    bool          // there is none to update yet; New is the line
	Old, New  string        // content
	Rights    rights.Rights // of a new file
	Sensitive bool
	Private   bool // not everybody may read the file: what is beside the line is not shown
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	e := modules.Edit{Action: w.Action, Subject: w.Path, Sensitive: w.Sensitive}
	if w.NoFile {
		e.Field, e.To, e.If = "line", w.New, observe.Earlier+" creates it"
		return []modules.Edit{e}
	}
	e.Text = &modules.Text{Old: w.Old, New: w.New}
	if w.Private {
		e.Text = changed(*e.Text)
	}
	if w.Action == modules.Create {
		e.To = w.Rights.String()
	} else {
		e.Field = "line"
	}
	return []modules.Edit{e}
}
