package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clipperhouse/displaywidth"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
)

// Rules of the live terminal:
//
//   - It shows the same lines as a pipe gets. They scroll away above a region at the bottom, with one line for each
//     busy host and one for the run. At the end the region is removed.
//   - The region is drawn by a timer, never by an event: a thousand events cost as much as one.
//   - A frame is one write. Between frames the cursor is visible, in the first column below the region, and no mode of
//     the terminal is set: however rcprov dies, the shell's next prompt finds a usable terminal.
//   - No line is as wide as the terminal, so none wraps, and the region's height is known.

// frameTime is the time between two frames.
const frameTime = 100 * time.Millisecond

// live writes a run to a terminal.
type live struct {
	o      Options
	text   *text
	stop   chan struct{} // closed by Close
	done   chan struct{} // closed when the timer has ended
	asking sync.Mutex    // one question at a time

	mu        sync.Mutex
	suspended bool
	closed    bool
	pending   strings.Builder // lines to write above the region
	drawn     []int           // widths of the region's lines on the screen
	err       error           // the first of writing

	started time.Time
	play    string
	order   []string // hosts of the play
	hosts   []*busy  // those at work, in that order
	ended   map[string]bool
}

// busy is what a host is doing.
type busy struct {
	host         string
	step, text   string
	index, total int
	since        time.Time // when the step began
}

func startLive(o Options) *live {
	l := newLive(o)
	l.stop, l.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(l.done)
		ticker := time.NewTicker(frameTime)
		defer ticker.Stop()
		for {
			select {
			case <-l.stop:
				return
			case <-ticker.C:
				l.frame()
			}
		}
	}()
	return l
}

// newLive returns a live display without its timer.
func newLive(o Options) *live { return &live{o: o, text: newText(o), ended: map[string]bool{}} }

func (l *live) Report(e engine.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow(e)
	done, wrong := l.text.render(e)
	l.pending.WriteString(done)
	if e.Type == engine.RunFinished {
		l.hosts = nil
		l.draw(nil)
	}
	if wrong != "" {
		if _, err := io.WriteString(l.o.Err, wrong); err != nil && l.err == nil {
			l.err = err
		}
	}
}

// follow keeps track of which host does what.
func (l *live) follow(e engine.Event) {
	switch e.Type {
	case engine.RunStarted:
		l.started = e.Time
	case engine.PlayStarted:
		l.play, l.order, l.hosts = e.Play, e.Hosts, nil
		clear(l.ended)
	case engine.HostStarted, engine.Doing, engine.StepOK, engine.StepPlanned, engine.StepChanged, engine.StepSkipped, engine.StepUnknown:
		h := l.host(e)
		if e.Type == engine.HostStarted {
			h.total = e.Total
		}
		if e.Step != h.step {
			h.since = e.Time
		}
		if e.Total > 0 {
			h.index, h.total = e.Index, e.Total
		}
		h.step, h.text = l.o.Secrets.String(e.Step), l.o.Secrets.String(e.Text)
	case engine.HostFailed, engine.HostFinished:
		l.ended[e.Host] = true
		l.hosts = slices.DeleteFunc(l.hosts, func(h *busy) bool { return h.host == e.Host })
	}
}

func (l *live) host(e engine.Event) *busy {
	for _, h := range l.hosts {
		if h.host == e.Host {
			return h
		}
	}
	h := &busy{host: e.Host, since: e.Time}
	l.hosts = append(l.hosts, h)
	slices.SortStableFunc(l.hosts, func(a, b *busy) int { return slices.Index(l.order, a.host) - slices.Index(l.order, b.host) })
	return h
}

func (l *live) Suspend(ask func()) {
	l.asking.Lock()
	defer l.asking.Unlock()
	l.suspend(true)
	defer l.suspend(false)
	ask()
}

func (l *live) suspend(suspended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draw(nil)
	l.suspended = suspended
}

