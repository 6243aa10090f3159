package report

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/modules"
)

// A screen understands what rcprov sends to a terminal, and fails the test on anything else. Lines that are too wide
// fail as well: they would wrap.
type screen struct {
	t            *testing.T
	columns      int
	lines        []string // everything since the start; a real screen shows the last ones
	row          int
	cursorHidden bool
	writes       int
	color        bool
}

func (s *screen) Write(p []byte) (int, error) {
	s.writes++
	for rest := string(p); rest != ""; {
		switch {
		case strings.HasPrefix(rest, "\x1b["):
			end := strings.IndexAny(rest, "AJlhm")
			if end < 0 {
				s.t.Fatalf("unknown control sequence %q", rest)
			}
			s.control(rest[2:end], rest[end])
			rest = rest[end+1:]
		case rest[0] == '\n':
			s.row++
			rest = rest[1:]
		case rest[0] == '\r':
			rest = rest[1:]
		default:
			end := strings.IndexAny(rest, "\x1b\n\r")
			if end < 0 {
				end = len(rest)
			}
			s.print(rest[:end])
			rest = rest[end:]
		}
	}
	if s.cursorHidden {
		s.t.Error("the cursor is hidden between two frames")
	}
	return len(p), nil
}

func (s *screen) control(argument string, command byte) {
	switch command {
	case 'A':
		up := 0
		if _, err := fmt.Sscan(argument, &up); err != nil || up > s.row {
			s.t.Fatalf("moves up by %q from row %d", argument, s.row)
		}
		s.row -= up
	case 'J':
		s.lines = s.lines[:s.row]
	case 'l', 'h':
		if argument != "?25" {
			s.t.Fatalf("sets mode %q", argument)
		}
		s.cursorHidden = command == 'l'
	case 'm':
		s.color = argument != "0"
	}
}

func (s *screen) print(text string) {
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, "")
	}
	s.lines[s.row] += text
}

func (s *screen) String() string { return strings.Join(s.lines, "\n") + "\n" }

// TestLive looks at the screen at some moments of a run on more hosts than there are rows.
func TestLive(t *testing.T) {
	t.Parallel()
	tty := &screen{t: t, columns: 50}
	var errs bytes.Buffer
	s := &script{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	columns := 50
	l := newLive(Options{
		Out: tty, Err: &errs, Color: true, Now: s.Now, Secrets: redact.New(secret),
		Size: func() (int, int) { return columns, 8 },
	})
	s.r = l
	var got txtar.Archive
	shot := func(name string) {
		t.Helper()
		l.frame()
		for _, line := range tty.lines {
			if len(line) >= columns && !strings.HasPrefix(line, "Play") {
				t.Errorf("%s: a line of %d columns at a terminal of %d: %q", name, len(line), columns, line)
			}
		}
		got.Files = append(got.Files, txtar.File{Name: name, Data: []byte(tty.String())})
	}

	var hosts []string
	for i := range 6 {
		hosts = append(hosts, fmt.Sprintf("web%d", i+1))
	}
	s.play(
		engine.Event{Type: engine.RunStarted, Run: "k3f9", Mode: engine.Apply, Plan: "prod.hcl", Hosts: hosts},
		engine.Event{Type: engine.PlayStarted, Play: "web", Hosts: hosts},
	)
	for _, host := range hosts {
		s.play(engine.Event{Type: engine.Doing, Play: "web", Host: host, Text: "connecting"})
	}
	shot("all at work")
	writes := tty.writes
	s.play(
		engine.Event{Type: engine.HostStarted, Play: "web", Host: "web1", Total: 12},
		engine.Event{Type: engine.StepChanged, Play: "web", Host: "web1", Step: "file.motd", Index: 1, Total: 12, Change: change(mode), Duration: 2 * time.Second},
		engine.Event{Type: engine.Doing, Play: "web", Host: "web1", Step: "apt_package.tools", Index: 2, Total: 12, Text: "unpacking a package with a long name (3/12) " + secret},
	)
	if tty.writes != writes {
		t.Errorf("%d writes without the timer", tty.writes-writes)
	}
	shot("one is ahead")
	for _, host := range hosts[2:] {
		s.play(engine.Event{Type: engine.HostFinished, Play: "web", Host: host})
	}
	shot("two are left")
	l.Suspend(func() {
		s.play(engine.Event{Type: engine.StepChanged, Play: "web", Host: "web2", Step: "file.motd", Index: 1, Total: 12, Change: change(removed)})
		shot("while asking")
	})
	shot("after asking")
	failure := &engine.Failure{Host: "web2", Play: "web", Err: modules.WithHint(fmt.Errorf("connect: refused"), "Try `ssh web2`.")}
	s.play(
		engine.Event{Type: engine.HostFailed, Play: "web", Host: "web2", Failure: failure},
		engine.Event{Type: engine.HostFinished, Play: "web", Host: "web1"},
		engine.Event{
			Type: engine.RunFinished, Counts: engine.Counts{Changed: 1, Failed: 1}, Duration: 20 * time.Second,
			PerHost:  []engine.HostCounts{{Host: "web1", Counts: engine.Counts{Changed: 1}}, {Host: "web2", Counts: engine.Counts{Failed: 1}}},
			Failures: []*engine.Failure{failure},
		},
	)
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	shot("the end")
	if tty.color {
		t.Error("a colour is left on")
	}
	if !strings.Contains(errs.String(), "connect: refused") {
		t.Errorf("the failure is not told: %q", errs.String())
	}
	compare(t, filepath.Join("testdata", "live.txtar"), txtar.Format(&got))
}

// TestLiveResize draws a region, makes the terminal narrower, and draws again: what a terminal has wrapped meanwhile
// is taken away too.
func TestLiveResize(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	columns := 80
	l := newLive(Options{Out: &out, Err: &out, Now: func() time.Time { return now }, Size: func() (int, int) { return columns, 24 }})
	l.Report(engine.Event{Type: engine.PlayStarted, Time: now, Play: "web", Hosts: []string{"web1"}})
	l.Report(engine.Event{Type: engine.Doing, Time: now, Host: "web1", Text: strings.Repeat("x", 60)})
	l.frame()
	out.Reset()
	columns = 30
	l.frame()
	// "web1" with 60 x takes three rows of 30 columns, the status line two.
	if !strings.HasPrefix(out.String(), "\x1b[?25l\x1b[5A\r\x1b[J") {
		t.Errorf("frame after resize: %q", out.String())
	}
}

// TestLiveTimer lets the real timer draw.
func TestLiveTimer(t *testing.T) {
	t.Parallel()
	wrote := make(chan string, 100)
	r := New(Options{
		Live: true, Out: writerFunc(func(p []byte) { wrote <- string(p) }), Err: &bytes.Buffer{}, Now: time.Now,
		Size: func() (int, int) { return 80, 24 },
	})
	r.Report(engine.Event{Type: engine.Doing, Time: time.Now(), Host: "web1", Text: "connecting"})
	if frame := <-wrote; !strings.Contains(frame, "connecting") {
		t.Errorf("frame: %q", frame)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}
