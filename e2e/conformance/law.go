//go:build linux

package conformance

import (
	"fmt"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
)

// A law is the number of one of README.md's laws.
type law int

const (
	theCase    law = iota // no law: what a case must be like to prove any
	harmless              // plan writes nothing
	idempotent            // a second apply does nothing
	repairs               // apply repairs a drift
	resumes               // apply goes on after a kill
	honest                // nothing to be done means that the effect is there
	announced             // apply does what plan announced
	raced                 // a user of the host gains nothing
)

func (l law) String() string {
	return [...]string{
		theCase:    "the case itself",
		harmless:   "law 1 (plan writes nothing)",
		idempotent: "law 2 (a second apply writes nothing)",
		repairs:    "law 3 (apply after a drift repairs it and touches nothing else)",
		resumes:    "law 4 (apply that was killed and is run again leaves the host as an undisturbed run does)",
		honest:     "law 5 (when plan says that nothing is to be done, the effect is there)",
		announced:  "law 6 (what plan announces is what apply then does)",
		raced:      "law 7 (a user of the host who races the step gains nothing)",
	}[l]
}

// broken returns the error of a law that doesn't hold: what was expected, in a sentence, and what was seen.
func (l law) broken(want, seen string, args ...any) error {
	return fmt.Errorf("%v does not hold.\n  expected: %s\n  seen: %s", l, want, fmt.Sprintf(seen, args...))
}

// exit returns a run's exit status, and what it means.
func exit(r rcprov.Run) string {
	meaning, known := map[int]string{0: "nothing more to change", 1: "an error", 2: "something to change"}[r.Exit]
	if !known {
		return fmt.Sprintf("exit status %d", r.Exit)
	}
	return fmt.Sprintf("exit status %d, %s", r.Exit, meaning)
}
