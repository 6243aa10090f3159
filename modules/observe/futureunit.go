package observe

import (
	"cmp"
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
	add := func(other UnitInfo, clause string) {
		o.Or = append(o.Or, Alternative[UnitInfo]{Answer: Answer[UnitInfo]{Value: other}, If: clause})
	}
	if f.loaded.After(future.at) {
		u.NeedDaemonReload = false
	}
	f.unitFile(q, &u, future.at)
	unnoticed := f.dropIns(q, &u, future.at)
	type doubt struct {
		path  string
		other WatchedFile
	}
	var doubtful []doubt
	for _, p := range sortedKeys(u.Files) {
		is, certain, ok := f.watched(u, p)
		if !ok {
			continue
		}
		if slices.Contains(u.OwnFiles(), p) && !is.Changed.Before(future.at) && !f.at(p).Before(f.loaded) && u.inUse() {
			u.NeedDaemonReload = true
		}
		if slices.Contains(u.OwnFiles(), p) && u.refused() {
			u.Load = Loaded // as far as is known
		}
		if !certain {
			other := is
			other.Fingerprint = "?"
			doubtful = append(doubtful, doubt{p, other})
			stamped := u.Stamp.Files[p]
			is.CTime, is.Fingerprint = stamped.CTime, stamped.Fingerprint
			is.Changed, is.Foreseen = seen.Files[p].Changed, false
		}
		u.Files[p] = is
	}
	by, rest, mayBring := f.program(&u, future.at)
	f.directory(&u, future.at)
	if mayBring {
		other := u
		other.ReplacedProgram = cmp.Or(u.LostProgram, u.Program)
		add(other, by+" brings "+rest+", which it runs")
	}
	for _, d := range doubtful {
		add(u.with(d.path, d.other), "the content of "+d.path+" changes")
	}
	f.mayReload(u, unnoticed, add)
	f.vagueUnit(q, u, future.at, add)
	o.Value = u
	return o
}

// refused reports whether systemd couldn't load u from its files.
func (u UnitInfo) refused() bool { return u.Load == BadSetting || u.Load == LoadFailed }

// inUse reports whether systemd keeps what it has loaded of u: a unit that does nothing, and that no other one wants, it
// forgets, and reads again when it is asked.
func (u UnitInfo) inUse() bool {
	return u.Load != NotFound && (u.Active != Inactive || u.FileState == Enabled)
}

// unitDir has the units of the administrator (systemd.unit(5)).
const unitDir = "/etc/systemd/system/"

// unitFile is about the unit's file among those of the administrator, which pending changes write or remove since a time: what
// systemd says of a unit that it has not in use, and reads when it is asked.
func (f *Forecast) unitFile(q UnitQuestion, u *UnitInfo, since time.Time) {
	p := unitDir + q.Name
	will, ok := f.files[f.real(p)]
	own := u.Load == NotFound || u.FragmentPath == p || f.loaded.After(will.at)
	if !ok || !will.at.After(since) || u.inUse() || !own {
		return
	}
	u.NeedDaemonReload = false
	switch {
	case will.Type == Absent && u.FragmentPath == p:
		u.Load, u.FileState, u.FragmentPath = NotFound, "", ""
	case will.Type == Symlink && will.Target == "/dev/null":
		u.Load, u.FileState = MaskedLoad, Masked
	case will.Type == Regular && will.Content.known != kept:
		if u.Load == NotFound {
			u.ID, u.Active, u.Sub = q.Name, Inactive, "dead"
		}
		u.Load, u.FragmentPath, u.CanReload = Loaded, p, true
		switch {
		case u.Linked:
			u.FileState = Enabled
		case u.FileState != Enabled:
			u.FileState = Disabled
		}
		if will.Content.bytes != nil {
			f.readUnit(string(will.Content.bytes), u)
		}
	}
}

// readUnit is what the text of a unit file says of u.
func (*Forecast) readUnit(text string, u *UnitInfo) {
	section := ""
	installs := false
	u.CanReload, u.Type, u.RemainAfterExit = false, "simple", false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok || value == "" || key == "" || key[0] == '#' || key[0] == ';':
		case section == "[Install]":
			installs = true
		case section == "[Service]" && key == "ExecReload":
			u.CanReload = true
		case section == "[Service]" && key == "Type":
			u.Type = value
		case section == "[Service]" && key == "RemainAfterExit":
			u.RemainAfterExit = slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(value)) // parse_boolean of systemd
		}
	}
	if !installs && u.FileState == Disabled {
		u.FileState = Static
	}
}

