package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/fetch"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	sumA, sumB := strings.Repeat("a", 64), strings.Repeat("b", 64)
	present := Step{Path: "/opt/x", URL: "https://example.com/x.tgz", SHA256: sumA, Strip: 1, Contains: []string{"bin/x"}, Owner: "root", Group: "root", Mode: 0o755}
	with := func(change func(*Step)) Step {
		s := present
		change(&s)
		return s
	}
	absent := with(func(s *Step) { s.Absent = true })
	labelled := with(func(s *Step) { s.SHA256, s.Label = "", "v2" })
	directory := observe.FileInfo{Type: observe.Directory, Mode: 0o755, Owner: "root", Group: "root"}
	mark := func(content string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Regular, Content: []byte(content)}
	}
	made := mark(`{"sha256":"` + sumA + `","strip_components":1}`)
	pinned, noted := with(func(s *Step) { s.Fixed = s.Contains }), mark(string(made.Content)+"\n7 8 755 bin/x\n")
	there := observe.FileInfo{Type: observe.Regular}
	update := func(field, from, to string) []modules.Edit {
		return []modules.Edit{{Action: modules.Update, Subject: "/opt/x", Field: field, From: from, To: to}}
	}
	tests := []struct {
		name     string
		step     Step
		dir      observe.FileInfo
		marker   observe.FileInfo
		file     observe.FileInfo
		staging  observe.FileInfo
		dangling bool
		occupied bool
		could    error
		edits    []modules.Edit
		work     modules.Work
		err      string
	}{
		{name: "converged", step: present, dir: directory, marker: made, file: there, occupied: true},
		{
			name: "not there", step: present,
			edits: []modules.Edit{{Action: modules.Create, Subject: "/opt/x", To: "from https://example.com/x.tgz"}},
			work:  work{Action: modules.Create, Path: "/opt/x", Origin: "https://example.com/x.tgz", Want: present.marker()},
		},
		{
			name: "other sum", step: present, dir: directory, file: there, occupied: true,
			marker: mark(`{"sha256":"` + sumB + `","strip_components":1}`), edits: update("sha256", sumB, sumA),
			work: work{Action: modules.Update, Path: "/opt/x", Origin: present.URL, Seen: &marker{SHA256: sumB, Strip: 1}, Want: present.marker()},
		},
		{
			name: "other strip_components", step: present, dir: directory, file: there, occupied: true,
			marker: mark(`{"sha256":"` + sumA + `"}`), edits: update("strip_components", "0", "1"),
		},
		{
			name: "a file is missing", step: present, dir: directory, marker: made, occupied: true, edits: update("contains", "", "bin/x"),
			work: work{
				Action: modules.Update, Path: "/opt/x", Origin: present.URL, Seen: &marker{SHA256: sumA, Strip: 1}, Want: present.marker(),
				Missing: []string{"bin/x"},
			},
		},
		{
			name: "a link to what is missing", step: present, dir: directory, marker: made, occupied: true, dangling: true,
			file: observe.FileInfo{Type: observe.Symlink, Target: "../lib/x"}, edits: update("contains", "", "bin/x"),
		},
		{
			name: "a fixed file as it was", step: pinned, dir: directory, marker: noted, occupied: true,
			file: observe.FileInfo{Type: observe.Regular, Size: 7, ModTime: time.Unix(8, 9), Mode: 0o755},
		},
		{
			name: "a fixed file that can't be executed", step: pinned, dir: directory, marker: noted, occupied: true,
			file:  observe.FileInfo{Type: observe.Regular, Size: 7, ModTime: time.Unix(8, 9), Mode: 0o644},
			edits: update("contains", "bin/x, changed since it was unpacked", "bin/x"),
			work: work{
				Action: modules.Update, Path: "/opt/x", Origin: present.URL, Seen: &marker{SHA256: sumA, Strip: 1}, Want: present.marker(),
				Edited: []string{"bin/x"},
			},
		},
		{name: "a fixed file about which nothing was noted", step: pinned, dir: directory, marker: made, file: there, occupied: true},
		{
			name: "owner and mode", step: with(func(s *Step) { s.Owner, s.Mode = "app", 0o700 }), dir: directory, marker: made, file: there, occupied: true,
			edits: append(update("mode", "0755", "0700"), update("owner", "root", "app")...),
			work: work{
				Action: modules.Update, Path: "/opt/x", Origin: present.URL, Seen: &marker{SHA256: sumA, Strip: 1}, Want: present.marker(),
				Drift: rights.Drift{
					Path: "/opt/x", Seen: present.rights(), Want: rights.Rights{Mode: 0o700, Owner: "app", Group: "root"}, Mode: true, Owner: true,
				},
			},
		},
		{
			name: "a tree that another user gave the marker", step: present, file: there, occupied: true,
			dir:    observe.FileInfo{Type: observe.Directory, Mode: 0o755, UID: 1000, Owner: "alice", Group: "root"},
			marker: observe.FileInfo{Type: observe.Regular, Content: made.Content, UID: 1000, Owner: "alice"},
			edits: append(update("sha256", "alice may have changed what was unpacked", "https://example.com/x.tgz"),
				update("owner", "alice", "root")...),
			work: work{
				Action: modules.Update, Path: "/opt/x", Origin: present.URL, Seen: &marker{SHA256: sumA, Strip: 1}, Want: present.marker(), Foreign: "alice",
				Drift: rights.Drift{
					Path: "/opt/x", Seen: rights.Rights{Mode: 0o755, Owner: "alice", Group: "root"}, Want: present.rights(), Owner: true,
				},
			},
		},
		{
			name: "a marker that another user put into the directory", step: present, dir: directory, file: there, occupied: true,
			marker: observe.FileInfo{Type: observe.Regular, Content: made.Content, UID: 1000, Owner: "alice"},
			edits:  update("sha256", "alice may have changed what was unpacked", "https://example.com/x.tgz"),
		},
		{
			name: "the owner's own tree", step: with(func(s *Step) { s.Owner = "app" }), file: there, occupied: true,
			dir:    observe.FileInfo{Type: observe.Directory, Mode: 0o755, UID: 900, Owner: "app", Group: "root"},
			marker: observe.FileInfo{Type: observe.Regular, Content: made.Content, UID: 900, Owner: "app"},
		},
		{name: "owner by number", step: with(func(s *Step) { s.Owner, s.Group = "0", "0" }), dir: directory, marker: made, file: there, occupied: true},
		{name: "empty directory", step: present, dir: directory, edits: update("sha256", "not unpacked by rcprov", "https://example.com/x.tgz")},
		{
			name: "directory of somebody else", step: present, dir: directory, occupied: true,
			err: "/opt/x is not empty and was not unpacked by rcprov (it has no valid .rcprov-archive)",
		},
		{
			name: "directory of somebody else, to be replaced", step: with(func(s *Step) { s.Replace = true }), dir: directory, occupied: true,
			edits: update("sha256", "not unpacked by rcprov", "https://example.com/x.tgz"),
		},
		{
			name: "marker is no JSON", step: present, dir: directory, marker: mark("x"), occupied: true,
			err: "/opt/x is not empty and was not unpacked by rcprov (it has no valid .rcprov-archive)",
		},
		{
			name: "file in its place", step: present, dir: observe.FileInfo{Type: observe.Regular},
			err: "/opt/x is a file, not a directory",
		},
		{
			name: "link in its place", step: absent, dir: observe.FileInfo{Type: observe.Symlink, Target: "/x"},
			err: "/opt/x is a symbolic link, not a directory",
		},
		{
			name: "same label, any sum", step: labelled, dir: directory, file: there, occupied: true,
			marker: mark(`{"sha256":"` + sumB + `","strip_components":1,"label":"v2"}`),
		},
		{
			name: "other label", step: labelled, dir: directory, file: there, occupied: true,
			marker: mark(`{"sha256":"` + sumB + `","strip_components":1,"label":"v1"}`),
			edits:  update("sha256", sumB+" v1", "https://example.com/x.tgz"),
		},
		{name: "absent already", step: absent},
		{
			name: "absent, but not removed to its end", step: absent, staging: directory,
			edits: []modules.Edit{{Action: modules.Remove, Subject: "/opt/.x.rcprov", From: "left behind by a killed run"}},
			work:  work{Action: modules.Remove, Path: "/opt/.x.rcprov", Leftover: true},
		},
		{
			name: "to be removed", step: absent, dir: directory, marker: made, occupied: true,
			edits: []modules.Edit{{Action: modules.Remove, Subject: "/opt/x", From: "with everything in it"}},
			work:  work{Action: modules.Remove, Path: "/opt/x"},
		},
		{name: "empty directory to be removed", step: absent, dir: directory, err: "/opt/x was not unpacked by rcprov"},
		{
			name: "directory of somebody else to be removed", step: absent, dir: directory, occupied: true,
			err: "/opt/x is not empty and was not unpacked by rcprov (it has no valid .rcprov-archive)",
		},
		{name: "could not tell", step: present, could: errors.New("Input/output error"), err: "look at /opt/x: Input/output error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.File.Put(s, observe.FileQuestion{Path: "/opt/x"}, test.dir, test.could)
			observe.File.Put(s, test.step.markerQuestion(), test.marker, nil)
			observe.File.Put(s, observe.FileQuestion{Path: "/opt/x/bin/x"}, test.file, nil)
			observe.File.Put(s, observe.FileQuestion{Path: "/opt/.x.rcprov"}, test.staging, nil)
			entry.Put(s, "/opt/x", entryInfo{Occupied: test.occupied}, nil)
			entry.Put(s, "/opt/x/bin/x", entryInfo{Dangling: test.dangling}, nil)
			moduletest.WantWork(t, test.work, moduletest.WantDiff(t, &test.step, s, test.edits, test.err))
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid := Args{
		Path: "/opt/x", URL: "https://example.com/x.tgz", SHA256: strings.Repeat("A", 64),
		Owner: "root", Group: "root", Mode: "0755", State: "present",
	}
	tests := []struct {
		name   string
		change func(*Args)
		err    string
	}{
		{name: "valid", change: func(*Args) {}},
		{name: "absent", change: func(a *Args) { a.URL, a.SHA256, a.State = "", "", "absent" }},
		{name: "file", change: func(a *Args) { a.URL, a.File = "", "/srv/x.tgz" }},
		{name: "both", change: func(a *Args) { a.File = "/srv/x.tgz" }, err: "file: conflicts with url"},
		{name: "neither", change: func(a *Args) { a.URL = "" }, err: "url: is required, unless source or file is given"},
		{name: "no sum", change: func(a *Args) { a.SHA256 = "" }, err: "sha256: is required"},
		{name: "sum", change: func(a *Args) { a.SHA256 = "abc" }, err: `sha256: must be a SHA-256, 64 hexadecimal digits, not "abc"`},
		{name: "scheme", change: func(a *Args) { a.URL = "ftp://x/y" }, err: `url: must be an address that begins with https:// or http://, not "ftp://x/y"`},
		{
			name:   "password",
			change: func(a *Args) { a.URL = "https://me:secret@example.com/x" },
			err:    "url: must not have a name or password in it: they would show in the host's process list; apt reads them from /etc/apt/auth.conf.d",
		},
		{name: "system directory", change: func(a *Args) { a.Path = "/opt" }, err: "path: must be below a top-level directory, such as /opt/opt"},
		{
			name:   "several",
			change: func(a *Args) { a.Contains, a.StripComponents = []string{"../x"}, -1 },
			err:    "strip_components: must not be negative\ncontains: must be clean paths below the directory, such as \"bin/node\", not \"../x\"",
		},
	}
	for _, test := range tests {
		args := valid
		test.change(&args)
		step, err := New(args, modules.Env{})
		if moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q", test.name, moduletest.ErrorText(err), test.err)
		}
		if err == nil && args.SHA256 != "" && step.(*Step).SHA256 != strings.Repeat("a", 64) {
			t.Errorf("%s: sum %q", test.name, step.(*Step).SHA256)
		}
	}
}

