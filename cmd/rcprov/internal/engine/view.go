package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/wayin"
)

// view is the last observation of the steps from..to-1 of a host, and of those of also. The zero value is a view of nothing.
type view struct {
	snapshot *observe.Snapshot
	from, to int
	also     []*step
	applied  int // the host's outcome.applied at that time
	changes  int // the run's count of changes at that time
}

// covers reports whether the view shows s, the step i, and is still valid: the host's count of changes must be applied as it was
// then, and the run's count must have been changes at least.
func (v view) covers(i int, s *step, applied, changes int) bool {
	shows := v.from <= i && i < v.to || slices.Contains(v.also, s)
	return v.snapshot != nil && shows && v.applied == applied && v.changes >= changes
}

// observeAll observes all steps of the host and their requirements.
func (h *host) observeAll(ctx context.Context) error {
	q := h.query(h.steps, true)
	heldSecrets.Ask(q, struct{}{})
	for _, s := range h.steps {
		for _, r := range s.Requires {
			r.Observe(q)
		}
	}
	if h.mayTouchWayIn() {
		wayin.AskUndecided(q)
	}
	return h.ask(ctx, q, 0, len(h.steps), nil)
}

// observe observes the steps from..to-1 and those of also, and notes which of from..to-1 differ. It replaces a connection
// that breaks.
func (h *host) observe(ctx context.Context, from, to int, also []*step) error {
	return h.ask(ctx, h.query(slices.Concat(also, h.steps[from:to]), false), from, to, also)
}

// query returns the questions of steps; of late ones also those of what they require if that is wanted.
func (h *host) query(steps []*step, requires bool) *observe.Query {
	var q observe.Query
	observeSteps(&q, steps)
	for _, s := range steps {
		if s.late() {
			h.askAhead(&q, s, requires)
		}
	}
	return &q
}

func observeSteps(q *observe.Query, steps []*step) {
	for _, s := range steps {
		if s.Step.Step != nil {
			s.Step.Step.Observe(q)
		}
	}
}

// ask runs q, the query for the steps from..to-1 and those of also, over as many connections as it takes.
func (h *host) ask(ctx context.Context, q *observe.Query, from, to int, also []*step) error {
	return h.overConnections(ctx, func() (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, observeTimeout)
		defer cancel()
		return h.askOnce(ctx, h.link.conn, q, from, to, also)
	})
}

// overConnections tries until a try is done, over a new connection each time that one broke. A try that is not done over a
// connection that holds ends it with its error.
func (h *host) overConnections(ctx context.Context, try func() (done bool, err error)) error {
	for h.link.gone == nil {
		done, err := try()
		if err == nil && done {
			return nil
		}
		lost := h.link.conn.Lost()
		if lost == nil {
			return err
		}
		if err := h.reconnect(ctx, lost); err != nil {
			return err
		}
	}
	return h.link.gone
}

// askOnce is ask over one connection, or what stands for it. It reports whether the whole answer is free of errors.
func (h *host) askOnce(ctx context.Context, via observe.Host, q *observe.Query, from, to int, also []*step) (whole bool, err error) {
	seen := view{from: from, to: to, also: also, applied: h.applied, changes: h.run.changeCount()}
	seen.snapshot, err = q.Run(ctx, via)
	if err != nil {
		return false, fmt.Errorf("observe: %w", err)
	}
	h.seen = seen
	whole = true
	for _, s := range h.steps[from:to] {
		if s.late() {
			s.differs = h.lateDiffers(s, seen.snapshot)
		}
		if s.Step.Step != nil && s.Query == nil {
			change, err := s.Step.Step.Diff(seen.snapshot)
			s.differs = err != nil || !change.Empty()
			whole = whole && err == nil
		}
	}
	for _, s := range also {
		_, err := s.Step.Step.Diff(seen.snapshot)
		whole = whole && err == nil
	}
	return whole, nil
}
