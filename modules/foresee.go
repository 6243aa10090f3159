package modules

import (
	"crypto/sha256"
	"encoding/hex"
	"path"

	"github.com/rcprov/rcprov/modules/observe"
)

// A Foreseer is a step of which more can be foreseen than [ForeseeFiles] does: the content of a file that its Change
// doesn't show, a service that runs afterwards; or less, as of a package that may bring anything.
type Foreseer interface {
	Step
	// Foresee notes in s what the host will be like when Apply has made the edits of c, so that the Diff of later steps
	// can tell what they will do then. It is called in plans only, and like Diff it does no I/O.
	Foresee(s *observe.Snapshot, c Change)
}

// Foresee notes in s what the host will be like when step has made the edits of c, by its own method or by ForeseeFiles.
func Foresee(step Step, s *observe.Snapshot, c Change) {
	s.Foresee()
	if f, ok := step.(Foreseer); ok {
		f.Foresee(s, c)
		return
	}
	ForeseeFiles(s, c)
}

// ForeseeFiles notes what becomes of files, which are the edits whose Subject is a path.
func ForeseeFiles(s *observe.Snapshot, c Change) {
	for _, e := range c.Edits {
		if path.IsAbs(e.Subject) && e.If == "" && (e.Action != Run || e.Field != "") {
			s.ForeseeFile(e.Subject, e.leaves())
		}
	}
}

// leaves returns the fingerprint of the file that is there after the edit.
func (e Edit) leaves() string {
	switch {
	case e.Action == Remove:
		return "absent"
	case e.Text != nil && !e.Sensitive:
		return Fingerprint([]byte(e.Text.New))
	case e.Field == "mode" || e.Field == "owner" || e.Field == "group":
		return observe.SameContent
	default:
		return observe.NewContent
	}
}

// ForeseeNames gives edits of owners and groups a condition in a plan where the present one is a number without a name: a
// step above may bring back the user or group that was removed, and with it the name.
func ForeseeNames(s *observe.Snapshot, edits []Edit) {
	for i, e := range edits {
		if (e.Field == "owner" || e.Field == "group") && e.From == observe.Nameless && s.Pending() {
			edits[i].If = "it isn't so by then"
		}
	}
}

// Fingerprint is that of a file with a content, as observe.WatchedFile has it.
func Fingerprint(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// Brought is a step for something that a package of an earlier step mostly makes so by itself, as it makes a directory or
// configures a program by its scripts.
type Brought struct{ Step }

// Diff implements [Step]. In a plan where a package is yet to come, all edits have a condition.
func (b Brought) Diff(s *observe.Snapshot) (Change, error) {
	c, err := b.Step.Diff(s)
	if by := s.Unknown(); by != "" {
		for i := range c.Edits {
			c.Edits[i].If = by + " doesn't do it"
		}
	}
	return c, err
}

// Foresee implements [Foreseer].
func (b Brought) Foresee(s *observe.Snapshot, c Change) { Foresee(b.Step, s, c) }

// Wait returns the Change of a step that waits until a program answers as wanted: e, unless it does. A plan can't tell
// whether there will be anything to wait for when earlier steps have changed the host or started the program anew. unit
// is the program's; empty: any.
func Wait(s *observe.Snapshot, e Edit, answers bool, unit string) Change {
	switch {
	case answers && !s.UnitStops(unit):
		return Change{}
	case answers:
		e.From = ""
	}
	if s.Pending() {
		e.If = "it isn't so by then"
	}
	return Change{Edits: []Edit{e}}
}
