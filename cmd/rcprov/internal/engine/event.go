package engine

import (
	"time"

	"github.com/rcprov/rcprov/modules"
)

// A Reporter receives the events of a run, one at a time, in order for each host.
type Reporter interface {
	Report(Event)
}

// Mode is what a run does.
type Mode string

// The modes of a run.
const (
	Plan  Mode = "plan"  // observe and show differences
	Apply Mode = "apply" // observe, change what differs, and verify
)

// EventType is the type of an Event; it determines which fields are set.
type EventType string

// The types of events. Time and Type are always set; Play and Host where there is one.
const (
	RunStarted     EventType = "run_started"     // Run, Mode, Plan, Hosts
	PlayStarted    EventType = "play_started"    // Hosts
	PlaySkipped    EventType = "play_skipped"    // Hosts, Text: why; the play is not started on these hosts
	HostStarted    EventType = "host_started"    // Total: the host starts a play of Total steps
	Found          EventType = "finding"         // Step, Index, Total (of findings), Finding: the host doesn't meet a requirement of the step; all of them come before its first step
	Doing          EventType = "doing"           // Step, Index, Total, Text: what is being done; for live display
	ConnectionLost EventType = "connection_lost" // Text: why; the host reconnects
	ConnectionBack EventType = "connection_back" // Text: address of the new connection; Duration: how long reconnecting took
	JournalFailed  EventType = "journal_failed"  // Text: why the host's journal lacks a change
	StepOK         EventType = "step_ok"         // Step, Index, Total: nothing to do; Change may carry notes
	StepPlanned    EventType = "step_planned"    // Step, Index, Total, Change: would change (plan)
	StepChanged    EventType = "step_changed"    // Step, Index, Total, Change, Duration: changed and verified (apply)
	StepSkipped    EventType = "step_skipped"    // Step, Index, Total, Text: why
	StepUnknown    EventType = "step_unknown"    // Step, Index, Total, and Text: why it is unknown until earlier steps are applied, or Change: all of its edits have conditions (plan)
	HostFailed     EventType = "host_failed"     // Failure: the host gets no further steps in this run
	HostFinished   EventType = "host_finished"   // Counts, Duration: the host has ended a play (also after a failure)
	RunStopping    EventType = "run_stopping"    // the run was interrupted: changes in progress are finished, no others are started
	RunFinished    EventType = "run_finished"    // Counts, PerHost, Failures, Outputs, Duration, Stopped
)

// Event is one thing that happened in a run.
type Event struct {
	Type EventType
	Time time.Time

	Run  string // random name of the run
	Mode Mode
	Plan string // path of the plan

	Play  string
	Host  string
	Hosts []string

	Step     string // the step's address
	Index    int    // from 1
	Total    int
	Text     string
	Change   *modules.Change
	Duration time.Duration

	Finding  *PreflightFinding
	Stopped  bool // the run was stopped before it was done
	Failure  *Failure
	Failures []*Failure // all of the run, in the order of the plan's hosts
	Counts   Counts
	PerHost  []HostCounts // in the order of the plan's hosts
	Outputs  map[string]any
}

// Counts are numbers of steps by how they ended.
type Counts struct {
	OK, Planned, Changed, Skipped, Failed int
	Unknown                               int // those of StepUnknown
	Left                                  int // not tried: after a failure or an interrupt
	Asks                                  int // approvals that were given; in a plan those that are needed, or may be
}

// HostCounts are the counts of one host over all plays.
type HostCounts struct {
	Host   string
	Counts Counts
}
