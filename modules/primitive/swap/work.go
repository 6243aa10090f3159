package swap

import (
	"strconv"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
)

// work is what is done about a swap file.
type work struct {
	Path     string
	Size     int64
	Priority *int
	Seen     int64 // the size that it has
	Was      int   // the priority that it has, where another one is wanted

	Make     bool   // the file is made, in place of one that Replaces says is there
	Fill     bool   // by writing all of it: the file system knows no faster way that swap can use
	Replaces bool   // there is a file
	Rights   string // those that it has, if others are wanted
	Off, On  bool   // it is turned off, and on, in this order
	Remove   bool
	Fstab    *portion.Work // nil: fstab(5) stays
}

// Edits implements [modules.Work].
func (w work) Edits() (edits []modules.Edit) {
	subject := "swap " + w.Path
	from := size(w.Seen)
	if w.Seen == w.Size {
		from = "no swap file"
	}
	switch {
	case w.Make && w.Replaces:
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: w.Path, Field: "size", From: from, To: size(w.Size)})
	case w.Make:
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: w.Path, To: size(w.Size) + ", 0600 root:root"})
	case w.Remove:
		edits = append(edits, modules.Edit{Action: modules.Remove, Subject: w.Path})
	}
	if w.Rights != "" {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: w.Path, Field: "mode", From: w.Rights, To: "0600 root:root"})
	}
	switch {
	case w.Off && w.On && !w.Make:
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: subject, Field: "priority", From: strconv.Itoa(w.Was), To: strconv.Itoa(*w.Priority)})
	case w.On && !w.Off:
		edits = append(edits, modules.Edit{Action: modules.Create, Subject: subject, To: "on"})
	case w.Off && !w.On:
		edits = append(edits, modules.Edit{Action: modules.Remove, Subject: subject, From: "on"})
	}
	if w.Fstab != nil {
		edits = append(edits, w.Fstab.Edits()...)
	}
	return edits
}
