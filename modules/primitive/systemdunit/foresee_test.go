package systemdunit

import (
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// A foreseen is a unit as it is, what earlier steps are going to do, and the edits that plan then shows.
type foreseen struct {
	name    string
	args    func(*Args)
	is      func(*world)
	foresee func(*observe.Forecast)
	edits   []string
}

func (c foreseen) check(t *testing.T) {
	s, is, snapshot := step(t, c.args), running(), observe.NewSnapshot()
	if c.is != nil {
		c.is(is)
	}
	is.put(snapshot, s)
	c.foresee(snapshot.Forecast())
	checkEdits(t, s, snapshot, c.edits, "")
}

// later is after the unit's start, and absent a file that it watches and that is not there.
var (
	later  = start.Add(time.Minute)
	absent = observe.WatchedFile{CTime: "-", Fingerprint: "absent"}
)

// notFound makes the unit one that systemd doesn't know.
func notFound(w *world) {
	w.unit = observe.UnitInfo{ID: "x.service", Load: observe.NotFound, Active: observe.Inactive, Sub: "dead"}
}

// packaged makes the step one for a unit that comes from elsewhere.
func packaged(a *Args) { a.Content, a.DropIns = nil, nil }

// foreseenFiles is about files that the unit reads: put back as it read them, changed, removed, with another mode.
var foreseenFiles = []foreseen{
	{
		name:    "put back, not restarted since",
		is:      func(w *world) { w.change("/etc/r", later, "drift"); w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Write("/etc/r", observe.KnownSum("f"), nil) },
	},
	{
		name:    "put back, restarted since",
		is:      func(w *world) { w.change("/etc/r", start.Add(-time.Second), "drift"); w.stamp("old", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Write("/etc/r", observe.KnownSum("f"), nil) },
		edits:   []string{"run restart > /etc/r changes"},
	},
	{
		name:    "removed, put back",
		is:      func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Write("/etc/r", observe.KnownSum("f"), nil) },
	},
	{
		name:    "removed and restarted since",
		is:      func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("old", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Write("/etc/r", observe.KnownSum("f"), nil) },
		edits:   []string{"run restart > /etc/r changes"},
	},
	{
		name:    "new content",
		is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Write("/etc/r", observe.KnownSum("new"), nil) },
		edits:   []string{"run restart > /etc/r changes"},
	},
	{
		name:    "new content that can't be told yet",
		is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Write("/etc/r", observe.NewContent, nil) },
		edits:   []string{"run restart > /etc/r changes"},
	},
	{
		name:    "perhaps a new content",
		is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Write("/etc/r", observe.UnknownContent, nil) },
		edits:   []string{"run restart if the content of /etc/r changes"},
	},
	{
		name:    "changed, and perhaps put back",
		is:      func(w *world) { w.change("/etc/r", later, "drift"); w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Write("/etc/r", observe.UnknownContent, nil) },
		edits:   []string{"run restart if the content of /etc/r changes"},
	},
	{
		name:    "removed by the plan",
		is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Remove("/etc/r") },
		edits:   []string{"run restart > /etc/r is removed"},
	},
	{
		name:    "mode",
		is:      func(w *world) { w.change("/etc/r", later, "f"); w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Touch("/etc/r", nil) },
	},
	{
		name:    "mode, without a stamp only time tells",
		foresee: func(f *observe.Forecast) { f.Touch("/etc/r", nil) },
		edits:   []string{"run restart > /etc/r changes"},
	},
	{
		name:    "mode of a file with another content",
		is:      func(w *world) { w.change("/etc/r", later, "drift"); w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Touch("/etc/r", nil) },
		edits:   []string{"run restart > /etc/r changed since it started"},
	},
	{
		name:    "reload",
		foresee: func(f *observe.Forecast) { f.Write("/etc/l", observe.KnownSum("new"), nil) },
		edits:   []string{"run reload > /etc/l changes"},
	},
	{
		name:    "reloaded file put back",
		is:      func(w *world) { w.change("/etc/l", later, "drift"); w.stamp("abc", "/etc/l", "f") },
		foresee: func(f *observe.Forecast) { f.Write("/etc/l", observe.KnownSum("f"), nil) },
	},
	{
		name:    "other file",
		foresee: func(f *observe.Forecast) { f.Write("/etc/other", observe.KnownSum("new"), nil) },
	},
	{
		name:    "stopped anyhow",
		is:      func(w *world) { w.unit.Active, w.unit.Sub = observe.Inactive, "dead" },
		foresee: func(f *observe.Forecast) { f.Write("/etc/r", observe.KnownSum("new"), nil) },
		edits:   []string{"update running inactive (dead) > running"},
	},
}

