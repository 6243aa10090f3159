package systemdunit

import (
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestForesee is about plans: what the step is going to do when earlier steps have written their files.
func TestForesee(t *testing.T) {
	t.Parallel()
	later := start.Add(time.Minute)
	absent := observe.WatchedFile{CTime: "-", Fingerprint: "absent"}
	notFound := func(w *world) {
		w.unit = observe.UnitInfo{ID: "x.service", Load: observe.NotFound, Active: observe.Inactive, Sub: "dead"}
	}
	packaged := func(a *Args) { a.Content, a.DropIns = nil, nil }
	tests := []struct {
		name    string
		args    func(*Args)
		is      func(*world)
		foresee func(*observe.Snapshot)
		edits   []string
	}{
		{
			name:    "put back, not restarted since",
			is:      func(w *world) { w.change("/etc/r", later, "drift"); w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/r", observe.KnownSum("f"), nil) },
		},
		{
			name:    "put back, restarted since",
			is:      func(w *world) { w.change("/etc/r", start.Add(-time.Second), "drift"); w.stamp("old", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/r", observe.KnownSum("f"), nil) },
			edits:   []string{"run restart >/etc/r changes"},
		},
		{
			name:    "removed, put back",
			is:      func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/r", observe.KnownSum("f"), nil) },
		},
		{
			name:    "removed and restarted since",
			is:      func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("old", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/r", observe.KnownSum("f"), nil) },
			edits:   []string{"run restart >/etc/r changes"},
		},
		{
			name:    "new content",
			is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/r", observe.KnownSum("new"), nil) },
			edits:   []string{"run restart >/etc/r changes"},
		},
		{
			name:    "new content that can't be told yet",
			is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/r", observe.NewContent, nil) },
			edits:   []string{"run restart >/etc/r changes"},
		},
		{
			name:    "perhaps a new content",
			is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/r", observe.UnknownContent, nil) },
			edits:   []string{"run restart if the content of /etc/r changes"},
		},
		{
			name:    "a link to a file, removed, put back",
			is:      func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Link("/etc/r", "f") },
			edits:   []string{"run restart if the content of /etc/r changes"},
		},
		{
			name: "a link, whose file is put back",
			is: func(w *world) {
				w.change("/etc/r", later, "drift")
				w.link("/etc/r", "/etc/file")
				w.stamp("abc", "/etc/r", "f")
			},
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/file", observe.KnownSum("f"), nil) },
		},
		{
			name: "a link, whose file changes",
			is: func(w *world) {
				w.change("/etc/r", start.Add(-time.Hour), "f")
				w.link("/etc/r", "/etc/file")
				w.stamp("abc", "/etc/r", "f")
			},
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/file", observe.KnownSum("new"), nil) },
			edits:   []string{"run restart >/etc/r changes"},
		},
		{
			name: "a link and its file, removed and put back",
			is:   func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) {
				s.Forecast().Write("/etc/file", observe.KnownSum("f"), nil)
				s.Forecast().Link("/etc/r", "file")
			},
		},
		{
			name:    "changed, and perhaps put back",
			is:      func(w *world) { w.change("/etc/r", later, "drift"); w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/r", observe.UnknownContent, nil) },
			edits:   []string{"run restart if the content of /etc/r changes"},
		},
		{
			name:    "removed by the plan",
			is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Remove("/etc/r") },
			edits:   []string{"run restart >/etc/r is removed"},
		},
		{
			name:    "mode",
			is:      func(w *world) { w.change("/etc/r", later, "f"); w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Touch("/etc/r", nil) },
		},
		{
			name:    "mode, without a stamp only time tells",
			foresee: func(s *observe.Snapshot) { s.Forecast().Touch("/etc/r", nil) },
			edits:   []string{"run restart >/etc/r changes"},
		},
		{
			name:    "mode of a file with another content",
			is:      func(w *world) { w.change("/etc/r", later, "drift"); w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Touch("/etc/r", nil) },
			edits:   []string{"run restart >/etc/r changed since it started"},
		},
		{
			name:    "reload",
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/l", observe.KnownSum("new"), nil) },
			edits:   []string{"run reload >/etc/l changes"},
		},
		{
			name:    "reloaded file put back",
			is:      func(w *world) { w.change("/etc/l", later, "drift"); w.stamp("abc", "/etc/l", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/l", observe.KnownSum("f"), nil) },
		},
		{
			name: "link to another directory",
			is: func(w *world) {
				w.change("/etc/r", start.Add(-time.Hour), "->one")
				w.stamp("abc", "/etc/r", "->one")
			},
			foresee: func(s *observe.Snapshot) { s.Forecast().Link("/etc/r", "two") },
			edits:   []string{"run restart >/etc/r changes"},
		},
		{
			name:    "link where nothing was",
			is:      func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("abc", "/etc/r", "absent") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Link("/etc/r", "two") },
			edits:   []string{"run restart >/etc/r changes"},
		},
		{
			name:    "link to another file",
			is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
			foresee: func(s *observe.Snapshot) { s.Forecast().Link("/etc/r", "two") },
			edits:   []string{"run restart if the content of /etc/r changes"},
		},
		{
			name:    "program removed under it, and its directory made anew",
			is:      func(w *world) { w.unit.LostProgram = "/opt/x/1/bin/x" },
			foresee: func(s *observe.Snapshot) { s.Forecast().Directory("/opt/x/1", nil) },
			edits:   []string{"run restart if /opt/x/1 brings bin/x, which it runs"},
		},
		{
			name:    "program removed under it, and written anew",
			is:      func(w *world) { w.unit.LostProgram = "/opt/x/1/bin/x" },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/opt/x/1/bin/x", observe.KnownSum("new"), nil) },
			edits:   []string{"run restart >/opt/x/1/bin/x was replaced since it started"},
		},
		{
			name: "program removed under it, and something beside it made",
			is:   func(w *world) { w.unit.LostProgram = "/opt/x/1/bin/x" },
			foresee: func(s *observe.Snapshot) {
				s.Forecast().Directory("/opt/x/2", nil)
				s.Forecast().Remove("/opt/x")
			},
		},
		{
			name:    "other file",
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/other", observe.KnownSum("new"), nil) },
		},
		{
			name:    "stopped anyhow",
			is:      func(w *world) { w.unit.Active, w.unit.Sub = observe.Inactive, "dead" },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/r", observe.KnownSum("new"), nil) },
			edits:   []string{"update running inactive (dead)>running"},
		},
		{
			name: "stopped by an earlier step",
			foresee: func(s *observe.Snapshot) {
				s.Forecast().Stop(s, "x.service")
				s.Forecast().Write("/etc/r", observe.KnownSum("new"), nil)
			},
			edits: []string{"update running inactive (dead)>running"},
		},
		{
			name: "unit file of an earlier step", args: packaged,
			is:      func(w *world) { w.unit.DropInPaths = nil },
			foresee: func(s *observe.Snapshot) { s.Forecast().Write(unitPath, observe.KnownSum("new"), nil) },
			edits: []string{
				"run daemon-reload >systemd has not loaded the unit files on disk",
				"run restart >systemd has not loaded the unit files on disk (and 1 more)",
			},
		},
		{
			name: "unit that a file makes", args: packaged, is: notFound,
			foresee: func(s *observe.Snapshot) {
				s.Forecast().Write(unitPath, observe.KnownSum("new"), nil)
				s.Forecast().May(observe.Cause{Name: "package x", Brings: true})
			},
			edits: []string{"update enabled disabled>enabled", "update running inactive (dead)>running"},
		},
		{
			name: "package", args: packaged, is: notFound,
			foresee: func(s *observe.Snapshot) { s.Forecast().May(observe.Cause{Name: "package x", Brings: true}) },
			edits: []string{
				"update enabled disabled>enabled unless package x enables and starts it",
				"update running inactive (dead)>running unless package x enables and starts it",
			},
		},
		{
			name: "package of what shall not run", is: notFound,
			args:    func(a *Args) { *a = Args{Name: "x.service", Enabled: &no, Running: &no} },
			foresee: func(s *observe.Snapshot) { s.Forecast().May(observe.Cause{Name: "package x", Brings: true}) },
			edits: []string{
				"update enabled enabled>disabled if package x enables and starts it",
				"update running active (running)>stopped if package x enables and starts it",
			},
		},
		{
			name: "package, then a file that its unit reads", args: packaged,
			is: func(w *world) {
				notFound(w)
				w.unit.Files = map[string]observe.WatchedFile{"/etc/r": absent}
			},
			foresee: func(s *observe.Snapshot) {
				s.Forecast().May(observe.Cause{Name: "package x", Brings: true})
				s.Forecast().Write("/etc/r", observe.KnownSum("new"), nil)
			},
			edits: []string{
				"update enabled disabled>enabled unless package x enables and starts it",
				"update running inactive (dead)>running unless package x enables and starts it",
				"run restart if package x enables and starts it",
			},
		},
		{
			name: "a command about something else",
			foresee: func(s *observe.Snapshot) {
				s.Forecast().May(observe.Cause{Name: "a command", Bounded: true, Text: "touch /etc/y"})
			},
		},
		{
			name: "a command about a file that it reads",
			foresee: func(s *observe.Snapshot) {
				s.Forecast().May(observe.Cause{Name: "a command", Bounded: true, Text: "sed -i s/a/b/ /etc/l"})
			},
			edits: []string{"run restart if a command changes what it runs or reads", "run reload if a command changes what it runs or reads"},
		},
		{
			name:    "package upgraded",
			foresee: func(s *observe.Snapshot) { s.Forecast().May(observe.Cause{Name: "package x", Brings: true}) },
			edits:   []string{"run restart if package x changes what it runs or reads", "run reload if package x changes what it runs or reads"},
		},
		{
			name: "package upgraded, then a file changed",
			foresee: func(s *observe.Snapshot) {
				s.Forecast().May(observe.Cause{Name: "package x", Brings: true})
				s.Forecast().Write("/etc/r", observe.KnownSum("new"), nil)
			},
			edits: []string{"run restart >/etc/r changes"},
		},
		{
			name: "file changed, then a package upgraded",
			foresee: func(s *observe.Snapshot) {
				s.Forecast().Write("/etc/r", observe.KnownSum("new"), nil)
				s.Forecast().May(observe.Cause{Name: "package x", Brings: true})
			},
			edits: []string{"run restart >/etc/r changes unless package x restarts it"},
		},
		{
			name:    "stale already, then a package upgraded",
			is:      func(w *world) { w.change("/etc/l", later, "") },
			foresee: func(s *observe.Snapshot) { s.Forecast().May(observe.Cause{Name: "package x", Brings: true}) },
			edits: []string{
				"run reload >/etc/l changed since it was last read unless package x changes what it runs or reads or package x restarts it",
				"run restart if package x changes what it runs or reads",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, is, snapshot := step(t, test.args), running(), observe.NewSnapshot()
			if test.is != nil {
				test.is(is)
			}
			is.put(snapshot, s)
			test.foresee(snapshot)
			checkEdits(t, s, snapshot, test.edits, "")
		})
	}
}

// TestForeseeUnit has several steps for one unit: what one of them is going to do, the next ones need not.
func TestForeseeUnit(t *testing.T) {
	t.Parallel()
	is := running()
	is.unit.DropInPaths = nil
	for path, f := range map[string]string{"/etc/r": "r", "/etc/other": "o"} {
		is.change(path, start.Add(-time.Hour), f)
		is.stamp("abc", path, f)
	}
	watching := func(paths ...string) *Step {
		return step(t, func(a *Args) { *a = Args{Name: "x.service", Running: &yes, ReloadOn: paths} })
	}
	first, second, both := watching("/etc/r"), watching("/etc/other"), watching("/etc/r", "/etc/other")
	snapshot := observe.NewSnapshot()
	for _, s := range []*Step{first, second, both} {
		is.put(snapshot, s)
	}
	plan := func(s *Step, edits ...string) {
		t.Helper()
		if c := checkEdits(t, s, snapshot, edits, ""); !c.Empty() {
			modules.Foresee(s, snapshot, c)
		}
	}
	snapshot.Forecast().Write("/etc/r", observe.KnownSum("new"), nil)
	plan(second)
	plan(both, "run reload >/etc/r changes")
	plan(first)
	snapshot.Forecast().Touch("/etc/other", nil)
	plan(second)
	snapshot.Forecast().Write("/etc/other", observe.KnownSum("new"), nil)
	plan(second, "run reload >/etc/other changes")
	plan(both)

	stop := step(t, func(a *Args) { *a = Args{Name: "x.service", Running: &no} })
	is.put(snapshot, stop)
	plan(stop, "update running active (running)>stopped")
	snapshot.Forecast().Write("/etc/r", observe.KnownSum("newer"), nil)
	plan(both, "update running inactive (dead)>running")
}

// TestForeseeUnmasked has two steps for a unit that somebody has masked, as nginx's sites have for nginx.
func TestForeseeUnmasked(t *testing.T) {
	t.Parallel()
	is := running()
	is.unit = observe.UnitInfo{ID: "x.service", Load: observe.MaskedLoad, FileState: observe.Masked, Active: observe.Inactive, Sub: "dead"}
	s := step(t, func(a *Args) { *a = Args{Name: "x.service", Enabled: &yes, Running: &yes} })
	snapshot := observe.NewSnapshot()
	is.put(snapshot, s)
	modules.Foresee(s, snapshot, checkEdits(t, s, snapshot, []string{
		"update masked true>false", "update enabled masked>enabled", "update running inactive (dead)>running",
	}, ""))
	checkEdits(t, s, snapshot, nil, "")
}
