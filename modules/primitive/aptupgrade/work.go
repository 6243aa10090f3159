package aptupgrade

import "github.com/rcprov/rcprov/modules"

// work is what is upgraded.
type work struct {
	Fetch    bool // the package lists, first
	Packages []upgrade
	Remove   []string
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	var edits []modules.Edit
	if w.Fetch {
		edits = append(edits, modules.Edit{Action: modules.Run, Subject: "package lists", From: "too old", To: "fetched, and what they then have is upgraded"})
	}
	for _, p := range w.Packages {
		e := modules.Edit{Action: modules.Update, Subject: "package " + p.Name, Field: "version", From: p.Old, To: p.New}
		if p.Old == "" {
			e.Action, e.Field = modules.Create, ""
		}
		edits = append(edits, e)
	}
	for _, name := range w.Remove {
		edits = append(edits, modules.Edit{Action: modules.Remove, Subject: "package " + name})
	}
	return edits
}
