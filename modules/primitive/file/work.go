package file

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
)

// work is what is done to the file: it is created, updated or removed.
type work struct {
	Action    modules.Action
	Path      string
	Seen      observe.FileInfo // what is there
	Content   []byte           // what is written; nil: a new file is empty, another one keeps its content
	Rights    rights.Rights    // of a new file
	Drift     rights.Drift     // of one that is updated
	Sensitive bool             // whether the content is
}

// writes reports whether the file is written, and gets its rights with that.
func (w work) writes() bool {
	return w.Action == modules.Create || w.Action == modules.Update && w.Content != nil
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	e := modules.Edit{Action: w.Action, Subject: w.Path}
	switch {
	case w.Action == modules.Remove:
		if w.Seen.Type == observe.Symlink {
			e.From = "link to " + w.Seen.Target
		}
		return []modules.Edit{e}
	case w.Action == modules.Create:
		e.To, e.Sensitive = w.Rights.String(), w.Sensitive
		if w.Content != nil && !w.Sensitive {
			showContent(&e, observe.FileInfo{Content: []byte{}}, w.Content)
		}
		return []modules.Edit{e}
	case !w.writes():
		return w.Drift.Edits()
	}
	e.Field, e.Sensitive = "content", w.Sensitive
	if !w.Sensitive {
		showContent(&e, w.Seen, w.Content)
	}
	return append([]modules.Edit{e}, w.Drift.Edits()...)
}

// showContent adds the old and the new content to e if both are text, else their sizes.
func showContent(e *modules.Edit, old observe.FileInfo, content []byte) {
	if old.Content != nil && isText(old.Content) && isText(content) {
		e.Text = &modules.Text{Old: string(old.Content), New: string(content)}
		return
	}
	size := func(b []byte, n int64) string {
		if b != nil && !isText(b) {
			return fmt.Sprintf("binary, %d bytes", n)
		}
		return fmt.Sprintf("%d bytes", n)
	}
	if e.Action == modules.Create {
		e.To += ", " + size(content, int64(len(content)))
		return
	}
	e.From, e.To = size(old.Content, old.Size), size(content, int64(len(content)))
}

// isText reports whether a diff of content is readable. Hosts do not send larger content.
func isText(content []byte) bool {
	return len(content) <= observe.MaxContent && utf8.Valid(content) && !bytes.ContainsRune(content, 0)
}
