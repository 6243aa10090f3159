package observe

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// latest is the latest time that the answer names.
func (u UnitInfo) latest() time.Time {
	at := u.Started
	if u.StateChanged.After(at) {
		at = u.StateChanged
	}
	for _, f := range u.Files {
		if f.Changed.After(at) {
			at = f.Changed
		}
	}
	return at
}

// StampValid reports whether the stamp is that of the running instance.
func (u UnitInfo) StampValid() bool {
	return u.InvocationID != "" && u.Stamp.InvocationID == u.InvocationID
}

// with is u with another state of a file.
func (u UnitInfo) with(path string, f WatchedFile) UnitInfo {
	u.Files = maps.Clone(u.Files)
	u.Files[path] = f
	return u
}

// futureUnits is the outlook of [Unit].
func futureUnits(f *Forecast, q UnitQuestion, seen UnitInfo) Outlook[UnitInfo] {
	u := seen
	future, changes := f.units[seen.ID]
	if changes {
		u = future.unit
	}
	u.Files = make(map[string]WatchedFile)
	maps.Copy(u.Files, future.unit.Files)
	maps.Copy(u.Files, seen.Files)

	o := Outlook[UnitInfo]{}
	var doubtful []string
	for _, p := range sortedKeys(u.Files) {
		is, certain, ok := f.watched(u, p)
		if !ok {
			continue
		}
		if slices.Contains(u.OwnFiles(), p) && !is.Changed.Before(future.at) {
			u.NeedDaemonReload = true
		}
		if !certain {
			doubtful = append(doubtful, p)
			stamped := u.Stamp.Files[p]
			is.CTime, is.Fingerprint = stamped.CTime, stamped.Fingerprint
			is.Changed, is.Foreseen = seen.Files[p].Changed, false
		}
		u.Files[p] = is
	}
	add := func(other UnitInfo, clause string) {
		o.Or = append(o.Or, Alternative[UnitInfo]{Answer: Answer[UnitInfo]{Value: other}, If: clause})
	}
	if by, rest, ok := f.program(&u); ok {
		other := u
		other.ReplacedProgram = u.LostProgram
		add(other, by+" brings "+rest+", which it runs")
	}
	for _, p := range doubtful {
		add(u.with(p, changed(f.at(p))), "the content of "+p+" changes")
	}
	f.vagueUnit(q, u, future.at, add)
	o.Value = u
	return o
}

// Loaded is u with the state of its own files, for a unit that a pending change makes.
func (f *Forecast) Loaded(u UnitInfo) UnitInfo {
	u.Files = maps.Clone(u.Files)
	for _, p := range u.OwnFiles() {
		if w, _, ok := f.watched(u, p); ok {
			u.Files[p] = w
		}
	}
	return u
}

// at is when path, or the file that a link at path leads to, is changed.
func (f *Forecast) at(path string) time.Time { return f.files[path].at }

// changed is a watched file whose content is another one since a time.
func changed(at time.Time) WatchedFile {
	return WatchedFile{Changed: at, CTime: at.Format(time.RFC3339Nano), Fingerprint: "?", Foreseen: true}
}

