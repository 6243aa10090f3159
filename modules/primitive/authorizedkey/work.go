package authorizedkey

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// work is what is done to the lines of the file, and to rights with which sshd refuses it.
type work struct {
	User      string
	Others    []other // lines that are removed
	Want      entry   // the desired line of the key
	Seen      []entry // the lines that the key has
	Absent    bool    // whether these are removed
	Sensitive bool    // whether the options are
	File, Dir *refused
}

// other is a line that does not have the desired key.
type other struct {
	Number int    // of the line, from 1
	Entry  *entry // nil: it is not a key
}

// refused is a file or directory to which others may write.
type refused struct {
	Path string
	Seen node
}

// subject is the subject of the edits of a key.
func (w work) subject(e entry) string { return fmt.Sprintf("%s's key %s", w.User, e.name()) }

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, o := range w.Others {
		e := modules.Edit{Action: modules.Remove, Subject: fmt.Sprintf("line %d of %s's authorized keys, which is not a key", o.Number, w.User)}
		if o.Entry != nil {
			e.Subject, e.From = w.subject(*o.Entry), o.Entry.Comment
		}
		edits = append(edits, e)
	}
	edits = append(edits, w.keyEdits()...)
	update := func(path, from, to string) {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: path, Field: "mode", From: from, To: to})
	}
	if f := w.File; f != nil {
		update(f.Path, fmt.Sprintf("%04o, user %d", f.Seen.Raw&0o7777, f.Seen.UID), "0600, user "+w.User)
	}
	if d := w.Dir; d != nil {
		update(d.Path, fmt.Sprintf("%04o", d.Seen.Raw&0o7777), fmt.Sprintf("%04o", d.Seen.Raw&0o7755))
	}
	return edits
}

// keyEdits returns the edits of the key itself.
func (w work) keyEdits() []modules.Edit {
	subject := w.subject(w.Want)
	switch {
	case w.Absent && len(w.Seen) == 0:
		return nil
	case w.Absent:
		return []modules.Edit{{Action: modules.Remove, Subject: subject, From: w.Seen[0].Comment}}
	case len(w.Seen) == 0:
		return []modules.Edit{{Action: modules.Create, Subject: subject, To: strings.TrimSpace(w.Want.Key.Type() + " " + w.Want.Comment)}}
	}
	var edits []modules.Edit
	update := func(field, from, to string, sensitive bool) {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: subject, Field: field, From: from, To: to, Sensitive: sensitive})
	}
	first := w.Seen[0]
	if len(w.Seen) > 1 {
		update("key", fmt.Sprintf("on %d lines", len(w.Seen)), "on one line", false)
	}
	if !slices.Equal(first.Options, w.Want.Options) {
		update("options", strings.Join(first.Options, ","), strings.Join(w.Want.Options, ","), w.Sensitive)
	}
	if first.Comment != w.Want.Comment {
		update("comment", first.Comment, w.Want.Comment, false)
	}
	return edits
}
