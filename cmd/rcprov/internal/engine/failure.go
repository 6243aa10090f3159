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
	Partial bool       // the failed step may have changed something: its Apply had begun
	Left    int        // steps that were not tried
}

func (f *Failure) Error() string {
	if f.Step == "" {
		return fmt.Sprintf("host %s: %v", f.Host, f.Err)
	}
	return fmt.Sprintf("host %s: %s: %v", f.Host, f.Step, f.Err)
}

func (f *Failure) Unwrap() error { return f.Err }
