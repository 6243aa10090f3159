package systemdunit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

const (
	unitText = "[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=multi-user.target\n"
	unitPath = "/etc/systemd/system/x.service"
	dropIn   = "/etc/systemd/system/x.service.d/a.conf"
)

var (
	yes, no  = true, false
	start    = time.Date(2026, 11, 21, 12, 0, 0, 500_000_000, time.UTC)
	reloaded = start.Add(time.Hour)
)

// world is what the host of a test case looks like.
type world struct {
	unit  observe.UnitInfo
	files map[string]observe.FileInfo
}

// running is a host where the step of TestDiff is converged.
func running() *world {
	own := observe.WatchedFile{Changed: start.Add(-time.Hour), CTime: "1.0"}
	return &world{
		unit: observe.UnitInfo{
			ID: "x.service", Load: observe.Loaded, Active: observe.Active, Sub: "running", Result: "success",
			FileState: observe.Enabled, FragmentPath: unitPath, DropInPaths: []string{dropIn}, Type: "simple",
			CanReload: true, MainPID: 7, InvocationID: "abc", Started: start, StateChanged: start,
			Files: map[string]observe.WatchedFile{unitPath: own, dropIn: own, "/etc/r": own, "/etc/l": own},
		},
		files: map[string]observe.FileInfo{
			unitPath: {Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root", Content: []byte(unitText)},
			dropIn:   {Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root", Content: []byte("[Service]\nNice=1\n")},
		},
	}
}

// change gives a watched file another ctime and fingerprint.
func (w *world) change(path string, at time.Time, fingerprint string) {
	w.unit.Files[path] = observe.WatchedFile{Changed: at, CTime: at.String(), Fingerprint: fingerprint}
}

// link makes a link of path.
func (w *world) link(path, target string) {
	f := w.unit.Files[path]
	f.Target = target
	w.unit.Files[path] = f
}

// stamp stamps path for an instance of the unit.
func (w *world) stamp(invocation, path, fingerprint string) {
	w.unit.Stamp.InvocationID, w.unit.Stamp.StateChanged = invocation, start
	if w.unit.Stamp.Files == nil {
		w.unit.Stamp.Files = make(map[string]observe.StampedFile)
	}
	w.unit.Stamp.Files[path] = observe.StampedFile{Own: strings.HasPrefix(path, "/etc/systemd"), CTime: "0", Fingerprint: fingerprint}
}

func step(t *testing.T, args func(*Args)) *Step {
	t.Helper()
	text := unitText
	a := Args{
		Name: "x.service", Content: &text, DropIns: map[string]string{"a.conf": "[Service]\nNice=1\n"},
		Enabled: &yes, Running: &yes, RestartOn: []string{"/etc/r"}, ReloadOn: []string{"/etc/l"},
	}
	if args != nil {
		args(&a)
	}
	s, err := New(a, modules.Env{Sensitive: func(string) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Step)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	stopped := func(w *world) { w.unit.Active, w.unit.Sub, w.unit.MainPID = observe.Inactive, "dead", 0 }
	later := start.Add(time.Minute)
	tests := []struct {
		name  string
		args  func(*Args)
		is    func(*world)
		edits []string // action, field, from, to
		err   string
	}{
		{name: "converged"},
		{
			name: "absent",
			is: func(w *world) {
				*w = world{unit: observe.UnitInfo{ID: "x.service", Load: observe.NotFound, Active: observe.Inactive, Sub: "dead"}}
			},
			edits: []string{`create content`, `create drop_ins."a.conf"`, "update enabled disabled > enabled", "update running inactive (dead) > running"},
		},
		{
			name: "package's unit that is not there yet",
			args: func(a *Args) { a.Content, a.DropIns = nil, nil },
			is: func(w *world) {
				w.unit = observe.UnitInfo{ID: "x.service", Load: observe.NotFound, Active: observe.Inactive, Sub: "dead"}
			},
			edits: []string{"update enabled disabled > enabled", "update running inactive (dead) > running"},
		},
		{
			name: "content", is: func(w *world) {
				w.files[unitPath] = observe.FileInfo{Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root"}
			},
			edits: []string{"update content", "run restart > " + unitPath + " changes"},
		},
		{
			name: "drop-in removed", is: func(w *world) { w.files[dropIn] = observe.FileInfo{}; w.unit.NeedDaemonReload = true },
			edits: []string{`create drop_ins."a.conf"`, "run restart > " + dropIn + " changes"},
		},
		{
			name: "mode", is: func(w *world) {
				w.files[dropIn] = observe.FileInfo{Type: observe.Regular, Mode: 0o600, Content: []byte("[Service]\nNice=1\n"), UID: 1000, Owner: "bob", Group: "root"}
			},
			edits: []string{"update mode 0600 > 0644", "update owner bob > root"},
		},
		{
			name: "directory", is: func(w *world) { w.files[unitPath] = observe.FileInfo{Type: observe.Directory} },
			err: unitPath + " is a directory, not a file",
		},
		{name: "stopped", is: stopped, edits: []string{"update running inactive (dead) > running"}},
		{name: "stopped, not cared for", args: func(a *Args) { a.Running = nil }, is: stopped},
		{
			name: "shall not run", args: func(a *Args) { a.Running = &no },
			is:    func(w *world) { w.change("/etc/r", later, "") },
			edits: []string{"update running active (running) > stopped"},
		},
		{
			name: "failed", is: func(w *world) { w.unit.Active, w.unit.Sub = observe.Failed, "failed" },
			edits: []string{"update running failed > running"},
		},
		{
			name: "crash loop", is: func(w *world) { w.unit.Active, w.unit.Sub = observe.Activating, "auto-restart" },
			edits: []string{"update running activating (auto-restart) > running"},
		},
		{
			name: "crash loop, up at the moment", is: func(w *world) { w.unit.Restarts, w.unit.Restarted = 2, 9*time.Second },
			edits: []string{"update running active (running), restarted by systemd 2 times > running"},
		},
		{name: "crashed long ago", is: func(w *world) { w.unit.Restarts, w.unit.Restarted = 7, time.Minute }},
		{name: "crashed once", is: func(w *world) { w.unit.Restarts, w.unit.Restarted = 1, time.Second }},
		{name: "crashed before the clock was set back", is: func(w *world) { w.unit.Restarts, w.unit.Restarted = 7, -time.Hour }},
		{
			name: "starting what is outdated", is: func(w *world) {
				w.unit.Active, w.unit.Sub = observe.Activating, "start-pre"
				w.change("/etc/r", later, "")
			},
			edits: []string{"update running activating (start-pre) > running", "run restart > /etc/r changed since it started"},
		},
		{name: "disabled", is: func(w *world) { w.unit.FileState = observe.Disabled }, edits: []string{"update enabled disabled > enabled"}},
		{
			name: "enabled", args: func(a *Args) { a.Enabled = &no }, edits: []string{"update enabled enabled > disabled"},
		},
		{
			name: "static", args: func(a *Args) { a.Content = nil }, is: func(w *world) { w.unit.FileState = observe.Static },
			err: "x.service can't be enabled: its unit file is static",
		},
		{
			name: "masked", is: func(w *world) {
				w.files[unitPath] = observe.FileInfo{Type: observe.Symlink, Target: "/dev/null"}
				w.unit.FileState, w.unit.Load, w.unit.FragmentPath = observe.Masked, observe.MaskedLoad, unitPath
			},
			edits: []string{
				"update content a link to /dev/null", "update masked true > false", "update enabled masked > enabled",
				"run restart > " + unitPath + " changes",
			},
		},
		{
			name: "shall be masked", args: func(a *Args) { *a = Args{Name: "x.service", Masked: &yes} },
			is:    func(w *world) { w.unit.FragmentPath = "/lib/systemd/system/x.service" },
			edits: []string{"update masked false > true"},
		},
		{
			name: "is masked, and runs on since rcprov started it", args: func(a *Args) { *a = Args{Name: "x.service", Masked: &yes} },
			is: func(w *world) {
				w.unit.FileState, w.unit.Load, w.unit.FragmentPath, w.unit.DropInPaths = observe.Masked, observe.MaskedLoad, "/dev/null", nil
				w.stamp("abc", unitPath, "f1")
			},
		},
		{
			name: "masked by somebody, and runs on", args: func(a *Args) { *a = Args{Name: "x.service", RestartOn: modules.Files{"/etc/r"}} },
			is: func(w *world) {
				w.unit.FileState, w.unit.Load, w.unit.FragmentPath, w.unit.DropInPaths = observe.Masked, observe.MaskedLoad, "/dev/null", nil
				w.stamp("abc", unitPath, "f1")
			},
		},
		{
			name: "masked by somebody, and stale", args: func(a *Args) { *a = Args{Name: "x.service", RestartOn: modules.Files{"/etc/r"}} },
			is: func(w *world) {
				w.unit.FileState, w.unit.Load, w.unit.FragmentPath, w.unit.DropInPaths = observe.Masked, observe.MaskedLoad, "/dev/null", nil
				w.stamp("abc", unitPath, "f1")
				w.change("/etc/r", start.Add(time.Hour), "f2")
			},
			err: "x.service is masked, so it can't be restarted, and /etc/r changed since it started",
		},
		{
			name: "shall be masked over its file", args: func(a *Args) { *a = Args{Name: "x.service", Masked: &yes} },
			err: "x.service can't be masked: it has a unit file, /etc/systemd/system/x.service",
		},
		{
			name: "bad setting", is: func(w *world) {
				w.unit.Load, w.unit.LoadError = observe.BadSetting, "Unit x.service has a bad unit file setting."
			},
			err: "systemd can't load x.service: Unit x.service has a bad unit file setting.",
		},
		{
			name: "oneshot", is: func(w *world) { stopped(w); w.unit.Type = "oneshot" },
			err: "x.service can't be kept running: it has Type=oneshot, so it stops when its command ends",
		},
		{
			name: "daemon-reload", is: func(w *world) { w.unit.NeedDaemonReload = true },
			edits: []string{
				"run daemon-reload > systemd has not loaded the unit files on disk",
				"run restart > systemd has not loaded the unit files on disk",
			},
		},
		{
			name: "unit file touched", is: func(w *world) {
				w.unit.NeedDaemonReload = true
				w.change(unitPath, later, "u")
				w.change(dropIn, start, "d")
				w.stamp("abc", unitPath, "u")
				w.stamp("abc", dropIn, "d")
			},
			edits: []string{"run daemon-reload > systemd has not loaded the unit files on disk"},
		},
		{
			name: "drop-in written, killed before daemon-reload", is: func(w *world) { w.unit.DropInPaths = nil },
			edits: []string{"run daemon-reload > systemd has not loaded " + dropIn + "", "run restart > systemd has not loaded " + dropIn + ""},
		},
		{
			name: "unit file in place of a package's, killed before daemon-reload", is: func(w *world) { w.unit.FragmentPath = "/usr/lib/systemd/system/x.service" },
			edits: []string{"run daemon-reload > systemd has not loaded " + unitPath + "", "run restart > systemd has not loaded " + unitPath + ""},
		},
		{
			name: "killed between daemon-reload and restart", is: func(w *world) { w.change(unitPath, later, "") },
			edits: []string{"run restart > " + unitPath + " changed since it started"},
		},
		{
			name: "drop-in gone", is: func(w *world) { w.stamp("abc", "/etc/systemd/system/x.service.d/b.conf", "b") },
			edits: []string{"run restart > /etc/systemd/system/x.service.d/b.conf was removed since it started"},
		},
		{
			name: "watched file changed", is: func(w *world) { w.change("/etc/r", later, "") },
			edits: []string{"run restart > /etc/r changed since it started"},
		},
		{
			name: "changed within the kernel's tick", is: func(w *world) { w.change("/etc/r", start.Add(-4*time.Millisecond), "") },
			edits: []string{"run restart > /etc/r changed since it started"},
		},
		{
			name: "of an init script, generated anew", args: func(a *Args) { a.Content = nil }, is: func(w *world) {
				w.unit.FragmentPath, w.unit.FileState = "/run/systemd/generator.late/x.service", observe.Enabled
				w.change("/run/systemd/generator.late/x.service", later, "")
			},
		},
		{name: "changed before", is: func(w *world) { w.change("/etc/r", start.Add(-time.Second), "") }},
		{name: "chown", is: func(w *world) { w.change("/etc/r", later, "f"); w.stamp("abc", "/etc/r", "f") }},
		{
			name: "changed, stamped", is: func(w *world) { w.change("/etc/r", later, "g"); w.stamp("abc", "/etc/r", "f") },
			edits: []string{"run restart > /etc/r changed since it started"},
		},
		{
			name: "changed while the clock was wrong", is: func(w *world) { w.change("/etc/r", start.Add(-time.Hour), "g"); w.stamp("abc", "/etc/r", "f") },
			edits: []string{"run restart > /etc/r changed since it started"},
		},
		{name: "restarted by hand", is: func(w *world) { w.change("/etc/r", start.Add(-time.Second), "g"); w.stamp("old", "/etc/r", "f") }},
		{
			name: "put back after a restart by hand", is: func(w *world) { w.change("/etc/r", later, "f"); w.stamp("old", "/etc/r", "f") },
			edits: []string{"run restart > /etc/r changed since it started"},
		},
		{
			name: "removed", is: func(w *world) {
				w.unit.Files["/etc/r"] = observe.WatchedFile{CTime: "-", Fingerprint: "absent"}
				w.stamp("abc", "/etc/r", "f")
			},
			edits: []string{"run restart > /etc/r was removed since it started"},
		},
		{
			name: "program replaced", is: func(w *world) { w.unit.ReplacedProgram = "/bin/x" },
			edits: []string{"run restart > /bin/x was replaced since it started"},
		},
		{
			name: "working directory removed", is: func(w *world) { w.unit.LostDirectory = "/srv/x" },
			edits: []string{"run restart > its working directory /srv/x was removed since it started"},
		},
		{
			name: "several reasons", is: func(w *world) { w.unit.ReplacedProgram = "/bin/x"; w.change("/etc/r", later, "") },
			edits: []string{"run restart > /etc/r changed since it started; /bin/x was replaced since it started"},
		},
		{
			name: "reload", is: func(w *world) { w.change("/etc/l", later, "") },
			edits: []string{"run reload > /etc/l changed since it was last read"},
		},
		{name: "reloaded by hand", is: func(w *world) { w.change("/etc/l", later, ""); w.unit.StateChanged = reloaded }},
		{
			name: "reload failed", is: func(w *world) {
				w.change("/etc/l", later, "")
				w.unit.StateChanged, w.unit.ReloadFailed = reloaded, true
			},
			edits: []string{"run reload > /etc/l changed since it was last read"},
		},
		{
			name: "put back after a reload by hand", is: func(w *world) {
				w.unit.StateChanged = reloaded
				w.change("/etc/l", reloaded.Add(time.Minute), "f")
				w.stamp("abc", "/etc/l", "f")
			},
			edits: []string{"run reload > /etc/l changed since it was last read"},
		},
		{
			name: "both", is: func(w *world) { w.change("/etc/l", later, ""); w.change("/etc/r", later, "") },
			edits: []string{"run restart > /etc/r changed since it started"},
		},
		{
			name: "no reload", is: func(w *world) { w.change("/etc/l", later, ""); w.unit.CanReload = false },
			err: "x.service can't be reloaded, and /etc/l changed since it was last read",
		},
		{
			name: "directory watched", is: func(w *world) {
				w.unit.Files["/etc/r"] = observe.WatchedFile{Err: errors.New("/etc/r is not a regular file")}
			},
			err: "watch /etc/r for x.service: /etc/r is not a regular file",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			is := running()
			if test.is != nil {
				test.is(is)
			}
			checkDiff(t, step(t, test.args), is, test.edits, test.err)
		})
	}
}

func TestDiffAbsent(t *testing.T) {
	t.Parallel()
	gone := step(t, func(a *Args) { *a = Args{Name: "x.service", DropIns: map[string]string{"a.conf": ""}, State: "absent"} })
	checkDiff(t, gone, running(), []string{
		"remove content", `remove drop_ins."a.conf"`, "update running active (running) > stopped", "update enabled enabled > disabled",
	}, "")
	checkDiff(t, gone, &world{unit: observe.UnitInfo{Load: observe.NotFound, Active: observe.Inactive}}, nil, "")
	checkDiff(t, gone, &world{unit: observe.UnitInfo{Load: observe.Loaded, Active: observe.Failed, NeedDaemonReload: true}},
		[]string{"run daemon-reload > systemd has not loaded the unit files on disk"}, "")
}

// checkDiff compares the diff of s on a host, each edit as "action field from>to", with what is wanted.
func checkDiff(t *testing.T, s *Step, is *world, edits []string, wantErr string) {
	t.Helper()
	snapshot := observe.NewSnapshot()
	is.put(snapshot, s)
	checkEdits(t, s, snapshot, edits, wantErr)
}

// put answers the questions of s.
func (w *world) put(snapshot *observe.Snapshot, s *Step) {
	observe.Unit.Put(snapshot, s.question(), w.unit, nil)
	for _, f := range s.Files {
		info := w.files[f.Path]
		sum := sha256.Sum256(info.Content)
		info.SHA256 = hex.EncodeToString(sum[:])
		observe.File.Put(snapshot, f.question(), info, nil)
	}
}

// checkEdits compares the edits of s with what is wanted, and returns them.
func checkEdits(t *testing.T, s *Step, snapshot *observe.Snapshot, edits []string, wantErr string) (change modules.Change) {
	t.Helper()
	shown, change, err := modules.Preview(s, snapshot)
	if got := moduletest.ErrorText(err); got != wantErr {
		t.Fatalf("error %q, want %q", got, wantErr)
	}
	if err != nil {
		return change
	}
	got := moduletest.Lines(shown.Edits, "x.service", unitPath, dropIn)
	if diff := cmp.Diff(edits, got); diff != "" {
		t.Errorf("edits (-want +got):\n%s", diff)
	}
	return change
}

func TestDiffCouldNotTell(t *testing.T) {
	t.Parallel()
	s := step(t, func(a *Args) { *a = Args{Name: "x.service"} })
	snapshot := observe.NewSnapshot()
	observe.Unit.Put(snapshot, s.question(), observe.UnitInfo{}, errors.New("Failed to connect to bus"))
	_, err := s.Diff(snapshot)
	if got, want := moduletest.ErrorText(err), "ask systemd about x.service: Failed to connect to bus"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	text := "[Service]\nExecStart=/bin/x\n"
	oneshot := text + "Type=oneshot\n"
	tests := []struct {
		args Args
		want string
	}{
		{Args{Name: "x"}, `name: must have the unit's suffix, not "x"`},
		{Args{Name: "a b.service"}, `name: must be a unit such as "nginx.service", not "a b.service"`},
		{Args{Name: "x@.service"}, `name: "x@.service" is a template, which has no state of its own`},
		{Args{Name: "x@1.service"}, ""},
		{Args{Name: "x.service", DropIns: map[string]string{"a": ""}}, `drop_ins: the name "a" must be a file name that ends in .conf`},
		{Args{Name: "x.service", RestartOn: []string{"etc"}}, `restart_on: must be an absolute path, not "etc"`},
		{Args{Name: "x.service", State: "absent", Running: &yes}, "state: is absent, which conflicts with enabled, running and masked"},
		{Args{Name: "x.service", Masked: &yes, Running: &yes}, "masked: conflicts with enabled and running"},
		{Args{Name: "x.service", Content: &text, Enabled: &yes}, "enabled: needs an [Install] section in the content, which says what starts the unit"},
		{Args{Name: "x.service", Content: &oneshot, Running: &yes}, "running: conflicts with Type=oneshot: such a unit stops when its command ends"},
		{Args{Name: "x.service", Content: &oneshot, Running: &yes, DropIns: map[string]string{"a.conf": "[Service]\nRemainAfterExit = yes\n"}}, ""},
		{Args{Name: "x.service", Content: &oneshot}, ""},
	}
	for _, test := range tests {
		_, err := New(test.args, modules.Env{Sensitive: func(string) bool { return false }})
		if got := moduletest.ErrorText(err); got != test.want {
			t.Errorf("%+v: error %q, want %q", test.args, got, test.want)
		}
	}
}

// TestReinstalled is about the law that a run killed between the new unit file and enabling it leaves no links of the
// old [Install] section behind that count as enabled.
func TestReinstalled(t *testing.T) {
	t.Parallel()
	s := step(t, nil)
	for old, want := range map[string]bool{
		"": false, unitText: false, "# comment\n\n" + unitText + "; another\n": false,
		"[Install]\nWantedBy=graphical.target\n": true,
	} {
		w := Work{Unit: s, files: []fileWork{{File: s.Files[0], was: observe.FileInfo{Type: observe.Regular, Content: []byte(old)}}}}
		if got := w.reinstalls(); got != want {
			t.Errorf("old text %q: %v, want %v", old, got, want)
		}
	}
}

// TestLastWords has the journal of a server whose start fails in the depth of its modules.
func TestLastWords(t *testing.T) {
	t.Parallel()
	journal := "Started x.\nError: Cannot find module 'meteor'\n" + strings.Repeat("    at Module._compile (node:internal/modules/cjs/loader:1781:14)\n", 30) +
		"\nNode.js v22.22.3\nlook at this\nx.service: Failed with result 'exit-code'.\n"
	want := "Started x.\nError: Cannot find module 'meteor'\nNode.js v22.22.3\nlook at this\nx.service: Failed with result 'exit-code'."
	if got := modules.LastLines(journal, journalLines, noise); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := modules.LastLines(strings.Repeat("a\n", 30), journalLines, noise); strings.Count(got, "a") != journalLines {
		t.Errorf("%q", got)
	}
}
