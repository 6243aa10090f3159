package hostsentry

import "github.com/rcprov/rcprov/modules"

// work is the file with its new content.
type work struct {
	Path     string
	Old, New string // content
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	return []modules.Edit{{
		Action: modules.Update, Subject: w.Path, Field: "names", Text: &modules.Text{Old: w.Old, New: w.New},
	}}
}
