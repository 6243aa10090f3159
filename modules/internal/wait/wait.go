// Package wait tries something again and again until it is as wanted: a server that answers, a lock that is free. All waits
// of modules have the same end: done, an error that waiting can't cure, the limit, or the end of the context.
package wait

import (
	"context"
	"fmt"
	"time"

	"github.com/rcprov/rcprov/modules"
)

// Pace is how often to try, and how long.
type Pace struct {
	Every time.Duration // the pause between two tries
	Limit time.Duration // when the last try begins; 0: the context alone ends the wait

	// For begins the line of progress, which goes on with what is missing: "waiting for mongod". Empty: none is shown.
	For string
}

// Until calls try until nothing is missing any more; the first time at once. try returns what is still missing, in a few
// words ("connection refused"), or an error that waiting can't cure, which ends the wait and is returned as it is. No try is
// cut short by the limit: whatever may hang in it needs a timeout of its own.
//
// When something is still missing after the last try, which begins when the limit is over, the error is a [*TimeoutError].
// When ctx is done after a try or between two, the error wraps the context's cause. Both say what was missing last.
func Until(ctx context.Context, p Pace, try func() (missing string, err error)) error {
	began := time.Now()
	for {
		missing, err := try()
		if err != nil || missing == "" {
			return err
		}
		pause, waited := p.Every, time.Since(began)
		progress := fmt.Sprintf("%s: %s", p.For, missing)
		if p.Limit > 0 {
			pause = min(pause, p.Limit-waited)
			progress += fmt.Sprintf(" (%s of %s)", modules.Span(waited.Round(time.Second)), modules.Span(p.Limit))
		}
		if p.Limit > 0 && pause <= 0 {
			return &TimeoutError{Limit: p.Limit, Missing: missing}
		}
		if p.For != "" {
			modules.Progress(ctx, "%s", progress)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w (last: %s)", context.Cause(ctx), missing)
		}
	}
}

// TimeoutError says that something was still missing when the limit was over.
type TimeoutError struct {
	Limit   time.Duration
	Missing string // what the last try returned
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("not within %s: %s", modules.Span(e.Limit), e.Missing)
}
