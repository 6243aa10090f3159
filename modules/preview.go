package modules

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
)

// A Foreseer is a step whose change makes more, or other things, of a host than its edits of files say: [ForeseeFiles].
type Foreseer interface {
	Step
	// Foresee notes in the forecast of s what the host will be like when Apply has made c, so that the Diff of later steps
	// finds it. It is called in plans only, and like Diff it does no I/O. c is what Diff returned for what is most likely.
	Foresee(s *observe.Snapshot, c Change)
}

// Foresee notes in s what the host will be like when step has made c, by its own method or by [ForeseeFiles].
func Foresee(step Step, s *observe.Snapshot, c Change) {
	if f, ok := step.(Foreseer); ok {
		f.Foresee(s, c)
		return
	}
	ForeseeFiles(s, c)
}

// ForeseeFiles notes what becomes of files, which are the edits whose Subject is a path.
func ForeseeFiles(s *observe.Snapshot, c Change) {
	f := s.Forecast()
	for _, e := range c.Edits {
		switch {
		case !path.IsAbs(e.Subject) || e.Action == Run && e.Field == "":
		case e.Action == Remove && e.Field == "":
			f.Remove(e.Subject)
		case e.Text != nil:
			f.Write(e.Subject, observe.KnownContent([]byte(e.Text.New)), nil)
		case e.Field == "mode" || e.Field == "owner" || e.Field == "group":
			f.Touch(e.Subject, nil)
		default:
			f.Write(e.Subject, observe.NewContent, nil)
		}
	}
}

// Preview returns what step will do in a plan, where s has a forecast: likely is its Diff by what is most likely, and shown
// has the same edits with their conditions, and those that are made in other cases.
//
// The Diff is made once for what is most likely and once for each alternative of each answer that it asked for. An edit
// that is not made in one of these gets its clause as Unless; one that is made only there has it as If. Notes are those
// that hold in all cases.
//
// The error wraps [observe.ErrUnknown] if pending changes may take its reason away; all others are certain.
func Preview(step Step, s *observe.Snapshot) (shown, likely Change, err error) {
	worlds, guessed := s.Alternatives(func(s *observe.Snapshot) { likely, err = diff(step, s) })
	if err != nil {
		return Change{}, Change{}, certainty(step, worlds, guessed, err)
	}
	shown = likely
	shown.Edits = slices.Clone(likely.Edits)
	var unknown error
	for _, world := range worlds {
		other, err := diff(step, world.Snapshot)
		switch {
		case errors.Is(err, observe.ErrUnknown):
			for i, e := range likely.Edits {
				if world.About == "" || world.About == e.Subject {
					addClause(&shown.Edits[i].Unless, world.If)
				}
			}
			shown.Notes = nil
			if world.About != "" && unknown == nil {
				unknown = err
			}
		case err == nil: // what is refused then is said then
			shown.Edits = merge(shown.Edits, len(likely.Edits), other.Edits, world.If)
			shown.Notes = slices.DeleteFunc(slices.Clone(shown.Notes), func(note string) bool { return !slices.Contains(other.Notes, note) })
		}
	}
	if len(shown.Edits) == 0 && unknown != nil {
		return Change{}, Change{}, unknown
	}
	return shown, likely, nil
}

// diff is step's Diff, with what it does instead of an error of [Later].
func diff(step Step, s *observe.Snapshot) (Change, error) {
	c, err := step.Diff(s)
	var later *laterError
	switch {
	case !errors.As(err, &later) || !s.Vague():
		return c, err
	case later.then == nil:
		return Change{}, Unsure(err)
	}
	return *later.then, nil
}

// certainty returns err, the error of step by what is most likely, or why it may have none.
func certainty(step Step, worlds []observe.World, guessed bool, err error) error {
	if IsCertain(err) {
		return err
	}
	for _, world := range worlds {
		_, other := diff(step, world.Snapshot)
		if errors.Is(other, observe.ErrUnknown) {
			return other
		}
		if other == nil {
			return Unsure(fmt.Errorf("%w, unless %s", err, world.If))
		}
	}
	if guessed {
		return Unsure(err)
	}
	return err
}

// Certain returns err, of a Diff, as one that nothing on the host decides, and so no earlier step takes away: a plan shows it for
// certain, and an apply doesn't begin.
func Certain(err error) error { return &certainError{err} }

// IsCertain reports whether err is one of [Certain].
func IsCertain(err error) bool {
	var certain *certainError
	return errors.As(err, &certain)
}

type certainError struct{ error }

func (e *certainError) Unwrap() error { return e.error }

// Later returns err, of a Diff, as one whose reason an earlier step may take away without saying so in its forecast, such as a package
// that brings a file. In a plan where such a step is pending, the step does then instead; nil: what it does is unknown.
func Later(err error, then *Change) error { return &laterError{err, then} }

type laterError struct {
	error
	then *Change
}

func (e *laterError) Unwrap() error { return e.error }

// Unsure returns err as one whose reason pending changes may take away: they do more than any forecast knows.
func Unsure(err error) error { return &unsureError{err} }

// unsureError is an error whose reason pending changes may take away.
type unsureError struct{ error }

func (e *unsureError) Unwrap() []error { return []error{e.error, observe.ErrUnknown} }

// merge adds to edits, the first n of which are likely, what is different when clause holds: then it would be other.
func merge(edits []Edit, n int, other []Edit, clause string) []Edit {
	for i := range edits[:n] {
		e := &edits[i]
		switch {
		case slices.ContainsFunc(other, e.Same):
		case e.creates() && slices.ContainsFunc(other, func(o Edit) bool { return o.Subject == e.Subject && o.Action == Update }):
			addClause(&e.Or, clause)
		default:
			addClause(&e.Unless, clause)
		}
	}
	for _, o := range other {
		if slices.ContainsFunc(edits[:n], func(e Edit) bool { return e.Same(o) || e.creates() && e.Subject == o.Subject }) {
			continue
		}
		if i := slices.IndexFunc(edits[n:], o.Same); i >= 0 {
			addClause(&edits[n+i].If, clause)
			continue
		}
		if o.If = clause; o.Action == Run {
			o.From, o.To = "", "" // the reason is the condition
		}
		edits = append(edits, o)
	}
	return edits
}

// Same reports whether two edits do the same to the same, whatever it is or becomes.
func (e Edit) Same(o Edit) bool {
	return e.Action == o.Action && e.Subject == o.Subject && e.Field == o.Field
}

// creates reports whether e makes something whole.
func (e Edit) creates() bool { return e.Action == Create && e.Field == "" }

// addClause adds one more case to a condition.
func addClause(to *string, clause string) {
	if *to == "" {
		*to = clause
	} else if !strings.Contains(*to, clause) {
		*to += " or " + clause
	}
}
