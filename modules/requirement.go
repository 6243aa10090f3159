package modules

import "github.com/rcprov/rcprov/modules/observe"

// A Requirement is what a step needs of a host and can't bring about itself: memory, a free port, a DNS record. It is
// checked before the first change on the host, and only if the step it belongs to differs then: what is installed
// already has had its share of the disk.
//
// Package modules/internal/preflight has those that many modules need.
type Requirement interface {
	// Topic is what it is about; plans decide by it what becomes of what it finds.
	Topic() Topic

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

// A Topic is what a requirement is about.
type Topic string

// The topics.
const (
	TopicMemory  Topic = "memory"  // enough of it
	TopicDisk    Topic = "disk"    // enough room where files go
	TopicCPU     Topic = "cpu"     // what the processor can do
	TopicClock   Topic = "clock"   // the host's agrees with the controller's
	TopicRelease Topic = "release" // of the distribution
	TopicPorts   Topic = "ports"   // not held by other programs
	TopicDNS     Topic = "dns"     // names lead to the host
)

// Topics are all topics.
var Topics = []Topic{TopicMemory, TopicDisk, TopicCPU, TopicClock, TopicRelease, TopicPorts, TopicDNS}

// A Level is what becomes of what a requirement finds.
type Level string

// The levels.
const (
	LevelError Level = "error" // nothing is changed on the host
	LevelWarn  Level = "warn"  // it is told
	LevelOff   Level = "off"   // it is not looked for
)

// Levels are all levels.
var Levels = []Level{LevelError, LevelWarn, LevelOff}
