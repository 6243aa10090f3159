package link

import (
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// work is what is done to the link: it is created, updated or removed.
type work struct {
	Action modules.Action
	Path   string
	Seen   observe.FileInfo // what is there: a link, or a file to replace
	Target string           // of the link that is made
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	e := modules.Edit{Action: w.Action, Subject: w.Path}
	switch w.Action {
	case modules.Create:
		e.To = w.Target
	case modules.Remove:
		e.From = w.Seen.Target
	default:
		e.Field, e.From, e.To = "target", w.Seen.Target, w.Target
		if w.Seen.Type == observe.Regular {
			e.From = fmt.Sprintf("a file of %d bytes", w.Seen.Size)
		}
	}
	return []modules.Edit{e}
}
