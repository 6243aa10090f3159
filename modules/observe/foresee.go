package observe

import (
	"fmt"
	"strings"
	"time"
)

// A plan looks at a host once and changes nothing; but what a step is going to do may depend on what steps before it
// will have done by then: a service is restarted because a file of an earlier step is another one. So a snapshot can
// hold, beside what was seen, what is foreseen: the effects of pending changes, in the plan's order. In apply nothing is
// foreseen, because everything is looked at again.

// Fingerprints of files that are foreseen, beside those of WatchedFile.
const (
	SameContent = ""  // mode or owner change, the content doesn't
	NewContent  = "*" // it is written with a content that can't be told yet, and was never there before
	AnyContent  = "?" // it is written with a content that can't be told yet, perhaps one that was there before
)

// foresight is what is foreseen of a host.
type foresight struct {
	files  map[string]WatchedFile
	units  map[string]futureUnit
	events int

	unknown   string // what may do anything
	unknownAt time.Time

	installed map[string]bool // packages, by name
	stopped   map[string]bool // units, by ID
}

type futureUnit struct {
	unit UnitInfo
	at   time.Time
}

// endOfTime is before all that is foreseen, and after all that was seen.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Foresee notes that some change is pending, and returns the moment at which it will be made, by a clock of its own: later
// than anything that was seen or foreseen before.
func (s *Snapshot) Foresee() time.Time {
	if s.foreseen == nil {
		s.foreseen = &foresight{
			files: make(map[string]WatchedFile), units: make(map[string]futureUnit), installed: make(map[string]bool), stopped: make(map[string]bool),
		}
	}
	s.foreseen.events++
	return endOfTime.Add(time.Duration(s.foreseen.events) * time.Second)
}

// Pending tells whether a change is foreseen.
func (s *Snapshot) Pending() bool { return s.foreseen != nil }

// ForeseeFile notes that path will be written, removed ("absent") or, with SameContent, touched.
func (s *Snapshot) ForeseeFile(path, fingerprint string) {
	at := s.Foresee()
	f := WatchedFile{Changed: at, CTime: at.Format(time.RFC3339), Fingerprint: fingerprint, Foreseen: true}
	before, ok := s.foreseen.files[path]
	switch {
	case fingerprint == "absent":
		f = WatchedFile{CTime: "-", Fingerprint: "absent", Foreseen: true}
	case fingerprint == SameContent && ok:
		f.Fingerprint = before.Fingerprint
	case fingerprint == NewContent:
		f.Fingerprint = fmt.Sprint(NewContent, s.foreseen.events) // which no stamp has
	case ok && before.Fingerprint != SameContent && before.Fingerprint != "absent" && before.Fingerprint != fingerprint:
		f.Fingerprint = AnyContent // two steps edit it: the second was compared with what is there without the first
	}
	s.foreseen.files[path] = f
}

// FutureFile returns what is foreseen of path: its Fingerprint is empty when the content stays what it is. Not ok:
// nothing is.
func (s *Snapshot) FutureFile(path string) (f WatchedFile, ok bool) {
	if s.foreseen != nil {
		f, ok = s.foreseen.files[path]
	}
	return f, ok
}

// ForeseeUnit notes what systemd will say of the unit with the ID u.ID.
func (s *Snapshot) ForeseeUnit(u UnitInfo) {
	at := s.Foresee()
	s.foreseen.units[u.ID] = futureUnit{u, at}
}

// ForeseeStop notes that something stops the unit with an ID, of which nothing else is known.
func (s *Snapshot) ForeseeStop(id string) {
	s.Foresee()
	s.foreseen.stopped[id] = true
}

// WillBeStopped tells whether ForeseeStop has noted it of a unit.
func (s *Snapshot) WillBeStopped(id string) bool { return s.foreseen != nil && s.foreseen.stopped[id] }

// FutureUnit returns what is foreseen of a unit, by its ID, and since when. Not ok: nothing is.
func (s *Snapshot) FutureUnit(id string) (u UnitInfo, at time.Time, ok bool) {
	if s.foreseen == nil {
		return u, at, false
	}
	f, ok := s.foreseen.units[id]
	return f.unit, f.at, ok
}

// NewInstance is the InvocationID of a unit that is foreseen to be started or restarted.
const NewInstance = "foreseen"

// UnitStops tells whether it is foreseen that the unit with an ID stops, perhaps to be started again; empty: that any does.
func (s *Snapshot) UnitStops(id string) bool {
	if s.foreseen == nil {
		return false
	}
	for name, f := range s.foreseen.units {
		if (id == "" || id == name) && (f.unit.InvocationID == NewInstance || !f.unit.Running()) {
			return true
		}
	}
	return false
}

// ForeseeInstalled notes that a package will be installed.
func (s *Snapshot) ForeseeInstalled(name string) {
	s.Foresee()
	s.foreseen.installed[name] = true
}

// WillBeInstalled tells whether it is foreseen that a package is installed.
func (s *Snapshot) WillBeInstalled(name string) bool {
	return s.foreseen != nil && s.foreseen.installed[name]
}

// Concerns tells whether text, a command for example, names a file or a unit of which something is foreseen.
func (s *Snapshot) Concerns(text string) bool {
	if s.foreseen == nil {
		return false
	}
	for path := range s.foreseen.files {
		if strings.Contains(text, path) {
			return true
		}
	}
	for id := range s.foreseen.units {
		if strings.Contains(text, strings.TrimSuffix(id, ".service")) {
			return true
		}
	}
	return false
}

// ForeseeUnknown notes that nobody can tell all that a pending change will do: a package has its scripts. change
// is named in conditions: "package nginx".
func (s *Snapshot) ForeseeUnknown(change string) {
	at := s.Foresee()
	s.foreseen.unknownAt = at
	if s.foreseen.unknown != "" && s.foreseen.unknown != change {
		change = "a step above"
	}
	s.foreseen.unknown = change
}

// Unknown returns the change whose effects can't be told, to begin a condition with; empty when there is none.
func (s *Snapshot) Unknown() string {
	if s.foreseen == nil {
		return ""
	}
	return s.foreseen.unknown
}

// UnknownAt returns when the latest such change is made; zero when there is none.
func (s *Snapshot) UnknownAt() time.Time {
	if s.foreseen == nil {
		return time.Time{}
	}
	return s.foreseen.unknownAt
}
