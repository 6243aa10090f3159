package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// JournalPath is where a host keeps the history of its changes, one JSON object per line.
const JournalPath = "/var/lib/rcprov/journal.jsonl"

const (
	journalTimeout = 30 * time.Second
	// journalLinger is how long the end of a change waits for the begin of the next one, which then takes the same trip.
	journalLinger = 10 * time.Millisecond
)

// Values of Entry.What. Each change has two entries: Begun, then Changed after it was verified, or Failed. If only Begun is
// there, the run died during the change.
const (
	Begun   = "begun"
	Changed = "changed"
	Failed  = "failed"
)

// Entry is a line of a host's journal.
type Entry struct {
	Time  time.Time     `json:"time"`
	Run   string        `json:"run"`
	By    string        `json:"by"`
	Plan  string        `json:"plan"`
	Play  string        `json:"play"`
	Step  string        `json:"step"`
	What  string        `json:"what"` // Begun, Changed or Failed
	Edits []JournalEdit `json:"edits,omitempty"`
	Made  []JournalEdit `json:"made,omitempty"` // with Failed: those of Edits that are made all the same
	Error string        `json:"error,omitempty"`
}

// JournalEdit is a [modules.Edit] without its texts, which may be long.
type JournalEdit struct {
	Action  modules.Action `json:"action"`
	Subject string         `json:"subject"`
	Field   string         `json:"field,omitempty"`
	From    string         `json:"from,omitempty"`
	To      string         `json:"to,omitempty"`
}

// journal writes entries to a host one after another, so that nobody has to wait for them. Entries that can't be written
// are reported once and don't stop the run: the disk may be full, and the run about to fix that.
type journal struct {
	scripts   chan entries
	pending   sync.WaitGroup // scripts that have not ended yet
	done      chan struct{}  // closed when no script runs any more
	unwritten []string       // scripts that may not have run; valid after done is closed
}

// entries is a script that writes some.
type entries struct {
	text string
	soon bool // those that follow are not waited for
}

// newJournal starts a journal on conn. It writes entries even after ctx is cancelled: they record what happened. It calls
// failed for the first entry that could not be written.
func newJournal(ctx context.Context, conn observe.Host, failed func(why string)) *journal {
	j := &journal{scripts: make(chan entries, 64), done: make(chan struct{})}
	var reported bool
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer close(j.done)
		for script := range j.scripts {
			n := 1
			for late := time.After(journalLinger); !script.soon; n++ {
				more, ok := entries{soon: true}, false
				select {
				case more, ok = <-j.scripts:
				case <-late:
				}
				if script.text, script.soon = script.text+more.text, more.soon; !ok {
					break
				}
			}
			ask, cancel := context.WithTimeout(ctx, journalTimeout)
			_, stderr, err := conn.Ask(ask, script.text)
			cancel()
			if err != nil {
				j.unwritten = append(j.unwritten, script.text)
			} else if why, _, _ := strings.Cut(strings.TrimSpace(string(stderr)), "\n"); why != "" && !reported {
				reported = true
				failed(why)
			}
			j.pending.Add(-n)
		}
	}()
	return j
}

// write runs a script after those before it; it doesn't wait for that.
func (j *journal) write(script entries) {
	j.pending.Add(1)
	j.scripts <- script
}

// close waits until all scripts have ended. It returns those that may not have run; they may be run again.
func (j *journal) close() (unwritten []string) {
	close(j.scripts)
	<-j.done
	return j.unwritten
}

// journalFailed reports that an entry could not be written.
func (h *host) journalFailed(why string) {
	h.report(Event{Type: JournalFailed, Text: fmt.Sprintf("%s could not be written: %s", JournalPath, why)})
}

// log writes an entry for each step of batch to the host's journal, and to syslog if the change has ended. It does nothing
// on a host whose connection is gone.
func (h *host) log(play, what string, batch []work, failure error) {
	if !h.lock.held() {
		return
	}
	var script strings.Builder
	// Syslog gets entries by standard input: everybody on the host can read a command line.
	script.WriteString("umask 077\nmkdir -p /var/lib/rcprov\nlog() { printf '%s\\n' \"$1\" | logger -t rcprov 2>/dev/null || :; }\n")
	for _, b := range batch {
		line, err := json.Marshal(h.entry(play, what, b, failure))
		if err != nil {
			continue // strings and times only: can't fail
		}
		quoted := shell.Quote(h.run.Redact(string(line)))
		fmt.Fprintf(&script, "printf '%%s\\n' %s >>%s\n", quoted, JournalPath)
		if what != Begun {
			fmt.Fprintf(&script, "log %s\n", quoted)
		}
	}
	if what == Changed {
		fmt.Fprintf(&script, "rm -f %s\n", busyFile(h.applied))
	}
	h.lock.journal.write(entries{script.String(), what == Begun})
}

func (h *host) entry(play, what string, b work, failure error) Entry {
	e := Entry{
		Time: h.run.Now().UTC(), Run: h.run.id, By: h.run.By, Plan: h.run.Options.Plan.Path,
		Play: play, Step: b.Address, What: what,
	}
	if failure != nil {
		e.Error = failure.Error()
	}
	e.Edits, e.Made = journalEdits(b.change.Edits), journalEdits(b.made)
	return e
}

func journalEdits(edits []modules.Edit) (all []JournalEdit) {
	for _, edit := range edits {
		j := JournalEdit{Action: edit.Action, Subject: edit.Subject, Field: edit.Field}
		if !edit.Sensitive {
			j.From, j.To = edit.From, edit.To
		}
		all = append(all, j)
	}
	return all
}

// History reads a host's journal, oldest entry first. It is empty if rcprov never changed the host.
func History(ctx context.Context, conn observe.Host) ([]Entry, error) {
	stdout, stderr, err := conn.Ask(ctx, "[ ! -e "+JournalPath+" ] || cat "+JournalPath+"\n")
	if err != nil {
		return nil, err
	}
	if text := strings.TrimSpace(string(stderr)); text != "" {
		return nil, fmt.Errorf("read %s: %s", JournalPath, text)
	}
	var entries []Entry
	seen := make(map[string]bool) // entries may have been written twice if the connection broke
	for line := range strings.Lines(string(stdout)) {
		if seen[line] {
			continue
		}
		seen[line] = true
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			continue // a run was killed while it wrote this line
		}
		entries = append(entries, e)
	}
	return entries, nil
}
