package systemdunit

import (
	"slices"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

var (
	_ modules.Foreseer  = (*Step)(nil)
	_ modules.Explainer = (*Step)(nil)
)

// Foresee implements [modules.Foreseer]: the unit as systemd will know it, and what it will have been started from.
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f := snapshot.Forecast()
	w, _ := c.Work.(Work)
	for _, file := range w.files {
		file.foresee(f)
	}
	u, err := observe.Unit.Get(snapshot, s.question())
	if err != nil {
		return
	}
	if w.loads() {
		f.DaemonReload()
		u.NeedDaemonReload = false
	}
	if s.Absent {
		u.Load, u.Active, u.Sub, u.FileState = observe.NotFound, observe.Inactive, "dead", ""
		f.Unit(u)
		return
	}
	s.load(&u)
	switch {
	case w.mask != nil && *w.mask:
		u.Load, u.FileState = observe.MaskedLoad, observe.Masked
		f.Link(unitDir+s.Name, "/dev/null")
	case w.mask != nil:
		u.Load, u.FileState = observe.Loaded, observe.Disabled // as far as is known
	}
	if w.enable != nil {
		u.FileState = w.enable.to
	}
	u = f.Loaded(u)
	before := u
	switch {
	case w.run != nil && w.run.to == stoppedState:
		u.Active, u.Sub = observe.Inactive, "dead"
	case w.run != nil || w.Restart != "":
		u = f.Started(u)
		u.Stamp = s.stamp(before, u, restart)
	case w.Reload != "":
		u = f.Reloaded(u)
		u.Stamp = s.stamp(before, u, reload)
	}
	f.Unit(u)
}

// foresee notes what becomes of the file.
func (f fileWork) foresee(forecast *observe.Forecast) {
	switch f.do {
	case removeFile:
		forecast.Remove(f.Path)
	case setRights:
		forecast.Touch(f.Path, fileRights.Foreseen())
	default:
		forecast.Parents(f.Path)
		forecast.Write(f.Path, observe.KnownContent([]byte(f.Text)), fileRights.Foreseen())
	}
}

// loads reports whether systemd loads all unit files again.
func (w Work) loads() bool {
	return w.Unit != nil && w.Unit.Absent || w.DaemonReload != "" || w.mask != nil ||
		slices.ContainsFunc(w.files, func(f fileWork) bool { return f.do == writeFile })
}

// load makes u the unit with the step's files, as systemd will have loaded it.
func (s *Step) load(u *observe.UnitInfo) {
	if u.Load == observe.NotFound || s.ours() {
		u.Load, u.CanReload = observe.Loaded, true // as far as is known; a reload shows it
	}
	u.DropInPaths = slices.Clone(u.DropInPaths)
	for _, f := range s.Files {
		if f.Field == "content" {
			u.FragmentPath = f.Path
		} else if !slices.Contains(u.DropInPaths, f.Path) {
			u.DropInPaths = append(u.DropInPaths, f.Path)
		}
	}
}
