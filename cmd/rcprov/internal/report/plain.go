package report

import (
	"io"
	"strings"
	"sync"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
)

// plain writes lines to a file, a pipe or a terminal that can't move its cursor.
type plain struct {
	o      Options
	text   *text
	asking sync.Mutex // one question at a time

	mu          sync.Mutex
	suspended   bool
	done, wrong strings.Builder // not written yet, while suspended
	err         error           // the first of writing
}

func (p *plain) Report(e engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done, wrong := p.text.render(e)
	p.done.WriteString(done)
	p.wrong.WriteString(wrong)
	p.flush()
}

func (p *plain) flush() {
	if p.suspended {
		return
	}
	p.write(p.o.Out, &p.done)
	p.write(p.o.Err, &p.wrong)
}

func (p *plain) write(w io.Writer, pending *strings.Builder) {
	if pending.Len() == 0 {
		return
	}
	if _, err := io.WriteString(w, pending.String()); err != nil && p.err == nil {
		p.err = err
	}
	pending.Reset()
}

func (p *plain) Suspend(ask func()) {
	p.asking.Lock()
	defer p.asking.Unlock()
	p.suspend(true)
	defer p.suspend(false)
	ask()
}

func (p *plain) suspend(suspended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspended = suspended
	p.flush()
}

func (p *plain) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspended = false
	p.flush()
	return p.err
}
