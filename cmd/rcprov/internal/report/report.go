// Package report shows a run to people and machines. It turns the events of package engine, mistakes in plans and failures
// on hosts into text (plain lines, or a live terminal) or into JSON.
//
// # JSON
//
// With --json each line of standard output is one object. The version is increased when a field changes its meaning or is
// removed; new fields and new types may appear at any time.
//
//	{"version":1,"type":"run_started","time":"2026-11-21T12:00:00Z","run":"k3f9","mode":"apply","plan":"prod.hcl","hosts":["chat"]}
//	{"version":1,"type":"step_changed","time":"...","run":"k3f9","play":"web","host":"chat","step":"file.motd","index":1,"total":2,
//	 "seconds":0.2,"change":{"edits":[{"action":"update","subject":"/etc/motd","field":"mode","from":"0600","to":"0644"}]}}
//
// The types are those of [engine.EventType], which says what each carries, and
//
//	diagnostic  a mistake in the plan: severity ("error", "warning") and error
//	error       a failure outside of any host and plan: error
//	summary     of rcprov summary: runs, plans, counts (of hosts), problems; failed and changed, each [{"text", "hint", "hosts"}];
//	            unfinished, the hosts that are not done
//
// The fields:
//
//	time      RFC 3339
//	text      of doing, connection_lost and journal_failed, and of steps that were skipped: what is happening, or why
//	run       the run's name, which is also in the journal of the hosts
//	seconds   how long it took
//	change    {"edits": [...], "notes": [...]}; the fields of an edit are those of [modules.Edit]. Sensitive edits have
//	          no from, to or text. "if", "unless" and "or" are in plans only: the edit is made on this condition, which
//	          is known only when earlier steps have been applied; where "or" holds, the subject is changed instead of
//	          created. A step with no edits without "if" and "unless" is of type step_unknown
//	counts    {"ok", "planned", "changed", "skipped", "unknown", "failed", "left"}: numbers of steps
//	severity  of a diagnostic or finding: "error" or "warning"
//	check     of a finding: "memory", "disk", "cpu", "clock", "release", "ports", "dns"; its error says what is wrong.
//	          Findings of severity "error" end the host's part of an apply; a plan still shows what would change,
//	          and counts the host as failed at its end
//	stopped   the run was interrupted before it was done
//	per_host  [{"host", "counts"}]
//	outputs   the plan's outputs by name
//	error     {"summary", "hint", "output": [lines], "file", "line", "column", "host", "address", "play", "step",
//	          "changed": [steps changed before], "aftermath": what the step left ("partly", "done",
//	          "unknown"; left out when it changed nothing), "made": [its edits that were made all the same], "left": steps
//	          not tried};
//	          unknown fields are left out
package report

import (
	"io"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
)

// Options describe who reads a report, and where.
type Options struct {
	Out io.Writer // what was found and done
	Err io.Writer // what went wrong, at the end (JSON has everything in Out)

	JSON     bool // for machines
	Live     bool // Out is a terminal whose cursor can be moved: show what is being done, below what is done
	Color    bool // in Out
	ErrColor bool // in Err
	Verbose  bool // also show steps that are up to date or skipped, and long texts in full

	// Size returns the columns and rows of the terminal; nil when there is none. Durations are shown at a terminal
	// only: elsewhere the same run on the same hosts always has the same text.
	Size func() (columns, rows int)

	Now     func() time.Time
	Secrets *redact.Redactor     // hides secrets
	Files   map[string]*hcl.File // the plan's sources, for excerpts
}

// plainWidth is the width in columns of paragraphs where there is no terminal.
const plainWidth = 100

func (o Options) width() int {
	if o.Size == nil {
		return plainWidth
	}
	columns, _ := o.Size()
	return columns
}

// A Reporter shows a run to a reader. It may be used concurrently.
type Reporter interface {
	engine.Reporter

	// Suspend calls ask, a question to the person, while nothing else is written to the terminal. Events that are
	// reported meanwhile are shown after ask has returned; other questions wait for their turn.
	Suspend(ask func())

	// Close shows what is left to show and resets the terminal. It may be called more than once.
	Close() error
}

// New returns the Reporter for o.
func New(o Options) Reporter {
	switch {
	case o.JSON:
		return &jsonLines{o: o}
	case o.Live:
		return startLive(o)
	default:
		return &plain{o: o, text: newText(o)}
	}
}
