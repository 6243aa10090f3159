package engine

import (
	"context"
	"fmt"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/wayin"
)

// danger returns what step s, which differs, may do to the way by which rcprov gets in. It is an error if the step would
// certainly shut rcprov out.
func (w *walk) danger(ctx context.Context, s *step) (wayin.Danger, error) {
	if _, ok := s.Step.Step.(modules.Guarded); ok {
		return wayin.Danger{}, nil
	}
	claims := modules.ClaimsOf(s.Step.Step)
	if !wayin.MayTouch(claims) {
		return wayin.Danger{}, nil
	}
	way, err := w.host.wayIn(ctx)
	if err != nil {
		return wayin.Danger{}, fmt.Errorf("look at how rcprov gets in: %w", err)
	}
	return way.Danger(claims)
}

// wayIn returns how rcprov gets in to the host. It is asked when the first step touches it, and again after each such step.
func (h *host) wayIn(ctx context.Context) (wayin.Way, error) {
	for h.way == nil {
		looking, cancel := context.WithTimeout(ctx, observeTimeout)
		way, err := wayin.Look(looking, h.link.conn)
		cancel()
		if err == nil {
			h.way = &way
			break
		}
		lost := h.link.conn.Lost()
		if lost == nil {
			return wayin.Way{}, err
		}
		if err := h.reconnect(ctx, lost); err != nil {
			return wayin.Way{}, err
		}
	}
	return *h.way, nil
}

// mayTouchWayIn reports whether steps of the host may touch the way in.
func (h *host) mayTouchWayIn() bool {
	for _, s := range h.steps {
		if s.Step.Step != nil && wayin.MayTouch(modules.ClaimsOf(s.Step.Step)) {
			return true
		}
	}
	return false
}

// takeBack takes back a change of the way in that a dead run did not live to confirm: the host would do it later, behind
// this run's back.
func (h *host) takeBack(ctx context.Context) error {
	if h.run.Mode != Apply || !wayin.Undecided(h.seen.snapshot) {
		return nil
	}
	if err := h.takeLock(ctx); err != nil {
		return err
	}
	return h.observeAll(ctx)
}
