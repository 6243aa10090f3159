package systemdunit

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

var (
	_ modules.Foreseer  = (*Step)(nil)
	_ modules.Explainer = (*Step)(nil)
)

// foresee makes of what was seen of the unit what there will be when it is the step's turn, so that a plan decides by
// the same rules as apply. In apply nothing is foreseen.
func (d *differ) foresee(s *observe.Snapshot) {
	future, loaded, ok := s.FutureUnit(d.unit.ID)
	files := make(map[string]observe.WatchedFile)
	maps.Copy(files, d.unit.Files)
	if !ok && s.WillBeStopped(d.unit.ID) && d.unit.Running() {
		d.unit.Active, d.unit.Sub = observe.Inactive, "dead"
	}
	if ok {
		d.unit = future
		for path, is := range future.Files {
			if _, watched := files[path]; !watched {
				files[path] = is
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(files)) { // a doubt names the last one
		if f, changes := d.futureFile(s, files, path, loaded); changes {
			files[path] = f
		}
	}
	d.unit.Files = files
	d.foreseeProgram(s)
	if s.Unknown() == "" {
		return
	}
	if _, written := s.FutureFile(unitDir + d.Name); d.unit.Load == observe.NotFound && !written && !d.ours() {
		d.installed = s.Unknown()
	} else if s.UnknownAt().After(loaded) {
		d.other, d.otherAt = s.Unknown(), s.UnknownAt()
		d.doubt.add(false, s.Unknown()+" changes what it runs")
		if len(d.ReloadOn) > 0 {
			d.doubt.add(true, s.Unknown()+" changes what it reads")
		}
	}
}

// futureFile is what becomes of one of the files; false: nothing. loaded is when steps above load the unit anew.
func (d *differ) futureFile(s *observe.Snapshot, files map[string]observe.WatchedFile, path string, loaded time.Time) (observe.WatchedFile, bool) {
	is := files[path]
	f, changes := s.FutureFile(path)
	if !changes && is.Target != "" {
		f, changes = s.FutureFile(is.Target)
	}
	if !changes {
		return is, false
	}
	stamped, known := d.unit.Stamp.Files[path]
	if target, links := strings.CutPrefix(f.Fingerprint, "->"); links && !strings.HasPrefix(stamped.Fingerprint, "->") {
		f.Fingerprint = led(s, files, observe.LinkTarget(path, target), f.Fingerprint)
	}
	switch {
	case f.Fingerprint == observe.SameContent:
		f.Fingerprint, f.Foreseen = is.Fingerprint, !known // if known, its content decides, which is as it is
	case slices.Contains(d.unit.OwnFiles(), path) && !f.Changed.Before(loaded):
		d.unit.NeedDaemonReload = true
	case known && stampValid(d.unit) && !comparable(f.Fingerprint, stamped.Fingerprint):
		d.doubt.add(slices.Contains(d.ReloadOn, path), "the content of "+path+" changes")
		f = is
		f.CTime, f.Fingerprint = stamped.CTime, stamped.Fingerprint // no reason by what it is now: that goes
	}
	return f, true
}

// foreseeProgram is about a program that was removed under the unit: one that comes back is another one. Of a directory
// that is made anew, such as that of an archive, nobody can tell whether it has the program.
func (d *differ) foreseeProgram(s *observe.Snapshot) {
	for p := d.unit.LostProgram; p != "" && p != "/"; p = path.Dir(p) {
		f, changes := s.FutureFile(p)
		switch {
		case !changes || f.Fingerprint == "absent" || f.Fingerprint == observe.SameContent:
		case p == d.unit.LostProgram:
			d.unit.ReplacedProgram = p
		default:
			d.doubt.add(false, p+" brings "+strings.TrimPrefix(d.unit.LostProgram, p+"/")+", which it runs")
		}
	}
}

// led is the fingerprint of a link that is going to lead to target, as far as it is known what is there by then.
func led(s *observe.Snapshot, files map[string]observe.WatchedFile, target, otherwise string) string {
	if f, changes := s.FutureFile(target); changes && f.Fingerprint != observe.SameContent && f.Fingerprint != "absent" {
		return f.Fingerprint
	}
	if is := files[target]; is.Fingerprint != "" && is.Fingerprint != "absent" {
		return is.Fingerprint
	}
	return otherwise
}

// A doubt has the conditions, if any, under which a unit will have to be restarted or reloaded.
type doubt struct{ restart, reload string }

func (d *doubt) add(reloads bool, condition string) {
	if reloads {
		d.reload = condition
	} else {
		d.restart = condition
	}
}

// inDoubt adds the edits that a doubt stands for.
func (d *differ) inDoubt(about doubt) {
	if isNot(d.Running) {
		return
	}
	if about.restart != "" {
		d.editIf(about.restart, modules.Run, restart, "", "")
	}
	if about.reload != "" {
		d.editIf(about.reload, modules.Run, reload, "", "")
	}
}

// unlessDone returns the condition of a restart or reload for what was changed before something that may restart the unit
// by itself, as scripts of packages do; empty where one of paths changes after that, or the step's own files do.
func (d *differ) unlessDone(paths []string) string {
	if d.other == "" || d.newFiles != "" {
		return ""
	}
	for _, path := range paths {
		if d.unit.Files[path].Changed.After(d.otherAt) {
			return ""
		}
	}
	return d.other + " doesn't do it"
}

// onceInstalled is about a unit that a package is going to bring. Mostly it also starts it: after earlier steps have written
// files, or before; and before this step has.
func (d *differ) onceInstalled() (about doubt) {
	if len(d.Files)+len(d.RestartOn) > 0 {
		about.add(false, d.installed+" starts it with other files")
	}
	if len(d.ReloadOn) > 0 {
		about.add(true, d.installed+" starts it with other files")
	}
	return about
}

// comparable tells whether the fingerprint of a file that is foreseen can be compared with that of a stamp: of a link it
// is known where it leads, not what is there.
func comparable(future, stamped string) bool {
	if future == "absent" || stamped == "absent" {
		return true
	}
	return future != observe.AnyContent && strings.HasPrefix(future, "->") == strings.HasPrefix(stamped, "->")
}

// Foresee implements [modules.Foreseer]. What is done on a condition counts as done: if the unit was started by somebody
// else by then, it runs what is on disk then as well.
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	seen, err := observe.Unit.Get(snapshot, s.question())
	if err != nil {
		return
	}
	modules.ForeseeFiles(snapshot, c)
	d := &differ{Step: s, unit: seen}
	d.foresee(snapshot)
	before := d.unit
	before.NeedDaemonReload = false
	if s.Absent {
		before.Load, before.Active, before.Sub, before.FileState = observe.NotFound, observe.Inactive, "dead", ""
		snapshot.ForeseeUnit(before)
		return
	}
	s.foreseeFiles(snapshot, &before)
	if e, ok := c.Find("masked"); ok && e.To == "false" {
		before.Load, before.FileState = observe.Loaded, observe.Disabled // as far as can be told
	}
	if e, ok := c.Find("enabled"); ok {
		before.FileState = observe.UnitFileState(e.To)
	}
	after := before
	verb := ""
	for _, e := range c.Edits {
		switch {
		case e.Field == "running" && isNot(s.Running):
			after.Active, after.Sub = observe.Inactive, "dead"
		case e.Field == "running" || e.Field == restart:
			verb = restart
		case e.Field == reload && verb == "":
			verb = reload
		}
	}
	if verb != "" {
		after.Active, after.Sub, after.ReloadFailed, after.StateChanged = observe.Active, "running", false, snapshot.Foresee()
	}
	if verb == restart {
		after.InvocationID, after.Started = observe.NewInstance, after.StateChanged
		after.ReplacedProgram, after.LostProgram, after.LostDirectory = "", "", ""
	}
	if verb != "" {
		after.Stamp = s.stamp(before, after, verb)
	}
	snapshot.ForeseeUnit(after)
}

// foreseeFiles makes u the unit with the step's files, as systemd will have loaded it.
func (s *Step) foreseeFiles(snapshot *observe.Snapshot, u *observe.UnitInfo) {
	if u.Load == observe.NotFound || s.ours() {
		u.Load, u.CanReload = observe.Loaded, true // as far as can be told; a reload shows it
	}
	u.DropInPaths = slices.Clone(u.DropInPaths)
	for _, f := range s.Files {
		if f.Field == "content" {
			u.FragmentPath = f.Path
		} else if !slices.Contains(u.DropInPaths, f.Path) {
			u.DropInPaths = append(u.DropInPaths, f.Path)
		}
		if future, ok := snapshot.FutureFile(f.Path); ok {
			u.Files[f.Path] = future
		}
	}
}