// watched is what becomes of a file that u is made from; not certain, when nobody can compare it with what u was started
// from; not ok, when nothing becomes of it.
func (f *Forecast) watched(u UnitInfo, p string) (w WatchedFile, certain, ok bool) {
	is := u.Files[p]
	will, ok := f.files[p]
	if !ok && is.Target != "" {
		will, ok = f.files[is.Target]
	}
	if !ok {
		dir, gone := f.above(p)
		if !gone || slices.Contains(dir.will.Contains, strings.TrimPrefix(p, dir.path+"/")) {
			return is, true, false
		}
		will = FutureFile{Type: Absent}
	}
	w = changed(will.at)
	w.Fingerprint, w.Target = will.fingerprint(), is.Target
	if will.Type == Absent {
		w.Changed, w.CTime = time.Time{}, "-"
	}
	stamped, known := u.Stamp.Files[p]
	if will.Type == Symlink && !strings.HasPrefix(stamped.Fingerprint, "->") {
		w.Target = LinkTarget(p, will.Target)
		w.Fingerprint = f.throughLink(u, w.Target, w.Fingerprint)
	}
	switch {
	case will.Type == OtherType || will.Type == Regular && will.Content.known == kept:
		w.Fingerprint, w.Foreseen = is.Fingerprint, !known // if known, its content decides, which is as it is
		return w, true, true
	case !known || !u.StampValid() || w.Fingerprint == "absent" || stamped.Fingerprint == "absent":
		return w, true, true
	}
	return w, will.Content.known != unknown && strings.HasPrefix(w.Fingerprint, "->") == strings.HasPrefix(stamped.Fingerprint, "->"), true
}

// throughLink is the fingerprint of a link that will lead to target, as far as it is known what will be there.
func (f *Forecast) throughLink(u UnitInfo, target, otherwise string) string {
	if will, ok := f.files[target]; ok && will.Type == Regular && will.Content.known != kept {
		return will.fingerprint()
	}
	if is := u.Files[target]; is.Fingerprint != "" && is.Fingerprint != "absent" {
		return is.Fingerprint
	}
	return otherwise
}

// program is about a program that was removed under its unit: one that comes back is another one. Of a directory that is
// made anew, such as that of an archive, nobody may know whether it has the program: then ok, with its path and the rest.
func (f *Forecast) program(u *UnitInfo) (dir, rest string, ok bool) {
	for p := u.LostProgram; p != "" && p != "/"; p = path.Dir(p) {
		will, changes := f.files[p]
		rest := strings.TrimPrefix(u.LostProgram, p+"/")
		switch {
		case !changes || will.Type == Absent || will.Type == OtherType:
		case p == u.LostProgram || slices.Contains(will.Contains, rest):
			u.ReplacedProgram = u.LostProgram
			return "", "", false
		default:
			return p, rest, true
		}
	}
	return "", "", false
}

// vagueUnit adds what changes that do more than anybody knows may make of u, which was foreseen at a time.
func (f *Forecast) vagueUnit(q UnitQuestion, u UnitInfo, since time.Time, add func(UnitInfo, string)) {
	words := slices.Concat([]string{strings.TrimSuffix(u.ID, ".service")}, u.OwnFiles(), strings.Split(q.Watch, "\n"))
	_, written := f.files["/etc/systemd/system/"+q.Name]
	if u.Load == NotFound {
		if by, at, ok := f.brings(words...); ok && !written && !q.Ours && (q.Wanted || f.related(q.Name)) {
			// Mostly a package enables and starts what it brings.
			other := u
			other.Load, other.FileState, other.CanReload = Loaded, Enabled, true
			other.Active, other.Sub, other.InvocationID = Active, "running", NewInstance
			other.Started, other.StateChanged = at, at
			add(other, by+" enables and starts it")
		}
		return
	}
	by, at, ok := f.changes(since, words...)
	if !ok {
		return
	}
	const changes = " changes what it runs or reads"
	if u.ReplacedProgram == "" {
		other := u
		other.ReplacedProgram = "its program"
		add(other, by+changes)
	}
	for _, p := range strings.Split(q.Watch, "\n") {
		if p != "" {
			add(u.with(p, changed(at)), by+changes)
		}
	}
	if u.Running() {
		restarted := u
		restarted.Started, restarted.StateChanged, restarted.InvocationID, restarted.ReloadFailed = at, at, NewInstance, false
		restarted.ReplacedProgram, restarted.LostProgram, restarted.LostDirectory = "", "", ""
		restarted.NeedDaemonReload = u.NeedDaemonReload && slices.ContainsFunc(u.OwnFiles(), func(p string) bool { return u.Files[p].Changed.After(at) })
		add(restarted, by+" restarts it")
	}
}