// foreseenLinks is about links among these files.
var foreseenLinks = []foreseen{
	{
		name:    "a link to a file, removed, put back",
		is:      func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Link("/etc/r", "f") },
		edits:   []string{"run restart if the content of /etc/r changes"},
	},
	{
		name: "a link, whose file is put back",
		is: func(w *world) {
			w.change("/etc/r", later, "drift")
			w.link("/etc/r", "/etc/file")
			w.stamp("abc", "/etc/r", "f")
		},
		foresee: func(f *observe.Forecast) { f.Write("/etc/file", observe.KnownSum("f"), nil) },
	},
	{
		name: "a link, whose file changes",
		is: func(w *world) {
			w.change("/etc/r", start.Add(-time.Hour), "f")
			w.link("/etc/r", "/etc/file")
			w.stamp("abc", "/etc/r", "f")
		},
		foresee: func(f *observe.Forecast) { f.Write("/etc/file", observe.KnownSum("new"), nil) },
		edits:   []string{"run restart > /etc/r changes"},
	},
	{
		name: "a link and its file, removed and put back",
		is:   func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) {
			f.Write("/etc/file", observe.KnownSum("f"), nil)
			f.Link("/etc/r", "file")
		},
	},
	{
		name: "link to another directory",
		is: func(w *world) {
			w.change("/etc/r", start.Add(-time.Hour), "->one")
			w.stamp("abc", "/etc/r", "->one")
		},
		foresee: func(f *observe.Forecast) { f.Link("/etc/r", "two") },
		edits:   []string{"run restart > /etc/r changes"},
	},
	{
		name:    "link where nothing was",
		is:      func(w *world) { w.unit.Files["/etc/r"] = absent; w.stamp("abc", "/etc/r", "absent") },
		foresee: func(f *observe.Forecast) { f.Link("/etc/r", "two") },
		edits:   []string{"run restart > /etc/r changes"},
	},
	{
		name:    "link to another file",
		is:      func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "f"); w.stamp("abc", "/etc/r", "f") },
		foresee: func(f *observe.Forecast) { f.Link("/etc/r", "two") },
		edits:   []string{"run restart if the content of /etc/r changes"},
	},
}

// foreseenPrograms is about a program that was removed while it ran.
var foreseenPrograms = []foreseen{
	{
		name:    "program removed under it, and its directory made anew",
		is:      func(w *world) { w.unit.LostProgram = "/opt/x/1/bin/x" },
		foresee: func(f *observe.Forecast) { f.Directory("/opt/x/1", nil) },
		edits:   []string{"run restart if /opt/x/1 brings bin/x, which it runs"},
	},
	{
		name:    "program removed under it, and written anew",
		is:      func(w *world) { w.unit.LostProgram = "/opt/x/1/bin/x" },
		foresee: func(f *observe.Forecast) { f.Write("/opt/x/1/bin/x", observe.KnownSum("new"), nil) },
		edits:   []string{"run restart > /opt/x/1/bin/x was replaced since it started"},
	},
	{
		name: "program removed under it, and something beside it made",
		is:   func(w *world) { w.unit.LostProgram = "/opt/x/1/bin/x" },
		foresee: func(f *observe.Forecast) {
			f.Directory("/opt/x/2", nil)
			f.Remove("/opt/x")
		},
	},
}

