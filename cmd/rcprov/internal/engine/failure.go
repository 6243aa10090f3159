package engine

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// Failure is why a host got no further: what failed, where in the plan, on which host, and what was left there.
// Package report makes the words that people read.
type Failure struct {
	Host    string
	Address string     // of the host, with port
	Play    string     // empty when the host could not be reached at all
	Step    string     // empty when it was not a step
	Range   *hcl.Range // of the step, or of the argument to blame
	Err     error      // errors.As finds *modules.HintError, *modules.CommandError, ...
	Changed []string   // steps that were changed on this host in this run before, in order
	Left    int        // steps that were not tried

	// Aftermath is what the failed step left on the host.
	Aftermath Aftermath
}

// Aftermath is what a failed step left, seen by observing it once more.
type Aftermath string

// What a failed step left. The zero value is Untouched.
const (
	Untouched Aftermath = ""        // it is as it was
	Partly    Aftermath = "partly"  // something was changed, something still differs
	Done      Aftermath = "done"    // nothing differs any more, although its change reported an error
	Unknown   Aftermath = "unknown" // it could not be observed again
)

func (f *Failure) Error() string {
	if f.Step == "" {
		return fmt.Sprintf("host %s: %v", f.Host, f.Err)
	}
	return fmt.Sprintf("host %s: %s: %v", f.Host, f.Step, f.Err)
}

func (f *Failure) Unwrap() error { return f.Err }