// writeArchive makes a tar.gz file of files and returns its SHA-256.
func writeArchive(t *testing.T, path string, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	compressed := gzip.NewWriter(&b)
	w := tar.NewWriter(compressed)
	for name, content := range files {
		header := &tar.Header{Name: name, Mode: 0o4777, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), compressed.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}

// TestScript unpacks with a real shell and tar; the job around it, and downloads, are e2e's business.
func TestScript(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	host := &moduletest.Host{}
	step := &Step{Path: in("it's/here"), File: in("a.tar.gz"), Strip: 1, Contains: []string{"bin/tool"}, Owner: me.Uid, Group: me.Gid, Mode: 0o750}
	unpack := func() error {
		t.Helper()
		command, err := step.command(in("nothing prepared"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = host.Run(t.Context(), command)
		return step.explain(err)
	}
	step.SHA256 = writeArchive(t, step.File, map[string]string{"pkg/bin/tool": "one"})
	if err := unpack(); err != nil {
		t.Fatal(err)
	}
	if change := moduletest.Diff(t, host, step); !change.Empty() {
		t.Errorf("did not converge: %+v", change.Edits)
	}
	tool, err := os.Stat(in("it's/here/bin/tool"))
	if err != nil || tool.Mode() != 0o755 {
		t.Errorf("mode %v, %v", tool, err)
	}

	// Whoever breaks a fixed file is noticed, by its time or its mode; then it is unpacked anew.
	step.Fixed = []string{"bin/tool"}
	if err := unpack(); err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []func() error{
		func() error { return os.Chmod(in("it's/here/bin/tool"), 0o644) },
		func() error { return os.WriteFile(in("it's/here/bin/tool"), []byte("six"), 0o600) },
	} {
		if change := moduletest.Diff(t, host, step); !change.Empty() {
			t.Errorf("a fixed file did not converge: %+v", change.Edits)
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if change := moduletest.Diff(t, host, step); !step.Unpacks(change) {
			t.Errorf("a fixed file was spoilt, and nothing noticed that: %+v", change.Edits)
		}
		if err := unpack(); err != nil {
			t.Fatal(err)
		}
	}
	// What a run left that was killed between the two renames is put back before anything can fail.
	if err := errors.Join(os.Mkdir(in("it's/.here.rcprov"), 0o755), os.Rename(in("it's/here"), in("it's/.here.rcprov/old"))); err != nil {
		t.Fatal(err)
	}
	sum := step.SHA256
	step.SHA256 = strings.Repeat("0", 64)
	if got, want := moduletest.ErrorText(unpack()), in("a.tar.gz")+" has the SHA-256 "+sum+", not "+step.SHA256; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if content, err := os.ReadFile(in("it's/here/bin/tool")); string(content) != "one" {
		t.Errorf("after the failure: %q, %v", content, err)
	}

	step.SHA256 = writeArchive(t, step.File, map[string]string{"pkg/bin/other": "two"})
	if got, want := moduletest.ErrorText(unpack()), in("a.tar.gz")+" doesn't contain bin/tool"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	step.Contains = nil
	if err := unpack(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(in("it's/*/*/*")); len(left) != 1 || err != nil {
		t.Errorf("files: %q, %v", left, err)
	}
	if left, err := filepath.Glob(in("it's/.h*")); len(left) != 0 || err != nil {
		t.Errorf("left over: %q, %v", left, err)
	}
	step.Absent = true
	moduletest.Converge(t, host, step)
}

// TestPrepare prepares with a real shell and tar what has been downloaded already, and makes the directory of it.
func TestPrepare(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil string // shell between preparing and making, in the directory of what was prepared
		path  string // what of path is there before
		tool  string // content of bin/tool then
		left  bool   // something is prepared
	}{
		{name: "whole", spoil: `rm file; echo prepared >tree/bin/tool`, tool: "prepared\n", left: true},
		{name: "not to its end", spoil: `rm ready; echo half >tree/bin/tool`, tool: "one", left: true},
		{name: "another archive", spoil: `sed -i s/^..../0000/ ready; echo other >tree/bin/tool`, tool: "one", left: true},
		{name: "stripped in another way", spoil: `sed -i 's/1$/0/' ready; echo other >tree/bin/tool`, tool: "one", left: true},
		{name: "to be gone on with", path: "mkdir -p $STAGING; mv $PREPARED/file $STAGING", tool: "one"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			prepared := filepath.Join(dir, "prepared")
			if err := os.Mkdir(prepared, 0o755); err != nil {
				t.Fatal(err)
			}
			step := &Step{
				Path: filepath.Join(dir, "opt/tool"), URL: "http://unused.invalid/a.tar.gz", Strip: 1,
				Contains: []string{"bin/tool"}, Owner: me.Uid, Group: me.Gid, Mode: 0o750,
			}
			step.SHA256 = writeArchive(t, filepath.Join(prepared, "file"), map[string]string{"pkg/bin/tool": "one"})
			host := &moduletest.Host{}
			sh := func(in, script string) {
				t.Helper()
				env := []string{"STAGING=" + step.Staging(), "PREPARED=" + prepared}
				if _, err := host.Run(t.Context(), modules.Command{Script: script, Dir: in, Env: env}); err != nil {
					t.Fatal(err)
				}
			}
			sh(dir, "true; "+test.path)
			_, err := host.Run(t.Context(), step.prepare(prepared))
			if p := fetch.Found(err); test.left && err != nil || !test.left && (p == nil || p.Word != "ahead") {
				t.Fatalf("prepare: %v", err)
			}
			if _, err := os.Stat(step.Path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it is there before its time: %v", err)
			}
			if test.left {
				if _, err := os.Stat(filepath.Dir(step.Path)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("its parent is there before its time: %v", err)
				}
				if info, err := os.Stat(filepath.Join(prepared, "tree/bin/tool")); err != nil || info.Mode() != 0o755 {
					t.Errorf("prepared: %v, %v", info, err)
				}
				sh(prepared, test.spoil)
			}
			command, err := step.command(prepared)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := host.Run(t.Context(), command); err != nil {
				t.Fatal(step.explain(err))
			}
			if change := moduletest.Diff(t, host, step); !change.Empty() {
				t.Errorf("did not converge: %+v", change.Edits)
			}
			if content, err := os.ReadFile(filepath.Join(step.Path, "bin/tool")); string(content) != test.tool {
				t.Errorf("bin/tool is %q, %v; want %q", content, err, test.tool)
			}
			for _, gone := range []string{prepared, step.Staging()} {
				if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("left over: %s, %v", gone, err)
				}
			}
		})
	}
}

// TestForesee is about what may be replaced under a program that runs.
func TestForesee(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		work work
		want string // the program of a unit that runs: replaced, or perhaps (the clause)
	}{
		{work{Action: modules.Update, Path: "/opt/x", Seen: &marker{SHA256: "0a"}, Want: marker{SHA256: "0b"}}, "/opt/x brings bin/x, which it runs"},
		{work{Action: modules.Update, Path: "/opt/x", Seen: &marker{}, Want: marker{Strip: 1}}, "/opt/x brings bin/x, which it runs"},
		{work{Action: modules.Update, Path: "/opt/x", Seen: &marker{}, Missing: []string{"bin/x"}}, "/opt/x brings bin/x, which it runs"},
		{work{Action: modules.Update, Path: "/opt/x", Seen: &marker{}, Drift: rights.Drift{Path: "/opt/x", Owner: true}}, ""},
	} {
		s, q := observe.NewSnapshot(), observe.UnitQuestion{Name: "x.service"}
		observe.Unit.Put(s, q, observe.UnitInfo{ID: "x.service", Load: observe.Loaded, Active: observe.Active, Program: "/opt/x/bin/x"}, nil)
		for _, contains := range [][]string{nil, {"bin/x"}} {
			modules.Foresee(&Step{Path: "/opt/x", Contains: contains}, s, modules.NewChange(test.work))
			got, sure := "", false
			worlds, _ := s.Alternatives(func(s *observe.Snapshot) {
				is, err := observe.Unit.Get(s, q)
				if err != nil {
					t.Error(err)
				}
				sure = is.ReplacedProgram != ""
			})
			for _, w := range worlds {
				got = w.If
			}
			if contains == nil && got != test.want || sure != (contains != nil && test.want != "") {
				t.Errorf("%+v with %q: %q, certain %v; want %q", test.work, contains, got, sure, test.want)
			}
		}
	}
}

// TestNoFile is about an archive on the host that is not there.
func TestNoFile(t *testing.T) {
	t.Parallel()
	step, err := New(Args{Path: "/opt/x", File: "/srv/x.tar", SHA256: strings.Repeat("0", 64), Mode: "0755", Owner: "root", Group: "root"}, modules.Env{})
	if err != nil {
		t.Fatal(err)
	}
	s := observe.NewSnapshot()
	for _, path := range []string{"/opt/x", "/srv", "/srv/x.tar"} {
		observe.File.Put(s, observe.FileQuestion{Path: path}, observe.FileInfo{}, nil)
	}
	if _, err := step.Diff(s); moduletest.ErrorText(err) != "there is no file /srv/x.tar on the host" {
		t.Errorf("missing: %v", err)
	}
	s.Forecast().Write("/srv/x.tar", observe.NewContent, nil)
	if c, err := step.Diff(s); err != nil || c.Empty() {
		t.Errorf("made by an earlier step: %+v, %v", c, err)
	}
}

// TestLooksWithTheOwnersRights: where a link in somebody's tree leads to is not for root to see: that would show the owner, by what
// rcprov does then, which files there are where only root may look.
func TestLooksWithTheOwnersRights(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can have directories of others")
	}
	const daemon = 1
	dir := t.TempDir()
	secret, tree := filepath.Join(dir, "secret"), filepath.Join(dir, "it's hers")
	link := filepath.Join(tree, "bin")
	closed := filepath.Join(tree, "closed")
	if err := errors.Join(os.Mkdir(secret, 0o700), os.WriteFile(secret+"/x", nil, 0o600), os.Mkdir(tree, 0o755), os.Symlink(secret+"/x", link),
		os.Mkdir(closed, 0o700), os.WriteFile(closed+"/y", nil, 0o600), os.Lchown(tree, daemon, daemon), os.Lchown(link, daemon, daemon)); err != nil {
		t.Fatal(err)
	}
	const bin = 2
	his := filepath.Join(dir, "his")
	inside := filepath.Join(tree, "two words", "and more")
	if err := errors.Join(os.Mkdir(his, 0o700), os.WriteFile(his+"/x", nil, 0o600), os.Lchown(his, bin, bin), os.MkdirAll(inside, 0o755)); err != nil {
		t.Fatal(err)
	}
	var q observe.Query
	entry.Ask(&q, link)
	// Of one user, one behind another, and with others between.
	for _, path := range []string{filepath.Dir(inside), inside, his, secret, tree, closed} {
		entry.Ask(&q, path)
	}
	s, err := q.Run(t.Context(), &moduletest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	if is, err := entry.Get(s, link); err != nil || !is.Dangling {
		t.Errorf("a link to what only root may see leads somewhere: %v, %v", is, err)
	}
	for path, want := range map[string]bool{filepath.Dir(inside): true, inside: false, his: true, secret: true, tree: true, closed: false} {
		if is, err := entry.Get(s, path); err != nil || is.Occupied != want {
			t.Errorf("%s has entries: %v, %v", path, is, err)
		}
	}
}

// TestSource: the checksum of an archive on the controller is that of its content, unless the plan says another one.
func TestSource(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("content"))
	is, other := hex.EncodeToString(sum[:]), strings.Repeat("a", 64)
	for _, test := range []struct {
		args Args
		want string
	}{
		{Args{Source: "x.tgz"}, ""},
		{Args{Source: "x.tgz", SHA256: is}, ""},
		{Args{Source: "x.tgz", SHA256: other}, "source: has the SHA-256 " + is + ", not " + other},
		{Args{Source: "x.tgz", URL: "https://example.com/x.tgz"}, "source: conflicts with url"},
	} {
		test.args.Path = "/opt/x"
		modules.Defaults(&test.args)
		step, err := New(test.args, modules.Env{ReadFile: func(string) ([]byte, error) { return []byte("content"), nil }})
		if got := moduletest.ErrorText(err); !strings.HasPrefix(got, test.want) || got != "" && test.want == "" {
			t.Errorf("%+v: %q, want %q", test.args, got, test.want)
		}
		if err == nil && step.(*Step).SHA256 != is {
			t.Errorf("%+v: sum %s", test.args, step.(*Step).SHA256)
		}
	}
	path := filepath.Join(t.TempDir(), "x.tgz")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := Args{Source: "x.tgz", Path: "/opt/x"}
	modules.Defaults(&args)
	step, err := New(args, modules.Env{Large: func(name string) *modules.Source { return modules.NewSource(path, name, 7) }})
	if err != nil || step.(*Step).SHA256 != is || step.(*Step).content != nil {
		t.Errorf("a large one: %+v, %v", step, err)
	}
}
