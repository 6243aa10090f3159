package report

import (
	"io"
	"sync"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
)

// plain writes lines to a file, a pipe or a terminal that can't move its cursor.
type plain struct {
	o    Options
	text *text

	mu  sync.Mutex
	err error // the first of writing
}

func (p *plain) Report(e engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done, wrong := p.text.render(e)
	p.write(p.o.Out, done)
	p.write(p.o.Err, wrong)
}

func (p *plain) write(w io.Writer, s string) {
	if s == "" {
		return
	}
	if _, err := io.WriteString(w, s); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *plain) Suspend(ask func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ask()
}

func (p *plain) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
