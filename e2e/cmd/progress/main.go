// Command progress follows the file of test events that gotestsum writes, and says each minute where the tests are. When
// it is told to end it says where the time went: `make test` calls it.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	about := flag.Duration("about", 0, "how long the tests take, as far as is known")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: progress [-about DURATION] FILE")
		os.Exit(2)
	}
	// Ctrl-C is for the tests, which take a while to remove their hosts.
	signal.Ignore(os.Interrupt)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := follow(ctx, flag.Arg(0), *about, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "progress:", err)
		os.Exit(1)
	}
}

// follow reads events from a file as it grows until ctx ends.
func follow(ctx context.Context, name string, about time.Duration, out io.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	r := newRun(time.Now())
	lines, rest := bufio.NewReader(f), []byte(nil)
	read := func() error {
		for {
			line, err := lines.ReadBytes('\n')
			rest = append(rest, line...)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			r.add(rest)
			rest = rest[:0]
		}
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	idle := cores()
	for next := r.start.Add(time.Minute); ; {
		select {
		case <-ctx.Done():
			err := read()
			_, _ = fmt.Fprint(out, r.summary(time.Now(), idle.busy())) // standard output
			return err
		case now := <-ticker.C:
			if err := read(); err != nil {
				return err
			}
			if now.After(next) {
				next = next.Add(time.Minute)
				_, _ = fmt.Fprint(out, r.where(now, about)) // the same
			}
		}
	}
}

// A test is one that runs, or did.
type test struct {
	pkg, name string
	since     time.Time // of its latest start; zero: it waits for its turn
	worked    time.Duration
	parent    bool // of others, which count in its place
	ended     bool
	failed    bool
}

// A run is all tests so far.
type run struct {
	start    time.Time
	tests    map[string]*test
	packages map[string]*span
}

// A span is the time from the first test of a package to the end of its last.
type span struct{ first, last time.Time }

func newRun(start time.Time) *run {
	return &run{start: start, tests: map[string]*test{}, packages: map[string]*span{}}
}

// add takes an event of `go test -json`; see `go doc test2json`. What is no event is left out.
func (r *run) add(line []byte) {
	var e struct {
		Time                  time.Time
		Action, Package, Test string
	}
	if json.Unmarshal(bytes.TrimSpace(line), &e) != nil || e.Test == "" {
		return
	}
	if r.packages[e.Package] == nil {
		r.packages[e.Package] = &span{first: e.Time}
	}
	r.packages[e.Package].last = e.Time
	key := e.Package + " " + e.Test
	t := r.tests[key]
	if t == nil {
		t = &test{pkg: path.Base(e.Package), name: e.Test}
		r.tests[key] = t
		for parent := e.Test; strings.Contains(parent, "/"); {
			parent = parent[:strings.LastIndexByte(parent, '/')]
			if p := r.tests[e.Package+" "+parent]; p != nil {
				p.parent = true
			}
		}
	}
	pause := func() {
		if !t.since.IsZero() {
			t.worked += e.Time.Sub(t.since)
			t.since = time.Time{}
		}
	}
	switch e.Action {
	case "run": // also when it is tried once more
		*t = test{pkg: t.pkg, name: t.name, since: e.Time, parent: t.parent}
	case "cont":
		t.since = e.Time
	case "pause":
		pause()
	case "pass", "fail", "skip":
		pause()
		t.ended, t.failed = true, e.Action == "fail"
	}
}

// leaves returns the tests that have no tests of their own.
func (r *run) leaves() []*test {
	var all []*test
	for _, key := range slices.Sorted(maps.Keys(r.tests)) {
		if t := r.tests[key]; !t.parent {
			all = append(all, t)
		}
	}
	return all
}

// where says how many tests are done, and which are running.
func (r *run) where(now time.Time, about time.Duration) string {
	var done, failed, waiting int
	var running []string
	for _, t := range r.leaves() {
		switch {
		case t.failed:
			failed++
			done++
		case t.ended:
			done++
		case t.since.IsZero():
			waiting++
		default:
			running = append(running, fmt.Sprintf("%s %s %s", t.pkg, t.name, now.Sub(t.since).Round(time.Second)))
		}
	}
	line := fmt.Sprintf("-- %s", now.Sub(r.start).Round(time.Second))
	if about > 0 {
		line += fmt.Sprintf(" of about %s", about)
	}
	line += fmt.Sprintf(": %d tests done, %d failed, at least %d to come", done, failed, waiting+len(running))
	if len(running) > 0 {
		line += "; running: " + strings.Join(running, ", ")
	}
	return line + "\n"
}

// summary says where the time went. busy is the part of the cores' time that was used; negative: unknown.
func (r *run) summary(now time.Time, busy float64) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\nWhere the time went: %s", now.Sub(r.start).Round(time.Second))
	if busy >= 0 {
		fmt.Fprintf(&out, ", the cores busy for %.0f %% of it", 100*busy)
	}
	out.WriteString("\n")
	leaves := r.leaves()
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		var count int
		var worked time.Duration
		for _, t := range leaves {
			if t.pkg == path.Base(name) {
				count++
				worked += t.worked
			}
		}
		p := r.packages[name]
		fmt.Fprintf(&out, "%8s %s: %d tests, %s if run one by one\n", p.last.Sub(p.first).Round(time.Second), path.Base(name), count, worked.Round(time.Second))
	}
	slices.SortStableFunc(leaves, func(a, b *test) int { return cmp.Compare(b.worked, a.worked) })
	out.WriteString("The slowest:\n")
	for _, t := range leaves[:min(len(leaves), 20)] {
		fmt.Fprintf(&out, "%8s %s %s\n", t.worked.Round(100*time.Millisecond), t.pkg, t.name)
	}
	return out.String()
}
