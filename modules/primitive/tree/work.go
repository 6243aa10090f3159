package tree

import (
	"fmt"
	"path"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
)

// work is what is done to the tree: it is made as a whole, or what differs is.
type work struct {
	Action modules.Action
	Path   string
	From   string         // the directory of the controller
	Owner  string         // and group, of what is written
	Put    []entry        // directories that are made, files and links that are written; of a new tree: all
	There  map[string]int // of those that are there: their place in Was
	Was    []entry
	Modes  []rights.Drift // of directories, and of files whose content stays
	Remove []entry        // what is in directories comes before them
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	if w.Action == modules.Create {
		files, bytes := 0, int64(0)
		for _, e := range w.Put {
			if e.Type == file {
				files, bytes = files+1, bytes+e.size()
			}
		}
		return []modules.Edit{{Action: modules.Create, Subject: w.Path, To: fmt.Sprintf("from %s: %s, %s", w.From, modules.Counted(files, "file"), modules.Counted(bytes, "byte"))}}
	}
	var edits []modules.Edit
	for _, e := range w.Put {
		edit := modules.Edit{Action: modules.Create, Subject: path.Join(w.Path, e.Name), To: e.shown()}
		if i, ok := w.There[e.Name]; ok {
			edit.Action, edit.Field, edit.From = modules.Update, "content", w.Was[i].shown()
			if e.Type == link {
				edit.Field = "target"
			}
			if w.Was[i].Sum == e.Sum && e.Type == file {
				edit.Field, edit.From, edit.To = "owner", w.Was[i].Owner+":"+w.Was[i].Group, w.Owner
			}
		}
		edits = append(edits, edit)
	}
	for _, d := range w.Modes {
		edits = append(edits, d.Edits()...)
	}
	for _, e := range w.Remove {
		edits = append(edits, modules.Edit{Action: modules.Remove, Subject: path.Join(w.Path, e.Name)})
	}
	return edits
}

// shown is the entry for people.
func (e entry) shown() string {
	switch e.Type {
	case link:
		return "link to " + e.Target
	case dir:
		return "directory"
	}
	return "sha256 " + e.Sum[:min(len(e.Sum), 10)]
}