// dropIns is about drop-ins among the administrator's that pending changes write since a time. Of a directory that is made
// since systemd last looked it may not notice what is in it (seen with 252).
func (f *Forecast) dropIns(q UnitQuestion, u *UnitInfo, since time.Time) (unnoticed bool) {
	dir := unitDir + q.Name + ".d"
	for _, p := range sortedKeys(f.files) {
		will := f.files[p]
		if path.Dir(p) != dir || path.Ext(p) != ".conf" || will.Type != Regular || !will.at.After(since) || slices.Contains(u.DropInPaths, p) {
			continue
		}
		if !u.inUse() || f.loaded.After(will.at) {
			u.DropInPaths = append(slices.Clone(u.DropInPaths), p)
			u.Files[p] = WatchedFile{CTime: "-", Fingerprint: "absent"}
			continue
		}
		u.NeedDaemonReload, unnoticed = true, f.Changes(dir)
	}
	return unnoticed
}

// mayReload adds that something else may have systemd load the files of u again, or that it doesn't see that it must.
func (f *Forecast) mayReload(u UnitInfo, unnoticed bool, add func(UnitInfo, string)) {
	if !u.NeedDaemonReload {
		return
	}
	other := u
	other.NeedDaemonReload = false
	if unnoticed {
		add(other, "systemd doesn't see the new directory")
	}
	if name, _, ok := cause(slices.DeleteFunc(slices.Clone(f.may), func(v vague) bool { return !v.Brings || v.Bounded && !v.names("daemon-reload") })); ok {
		add(other, name+" has systemd load all units again")
	}
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

// at is when path, or the file that a link at path leads to, or a link on the way, is changed.
func (f *Forecast) at(p string) time.Time {
	at := f.files[f.real(p)].at
	if end := f.files[f.end(p)].at; end.After(at) {
		at = end
	}
	if link, moved := f.moved(p); moved && f.files[f.real(link)].at.After(at) {
		at = f.files[f.real(link)].at
	}
	return at
}

// changed is a watched file whose content is another one since a time.
func changed(at time.Time) WatchedFile {
	return WatchedFile{Changed: at, CTime: at.Format(time.RFC3339Nano), Fingerprint: "?", Foreseen: true}
}

// watched is what becomes of a file that u is made from; not certain, when nobody can compare it with what u was started
// from; not ok, when nothing becomes of it.
func (f *Forecast) watched(u UnitInfo, p string) (w WatchedFile, certain, ok bool) {
	is := u.Files[p]
	will, ok := f.files[f.real(p)]
	if !ok {
		will, ok = f.files[f.end(p)]
	}
	if !ok {
		if _, moved := f.moved(p); moved {
			return f.elsewhere(u, p)
		}
		dir, gone := f.above(f.real(p))
		if !gone || slices.Contains(dir.will.Contains, strings.TrimPrefix(f.real(p), dir.path+"/")) {
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

// elsewhere is the watched file p, to which a link on the way leads no more: another one is there.
func (f *Forecast) elsewhere(u UnitInfo, p string) (w WatchedFile, certain, ok bool) {
	end := f.end(p)
	w = changed(f.at(p))
	if f.gone(end) {
		w.Changed, w.CTime, w.Fingerprint = time.Time{}, "-", "absent"
		return w, true, true
	}
	if is, seen := u.Files[end]; seen && is.Fingerprint != "" {
		w.Changed, w.Fingerprint = is.Changed, is.Fingerprint
		return w, true, true
	}
	is, seen := f.seen.at(f, end, FileQuestion{Path: end, Content: true, UnlessSHA256: "any"})
	switch {
	case seen && is.Type == Absent:
		w.Changed, w.CTime, w.Fingerprint = time.Time{}, "-", "absent"
	case seen && is.Type == Regular:
		w.Changed, w.Fingerprint = is.ChTime, is.SHA256
	default:
		return w, false, true
	}
	return w, true, true
}

// throughLink is the fingerprint of a link that will lead to target, as far as it is known what will be there.
func (f *Forecast) throughLink(u UnitInfo, target, otherwise string) string {
	if will, ok := f.files[f.end(target)]; ok && will.Type == Regular && will.Content.known != kept {
		return will.fingerprint()
	}
	if is := u.Files[target]; is.Fingerprint != "" && is.Fingerprint != "absent" {
		return is.Fingerprint
	}
	return otherwise
}

// program is about the program of u: a pending change since a time may put another file in its place, and one that was removed
// may come back as another one. Of a directory that is made anew, such as that of an archive, nobody may know whether it has
// the program: then ok, with its path and the rest.
func (f *Forecast) program(u *UnitInfo, since time.Time) (dir, rest string, ok bool) {
	program := cmp.Or(u.LostProgram, u.Program)
	if u.ReplacedProgram != "" {
		return "", "", false
	}
	for p := program; p != "" && p != "/"; p = path.Dir(p) {
		will, changes := f.files[p]
		rest := strings.TrimPrefix(program, p+"/")
		switch {
		case !changes || !will.at.After(since) || will.Type == OtherType || will.Type == Regular && will.Content.known == kept:
		case will.Type == Absent:
			u.LostProgram = program
			return "", "", false
		case p == program && will.any, p == program && will.Content.known == unknown && u.LostProgram == "":
			return p, path.Base(p), true
		case p == program || slices.Contains(will.Contains, rest):
			u.ReplacedProgram = program
			return "", "", false
		case will.anew || u.LostProgram != "":
			return p, rest, true
		}
	}
	return "", "", false
}

// directory is about the working directory of u: a pending change since a time may remove it, and perhaps make it again.
func (f *Forecast) directory(u *UnitInfo, since time.Time) {
	for p := u.Directory; p != "" && p != "/"; p = path.Dir(p) {
		if will, ok := f.files[p]; ok && will.at.After(since) && (will.Type == Absent || will.anew) {
			u.LostDirectory = u.Directory
		}
	}
}

// vagueUnit adds what changes that do more than anybody knows may make of u, which was foreseen at a time.
func (f *Forecast) vagueUnit(q UnitQuestion, u UnitInfo, since time.Time, add func(UnitInfo, string)) {
	name := strings.TrimSuffix(cmp.Or(u.ID, q.Name), ".service")
	watched := slices.DeleteFunc(strings.Split(q.Watch, "\n"), func(p string) bool { return p == "" })
	_, written := f.files[f.real(unitDir+q.Name)]
	if u.Load == NotFound {
		if by, at, ok := f.brings(name); ok && !written && !q.Ours && (q.Wanted || f.related(q.Name)) {
			// Mostly a package enables and starts what it brings.
			other := u
			other.Load, other.FileState, other.CanReload = Loaded, Enabled, true
			other.Active, other.Sub, other.InvocationID = Active, "running", NewInstance
			other.Started, other.StateChanged = at, at
			add(other, by+" enables and starts it")
		}
		return
	}
	const changes = " changes what it runs or reads"
	own := slices.Concat([]string{u.Program}, u.OwnFiles())
	var packages, removed, commands []vague
	for _, v := range f.runs(since, append(own, name)...) {
		switch {
		case v.Bounded:
			commands = append(commands, v)
		case v.Removes:
			removed = append(removed, v)
		default:
			packages = append(packages, v)
		}
	}
	if by, _, ok := cause(removed); ok {
		gone := u
		gone.Load, gone.FileState, gone.FragmentPath, gone.NeedDaemonReload = NotFound, "", "", false
		gone.Active, gone.Sub = Inactive, "dead"
		add(gone, "removing "+by+" removes it")
	}
	programs := slices.Concat(packages, slices.DeleteFunc(slices.Clone(commands), func(v vague) bool { return !v.names(own...) }))
	if by, _, ok := cause(programs); ok && u.ReplacedProgram == "" {
		other := u
		other.ReplacedProgram = "its program"
		if u.refused() {
			other.Load = Loaded
		}
		add(other, by+changes)
	}
	for _, p := range watched {
		if by, at, ok := cause(append(f.runs(since, p), packages...)); ok {
			add(u.with(p, changed(at)), by+changes)
		}
	}
	if by, _, ok := cause(slices.DeleteFunc(f.runs(since, u.Directory), func(v vague) bool { return !v.Bounded || !v.moves(u.Directory) })); ok {
		lost := u
		lost.LostDirectory = u.Directory
		add(lost, by+" removes its working directory")
	}
	commands = slices.DeleteFunc(commands, func(v vague) bool { return !v.names(name) })
	packages = slices.DeleteFunc(packages, func(v vague) bool { return !v.Brings })
	if by, at, ok := cause(slices.Concat(packages, commands)); ok && u.Running() {
		add(f.started(u, at), by+" restarts it")
	}
	by, at, ok := cause(commands)
	switch {
	case ok && u.Running():
		stopped := u
		stopped.Active, stopped.Sub = Inactive, "dead"
		add(stopped, by+" stops it")
	case ok:
		add(f.started(u, at), by+" starts it")
	}
}

// started is u after a change that does more than is known has started it, at a time.
func (*Forecast) started(u UnitInfo, at time.Time) UnitInfo {
	u.Active, u.Sub, u.InvocationID, u.ReloadFailed = Active, "running", NewInstance, false
	u.Started, u.StateChanged = at, at
	u.ReplacedProgram, u.LostProgram, u.LostDirectory = "", "", ""
	u.NeedDaemonReload = u.NeedDaemonReload && slices.ContainsFunc(u.OwnFiles(), func(p string) bool { return u.Files[p].Changed.After(at) })
	return u
}
