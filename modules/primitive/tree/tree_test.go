package tree

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

func build(t *testing.T, from fs.FS, args Args) *Step {
	t.Helper()
	args.Source = "site"
	modules.Defaults(&args)
	step, err := New(args, modules.Env{OpenDir: func(string) (fs.FS, error) { return from, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return step.(*Step)
}

func TestExcluded(t *testing.T) {
	t.Parallel()
	s := &Step{Exclude: []string{"*.swp", "node_modules", "cache/*.tmp"}}
	for name, want := range map[string]bool{
		"": false, "a.swp": true, "a/b.swp": true, "a/node_modules": true, "a/node_modules/b/c": true, "node_modules2": false,
		"cache/a.tmp": true, "a/cache/a.tmp": false, "cache/a": false,
	} {
		if got := s.excluded(name); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
}

// TestTree makes a tree in a real directory and repairs it, by the rights of who runs the test.
func TestTree(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	from := fstest.MapFS{
		"index.html": {Data: []byte("hi\n"), Mode: 0o644}, "bin/run": {Data: []byte("#!/bin/sh\n"), Mode: 0o755},
		"a b/it's $x": {Data: []byte("x"), Mode: 0o644}, `b\s`: {Data: []byte("y"), Mode: 0o644}, "skip/f": {Data: []byte("z"), Mode: 0o644},
	}
	root := filepath.Join(t.TempDir(), "srv", "site")
	step := build(t, from, Args{Path: root, Owner: me.Username, Group: group.Name, Exclude: []string{"skip"}, Delete: true})
	host := &moduletest.Host{}
	moduletest.Converge(t, host, step)
	if again := moduletest.Diff(t, host, step); !again.Empty() {
		t.Errorf("second run: %+v", again.Edits)
	}
	for _, change := range []struct {
		drift func() error
		want  []string
	}{
		{func() error { return os.WriteFile(filepath.Join(root, "index.html"), []byte("no"), 0o600) }, []string{"update /index.html content"}},
		{func() error { return os.Chmod(filepath.Join(root, `b\s`), 0o600) }, []string{`update /b\s mode`}},
		{func() error { return os.RemoveAll(filepath.Join(root, "a b")) }, []string{"create /a b ", "create /a b/it's $x "}},
		{func() error { return os.MkdirAll(filepath.Join(root, "extra", "x"), 0o755) }, []string{"remove /extra/x ", "remove /extra "}},
		{func() error { return os.MkdirAll(filepath.Join(root, "skip", "x"), 0o755) }, nil},
		{func() error { return os.MkdirAll(filepath.Join(root, leftover, "x"), 0o755) }, []string{"remove /.tree.rcprov "}},
	} {
		if err := change.drift(); err != nil {
			t.Fatal(err)
		}
		c := moduletest.Diff(t, host, step)
		var got []string
		for _, e := range c.Edits {
			got = append(got, string(e.Action)+" "+strings.TrimPrefix(e.Subject, root)+" "+e.Field)
		}
		if diff := cmp.Diff(change.want, got); diff != "" {
			t.Fatalf("edits (-want +got):\n%s", diff)
		}
		if c.Empty() {
			continue
		}
		if err := step.Apply(t.Context(), host, c); err != nil {
			t.Fatal(err)
		}
		if left := moduletest.Diff(t, host, step); !left.Empty() {
			t.Fatalf("after the repair: %+v", left.Edits)
		}
	}
}

// TestLarge makes a tree with a file that is not read into memory, and finds that the file changed meanwhile.
func TestLarge(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	site := filepath.Join(t.TempDir(), "site")
	large := filepath.Join(site, "large")
	content := bytes.Repeat([]byte("a line\n"), 300_000)
	if err := errors.Join(os.Mkdir(site, 0o755), os.WriteFile(large, content, 0o644), os.WriteFile(filepath.Join(site, "small"), []byte("x"), 0o644)); err != nil {
		t.Fatal(err)
	}
	args := Args{Source: "site", Path: filepath.Join(t.TempDir(), "srv", "site"), Owner: me.Uid, Group: me.Gid}
	modules.Defaults(&args)
	env := modules.Env{
		OpenDir: func(string) (fs.FS, error) { return os.DirFS(site), nil },
		Large: func(name string) *modules.Source {
			if name != "site/large" {
				return nil
			}
			return modules.NewSource(large, name, int64(len(content)))
		},
	}
	step, err := New(args, env)
	if err != nil {
		t.Fatal(err)
	}
	host := &moduletest.Host{}
	moduletest.Converge(t, host, step)
	if got, err := os.ReadFile(filepath.Join(args.Path, "large")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(content))
	}

	if err := errors.Join(os.Remove(filepath.Join(args.Path, "large")), os.WriteFile(large, append(content, '+'), 0o644)); err != nil {
		t.Fatal(err)
	}
	const want = "site/large changed on the controller while it was being sent"
	if got := moduletest.ErrorText(step.Apply(t.Context(), host, moduletest.Diff(t, host, step))); got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args Args
		want string
	}{
		{Args{Path: "/srv"}, "path: must be below a top-level directory, such as /srv/site"},
		{Args{Path: "/srv/x", Exclude: []string{"["}}, "exclude: has \"[\", which is no pattern such as `*.swp`"},
		{Args{Path: "/srv/x", DirectoryMode: "x"}, `directory_mode: must be an octal mode such as "0644", not "x"`},
	} {
		test.args.Source = "site"
		modules.Defaults(&test.args)
		if test.args.DirectoryMode == "" {
			test.args.DirectoryMode = "0755"
		}
		_, err := New(test.args, modules.Env{OpenDir: func(string) (fs.FS, error) { return fstest.MapFS{"f": {}}, nil }})
		if got := moduletest.ErrorText(err); got != test.want {
			t.Errorf("%+v: %q, want %q", test.args, got, test.want)
		}
	}
}
