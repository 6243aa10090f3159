package engine

import "slices"

// outcome is how far a run got on a host.
type outcome struct {
	counts  Counts
	changed []string // addresses of the steps that were changed and verified, in order
	applied int      // how many changes were started, successful or not; also the number of the latest
	failure *Failure // once set, no further step is tried
	stopped bool     // the run was stopped before all steps had their turn; no further step is tried
}

// ended reports whether no further step is tried on the host.
func (o *outcome) ended() bool { return o.failure != nil || o.stopped }

// leave counts n steps as not tried.
func (o *outcome) leave(n int) { o.counts.Left += n }

// fail ends the host's part of the run with f.
func (o *outcome) fail(f *Failure) {
	f.Changed = slices.Clone(o.changed)
	o.failure = f
	o.counts.Failed++
}
