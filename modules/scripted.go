package modules

import "context"

// A Scripted step can give its change as one command, so that the changes of several steps go to the host in one round trip,
// together with the observation that verifies them.
//
// The engine groups steps that follow each other, all differ, and don't depend on each other: the Diff of each is the same by
// what was observed as by what is foreseen when those before it are made ([Foreseer]). They run in order, up to the first that
// fails. Steps with retries or a timeout are not grouped, nor those that touch the way in.
//
// A type that embeds a Scripted step and has an Apply of its own needs a Script of its own, too.
type Scripted interface {
	Step
	// Script returns what Apply does for c; false where that is more than one command, or may take long or do more than is foreseen: a
	// run that is being stopped finishes the group. Like Diff it does no I/O.
	Script(c Change) (Script, bool)
}

// A Script is a change as one command.
type Script struct {
	Command Command

	// Explain returns what Apply returns when Run returned err, which is not nil. nil: err.
	Explain func(err error) error
}

// Run is the Apply of a step whose change is s.
func (s Script) Run(ctx context.Context, h Host) error {
	_, err := h.Run(ctx, s.Command)
	return s.Err(err)
}

// Err returns the error of Apply when that of [Host.Run] is err.
func (s Script) Err(err error) error {
	if err == nil || s.Explain == nil {
		return err
	}
	return s.Explain(err)
}

// Then returns s with an error that explain makes of its own.
func (s Script) Then(explain func(err error) error) Script {
	first := s
	s.Explain = func(err error) error {
		if err = first.Err(err); err == nil {
			return nil
		}
		return explain(err)
	}
	return s
}
