// Package report is what people and machines read of a run. It turns the events of package engine, mistakes of plans
// and failures on hosts into words (plain lines, or a live terminal) or into JSON.
//
// # JSON
//
// With --json each line of standard output is one object. Version is raised when a field changes its meaning or goes
// away; new fields and new types may appear at any time.
//
//	{"version":1,"type":"run_started","time":"2026-11-21T12:00:00Z","run":"k3f9","mode":"apply","plan":"prod.hcl","hosts":["chat"]}
//	{"version":1,"type":"step_changed","time":"...","run":"k3f9","play":"web","host":"chat","step":"file.motd","index":1,"total":2,
//	 "seconds":0.2,"change":{"edits":[{"action":"update","subject":"/etc/motd","field":"mode","from":"0600","to":"0644"}]}}
//
// The types are those of [engine.EventType], which says what each carries, and
//
//	diagnostic  a mistake in the plan: severity ("error", "warning") and error
//	error       rcprov itself could not do what it was asked: error
//
// The fields:
//
//	time      RFC 3339
//	text      of doing, connection_lost and journal_failed, and of steps that were left out: what is going on, or why
//	run       the run's name, which is also in the journal of the hosts
//	seconds   how long it took
//	change    {"edits": [...], "notes": [...]}; the fields of an edit are those of [modules.Edit], and what it calls
//	          sensitive has no from, to or text; "if" is in plans alone: the edit is made on this condition, which
//	          only shows when earlier steps are applied. A step with no other edits is of type step_unknown
//	counts    {"ok", "planned", "changed", "skipped", "unknown", "failed", "left"}: numbers of steps
//	severity  of a diagnostic or finding: "error" or "warning"
//	check     of a finding: "memory", "disk", "cpu", "clock", "release", "ports", "dns"; its error says what is wrong.
//	          Findings of severity "error" end the host's part of an apply; a plan shows all the same what would be
//	          changed, and counts the host as failed at its end
//	stopped   the run was interrupted before all was looked at or done
//	per_host  [{"host", "counts"}]
//	outputs   the plan's outputs by name
//	error     {"summary", "hint", "output": [lines], "file", "line", "column", "host", "address", "play", "step",
//	          "changed": [steps changed before], "aftermath": what the step left ("partly", "done",
//	          "unknown"; left out when it changed nothing), "left": steps not tried};
//	          what is not known is left out
package report

import (
	"io"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
)

// Options say who reads a report, and where.
type Options struct {
	Out io.Writer // what was found and done
	Err io.Writer // what went wrong, at the end (JSON has everything in Out)

	JSON     bool // for machines
	Live     bool // Out is a terminal whose cursor can be moved: show what is going on, below what is done
	Color    bool // in Out
	ErrColor bool // in Err
	Verbose  bool // also steps that are as wanted or skipped, and long texts as a whole

	// Size returns the columns and rows of the terminal; nil when there is none. At a terminal durations are
	// shown; elsewhere the text of the same run on the same hosts is always the same.
	Size func() (columns, rows int)

	Now     func() time.Time
	Secrets *redact.Redactor     // what nobody may read
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

// A Reporter tells a run to a reader. It may be used concurrently.
type Reporter interface {
	engine.Reporter

	// Suspend calls ask while nothing else is written to the terminal: for a question to the person. Events that
	// are reported meanwhile are shown when ask has returned; other questions wait for their turn.
	Suspend(ask func())

	// Close shows all that is left to show and leaves the terminal in order. It may be called more than once.
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
