package redact

import (
	"io"
	"strings"
	"sync"
)

// A Writer passes on what is written to it, without secrets, even if they are split over several writes. It holds back what
// may be the beginning of a secret until that is decided: call Flush at the end.
type Writer struct {
	r  *Redactor
	to io.Writer

	mu    sync.Mutex
	held  []byte
	state scan
}

// Writer returns a Writer to w.
func (r *Redactor) Writer(w io.Writer) *Writer { return &Writer{r: r, to: w} }

// Write implements [io.Writer]. It takes all of p, or returns the error of the writer below.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.pass(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush passes on what was held back. The next write starts a new text: a secret that begins before a Flush and ends after
// it is not found.
func (w *Writer) Flush() error { return w.pass(nil, true) }

func (w *Writer) pass(p []byte, final bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.r == nil {
		_, err := w.to.Write(p)
		return err
	}
	var out strings.Builder
	rest := w.r.scan(&out, &w.state, append(w.held, p...), final)
	w.held = append([]byte(nil), rest...)
	if final {
		w.state = scan{}
	}
	if out.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(w.to, out.String())
	return err
}