// foreseenPackages is about the unit itself, which an earlier step makes, and packages and commands, which may do anything.
var foreseenPackages = []foreseen{
	{
		name: "unit file of an earlier step", args: packaged,
		is:      func(w *world) { w.unit.DropInPaths = nil },
		foresee: func(f *observe.Forecast) { f.Write(unitPath, observe.KnownSum("new"), nil) },
		edits: []string{
			"run daemon-reload > systemd has not loaded the unit files on disk",
			"run restart > systemd has not loaded the unit files on disk; /etc/systemd/system/x.service changes",
		},
	},
	{
		name: "unit that a file makes", args: packaged, is: notFound,
		foresee: func(f *observe.Forecast) {
			f.Write(unitPath, observe.KnownSum("new"), nil)
			f.May(observe.Cause{Name: "package x", Brings: true})
		},
		edits: []string{"update enabled disabled > enabled", "update running inactive (dead) > running"},
	},
	{
		name: "package", args: packaged, is: notFound,
		foresee: func(f *observe.Forecast) { f.May(observe.Cause{Name: "package x", Brings: true}) },
		edits: []string{
			"update enabled disabled > enabled unless package x enables and starts it",
			"update running inactive (dead) > running unless package x enables and starts it",
		},
	},
	{
		name: "package of what shall not run", is: notFound,
		args:    func(a *Args) { *a = Args{Name: "x.service", Enabled: &no, Running: &no} },
		foresee: func(f *observe.Forecast) { f.May(observe.Cause{Name: "package x", Brings: true}) },
		edits: []string{
			"update enabled enabled > disabled if package x enables and starts it",
			"update running active (running) > stopped if package x enables and starts it",
		},
	},
	{
		name: "package, then a file that its unit reads", args: packaged,
		is: func(w *world) {
			notFound(w)
			w.unit.Files = map[string]observe.WatchedFile{"/etc/r": absent}
		},
		foresee: func(f *observe.Forecast) {
			f.May(observe.Cause{Name: "package x", Brings: true})
			f.Write("/etc/r", observe.KnownSum("new"), nil)
		},
		edits: []string{
			"update enabled disabled > enabled unless package x enables and starts it",
			"update running inactive (dead) > running unless package x enables and starts it",
			"run restart if package x enables and starts it",
		},
	},
	{
		name: "a command about something else",
		foresee: func(f *observe.Forecast) {
			f.May(observe.Cause{Name: "a command", Bounded: true, Text: "touch /etc/y"})
		},
	},
	{
		name: "a command about a file that it reads",
		foresee: func(f *observe.Forecast) {
			f.May(observe.Cause{Name: "a command", Bounded: true, Text: "sed -i s/a/b/ /etc/l"})
		},
		edits: []string{"run reload if a command changes what it runs or reads"},
	},
	{
		name:    "package upgraded",
		foresee: func(f *observe.Forecast) { f.May(observe.Cause{Name: "package x", Brings: true}) },
		edits:   []string{"run restart if package x changes what it runs or reads", "run reload if package x changes what it runs or reads"},
	},
	{
		name: "package upgraded, then a file changed",
		foresee: func(f *observe.Forecast) {
			f.May(observe.Cause{Name: "package x", Brings: true})
			f.Write("/etc/r", observe.KnownSum("new"), nil)
		},
		edits: []string{"run restart > /etc/r changes"},
	},
	{
		name: "file changed, then a package upgraded",
		foresee: func(f *observe.Forecast) {
			f.Write("/etc/r", observe.KnownSum("new"), nil)
			f.May(observe.Cause{Name: "package x", Brings: true})
		},
		edits: []string{"run restart > /etc/r changes unless package x restarts it"},
	},
	{
		name:    "stale already, then a package upgraded",
		is:      func(w *world) { w.change("/etc/l", later, "") },
		foresee: func(f *observe.Forecast) { f.May(observe.Cause{Name: "package x", Brings: true}) },
		edits: []string{
			"run reload > /etc/l changed since it was last read unless package x changes what it runs or reads or package x restarts it",
			"run restart if package x changes what it runs or reads",
		},
	},
}

