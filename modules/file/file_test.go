package file

import (
	"os"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	want := Step{Path: "/etc/motd", Content: []byte("hello\n"), Mode: 0o644, Owner: "root", Group: "root"}
	const helloSum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	asWanted := observe.FileInfo{Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root", SHA256: helloSum}

	tests := []struct {
		name  string
		step  func(*Step)
		is    func(*observe.FileInfo)
		edits []modules.Edit
		err   string
	}{
		{name: "converged"},
		{
			name: "absent",
			is:   func(f *observe.FileInfo) { *f = observe.FileInfo{} },
			edits: []modules.Edit{{
				Action: modules.Create, Subject: "/etc/motd", To: "0644 root:root", Text: &modules.Text{New: "hello\n"},
			}},
		},
		{
			name: "content",
			is:   func(f *observe.FileInfo) { f.SHA256, f.Content = "00", []byte("bye\n") },
			edits: []modules.Edit{{
				Action: modules.Update, Subject: "/etc/motd", Field: "content", Text: &modules.Text{Old: "bye\n", New: "hello\n"},
			}},
		},
		{
			name: "mode and owner",
			is:   func(f *observe.FileInfo) { f.Mode, f.Owner, f.UID = 0o600, "alice", 1000 },
			edits: []modules.Edit{
				{Action: modules.Update, Subject: "/etc/motd", Field: "mode", From: "0600", To: "0644"},
				{Action: modules.Update, Subject: "/etc/motd", Field: "owner", From: "alice", To: "root"},
			},
		},
		{name: "owner by number", step: func(s *Step) { s.Owner = "0" }, is: func(f *observe.FileInfo) { f.Owner = "UNKNOWN" }},
		{
			name:  "removed",
			step:  func(s *Step) { s.Absent = true },
			edits: []modules.Edit{{Action: modules.Remove, Subject: "/etc/motd"}},
		},
		{
			name: "directory in its place",
			is:   func(f *observe.FileInfo) { f.Type = observe.Directory },
			err:  "/etc/motd is a directory, not a file",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step, is := want, asWanted
			if test.step != nil {
				test.step(&step)
			}
			if test.is != nil {
				test.is(&is)
			}
			snapshot := observe.NewSnapshot()
			observe.File.Put(snapshot, step.question(), is, nil)
			change, err := step.Diff(snapshot)
			if got := errorText(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			if diff := cmp.Diff(test.edits, change.Edits); diff != "" {
				t.Errorf("edits (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestConverge(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "with space and 'quote'")
	step := &Step{Path: path, Content: []byte("one\n"), Mode: 0o640, Owner: me.Uid, Group: me.Gid}
	host := &moduletest.Host{}
	moduletest.Converge(t, host, step)

	if err := os.WriteFile(path, []byte("drift\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	change := moduletest.Converge(t, host, step)
	if diff := cmp.Diff(&modules.Text{Old: "drift\n", New: "one\n"}, change.Edits[0].Text); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}

	refusing := *step
	refusing.Content, refusing.Validate = []byte("two\n"), []string{"sh", "-c", "echo no good >&2; exit 3", "%s"}
	change = moduletest.Diff(t, host, &refusing)
	err = refusing.Apply(t.Context(), host, change)
	const refused = "sh -c 'echo no good >&2; exit 3' %s refused the new "
	if got, want := errorText(err), refused+path+" (exit status 3): no good"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if content, _ := os.ReadFile(path); string(content) != "one\n" {
		t.Errorf("content after refusal: %q", content)
	}
}
