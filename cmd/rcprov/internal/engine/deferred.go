package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rcprov/rcprov/modules"
)

// deferred are the steps that a walk has passed and that wait for an effect, and with it for their turn.
type deferred struct {
	effect  string         // empty: none is put off
	sharers []modules.Step // of the steps that ask for the effect, those before by
	by      int            // index of the last step that asks for it, and so makes it for all; -1 once it has been tried
	waiting []int          // indexes of all steps that wait
	news    bool           // a step after by is changed, and none that may ask for the effect has come since
	front   int            // while they have their turn: the index of the walk's next step
	settles bool           // they have their turn
}

// putOff reports whether step i, which has change to make, likely that of [walk.diff], or could not be decided, waits for an effect; then
// the walk goes on with the step after it. Steps are put off in plans, too, so that these show the effect where it will be made.
func (w *walk) putOff(i int, change, likely modules.Change, err error) bool {
	s, d := w.host.steps[i], &w.deferred
	if d.settles {
		return false
	}
	if d.effect != "" && s.toward(d.effect) == modules.FollowsEffect {
		d.waiting = append(d.waiting, i)
		return true
	}
	sharer, ok := s.Step.Step.(modules.Deferrable)
	if !ok || err != nil || !s.danger.None() || !sharer.IsEffect(likely) {
		return false
	}
	switch effect := sharer.Effect(); {
	case d.effect == "" && w.worthwhile(effect, i+1):
		d.effect = effect
	case d.effect != effect:
		return false
	default:
		d.sharers = append(d.sharers, w.host.steps[d.by].Step.Step)
	}
	s.perhaps = slices.DeleteFunc(slices.Clone(change.Edits), func(e modules.Edit) bool { return slices.ContainsFunc(likely.Edits, e.Same) })
	d.by, d.news = i, false
	d.waiting = append(d.waiting, i)
	return true
}

// passes reports whether step i may have its turn although an effect is put off. If not, the effect must be made first.
func (w *walk) passes(i int, change, likely modules.Change, err error) bool {
	s, d := w.host.steps[i], &w.deferred
	switch {
	case d.effect == "" || d.settles:
		return true
	case err != nil:
		return false
	case s.shares(d.effect):
		d.news = false
		return likely.Empty()
	}
	switch s.toward(d.effect) {
	case modules.IgnoresEffect:
		d.news = d.news || !change.Empty()
		return true
	case modules.ChangesAfter:
		return change.Empty()
	}
	return false
}

// worthwhile reports whether an effect may be put off before step i: because a later step may ask for it, as one is about to change
// after which it may, and none in between depends on it. Of the steps that ask for it already, the first one makes it for all.
func (w *walk) worthwhile(effect string, i int) bool {
	changes := w.deferred.news
	for ; i < w.to; i++ {
		s := w.host.steps[i]
		if s.Skip != "" {
			continue
		}
		if s.shares(effect) {
			if changes {
				return true
			}
			continue
		}
		switch standing := s.toward(effect); {
		case standing == modules.NeedsEffect, standing == modules.ChangesAfter && s.differs:
			return false
		case standing == modules.IgnoresEffect:
			changes = changes || s.differs
		}
	}
	return false
}

// isDue reports whether nothing is left to wait for before step i.
func (w *walk) isDue(i int) bool {
	d := &w.deferred
	return d.effect != "" && !d.settles && !w.worthwhile(d.effect, i)
}

// settle makes the effect that was put off, before step front, and gives all steps that waited for it their turn. It returns false if
// the walk is over.
func (w *walk) settle(ctx context.Context, front int) bool {
	d := &w.deferred
	d.settles, d.front = true, front
	ok := w.makeEffect(ctx)
	for ok && len(d.waiting) > 0 {
		ok = w.finish(ctx, d.waiting[0])
	}
	if ok {
		w.deferred = deferred{}
	}
	return ok
}

