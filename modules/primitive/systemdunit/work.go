package systemdunit

import (
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Work is what Apply does to a unit, in the order of its fields. What is nil or empty stays as it is.
type Work struct {
	Unit  *Step
	files []fileWork

	DaemonReload string // why systemd must load the unit's files again, although none is written
	mask         *bool
	enable       *change[observe.UnitFileState]
	run          *change[string] // from a state to "running" or "stopped"
	Restart      string          // why it must be restarted
	Reload       string          // why it must be reloaded
}

// change is a property before and after.
type change[T any] struct{ from, to T }

// The states of Work.run.
const (
	runningState = "running"
	stoppedState = "stopped"
)

// fileWork is what is done to a file of the unit.
type fileWork struct {
	File
	was observe.FileInfo
	do  fileTask
}

// A fileTask is one thing to do to a file.
type fileTask int

// The tasks.
const (
	writeFile fileTask = iota // as a whole
	setRights
	removeFile
)

// Starts reports whether the unit is started, or started again because it ended.
func (w Work) Starts() bool { return w.run != nil && w.run.to == runningState }

// Edits implements [modules.Work].
func (w Work) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, f := range w.files {
		edits = append(edits, f.edits()...)
	}
	edit := func(action modules.Action, field, from, to string) {
		edits = append(edits, modules.Edit{Action: action, Subject: w.Unit.Name, Field: field, From: from, To: to})
	}
	if w.Unit.Absent && w.run != nil { // stopped before it is disabled
		edit(modules.Update, "running", w.run.from, w.run.to)
	}
	if w.DaemonReload != "" {
		edit(modules.Run, "daemon-reload", "", w.DaemonReload)
	}
	if w.mask != nil {
		from, to := "true", "false"
		if *w.mask {
			from, to = to, from
		}
		edit(modules.Update, "masked", from, to)
	}
	if w.enable != nil {
		edit(modules.Update, "enabled", string(w.enable.from), string(w.enable.to))
	}
	if !w.Unit.Absent && w.run != nil {
		edit(modules.Update, "running", w.run.from, w.run.to)
	}
	if w.Restart != "" {
		edit(modules.Run, restart, "", w.Restart)
	}
	if w.Reload != "" {
		edit(modules.Run, reload, "", w.Reload)
	}
	return edits
}

func (f fileWork) edits() []modules.Edit {
	e := modules.Edit{Action: modules.Update, Subject: f.Path, Field: f.Field, Sensitive: f.Sensitive}
	switch {
	case f.do == removeFile:
		e.Action = modules.Remove
	case f.do == setRights:
		return fileRights.Edits(f.Path, f.was)
	case f.was.Type == observe.Absent:
		e.Action, e.Text = modules.Create, &modules.Text{New: f.Text}
	case f.was.Type == observe.Symlink:
		e.From, e.Text = "a link to "+f.was.Target, &modules.Text{New: f.Text}
	default:
		e.Text = &modules.Text{Old: string(f.was.Content), New: f.Text}
	}
	return []modules.Edit{e}
}

// reinstalls reports whether the unit is to be enabled and its [Install] section changes. The links of the old
// section must be removed before the new one is written: after a kill in between, the next run finds a disabled unit, not
// one that is enabled in the wrong place.
func (w Work) reinstalls() bool {
	if !is(w.Unit.Enabled) || !w.Unit.ours() {
		return false
	}
	for _, f := range w.files {
		if old := installSection(string(f.was.Content)); f.Field == "content" && f.do == writeFile {
			return old != "" && old != installSection(f.Text)
		}
	}
	return false
}
