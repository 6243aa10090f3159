package engine

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/modules"
)

// Failure is why a host failed: what failed, where in the plan, on which host, and what it left there. Package report
// turns it into text.
type Failure struct {
	Host     string
	Address  string      // of the host, with port
	Play     string      // empty if the host failed before its first play
	Step     string      // empty if it was not a step that failed
	Range    *hcl.Range  // of the step, or of the argument that caused it
	Err      error       // errors.As finds *modules.HintError, *modules.CommandError, ...
	Included []hcl.Range // the includes that the step comes from, the innermost first
	Changed  []string    // steps that this run changed on the host before, in order
	Left     int         // steps that were not tried
	Early    bool        // no step was tried at all: the host failed, or a step was refused, before the first one's turn

	// Aftermath is what the failed step left on the host.
	Aftermath Aftermath
	Made      []modules.Edit // those of its edits that are made all the same, with Partly and Done
}

// Aftermath is what a failed step left, found by observing it once more.
type Aftermath string

// What a failed step left. The zero value is Untouched.
const (
	Untouched Aftermath = ""        // nothing was changed
	Partly    Aftermath = "partly"  // something was changed, and something still differs
	Done      Aftermath = "done"    // nothing differs any more, although the change returned an error
	Unknown   Aftermath = "unknown" // it could not be observed again
)

func (f *Failure) Error() string {
	if f.Step == "" {
		return fmt.Sprintf("host %s: %v", f.Host, f.Err)
	}
	return fmt.Sprintf("host %s: %s: %v", f.Host, f.Step, f.Err)
}

func (f *Failure) Unwrap() error { return f.Err }