// TestForesee is about plans: what the step is going to do when earlier steps have written their files.
func TestForesee(t *testing.T) {
	t.Parallel()
	for subject, cases := range map[string][]foreseen{
		"files that it reads":          foreseenFiles,
		"links":                        foreseenLinks,
		"a program that is gone":       foreseenPrograms,
		"units, packages and commands": foreseenPackages,
	} {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.check(t)
				})
			}
		})
	}
}

// TestForeseeStopped has an earlier step stop the unit, and write a file that it reads.
func TestForeseeStopped(t *testing.T) {
	t.Parallel()
	s, snapshot := step(t, nil), observe.NewSnapshot()
	running().put(snapshot, s)
	snapshot.Forecast().Stop(snapshot, "x.service")
	snapshot.Forecast().Write("/etc/r", observe.KnownSum("new"), nil)
	checkEdits(t, s, snapshot, []string{"update running inactive (dead) > running"}, "")
}

// TestForeseeProcess is about the program that a unit runs, and its working directory.
func TestForeseeProcess(t *testing.T) {
	t.Parallel()
	const program, restart = "/opt/app/bin/x", "run restart > /opt/app/bin/x was replaced since it started"
	script := observe.KnownContent([]byte("#!/bin/sh\n"))
	for _, test := range []struct {
		name    string
		foresee func(*observe.Forecast)
		edits   []string
	}{
		{name: "a script in its place", foresee: func(f *observe.Forecast) { f.Write(program, script, nil) }, edits: []string{restart}},
		{name: "a link in its place", foresee: func(f *observe.Forecast) { f.Link(program, "y") }, edits: []string{restart}},
		{name: "its mode", foresee: func(f *observe.Forecast) { f.Touch(program, nil) }},
		{name: "removed", foresee: func(f *observe.Forecast) { f.Remove(program) }},
		{name: "another program", foresee: func(f *observe.Forecast) { f.Write("/opt/app/bin/y", script, nil) }},
		{name: "an archive with it", foresee: func(f *observe.Forecast) { f.Replace("/opt/app", nil, "bin/x") }, edits: []string{restart}},
		{
			name: "an archive that may have it", foresee: func(f *observe.Forecast) { f.Replace("/opt/app", nil) },
			edits: []string{"run restart if /opt/app brings bin/x, which it runs"},
		},
		{
			name:    "through a link",
			foresee: func(f *observe.Forecast) { f.Link("/srv/app", "/opt/app"); f.Write("/srv/app/bin/x", script, nil) }, edits: []string{restart},
		},
		{
			name: "a command that names it",
			foresee: func(f *observe.Forecast) {
				f.May(observe.Cause{Name: "a command", Bounded: true, Text: "cp y " + program})
			},
			edits: []string{"run restart if a command changes what it runs or reads"},
		},
		{
			name: "a command that restarts another unit", foresee: func(f *observe.Forecast) {
				f.May(observe.Cause{Name: "a command", Bounded: true, Text: "systemctl restart xy"})
			},
		},
		{
			name: "a command that stops it", foresee: func(f *observe.Forecast) {
				f.May(observe.Cause{Name: "a command", Bounded: true, Text: "systemctl stop x"})
			},
			edits: []string{"update running inactive (dead) > running if a command stops it"},
		},
		{
			name: "a command that removes its working directory", foresee: func(f *observe.Forecast) {
				f.May(observe.Cause{Name: "a command", Bounded: true, Text: "rm\n-r\n/srv/work"})
			},
			edits: []string{"run restart if a command removes its working directory"},
		},
		{
			name: "a command that works in it", foresee: func(f *observe.Forecast) {
				f.May(observe.Cause{Name: "a command", Bounded: true, Text: "make\n/srv/work"})
			},
		},
		{name: "a package that has nothing to do with it", foresee: func(f *observe.Forecast) { f.May(observe.Cause{Name: "package cron", Brings: true}) }},
		{
			name: "its working directory, removed", foresee: func(f *observe.Forecast) { f.Remove("/srv/work") },
			edits: []string{"run restart > its working directory /srv/work was removed since it started"},
		},
		{
			name:    "its working directory, removed and made again",
			foresee: func(f *observe.Forecast) { f.Remove("/srv"); f.Directory("/srv", nil); f.Directory("/srv/work", nil) },
			edits:   []string{"run restart > its working directory /srv/work was removed since it started"},
		},
		{name: "its working directory, changed", foresee: func(f *observe.Forecast) { f.Directory("/srv/work", nil) }},
		{
			name: "systemd loads a drop-in for another unit",
			foresee: func(f *observe.Forecast) {
				f.Write("/etc/systemd/system/x.service.d/b.conf", observe.KnownContent([]byte("[Service]\n")), nil)
				f.DaemonReload()
			},
			edits: []string{"run restart > /etc/systemd/system/x.service.d/b.conf changes"},
		},
		{
			name: "a drop-in of another step",
			foresee: func(f *observe.Forecast) {
				f.Write("/etc/systemd/system/x.service.d/b.conf", observe.KnownContent([]byte("[Service]\n")), nil)
			},
			edits: []string{
				"run daemon-reload > systemd has not loaded the unit files on disk",
				"run restart > systemd has not loaded the unit files on disk",
			},
		},
		{
			name: "a drop-in, then a package that has systemd load it",
			foresee: func(f *observe.Forecast) {
				f.Write("/etc/systemd/system/x.service.d/b.conf", observe.KnownContent([]byte("[Service]\n")), nil)
				f.May(observe.Cause{Name: "package cron", Brings: true})
			},
			edits: []string{
				"run daemon-reload > systemd has not loaded the unit files on disk unless package cron has systemd load all units again",
				"run restart > systemd has not loaded the unit files on disk unless package cron has systemd load all units again",
			},
		},
		{
			name: "its package is removed", foresee: func(f *observe.Forecast) { f.May(observe.Cause{Name: "package x", Removes: true}) },
			edits: []string{"update running inactive (dead) > running if removing package x removes it"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			is := running()
			is.unit.Program, is.unit.Directory = program, "/srv/work"
			s := step(t, func(a *Args) { *a = Args{Name: "x.service", Running: &yes} })
			snapshot := observe.NewSnapshot()
			is.put(snapshot, s)
			test.foresee(snapshot.Forecast())
			checkEdits(t, s, snapshot, test.edits, "")
		})
	}
}

