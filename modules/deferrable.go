package modules

import "github.com/rcprov/rcprov/modules/observe"

// A Deferrable is a step whose change may be one effect that several steps of a host ask for, and that is made once for all of them:
// a service reads its files again.
//
// The engine puts such a change off while a later step of the play on that host may ask for the same effect, and while the steps in
// between don't depend on it ([Bystander]). It makes it before the first step that does, at the end of the play, and before the run
// ends on the host for any other reason. If rcprov is killed before that, the next run must find that the effect is missing: Diff
// decides by what is on the host, never by what this run did.
type Deferrable interface {
	Step

	// Effect returns the name of the effect, the same for all steps that share it: "reload of nginx.service".
	Effect() string

	// IsEffect reports whether c, a change of this step, is that effect and nothing else.
	IsEffect(c Change) bool

	// Join returns the step that makes the effect for this step and for earlier, steps with the same Effect. Its Diff has one
	// change with the reasons of all. In a plan it gets a snapshot with the questions of each of them, and no others.
	Join(earlier []Step) Step
}

// A Bystander is a step that may have its turn while an effect of others is put off: see [StandingOf].
type Bystander interface {
	Step

	// Toward returns what the step has to do with an effect ([Deferrable]).
	Toward(effect string) Standing
}

// A Standing is what a step has to do with the effect of others.
type Standing int

// The standings.
const (
	// NeedsEffect means that the step is looked at and changed after the effect.
	NeedsEffect Standing = iota

	// ChangesAfter means that the effect makes no difference to what the step observes; if that differs from what is wanted,
	// the effect is made before the step's change.
	ChangesAfter

	// IgnoresEffect means that the effect makes no difference to what the step observes, nor to its change.
	IgnoresEffect

	// FollowsEffect means that the step looks at what the effect leads to: it is put off as well, until after it.
	FollowsEffect
)

// StandingOf returns what s has to do with an effect. Of steps that don't say it, those that observe only files, packages and accounts
// need the effect before their change, as far as anybody knows (a file may have to be protected first), and all others in any case.
func StandingOf(s Step, effect string) Standing {
	if b, ok := s.(Bystander); ok {
		return b.Toward(effect)
	}
	var q observe.Query
	s.Observe(&q)
	if q.Only(observe.File, observe.Package, observe.User, observe.Group, observe.Shadow, observe.Clock) {
		return ChangesAfter
	}
	return NeedsEffect
}
