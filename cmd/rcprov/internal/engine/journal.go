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

const journalTimeout = 30 * time.Second

// What an Entry tells of a change. Each has two: Begun, then Changed when it was verified, or Failed. Begun without
// the other is a run that died in it.
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
	Error string        `json:"error,omitempty"`
}

// JournalEdit is an edit without its texts, which may be long.
type JournalEdit struct {
	Action  modules.Action `json:"action"`
	Subject string         `json:"subject"`
	Field   string         `json:"field,omitempty"`
	From    string         `json:"from,omitempty"`
	To      string         `json:"to,omitempty"`
}

// journal writes entries to a host one after another, so that nobody has to wait for them. A journal that can't be
// written does not stop a run, which says so once: the disk may be full, and the run about to cure that.
type journal struct {
	scripts   chan string
	pending   sync.WaitGroup // scripts that are not done yet
	done      chan struct{}
	unwritten []string // scripts that may not have been run; valid when done
}

// newJournal starts a journal on conn. Entries are written also when ctx is cancelled: what was done was done. failed is
// called when one could not be, for the first of them.
func newJournal(ctx context.Context, conn observe.Host, failed func(why string)) *journal {
	j := &journal{scripts: make(chan string, 64), done: make(chan struct{})}
	var told bool
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer close(j.done)
		for script := range j.scripts {
			ask, cancel := context.WithTimeout(ctx, journalTimeout)
			_, stderr, err := conn.Ask(ask, script)
			cancel()
			if err != nil {
				j.unwritten = append(j.unwritten, script)
			} else if why, _, _ := strings.Cut(strings.TrimSpace(string(stderr)), "\n"); why != "" && !told {
				told = true
				failed(why)
			}
			j.pending.Done()
		}
	}()
	return j
}

// write has script run after those before it.
func (j *journal) write(script string) {
	j.pending.Add(1)
	j.scripts <- script
}

// close waits until all entries are written, and returns the scripts of those that perhaps are not: they may be run again.
func (j *journal) close() (unwritten []string) {
	close(j.scripts)
	<-j.done
	return j.unwritten
}

// journalFailed tells that an entry could not be written.
func (h *host) journalFailed(why string) {
	h.report(Event{Type: JournalFailed, Text: fmt.Sprintf("%s could not be written: %s", JournalPath, why)})
}

// log writes an entry for each step of batch to the host's journal, and to syslog when the change has ended. A host that
// was lost for good has no journal any more.
func (h *host) log(play, what string, batch []work, failure error) {
	if !h.lock.held() {
		return
	}
	var script strings.Builder
	script.WriteString("umask 077\nmkdir -p /var/lib/rcprov\n")
	for _, b := range batch {
		line, err := json.Marshal(h.entry(play, what, b, failure))
		if err != nil {
			continue // of strings and times; can't happen
		}
		quoted := shell.Quote(h.run.Redact(string(line)))
		fmt.Fprintf(&script, "printf '%%s\\n' %s >>%s\n", quoted, JournalPath)
		if what != Begun {
			fmt.Fprintf(&script, "logger -t rcprov -- %s </dev/null 2>/dev/null || :\n", quoted)
		}
	}
	if what == Changed {
		fmt.Fprintf(&script, "rm -f %s\n", busyFile(h.applied))
	}
	h.lock.journal.write(script.String())
}

func (h *host) entry(play, what string, b work, failure error) Entry {
	e := Entry{
		Time: h.run.Now().UTC(), Run: h.run.id, By: h.run.By, Plan: h.run.Options.Plan.Path,
		Play: play, Step: b.Address, What: what,
	}
	if failure != nil {
		e.Error = failure.Error()
	}
	for _, edit := range b.change.Edits {
		j := JournalEdit{Action: edit.Action, Subject: edit.Subject, Field: edit.Field}
		if !edit.Sensitive {
			j.From, j.To = edit.From, edit.To
		}
		e.Edits = append(e.Edits, j)
	}
	return e
}

// History reads a host's journal, oldest entry first. A host that was never changed has none.
func History(ctx context.Context, conn observe.Host) ([]Entry, error) {
	stdout, stderr, err := conn.Ask(ctx, "[ ! -e "+JournalPath+" ] || cat "+JournalPath+"\n")
	if err != nil {
		return nil, err
	}
	if text := strings.TrimSpace(string(stderr)); text != "" {
		return nil, fmt.Errorf("read %s: %s", JournalPath, text)
	}
	var entries []Entry
	seen := make(map[string]bool) // one that was written twice: the connection broke meanwhile
	for line := range strings.Lines(string(stdout)) {
		if seen[line] {
			continue
		}
		seen[line] = true
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			continue // the last line of a run that was killed while it wrote
		}
		entries = append(entries, e)
	}
	return entries, nil
}
