package observe

import (
	"errors"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A plan looks at a host once and changes nothing; but what a step will do may depend on what the steps before it will have
// done: a service restarts because an earlier step writes one of its files. So in a plan a [Forecast] lies over the
// snapshot. Each pending change is noted in it, in the plan's order, and [Kind.Get] answers as the host will answer when
// these changes are made. Where that is not certain, a plan compares the step once with what is most likely, and once with
// each [Alternative]; what differs between these becomes a condition (see [Snapshot.Alternatives]). So a Diff never asks
// whether it is in a plan. In an apply there is no forecast, because the host is looked at again after each change.

// Outlook is what an answer will be when the pending changes are made.
type Outlook[A any] struct {
	Answer[A]
	Or []Alternative[A] // what it may be instead
}

// Alternative is another answer, and when it is that one.
type Alternative[A any] struct {
	Answer[A]
	If string // a clause: "package nginx brings it"

	// About is the subject of the edits that depend on it; empty: any may.
	About string
}

// ErrUnknown is in the error of an answer that nobody can know before a pending change is made.
var ErrUnknown = errors.New("unknown until an earlier step is done")

// Unknown is an answer that is known only when something is done, which until says as a clause: "/etc/a is written".
func Unknown[A any](until string) Answer[A] { return Answer[A]{Err: unknownError(until)} }

// unknownError is an [ErrUnknown] that says until when.
type unknownError string

func (e unknownError) Error() string { return "unknown until " + string(e) }

func (unknownError) Is(target error) bool { return target == ErrUnknown }

// A Forecast is what the pending changes of a plan make of a host. It is made by [Snapshot.Forecast].
type Forecast struct {
	start    time.Time // after all that was seen of the host
	turns    int       // how many things are foreseen, and so the time
	seen     *Snapshot
	links    map[string]string     // symbolic links that were seen: where they lead
	byPath   map[string][]question // those about files that were answered, by path without links: see [Snapshot.at]
	indexed  int                   // how many answers there were then
	files    map[string]FutureFile // by path, without links on the way: see [Forecast.real]
	units    map[string]futureUnit // by ID
	accounts []Account
	packages map[string]bool // that are installed
	loaded   time.Time       // when systemd last loads all unit files again
	may      []vague
	replies  map[question]any
}

// vague is a pending change that does more than anybody knows.
type vague struct {
	Cause
	at time.Time
}

// A Cause is something that may change more than is known.
type Cause struct {
	Name string // as conditions name it: "package nginx"

	// Bounded says that it can change only what Text names: paths, what is in directories, units. Otherwise it may change
	// anything, and Text names units that it concerns although their names don't say so.
	Bounded bool
	Text    string

	// Trees are paths that it may change, with all that is below them, beside what Text names.
	Trees []string

	// Brings says that it may bring files and units that are not there yet; Removes that it may take away some that are.
	Brings, Removes bool
}

type futureUnit struct {
	unit UnitInfo
	at   time.Time
}

// Forecast returns the forecast that lies over s, an empty one at first. Only plans call it, and who asks
// whether one change depends on another.
func (s *Snapshot) Forecast() *Forecast {
	if s.forecast == nil {
		f := &Forecast{
			seen: s, links: s.links(),
			files: make(map[string]FutureFile), units: make(map[string]futureUnit), replies: make(map[question]any), packages: make(map[string]bool),
		}
		for _, a := range s.answers {
			if u, ok := a.Value.(UnitInfo); ok && u.latest().After(f.start) {
				f.start = u.latest()
			}
		}
		s.forecast = f
	}
	return s.forecast
}

// Apart returns a snapshot with the answers of s and a forecast of its own, empty at first.
func (s *Snapshot) Apart() *Snapshot {
	other := *s
	other.forecast = nil
	return &other
}

// tick returns the time of the next thing that is foreseen.
func (f *Forecast) tick() time.Time {
	f.turns++
	return f.start.Add(time.Duration(f.turns) * time.Minute)
}

// Install notes that a package is installed.
func (f *Forecast) Install(name string) {
	f.tick()
	f.packages[name] = true
}

// Installs reports whether a pending change installs a package.
func (f *Forecast) Installs(name string) bool { return f.packages[name] }

// Unit notes what systemd will say of the unit with the ID u.ID.
func (f *Forecast) Unit(u UnitInfo) {
	at := f.tick()
	f.units[u.ID] = futureUnit{u, at}
}

// DaemonReload notes that systemd loads all unit files again.
func (f *Forecast) DaemonReload() { f.loaded = f.tick() }

// Started makes of u a unit that was started or restarted by a pending change, with nothing left of its last instance.
func (f *Forecast) Started(u UnitInfo) UnitInfo {
	at := f.tick()
	u.Active, u.Sub, u.ReloadFailed = Active, "running", false
	u.Started, u.StateChanged, u.InvocationID = at, at, NewInstance
	u.ReplacedProgram, u.LostProgram, u.LostDirectory = "", "", ""
	u.Restarts = 0
	return u
}

// Reloaded makes of u a unit that was reloaded by a pending change.
func (f *Forecast) Reloaded(u UnitInfo) UnitInfo {
	u.Active, u.Sub, u.ReloadFailed, u.StateChanged = Active, "running", false, f.tick()
	return u
}

// Stop notes that a pending change stops units, of which nothing else is known.
func (f *Forecast) Stop(s *Snapshot, ids ...string) {
	for _, id := range ids {
		u, ok := f.units[id]
		if !ok {
			u.unit = s.unit(id)
		}
		if u.unit.Running() {
			u.unit.Active, u.unit.Sub = Inactive, "dead"
			f.Unit(u.unit)
		}
	}
}

// Reboot notes that a pending change reboots the host: what is in memory is gone, as far as nothing brings it back, and which units run
// then is not certain.
func (f *Forecast) Reboot(s *Snapshot) {
	names := []string{}
	for _, dir := range []string{"/run", "/tmp", "/dev/shm"} {
		f.Replace(dir, nil)
		names = append(names, dir+"/")
	}
	for _, a := range s.answers {
		if u, ok := a.Value.(UnitInfo); ok && u.ID != "" {
			names = append(names, u.ID)
		}
	}
	slices.Sort(names)
	f.May(Cause{Name: "the reboot", Bounded: true, Text: strings.Join(names, "\n"), Brings: true})
}

// unit is what was seen of a unit by its ID; without an ID where nobody asked.
func (s *Snapshot) unit(id string) UnitInfo {
	for _, a := range s.answers {
		if u, ok := a.Value.(UnitInfo); ok && u.ID == id {
			return u
		}
	}
	return UnitInfo{}
}

// NewInstance is the InvocationID of a unit that a pending change starts.
const NewInstance = "foreseen"

// Stops reports whether a pending change stops a unit, perhaps to start it again, and which. Empty id: any unit.
func (f *Forecast) Stops(id string) (name string, stops bool) {
	for _, name := range sortedKeys(f.units) {
		u := f.units[name]
		if (id == "" || id == name) && (u.unit.InvocationID == NewInstance || !u.unit.Running()) {
			return name, true
		}
	}
	return "", false
}

// Knows reports whether something certain is foreseen of a unit.
func (f *Forecast) Knows(id string) bool {
	_, ok := f.units[id]
	return ok
}

// May notes that a pending change may do more than is known.
func (f *Forecast) May(c Cause) { f.may = append(f.may, vague{c, f.tick()}) }

// names reports whether the text of c names one of words, or a directory above it.
func (c Cause) names(words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		switch {
		case word == "":
			return false
		case !path.IsAbs(word):
			return mentions(c.Text, word)
		case strings.Contains(c.Text, word):
			return true
		case slices.ContainsFunc(c.Trees, func(tree string) bool {
			return word == tree || strings.HasPrefix(word, strings.TrimSuffix(tree, "/")+"/")
		}):
			return true
		}
		for dir := path.Dir(word); strings.Count(dir, "/") > 1; dir = path.Dir(dir) {
			for rest := c.Text; ; {
				var found bool
				if _, rest, found = strings.Cut(rest, dir); !found {
					break
				}
				if end := strings.TrimPrefix(rest, "/"); end == "" || !partOfPath(end[0]) {
					return true
				}
			}
		}
		return false
	})
}

