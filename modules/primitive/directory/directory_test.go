package directory

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	type files map[string]observe.FileInfo
	present := Step{Path: "/srv/app/data", Mode: 0o750, Owner: "app", Group: "app"}
	absent := Step{Path: "/srv/app/data", Absent: true}
	forced := Step{Path: "/srv/app/data", Absent: true, Force: true}
	root := observe.FileInfo{Type: observe.Directory, Mode: 0o755, Owner: "root", Group: "root"}
	data := observe.FileInfo{Type: observe.Directory, Mode: 0o750, Owner: "app", UID: 100, Group: "app", GID: 101}
	create := modules.Edit{Action: modules.Create, Subject: "/srv/app/data", To: "0750 app:app"}
	remove := modules.Edit{Action: modules.Remove, Subject: "/srv/app/data"}
	tests := []struct {
		name    string
		step    Step
		is      files
		entries int
		could   error
		want    modules.Change
		err     string
	}{
		{name: "converged", step: present, is: files{"/srv": root, "/srv/app": root, "/srv/app/data": data}},
		{
			name: "absent", step: present, is: files{"/srv": root, "/srv/app": root},
			want: modules.Change{Edits: []modules.Edit{create}, Work: work{
				Action: modules.Create, Path: "/srv/app/data", Rights: present.rights(),
			}},
		},
		{
			name: "parents are missing", step: present, is: files{},
			want: modules.Change{
				Edits: []modules.Edit{create},
				Notes: []string{"also creates its parents, 0755 root:root: /srv, /srv/app"},
			},
		},
		{
			name: "parent is a link", step: present, is: files{"/srv": {Type: observe.Symlink, Target: "/data"}, "/srv/app": root},
			want: modules.Change{Edits: []modules.Edit{create}},
		},
		{
			name: "parent is a file", step: present, is: files{"/srv": root, "/srv/app": {Type: observe.Regular}},
			err: "/srv/app is a file, not a directory",
		},
		{
			name: "mode, owner and group", step: present, is: files{"/srv/app/data": root},
			want: modules.Change{Edits: []modules.Edit{
				{Action: modules.Update, Subject: "/srv/app/data", Field: "mode", From: "0755", To: "0750"},
				{Action: modules.Update, Subject: "/srv/app/data", Field: "owner", From: "root", To: "app"},
				{Action: modules.Update, Subject: "/srv/app/data", Field: "group", From: "root", To: "app"},
			}, Work: work{Action: modules.Update, Path: "/srv/app/data", Drift: rights.Drift{
				Path: "/srv/app/data", Seen: rights.Rights{Mode: 0o755, Owner: "root", Group: "root"}, Want: present.rights(),
				Mode: true, Owner: true, Group: true,
			}}},
		},
		{
			name: "by number", step: Step{Path: "/srv/app/data", Mode: 0o750, Owner: "100", Group: "101"},
			is: files{"/srv/app/data": data},
		},
		{
			name: "file in its place", step: present, is: files{"/srv/app/data": {Type: observe.Regular}},
			err: "/srv/app/data is a file, not a directory",
		},
		{
			name: "link in its place", step: present, is: files{"/srv/app/data": {Type: observe.Symlink, Target: "/data"}},
			err: "/srv/app/data is a symbolic link to /data, not a directory",
		},
		{name: "removed already", step: absent, is: files{}},
		{
			name: "shall be removed", step: absent, is: files{"/srv/app/data": data},
			want: modules.Change{Edits: []modules.Edit{remove}, Work: work{Action: modules.Remove, Path: "/srv/app/data"}},
		},
		{
			name: "shall be removed, not empty", step: absent, is: files{"/srv/app/data": data}, entries: 3,
			err: "/srv/app/data is not empty (entries: 3)",
		},
		{
			name: "shall be removed, forced", step: forced, is: files{"/srv/app/data": data}, entries: 3,
			want: modules.Change{Edits: []modules.Edit{
				{Action: modules.Remove, Subject: "/srv/app/data", From: "with everything in it (entries: 3)"},
			}, Work: work{Action: modules.Remove, Path: "/srv/app/data", Entries: 3}},
		},
		{
			name: "file shall be removed", step: forced, is: files{"/srv/app/data": {Type: observe.Regular}},
			err: "/srv/app/data is a file, not a directory",
		},
		{name: "could not tell", step: present, could: errors.New("Stale file handle"), err: "look at /srv/app/data: Stale file handle"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			for _, p := range []string{"/srv", "/srv/app", "/srv/app/data"} {
				observe.File.Put(s, observe.FileQuestion{Path: p}, test.is[p], test.could)
			}
			entries.Put(s, "/srv/app/data", test.entries, nil)
			got, err := test.step.Diff(s)
			if moduletest.ErrorText(err) != test.err {
				t.Fatalf("error %q, want %q", moduletest.ErrorText(err), test.err)
			}
			moduletest.WantChange(t, test.want, got)
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid := Args{Path: "/srv/x", Mode: "0755", Owner: "root", Group: "root", State: "present"}
	tests := []struct {
		name   string
		change func(*Args)
		err    string
	}{
		{name: "valid", change: func(*Args) {}},
		{name: "system directory", change: func(a *Args) { a.Path = "/var/lib" }},
		{
			name:   "removing a system directory",
			change: func(a *Args) { a.Path, a.State = "/var/lib", "absent" },
			err:    "path: /var/lib is a system directory, which rcprov never removes",
		},
		{name: "removing /", change: func(a *Args) { a.Path, a.State = "/", "absent" }, err: "path: / is a system directory, which rcprov never removes"},
		{name: "force", change: func(a *Args) { a.Force = true }, err: `force: requires state = "absent"`},
		{
			name:   "several",
			change: func(a *Args) { a.Path, a.Mode, a.Group = "x", "u+x", "" },
			err: "path: must be an absolute path, not \"x\"\nmode: must be an octal mode such as \"0644\", not \"u+x\"\n" +
				"group: must be a name or a number, not \"\"",
		},
	}
	for _, test := range tests {
		args := valid
		test.change(&args)
		if _, err := New(args, modules.Env{}); moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q", test.name, moduletest.ErrorText(err), test.err)
		}
	}
}

func TestConverge(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	dir := filepath.Join(top, "it's", "a dir")
	step := &Step{Path: dir, Mode: 0o750 | os.ModeSetgid, Owner: me.Uid, Group: me.Gid}
	host := &moduletest.Host{}
	change := moduletest.Converge(t, host, step)
	if want := "also creates its parents, 0755 root:root: " + filepath.Join(top, "it's"); len(change.Notes) != 1 || change.Notes[0] != want {
		t.Errorf("notes %q, want %q", change.Notes, want)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	moduletest.Converge(t, host, step)

	for _, name := range []string{"f", ".hidden", "..odd"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	step.Absent = true
	err = step.Apply(t.Context(), host, modules.NewChange(work{Action: modules.Remove, Path: dir})) // filled meanwhile
	var advice *modules.HintError
	if !errors.As(err, &advice) || !strings.Contains(err.Error(), "Directory not empty") || !strings.Contains(advice.Hint, "force = true") {
		t.Errorf("removing a directory that is not empty: %v", err)
	}
	step.Force = true
	moduletest.Converge(t, host, step)
}
