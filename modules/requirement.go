package modules

import "github.com/rcprov/rcprov/modules/observe"

// A Requirement is what a step needs of a host and can't bring about itself: memory, a free port, a DNS record. It is
// checked before the first change on the host, and only if the step it belongs to differs then: what is installed
// already has had its share of the disk.
//
// Package modules/internal/preflight has those that many modules need.
type Requirement interface {
	// Check is the kind, by which plans decide what becomes of what it finds.
	Check() Check

	// Observe adds the questions that decide it to q, those of the host's first observation. It does no I/O.
	Observe(q *observe.Query)

	// Test returns what speaks against it in s, nil if nothing does. Like Diff it is a pure function. before are the
	// requirements of the host's steps that stand before it in the plan, for what adds up.
	Test(s *observe.Snapshot, before []Need) *Finding
}

// Need is a requirement of some step of a host.
type Need struct {
	Requirement Requirement
	Pending     bool // the step differs: what it needs is still to be taken
}

// A Finding is what speaks against a requirement on a host.
type Finding struct {
	Level Level // LevelError or LevelWarn; the plan may say otherwise
	Err   error // what it is, perhaps with a hint ([WithHint])
}

// A Check is a kind of requirement.
type Check string

// The checks.
const (
	CheckMemory  Check = "memory"  // enough of it
	CheckDisk    Check = "disk"    // enough room where files go
	CheckCPU     Check = "cpu"     // what the processor can do
	CheckClock   Check = "clock"   // the host's agrees with the controller's
	CheckRelease Check = "release" // of the distribution
	CheckPorts   Check = "ports"   // not held by strangers
	CheckDNS     Check = "dns"     // names lead to the host
)

// Checks are all checks.
var Checks = []Check{CheckMemory, CheckDisk, CheckCPU, CheckClock, CheckRelease, CheckPorts, CheckDNS}

// A Level is what becomes of what a check finds.
type Level string

// The levels.
const (
	LevelError Level = "error" // nothing is changed on the host
	LevelWarn  Level = "warn"  // it is told
	LevelOff   Level = "off"   // it is not looked for
)

// Levels are all levels.
var Levels = []Level{LevelError, LevelWarn, LevelOff}