// TestForeseeUnitFile has steps for a unit whose file an earlier step writes or removes.
func TestForeseeUnitFile(t *testing.T) {
	t.Parallel()
	const static = "[Service]\nExecStart=/bin/x\n"
	none := observe.UnitInfo{ID: "x.service", Load: observe.NotFound, Active: observe.Inactive, Sub: "dead"}
	file := func(text string) func(*observe.Forecast) {
		return func(f *observe.Forecast) { f.Write(unitPath, observe.KnownContent([]byte(text)), nil) }
	}
	on := Args{Name: "x.service", Running: &yes, Enabled: &yes}
	for _, test := range []struct {
		name    string
		unit    observe.UnitInfo
		args    Args
		foresee func(*observe.Forecast)
		edits   []string
		err     string
	}{
		{
			name: "made", unit: none, args: on, foresee: file(unitText),
			edits: []string{"update enabled disabled > enabled", "update running inactive (dead) > running"},
		},
		{
			name: "made, while the links that enable it are there", args: on, foresee: file(unitText),
			unit:  observe.UnitInfo{ID: "x.service", Load: observe.NotFound, Active: observe.Inactive, Sub: "dead", Linked: true},
			edits: []string{"update running inactive (dead) > running"},
		},
		{name: "made, without [Install]", unit: none, args: on, foresee: file(static), err: "x.service can't be enabled: its unit file is static"},
		{
			name: "made, and ends", unit: none, args: Args{Name: "x.service", Running: &yes}, foresee: file("[Service]\nType=oneshot\n"),
			err: "x.service can't be kept running: it has Type=oneshot, so it stops when its command ends",
		},
		{
			name: "made, shall be masked", unit: none, args: Args{Name: "x.service", Masked: &yes}, foresee: file(unitText),
			err: "x.service can't be masked: it has a unit file, /etc/systemd/system/x.service",
		},
		{
			name: "removed", unit: observe.UnitInfo{ID: "x.service", Load: observe.Loaded, FileState: observe.Static, FragmentPath: unitPath, Active: observe.Inactive},
			args: Args{Name: "x.service", Enabled: &no}, foresee: func(f *observe.Forecast) { f.Remove(unitPath) },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, snapshot := step(t, func(a *Args) { *a = test.args }), observe.NewSnapshot()
			(&world{unit: test.unit}).put(snapshot, s)
			test.foresee(snapshot.Forecast())
			checkEdits(t, s, snapshot, test.edits, test.err)
		})
	}
}

