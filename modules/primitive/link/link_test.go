package link

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	present := Step{Path: "/opt/current", Target: "releases/2"}
	forced := Step{Path: "/opt/current", Target: "releases/2", Force: true}
	absent := Step{Path: "/opt/current", Absent: true, Force: true}
	link := func(target string) observe.FileInfo { return observe.FileInfo{Type: observe.Symlink, Target: target} }
	tests := []struct {
		name  string
		step  Step
		is    observe.FileInfo
		could error
		edits []modules.Edit
		work  modules.Work
		err   string
		hint  string
	}{
		{name: "converged", step: present, is: link("releases/2")},
		{
			name: "absent", step: present, edits: []modules.Edit{{Action: modules.Create, Subject: "/opt/current", To: "releases/2"}},
			work: work{Action: modules.Create, Path: "/opt/current", Target: "releases/2"},
		},
		{
			name: "other target", step: present, is: link("releases/1"),
			edits: []modules.Edit{{Action: modules.Update, Subject: "/opt/current", Field: "target", From: "releases/1", To: "releases/2"}},
			work:  work{Action: modules.Update, Path: "/opt/current", Seen: link("releases/1"), Target: "releases/2"},
		},
		{name: "file", step: present, is: observe.FileInfo{Type: observe.Regular}, err: "/opt/current is a file, not a symbolic link"},
		{
			name: "file, forced", step: forced, is: observe.FileInfo{Type: observe.Regular, Size: 3},
			edits: []modules.Edit{{Action: modules.Update, Subject: "/opt/current", Field: "target", From: "a file of 3 bytes", To: "releases/2"}},
			work: work{
				Action: modules.Update, Path: "/opt/current", Seen: observe.FileInfo{Type: observe.Regular, Size: 3}, Target: "releases/2",
			},
		},
		{name: "directory, forced", step: forced, is: observe.FileInfo{Type: observe.Directory}, err: "/opt/current is a directory, not a symbolic link"},
		{name: "removed already", step: absent},
		{
			name: "shall be removed", step: absent, is: link("x"), edits: []modules.Edit{{Action: modules.Remove, Subject: "/opt/current", From: "x"}},
			work: work{Action: modules.Remove, Path: "/opt/current", Seen: link("x")},
		},
		{
			name: "a file in the place of a link to be removed", step: absent, is: observe.FileInfo{Type: observe.Regular},
			err:  "/opt/current is a file, not a symbolic link",
			hint: "It stays, because this step removes links only. Remove the step from the plan; a `file` step with state = \"absent\" removes the file.",
		},
		{
			name: "a socket in the place of a link to be removed", step: absent, is: observe.FileInfo{Type: observe.OtherType},
			err:  "/opt/current is a device, socket or pipe, not a symbolic link",
			hint: "It stays, because this step removes links only. Remove the step from the plan.",
		},
		{name: "could not tell", step: present, could: errors.New("Input/output error"), err: "look at /opt/current: Input/output error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.File.Put(s, observe.FileQuestion{Path: "/opt/current"}, test.is, test.could)
			moduletest.WantWork(t, test.work, moduletest.WantDiff(t, &test.step, s, test.edits, test.err))
			var advised *modules.HintError
			if _, err := test.step.Diff(s); test.hint != "" && (!errors.As(err, &advised) || advised.Hint != test.hint) {
				t.Errorf("%v; want the hint %q", advised, test.hint)
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args Args
		err  string
	}{
		{args: Args{Path: "/a", Target: "b"}},
		{args: Args{Path: "/a", State: "absent"}},
		{args: Args{Path: "/a"}, err: "target: is required"},
		{args: Args{Path: "/a", Target: "/a"}, err: `target: must not be the link itself: "/a"`},
		{args: Args{Path: "a", Target: "x\ny"}, err: "path: must be an absolute path, not \"a\"\ntarget: must not contain a newline: \"x\\ny\""},
	}
	for _, test := range tests {
		if _, err := New(test.args, modules.Env{}); moduletest.ErrorText(err) != test.err {
			t.Errorf("%+v: error %q, want %q", test.args, moduletest.ErrorText(err), test.err)
		}
	}
}

func TestConverge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	step := &Step{Path: in("it's a link"), Target: "-no 'such' target"}
	host := &moduletest.Host{}
	if err := os.Symlink("half", in(".it's a link.rcprov")); err != nil { // of a killed run
		t.Fatal(err)
	}
	moduletest.Converge(t, host, step)

	// A link that leads to a directory is replaced, and nothing is made inside that directory.
	if err := os.Mkdir(in("dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(step.Path), os.Symlink("dir", step.Path)); err != nil {
		t.Fatal(err)
	}
	moduletest.Converge(t, host, step)
	if entries, err := os.ReadDir(in("dir")); err != nil || len(entries) != 0 {
		t.Errorf("the old target has %v, %v", entries, err)
	}

	if err := errors.Join(os.Remove(step.Path), os.WriteFile(step.Path, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	step.Force = true
	moduletest.Converge(t, host, step)
	step.Absent = true
	moduletest.Converge(t, host, step)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}