// moves reports whether the text of c speaks of removing or renaming, and of p itself.
func (c Cause) moves(p string) bool {
	return mentions(c.Text, p) && (mentions(c.Text, "rm") || mentions(c.Text, "mv"))
}

// partOfPath reports whether c goes on a path.
func partOfPath(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-/@+", c) >= 0
}

// Earlier is how conditions call what an earlier step does.
const Earlier = "an earlier step"

// cause is the name of all of some causes, and when the last of them is done; not ok: there are none.
func cause(all []vague) (name string, at time.Time, ok bool) {
	for _, v := range all {
		if name != "" && name != v.Name {
			name = Earlier
		} else {
			name = v.Name
		}
		at = v.at
	}
	return name, at, len(all) > 0
}

// relates reports whether the name of c speaks for it that it brings what has the name word: the parts of a package's name
// are in those of most paths that it brings, or the other way round (openssh-server, /etc/ssh; mongodb-org-server,
// /etc/mongod.conf).
func (c Cause) relates(word string) bool {
	parts := func(text string) []string {
		return slices.DeleteFunc(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }), func(part string) bool {
			return len(part) < 3 || slices.Contains([]string{"etc", "var", "lib", "usr", "conf", "server", "org"}, part)
		})
	}
	_, name, _ := strings.Cut(c.Name, " ")
	word = strings.TrimSuffix(word, ".service")
	return slices.Contains(strings.Fields(c.Text), word) || path.Base(word) == name || slices.ContainsFunc(parts(word), func(a string) bool {
		return slices.ContainsFunc(parts(name), func(b string) bool { return strings.Contains(a, b) || strings.Contains(b, a) })
	})
}

// related reports whether one of the changes that may bring path is related to it.
func (f *Forecast) related(path string) bool {
	return slices.ContainsFunc(f.may, func(v vague) bool {
		return v.Brings && (v.Bounded && v.names(path) || !v.Bounded && v.relates(path))
	})
}