// makeEffect makes the effect for all steps that ask for it, even if the run is being stopped: the change that needs it is made.
func (w *walk) makeEffect(ctx context.Context) bool {
	d := &w.deferred
	by := d.by
	d.by = -1
	if s := w.host.steps[by]; len(d.sharers) > 0 {
		s.Step.Step = s.Step.Step.(modules.Deferrable).Join(d.sharers)
		if w.host.run.Mode == Apply {
			w.host.seen = view{} // it has no answers to the questions of all
		}
	}
	return w.finish(context.WithoutCancel(ctx), by)
}

// finish gives a step that waited its turn.
func (w *walk) finish(ctx context.Context, i int) bool {
	w.deferred.waiting = slices.DeleteFunc(w.deferred.waiting, func(waits int) bool { return waits == i })
	for {
		if n, ok := w.turn(ctx, i); !ok || n > 0 {
			return ok
		}
	}
}

// rescue makes the effect that is put off although the walk is over, so that what was changed for it doesn't wait for the next run. It
// adds to the walk's failure if that fails.
func (w *walk) rescue(ctx context.Context) {
	h, d := w.host, &w.deferred
	if h.run.Mode != Apply || d.effect == "" || d.by < 0 || h.link.gone != nil {
		return
	}
	by, first := d.by, w.failure
	d.settles, d.front, w.failure = true, w.to, nil
	ok := w.makeEffect(ctx)
	for _, i := range slices.Clone(d.waiting) {
		if ok && h.steps[i].shares(d.effect) {
			ok = w.finish(ctx, i)
		}
	}
	if first == nil {
		return
	}
	if w.failure != nil {
		first.Err = errors.Join(first.Err, fmt.Errorf("%s, which had waited: %w", h.steps[by].Address, w.failure.Err))
		d.waiting = append(d.waiting, by)
	}
	w.failure = first
}

// untried returns how many steps after step i had no turn yet, without those that wait for an effect.
func (w *walk) untried(i int) int {
	if w.deferred.settles {
		return w.to - w.deferred.front
	}
	return w.to - i - 1
}

// observeFrom observes the steps of also, and the steps from i on that can be decided by the same observation.
func (w *walk) observeFrom(ctx context.Context, i int, also ...*step) error {
	i, also = w.next(i, also)
	return w.host.observe(ctx, i, w.horizon(i), also)
}

// next returns where to observe from instead of step i, and what also. While steps that waited have their turn, those are where the
// walk goes on, and the others that waited.
func (w *walk) next(i int, also []*step) (int, []*step) {
	if d := &w.deferred; d.settles {
		i = d.front
		for _, waits := range d.waiting {
			also = append(also, w.host.steps[waits])
		}
	}
	return i, also
}

// waits reports whether step i, which is expected to differ, will be put off if it does. effect is what an earlier step has asked for
// by then; it becomes that of step i if it has none.
func (w *walk) waits(i int, effect *string) bool {
	s := w.host.steps[i]
	if sharer, ok := s.Step.Step.(modules.Deferrable); ok && (*effect == "" || *effect == sharer.Effect()) {
		*effect = sharer.Effect()
		return w.worthwhile(*effect, i+1)
	}
	return *effect != "" && s.toward(*effect) == modules.FollowsEffect && w.worthwhile(*effect, i+1)
}

// shares reports whether the step may ask for an effect.
func (s *step) shares(effect string) bool {
	sharer, ok := s.Step.Step.(modules.Deferrable)
	return ok && sharer.Effect() == effect
}

// toward returns what the step has to do with an effect.
func (s *step) toward(effect string) modules.Standing {
	if s.late() || s.Query != nil {
		return modules.NeedsEffect // nobody knows what it reads
	}
	standing, known := s.standings[effect]
	if !known {
		if s.standings == nil {
			s.standings = make(map[string]modules.Standing)
		}
		standing = modules.StandingOf(s.Step.Step, effect)
		s.standings[effect] = standing
	}
	return standing
}

// withPerhaps returns c, the change of a plan, with what else the step may have changed if it had not been put off.
func (s *step) withPerhaps(c modules.Change) modules.Change {
	for _, e := range s.perhaps {
		if !slices.ContainsFunc(c.Edits, e.Same) {
			c.Edits = append(slices.Clone(c.Edits), e)
		}
	}
	return c
}