func (l *live) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed, l.suspended = true, false
		l.draw(nil)
		if l.stop != nil {
			close(l.stop)
		}
	}
	l.mu.Unlock()
	if l.done != nil {
		<-l.done
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// frame draws what has changed since the last frame.
func (l *live) frame() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.draw(l.region())
	}
}

// region returns what to show at the bottom of the screen, each line narrower than the screen.
func (l *live) region() []regionLine {
	if len(l.hosts) == 0 {
		return nil
	}
	columns, rows := l.o.Size()
	shown := l.hosts[:min(len(l.hosts), max(1, rows-4))]
	names, counts := 0, 0
	for _, h := range shown {
		names = max(names, displaywidth.String(h.host))
		counts = max(counts, len(h.count()))
	}
	now := l.o.Now()
	var lines []regionLine
	for _, h := range shown {
		name := h.host + strings.Repeat(" ", names-displaywidth.String(h.host))
		lines = append(lines, l.fit(columns-1, fmt.Sprintf("%s  %*s", name, counts, h.count()), h.doing(), now.Sub(h.since)))
	}
	status := fmt.Sprintf("%d of %d hosts done", len(l.ended), len(l.order))
	if more := len(l.hosts) - len(shown); more > 0 {
		status += fmt.Sprintf(", %d more busy", more)
	}
	return append(lines, l.fit(columns-1, "play "+l.play, status, now.Sub(l.started)))
}

// A regionLine is painted text and its width in columns.
type regionLine struct {
	text  string
	width int
}

// fit makes a line of at most width columns. It shortens doing first, then leaves out the time.
func (l *live) fit(width int, who, doing string, since time.Duration) regionLine {
	const gap = 2
	took := elapsed(since)
	who = displaywidth.TruncateString(who, max(1, width), "")
	left := width - displaywidth.String(who) - gap
	line, used := l.text.style.paint(bold, who), displaywidth.String(who)
	if room := left - gap - len(took); room > 0 && doing != "" {
		doing = displaywidth.TruncateString(value(doing), room, "...")
		line += "  " + doing
		used += gap + displaywidth.String(doing)
	}
	if used+gap+len(took) <= width {
		line += "  " + l.text.style.paint(faint, took)
		used += gap + len(took)
	}
	return regionLine{text: line, width: used}
}

// count returns how far the host has come: "3/12".
func (h *busy) count() string {
	if h.total == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", h.index, h.total)
}

// doing returns what the host is doing: "file.motd: writing /etc/motd".
func (h *busy) doing() string {
	if h.step != "" && h.text != "" {
		return h.step + ": " + h.text
	}
	return h.step + h.text
}

func elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return duration(d)
}

// draw writes one frame: it removes the old region, writes the pending lines in its place, and then the new region. While
// a question is asked it draws nothing.
func (l *live) draw(region []regionLine) {
	if l.suspended || l.pending.Len() == 0 && len(region) == 0 && len(l.drawn) == 0 {
		return
	}
	columns, _ := l.o.Size()
	var frame strings.Builder
	frame.WriteString("\x1b[?25l") // hide the cursor, which would jump visibly
	if rows := l.rows(columns); rows > 0 {
		fmt.Fprintf(&frame, "\x1b[%dA\r\x1b[J", rows)
	}
	frame.WriteString(l.pending.String())
	l.pending.Reset()
	l.drawn = l.drawn[:0]
	for _, line := range region {
		frame.WriteString(line.text + "\n")
		l.drawn = append(l.drawn, line.width)
	}
	frame.WriteString("\x1b[?25h")
	if _, err := io.WriteString(l.o.Out, frame.String()); err != nil && l.err == nil {
		l.err = err
	}
}

// rows returns how many rows the region takes on a screen of columns: most terminals wrap lines that were drawn before
// the window became narrower.
func (l *live) rows(columns int) int {
	rows := 0
	for _, width := range l.drawn {
		rows += max(1, (width+columns-1)/max(1, columns))
	}
	return rows
}
