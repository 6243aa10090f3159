package observe

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
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
}

// ErrUnknown is in the error of an answer that nobody can know before a pending change is made.
var ErrUnknown = errors.New("unknown before it is done")

// Unknown is an answer that is known only after something is done, which why says as a clause.
func Unknown[A any](why string) Answer[A] {
	return Answer[A]{Err: fmt.Errorf("%w: %s", ErrUnknown, why)}
}

// A Forecast is what the pending changes of a plan make of a host. It is made by [Snapshot.Forecast].
type Forecast struct {
	start    time.Time // after all that was seen of the host
	turns    int       // how many things are foreseen, and so the time
	files    map[string]FutureFile
	units    map[string]futureUnit // by ID
	accounts []string              // users and groups that are made
	packages map[string]bool       // that are installed
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
	// anything.
	Bounded bool
	Text    string

	// Brings says that it may bring files and units that are not there yet.
	Brings bool
}

type futureUnit struct {
	unit UnitInfo
	at   time.Time
}

// Forecast returns the forecast that lies over s, an empty one at first. Only plans call it.
func (s *Snapshot) Forecast() *Forecast {
	if s.forecast == nil {
		f := &Forecast{
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

// tick returns the time of the next thing that is foreseen.
func (f *Forecast) tick() time.Time {
	f.turns++
	return f.start.Add(time.Duration(f.turns) * time.Minute)
}

// FutureFile is what a pending change makes of a path.
type FutureFile struct {
	Type     FileType // Absent: it is removed
	Target   string   // of a symbolic link
	Content  Content  // of a regular file
	Rights   *Rights  // nil: those that are there; of something new: unknown
	Contains []string // of a directory that is made anew: paths of files that will be in it, relative to it

	anew bool // a directory without what was in it
	at   time.Time
}

// Rights are mode, owner and group of a file.
type Rights struct {
	Mode  fs.FileMode // permission bits, with fs.ModeSetuid, fs.ModeSetgid and fs.ModeSticky
	Owner string      // user name or number
	Group string      // group name or number
}

// UnknownRights are those of a file that is written anew in a way that nobody knows.
var UnknownRights = &Rights{Owner: "?", Group: "?"}

// Content is what is known of the content that a regular file will have. The zero value is the content that it has.
type Content struct {
	known knowledge
	bytes []byte // nil: only the sum is known
	sum   string // SHA-256, lowercase hex
}

type knowledge int

const (
	kept    knowledge = iota // it stays what it is
	known                    // bytes or sum
	fresh                    // one that was never there before, a new key for example
	unknown                  // any, perhaps the one that is there
)

// KnownContent is a content that is known.
func KnownContent(content []byte) Content {
	return Content{known: known, bytes: append([]byte{}, content...), sum: Fingerprint(content)}
}

// KnownSum is a content of which the SHA-256 is known, in lowercase hex.
func KnownSum(sum string) Content { return Content{known: known, sum: sum} }

// SampleContent is a content that was never there before, of which it is known only that it is one such as sample: a new
// certificate.
func SampleContent(sample []byte) Content { return Content{known: fresh, bytes: sample} }

// What a file may contain beside that.
var (
	SameContent    = Content{}               // what it contains already
	NewContent     = Content{known: fresh}   // something that was never there before: a new key, a random value
	UnknownContent = Content{known: unknown} // anything, perhaps what it contains already
)

// Fingerprint is the SHA-256 of a file's content in lowercase hex, as [WatchedFile] has it.
func Fingerprint(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// fingerprint is the content's, as [WatchedFile] has it; something that no stamp has where it isn't known.
func (f FutureFile) fingerprint() string {
	switch {
	case f.Type == Absent:
		return "absent"
	case f.Type == Symlink:
		return "->" + f.Target
	case f.Content.known == known:
		return f.Content.sum
	default:
		return "new content of " + f.at.String()
	}
}

// Write notes that path becomes a regular file, or stays one.
func (f *Forecast) Write(path string, c Content, r *Rights) {
	f.set(path, FutureFile{Type: Regular, Content: c, Rights: r})
}

// Touch notes that something of path changes other than its content: rights, if they are not nil, or a time.
func (f *Forecast) Touch(path string, r *Rights) {
	is, ok := f.files[path]
	if !ok {
		is = FutureFile{Type: OtherType} // whatever is there
	}
	if r != nil {
		is.Rights = r
	}
	f.set(path, is)
}

// Link notes that path becomes a symbolic link to target.
func (f *Forecast) Link(path, target string) { f.set(path, FutureFile{Type: Symlink, Target: target}) }

// Directory notes that path becomes a directory, or stays one with what is in it.
func (f *Forecast) Directory(path string, r *Rights) {
	f.set(path, FutureFile{Type: Directory, Rights: r})
}

// Replace notes that path becomes a directory without anything of what was in it. contains are paths below it, relative
// to it, that will be there.
func (f *Forecast) Replace(path string, r *Rights, contains ...string) {
	f.set(path, FutureFile{Type: Directory, Rights: r, Contains: contains, anew: true})
}

// Remove notes that path, and what is below it, is removed.
func (f *Forecast) Remove(path string) { f.set(path, FutureFile{Type: Absent}) }

func (f *Forecast) set(p string, is FutureFile) {
	is.at = f.tick()
	if is.Type == Regular && is.Content.known == kept {
		if old, ok := f.files[p]; ok && old.Type == Regular {
			is.Content = old.Content
		}
	}
	if is.Rights == nil && is.Type != Absent {
		is.Rights = f.files[p].Rights
	}
	if is.Type == Absent || is.anew {
		for below := range f.files {
			if strings.HasPrefix(below, p+"/") {
				delete(f.files, below)
			}
		}
	}
	f.files[p] = is
}

// Account notes that a user, or a group, of a name is made. Numbers without a name may be its own then.
func (f *Forecast) Account(name string) {
	f.tick()
	if !slices.Contains(f.accounts, name) {
		f.accounts = append(f.accounts, name)
	}
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
	for name, u := range f.units {
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
		if word == "" {
			return false
		}
		if strings.Contains(c.Text, word) {
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

// brings returns what may bring a file or unit that is not there, by its path or name.
func (f *Forecast) brings(words ...string) (name string, at time.Time, ok bool) {
	return cause(slices.DeleteFunc(slices.Clone(f.may), func(v vague) bool {
		return !v.Brings || v.Bounded && !v.names(words...) || !v.Bounded && slices.ContainsFunc(words, isOutside)
	}))
}

// Changes reports whether something is foreseen of path itself.
func (f *Forecast) Changes(path string) bool {
	_, ok := f.files[path]
	return ok
}

// Pending reports whether anything is foreseen at all.
func (f *Forecast) Pending() bool { return f.turns > 0 }

// MayChange returns what may change more than is known, or bring what is not there, as conditions name it; words are paths
// and names that it would be about.
func (f *Forecast) MayChange(words ...string) (by string, ok bool) {
	by, _, ok = f.changes(time.Time{}, words...)
	return by, ok
}

// changes returns what may change something that is there, after a time.
func (f *Forecast) changes(after time.Time, words ...string) (name string, at time.Time, ok bool) {
	return cause(slices.DeleteFunc(slices.Clone(f.may), func(v vague) bool {
		return !v.at.After(after) || v.Bounded && !v.names(words...)
	}))
}

// Concerns returns why text, a command for example, may have another outcome than now: it names a file or a unit of which
// something is foreseen. Empty: nothing speaks for that.
func (f *Forecast) Concerns(text string) string {
	for _, p := range sortedKeys(f.files) {
		if strings.Contains(text, p) {
			return p + " changes"
		}
	}
	for _, id := range sortedKeys(f.units) {
		if strings.Contains(text, strings.TrimSuffix(id, ".service")) {
			return id + " changes"
		}
	}
	return ""
}

// ProgramOf returns a Future for what a program answers that a unit runs: it is silent for a while after a pending change
// stops the unit, and nobody knows what a silent one will answer when changes are made before. An empty unit is any.
func ProgramOf[S, A any](unit func(S) string, silent A, isSilent func(A) bool) func(*Forecast, S, A) Outlook[A] {
	return func(f *Forecast, subject S, seen A) Outlook[A] {
		o := Outlook[A]{Answer: Answer[A]{Value: seen}}
		if isSilent(seen) {
			const clause = "it answers by then"
			o.Or = append(o.Or, Alternative[A]{Unknown[A](clause), clause})
		} else if name, stops := f.Stops(unit(subject)); stops {
			o.Or = append(o.Or, Alternative[A]{Answer[A]{Value: silent}, name + " doesn't answer yet"})
		}
		return o
	}
}

// Foresee notes the answer to a question when a pending change is made, for questions that have no Future of their own.
func (k *Kind[S, A]) Foresee(s *Snapshot, subject S, value A) {
	f := s.Forecast()
	f.tick()
	f.replies[question{k, subject}] = value
}

// Foreseen returns what was noted by [Kind.Foresee] about subject.
func (k *Kind[S, A]) Foreseen(f *Forecast, subject S) (value A, ok bool) {
	reply, ok := f.replies[question{k, subject}]
	if ok {
		value = reply.(A)
	}
	return value, ok
}

// Foresee notes the answer to a question when a pending change is made.
func (p *Probe[S, A]) Foresee(s *Snapshot, subject S, value A) {
	f := s.Forecast()
	f.tick()
	f.replies[question{p, subject}] = value
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// outside are directories in which packages of a distribution put nothing: see the Filesystem Hierarchy Standard 3.0
// (/home, /opt, /root, /srv, /tmp, /usr/local), Debian Policy 9.1, and systemd.unit(5) on the directory of the administrator.
var outside = []string{"/home/", "/opt/", "/root/", "/srv/", "/tmp/", "/usr/local/", "/run/", "/var/tmp/", "/etc/systemd/system/", "/var/lib/rcprov/", "/etc/rcprov/"}

// isOutside reports whether no package puts anything where a path is.
func isOutside(path string) bool {
	return slices.ContainsFunc(outside, func(dir string) bool { return strings.HasPrefix(path, dir) })
}

// futureFile is the outlook of [File].
func futureFile(f *Forecast, q FileQuestion, is FileInfo) Outlook[FileInfo] {
	o := Outlook[FileInfo]{Answer: Answer[FileInfo]{Value: is}}
	if will, ok := f.files[q.Path]; ok {
		will.apply(q, &o)
	} else if dir, ok := f.above(q.Path); ok {
		o.Value = FileInfo{}
		if slices.Contains(dir.will.Contains, strings.TrimPrefix(q.Path, dir.path+"/")) {
			o.Value = FileInfo{Type: Regular, SHA256: "?"}
		}
	}
	f.names(&o)
	if _, removed := f.files[q.Path]; o.Err != nil || o.Value.Type != Absent || removed {
		return o
	}
	by, _, ok := f.brings(q.Path)
	if !ok || strings.HasPrefix(path.Base(q.Path), ".rcprov") {
		return o
	}
	clause := by + " brings it"
	if !q.Content || q.UnlessSHA256 != "" {
		file := FileInfo{Type: Regular, Mode: 0o644, Owner: "root", Group: "root", SHA256: "?", Size: 1}
		o.Or = append(o.Or, Alternative[FileInfo]{Answer[FileInfo]{Value: file}, clause})
	}
	if q.UnlessSHA256 == "" { // a directory, a link, or a content that decides
		o.Or = append(o.Or, Alternative[FileInfo]{Unknown[FileInfo](clause), clause})
	}
	return o
}

// futureDir is a directory above a path.
type futureDir struct {
	path string
	will FutureFile
}

// above returns the nearest directory above p of which it is foreseen that it goes, or loses what is in it.
func (f *Forecast) above(p string) (dir futureDir, ok bool) {
	for d := path.Dir(p); d != "/" && d != "."; d = path.Dir(d) {
		if will, ok := f.files[d]; ok && (will.Type == Absent || will.anew || will.Type == Regular) {
			return futureDir{d, will}, true
		}
	}
	return dir, false
}

// apply makes o the outlook for a file that becomes f.
func (f FutureFile) apply(q FileQuestion, o *Outlook[FileInfo]) {
	was := o.Value
	switch f.Type {
	case OtherType: // touched
	case Absent:
		o.Value = FileInfo{}
		return
	case Symlink:
		o.Value = FileInfo{Type: Symlink, Target: f.Target, Mode: 0o777, Owner: "root", Group: "root"}
	case Directory:
		if was.Type != Directory {
			o.Value = FileInfo{Type: Directory, Mode: 0o755, Owner: "root", Group: "root"}
		}
	case Regular:
		f.content(q, o)
	}
	switch {
	case f.Rights != nil && f.Rights != UnknownRights:
		v := &o.Value
		v.Mode, v.Owner, v.Group, v.UID, v.GID = f.Rights.Mode, f.Rights.Owner, f.Rights.Group, -1, -1
		if v.Owner == was.Owner || v.Owner == fmt.Sprint(was.UID) {
			v.Owner, v.UID = was.Owner, was.UID
		}
		if v.Group == was.Group || v.Group == fmt.Sprint(was.GID) {
			v.Group, v.GID = was.Group, was.GID
		}
	case f.Rights == UnknownRights, was.Type != f.Type && f.Type != OtherType && f.Type != Symlink:
		other := o.Value
		other.Mode, other.Owner, other.Group, other.UID, other.GID = 0, "?", "?", -1, -1
		o.Or = append(o.Or, Alternative[FileInfo]{Answer[FileInfo]{Value: other}, Earlier + " leaves it otherwise"})
	}
}

// content makes o the outlook for a regular file with the content of f.
func (f FutureFile) content(q FileQuestion, o *Outlook[FileInfo]) {
	reads := q.Content && q.UnlessSHA256 == ""
	if o.Value.Type != Regular {
		o.Value = FileInfo{Type: Regular, Mode: 0o644, Owner: "root", Group: "root"}
		if f.Content.known == kept || f.Content.known == unknown {
			f.Content = NewContent // there is none to keep
		}
	}
	v := &o.Value
	switch f.Content.known {
	case known:
		v.SHA256, v.Content, v.Size = f.Content.sum, nil, int64(len(f.Content.bytes))
		switch {
		case reads && f.Content.bytes == nil:
			o.Answer = Unknown[FileInfo](q.Path + " is written")
		case q.Content && v.SHA256 != q.UnlessSHA256 && len(f.Content.bytes) <= MaxContent:
			v.Content = f.Content.bytes
		}
	case fresh:
		if reads && f.Content.bytes == nil {
			o.Answer = Unknown[FileInfo](q.Path + " is written")
		}
		v.SHA256, v.Content = "?", f.Content.bytes
	case unknown:
		clause := "the content of " + q.Path + " changes"
		if reads {
			o.Answer = Unknown[FileInfo](clause)
		}
		other := *v
		other.SHA256, other.Content = "?", nil
		o.Or = append(o.Or, Alternative[FileInfo]{Answer[FileInfo]{Value: other}, clause})
	}
}

// names adds what becomes of numbers without a name: accounts that are made may have them.
func (f *Forecast) names(o *Outlook[FileInfo]) {
	for _, name := range f.accounts {
		other := o.Value
		if other.Owner == Nameless {
			other.Owner = name
		}
		if other.Group == Nameless {
			other.Group = name
		}
		if other.Owner != o.Value.Owner || other.Group != o.Value.Group {
			o.Or = append(o.Or, Alternative[FileInfo]{Answer[FileInfo]{Value: other}, name + " gets that number"})
		}
	}
}
