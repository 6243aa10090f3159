package preflight

import (
	"fmt"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// How far the host's clock may be from the controller's. Beyond a minute one-time passwords and tokens fail; beyond
// some minutes certificates and signed lists of packages are "not valid yet".
const (
	clockWarns = time.Minute
	clockFails = 5 * time.Minute
)

// Clock is the requirement that the host's clock agrees with the controller's.
type Clock struct{}

var _ modules.Requirement = Clock{}

// Topic implements [modules.Requirement].
func (Clock) Topic() modules.Topic { return modules.TopicClock }

// Observe implements [modules.Requirement].
func (Clock) Observe(q *observe.Query) { observe.Clock.Ask(q, struct{}{}) }

// Test implements [modules.Requirement].
func (Clock) Test(s *observe.Snapshot, _ []modules.Need) *modules.Finding {
	host, err := observe.Clock.Get(s, struct{}{})
	if err != nil {
		return unknown("the host's clock", err)
	}
	// It was read at some time between question and answer, and has whole seconds.
	var off time.Duration
	side := "ahead of"
	switch early, late := s.Asked.Truncate(time.Second), s.Answered; {
	case host.After(late):
		off = host.Sub(late)
	case host.Before(early):
		off, side = early.Sub(host), "behind"
	}
	if off <= clockWarns {
		return nil
	}
	f := wrong(fmt.Errorf("the host's clock is %s %s this machine's: %s there, %s here", modules.Span(off.Round(time.Second)), side,
		host.UTC().Format(time.DateTime), s.Answered.UTC().Format(time.DateTime+" MST")),
		"`timedatectl` reports whether a clock is synchronized (`timedatectl set-ntp true` makes it so). "+
			"Certificates, tokens and apt's lists are refused where it is wrong.")
	if off <= clockFails {
		f.Level = modules.LevelWarn
	}
	return f
}