// TestForeseeLinks is about watched files to which a link on the way leads.
func TestForeseeLinks(t *testing.T) {
	t.Parallel()
	const watched = "/opt/current/conf"
	file := func(p string, is observe.FileInfo) func(*observe.Snapshot) {
		return func(s *observe.Snapshot) {
			observe.File.Put(s, observe.FileQuestion{Path: p, Content: true, UnlessSHA256: "w"}, is, nil)
		}
	}
	for _, test := range []struct {
		name  string
		seen  func(*observe.Snapshot)
		also  func(*observe.Forecast)
		edits []string
	}{
		{name: "to another file", seen: file("/opt/r2/conf", observe.FileInfo{Type: observe.Regular, SHA256: "new"}), edits: []string{"run restart > /opt/current/conf changes"}},
		{name: "to the same content", seen: file("/opt/r2/conf", observe.FileInfo{Type: observe.Regular, SHA256: "f"})},
		{name: "to no file", seen: file("/opt/r2/conf", observe.FileInfo{}), edits: []string{"run restart > /opt/current/conf is removed"}},
		{name: "to a file that nobody has looked at", edits: []string{"run restart if the content of /opt/current/conf changes"}},
		{
			name: "to a file that is written", also: func(f *observe.Forecast) { f.Write(watched, observe.KnownSum("new"), nil) },
			edits: []string{"run restart > /opt/current/conf changes"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			is := running()
			is.change(watched, start.Add(-time.Hour), "f")
			is.stamp("abc", watched, "f")
			s := step(t, func(a *Args) { *a = Args{Name: "x.service", Running: &yes, RestartOn: []string{watched}} })
			snapshot := observe.NewSnapshot()
			is.put(snapshot, s)
			observe.File.Put(snapshot, observe.FileQuestion{Path: "/opt/current"}, observe.FileInfo{Type: observe.Symlink, Target: "r1"}, nil)
			if test.seen != nil {
				test.seen(snapshot)
			}
			snapshot.Forecast().Link("/opt/current", "r2")
			if test.also != nil {
				test.also(snapshot.Forecast())
			}
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
	plan(both, "run reload > /etc/r changes")
	plan(first)
	snapshot.Forecast().Touch("/etc/other", nil)
	plan(second)
	snapshot.Forecast().Write("/etc/other", observe.KnownSum("new"), nil)
	plan(second, "run reload > /etc/other changes")
	plan(both)

	stop := step(t, func(a *Args) { *a = Args{Name: "x.service", Running: &no} })
	is.put(snapshot, stop)
	plan(stop, "update running active (running) > stopped")
	snapshot.Forecast().Write("/etc/r", observe.KnownSum("newer"), nil)
	plan(both, "update running inactive (dead) > running")
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
		"update masked true > false", "update enabled masked > enabled", "update running inactive (dead) > running",
	}, ""))
	checkEdits(t, s, snapshot, nil, "")
}
