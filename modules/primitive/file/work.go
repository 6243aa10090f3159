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
	Source    *modules.Source  // the same of a large file of the controller
	Rights    rights.Rights    // of a new file
	Drift     rights.Drift     // of one that is updated
	Sensitive bool             // whether the content is

	sum string // of Source: SHA-256, lowercase hex
}

// writes reports whether the file is written, and gets its rights with that.
func (w work) writes() bool {
	return w.Action == modules.Create || w.Action == modules.Update && (w.Content != nil || w.Source != nil)
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
		if (w.Content != nil || w.Source != nil) && !w.Sensitive {
			w.showContent(&e, observe.FileInfo{Content: []byte{}})
		}
		return []modules.Edit{e}
	case !w.writes():
		return w.Drift.Edits()
	}
	e.Field, e.Sensitive = "content", w.Sensitive
	if !w.Sensitive {
		w.showContent(&e, w.Seen)
	}
	return append([]modules.Edit{e}, w.Drift.Edits()...)
}

// showContent adds the old and the new content to e if both are text, else their sizes and hashes.
func (w work) showContent(e *modules.Edit, old observe.FileInfo) {
	if w.Source == nil && old.Content != nil && isText(old.Content) && isText(w.Content) {
		e.Text = &modules.Text{Old: string(old.Content), New: string(w.Content)}
		return
	}
	size, sum := int64(len(w.Content)), w.sum
	if w.Source != nil {
		size = w.Source.Size()
	} else {
		sum = observe.Fingerprint(w.Content)
	}
	to := describe(w.Content, size, sum)
	if e.Action == modules.Create {
		e.To += ", " + to
		return
	}
	e.From, e.To = describe(old.Content, old.Size, old.SHA256), to
}

// sumShown is how much of a hash is shown: enough to see which of two files it is.
const sumShown = 10

// describe says what is there in place of a text: "binary, 2 bytes, sha256 96a296d224". A content that is nil is not known.
func describe(content []byte, size int64, sum string) string {
	text := fmt.Sprintf("%d bytes", size)
	if content != nil && !isText(content) {
		text = "binary, " + text
	}
	if len(sum) > sumShown {
		text += ", sha256 " + sum[:sumShown]
	}
	return text
}

// isText reports whether a diff of content is readable. Hosts do not send larger content.
func isText(content []byte) bool {
	return len(content) <= observe.MaxContent && utf8.Valid(content) && !bytes.ContainsRune(content, 0)
}