// brings returns what may bring a file or unit that is not there, by its path or name.
func (f *Forecast) brings(words ...string) (name string, at time.Time, ok bool) {
	return cause(slices.DeleteFunc(slices.Clone(f.may), func(v vague) bool {
		return !v.Brings || v.Bounded && !v.names(words...) || !v.Bounded && slices.ContainsFunc(words, isOutside)
	}))
}

// Changes reports whether something is foreseen of path itself.
func (f *Forecast) Changes(path string) bool {
	_, ok := f.files[f.real(path)]
	return ok
}

// MayChange returns what may change more than is known, or bring what is not there, as conditions name it; words are paths
// and names that it would be about.
func (f *Forecast) MayChange(words ...string) (by string, ok bool) {
	by, _, ok = f.changes(time.Time{}, words...)
	return by, ok
}

// runs returns what may change a unit that is there, after a time: what it runs or reads, which words name, or whether it
// does. Of packages only those with names that speak for it.
func (f *Forecast) runs(after time.Time, words ...string) (all []vague) {
	for _, v := range f.may {
		if v.at.After(after) && (v.Bounded && v.names(words...) || !v.Bounded && slices.ContainsFunc(words, v.relates)) {
			all = append(all, v)
		}
	}
	return all
}

// changes returns what may change something that is there, after a time.
func (f *Forecast) changes(after time.Time, words ...string) (name string, at time.Time, ok bool) {
	return cause(slices.DeleteFunc(slices.Clone(f.may), func(v vague) bool {
		return !v.at.After(after) || v.Bounded && !v.names(words...)
	}))
}

// Concerns returns why text, a command for example, may have another outcome than now: it names a file or a unit of which
// something is foreseen, or what a change names that does more than is known. Empty: nothing speaks for that.
func (f *Forecast) Concerns(text string) string {
	for _, p := range sortedKeys(f.files) {
		if mentions(text, p) {
			return p + " changes"
		}
	}
	for _, id := range sortedKeys(f.units) {
		if mentions(text, strings.TrimSuffix(id, ".service")) {
			return id + " changes"
		}
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !partOfPath(byte(r)) })
	for _, p := range words {
		if path.IsAbs(p) && (f.Changes(p) || f.gone(p) || f.real(p) != f.was(p)) {
			return p + " changes"
		}
	}
	for _, v := range f.may {
		if slices.ContainsFunc(words, func(word string) bool {
			_, name, _ := strings.Cut(v.Name, " ")
			return path.IsAbs(word) && v.Bounded && v.names(word) || !v.Bounded && (path.IsAbs(word) && !isOutside(word) && v.relates(word) || word == name)
		}) {
			return v.Name + " changes it"
		}
	}
	return ""
}

// mentions reports whether text names a path or a word, and not only as the beginning or end of another one.
func mentions(text, word string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 || word == "" {
			return false
		}
		start, end := at+i, at+i+len(word)
		before := start == 0 || !partOfPath(text[start-1])
		after := end == len(text) || !partOfPath(text[end]) || text[end] == '/' || text[end] == '.'
		if before && after {
			return true
		}
		at = end
	}
}

// ProgramOf returns a Future for what a program answers that a unit runs: it is silent for a while after a pending change
// stops the unit, and nobody knows what a silent one will answer when changes are made before. An empty unit is any.
func ProgramOf[S, A any](unit func(S) string, silent A, isSilent func(A) bool) func(*Forecast, S, A) Outlook[A] {
	return func(f *Forecast, subject S, seen A) Outlook[A] {
		o := Outlook[A]{Answer: Answer[A]{Value: seen}}
		if isSilent(seen) {
			const clause = "it already answers"
			o.Or = append(o.Or, Alternative[A]{Answer: Unknown[A](clause), If: clause})
		} else if name, stops := f.Stops(unit(subject)); stops {
			if unit(subject) == "" {
				name = "a service that restarts"
			}
			o.Or = append(o.Or, Alternative[A]{Answer: Answer[A]{Value: silent}, If: name + " doesn't answer yet"})
		}
		return o
	}
}

// Foresee notes the answer to a question when a pending change is made, for questions that have no Future of their own, and
// what it may be instead.
func (k *Kind[S, A]) Foresee(s *Snapshot, subject S, value A, or ...Alternative[A]) {
	f := s.Forecast()
	f.tick()
	f.replies[question{k, subject}] = Outlook[A]{Answer[A]{Value: value}, or}
}

// Foreseen returns what was noted by [Kind.Foresee] about subject.
func (k *Kind[S, A]) Foreseen(f *Forecast, subject S) (value A, ok bool) {
	reply, ok := f.replies[question{k, subject}]
	if ok {
		value = reply.(Outlook[A]).Value
	}
	return value, ok
}

// Foresee notes the answer to a question when a pending change is made.
func (p *Probe[S, A]) Foresee(s *Snapshot, subject S, value A) {
	f := s.Forecast()
	f.tick()
	f.replies[question{p, subject}] = Outlook[A]{Answer: Answer[A]{Value: value}}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
