package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/wayin"
)

// danger returns what step s, which differs, may do to the way by which rcprov gets in. It is an error if the step would
// certainly shut rcprov out.
func (w *walk) danger(ctx context.Context, s *step) (wayin.Danger, error) {
	if _, ok := s.Step.Step.(modules.Guarded); ok {
		return wayin.Danger{}, nil
	}
	if !wayin.MayTouch(s.Claims) {
		return wayin.Danger{}, nil
	}
	way, err := w.host.wayIn(ctx)
	if err != nil {
		return wayin.Danger{}, fmt.Errorf("look at how rcprov gets in: %w", err)
	}
	return way.Danger(s.Claims)
}

// awaited returns the user that the host does not let in yet, if rcprov is logged in as the fallback user in its place.
func (h *host) awaited() (user string, ok bool) {
	if c, is := h.link.conn.(interface{ Awaited() (string, bool) }); is {
		return c.Awaited()
	}
	return "", false
}

// logInAsAwaited handles err, by which a step would shut out the fallback user: the steps before may have made the one that rcprov is
// to log in as. In a plan that is unknown. handled is false if err stands.
func (w *walk) logInAsAwaited(ctx context.Context, i int, err error) (handled bool) {
	h := w.host
	user, ok := h.awaited()
	if !ok || !modules.IsCertain(err) && !errors.Is(err, wayin.ErrShutOut) {
		return false
	}
	if h.run.Mode == Plan {
		w.report(i, Event{Type: StepUnknown, Text: fmt.Sprintf("unknown until rcprov logs in as %s: %v", user, err)})
		h.counts.Unknown++
		h.foreseeLate(h.steps[i])
		return true
	}
	if h.reconnect(ctx, fmt.Errorf("the next step would shut out the fallback user: it is time to log in as %s", user)) != nil {
		return false
	}
	h.seen, h.way = view{}, nil
	_, still := h.awaited()
	return !still
}

// refuse ends the host's part of an apply, before its first change, if a step that differs would certainly be refused at its turn.
func (h *host) refuse(ctx context.Context) {
	if _, ok := h.awaited(); ok {
		return // another login may do what this one may not
	}
	for _, s := range h.expanded(h.seen.snapshot) {
		if !s.differs || s.Step.Step == nil {
			continue
		}
		_, err := h.diff(s)
		if !modules.IsCertain(err) {
			w := &walk{host: h, play: h.run.Options.Plan.Plays[s.play]}
			if _, err = w.danger(ctx, s); !errors.Is(err, wayin.ErrShutOut) {
				continue
			}
		}
		h.fail(&Failure{
			Play: h.run.Options.Plan.Plays[s.play].Name, Step: s.Address, Range: blame(s, err), Err: err, Included: s.Included, Left: len(h.steps) - 1, Early: true,
		})
		h.counts.Left-- // the plays that don't run count it as one that was not tried
		return
	}
	if s, err := h.wrongLate(); err != nil {
		h.fail(&Failure{
			Play: h.run.Options.Plan.Plays[s.play].Name, Step: s.Address, Range: blame(s, err), Err: err, Included: s.Included, Left: len(h.steps) - 1, Early: true,
		})
		h.counts.Left--
	}
}

// wayIn returns how rcprov gets in to the host. It is asked when the first step touches it, and again after each such step.
func (h *host) wayIn(ctx context.Context) (wayin.Way, error) {
	if h.way != nil {
		return *h.way, nil
	}
	var way wayin.Way
	err := h.overConnections(ctx, func() (done bool, err error) {
		ctx, cancel := context.WithTimeout(ctx, observeTimeout)
		defer cancel()
		way, err = wayin.Look(ctx, h.link.conn)
		return err == nil, err
	})
	if err == nil {
		h.way = &way
	}
	return way, err
}

// mayTouchWayIn reports whether steps of the host may touch the way in.
func (h *host) mayTouchWayIn() bool {
	return slices.ContainsFunc(h.steps, mayTouch)
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
