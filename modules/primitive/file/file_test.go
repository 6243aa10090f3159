package file

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
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
		could error
		edits []modules.Edit
		work  modules.Work
		notes []string
		err   string
	}{
		{name: "converged"},
		{
			name: "absent",
			is:   func(f *observe.FileInfo) { *f = observe.FileInfo{} },
			edits: []modules.Edit{{
				Action: modules.Create, Subject: "/etc/motd", To: "0644 root:root", Text: &modules.Text{New: "hello\n"},
			}},
			work: work{
				Action: modules.Create, Path: "/etc/motd", Content: []byte("hello\n"),
				Rights: rights.Rights{Mode: 0o644, Owner: "root", Group: "root"},
			},
		},
		{
			name: "content",
			is:   func(f *observe.FileInfo) { f.SHA256, f.Content = "00", []byte("bye\n") },
			edits: []modules.Edit{{
				Action: modules.Update, Subject: "/etc/motd", Field: "content", Text: &modules.Text{Old: "bye\n", New: "hello\n"},
			}},
			work: work{
				Action: modules.Update, Path: "/etc/motd", Content: []byte("hello\n"),
				Seen: observe.FileInfo{Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root", SHA256: "00", Content: []byte("bye\n")},
			},
		},
		{
			name: "mode and owner",
			is:   func(f *observe.FileInfo) { f.Mode, f.Owner, f.UID = 0o600, "alice", 1000 },
			edits: []modules.Edit{
				{Action: modules.Update, Subject: "/etc/motd", Field: "mode", From: "0600", To: "0644"},
				{Action: modules.Update, Subject: "/etc/motd", Field: "owner", From: "alice", To: "root"},
			},
			work: work{
				Action: modules.Update, Path: "/etc/motd",
				Seen: observe.FileInfo{Type: observe.Regular, Mode: 0o600, Owner: "alice", UID: 1000, Group: "root", SHA256: helloSum},
				Drift: rights.Drift{
					Path: "/etc/motd", Seen: rights.Rights{Mode: 0o600, Owner: "alice", Group: "root"},
					Want: rights.Rights{Mode: 0o644, Owner: "root", Group: "root"}, Mode: true, Owner: true,
				},
			},
		},
		{
			name: "content and owner",
			is:   func(f *observe.FileInfo) { f.SHA256, f.Content, f.Owner, f.UID = "00", []byte("old\n"), "alice", 1000 },
			edits: []modules.Edit{
				{Action: modules.Update, Subject: "/etc/motd", Field: "content", Text: &modules.Text{Old: "old\n", New: "hello\n"}},
				{Action: modules.Update, Subject: "/etc/motd", Field: "owner", From: "alice", To: "root"},
			},
			notes: []string{"/etc/motd gets another owner with its content, so an access control list and extended attributes, if it has any, are dropped"},
		},
		{name: "owner by number", step: func(s *Step) { s.Owner = "0" }, is: func(f *observe.FileInfo) { f.Owner = "UNKNOWN" }},
		{
			name:  "removed",
			step:  func(s *Step) { s.Absent = true },
			edits: []modules.Edit{{Action: modules.Remove, Subject: "/etc/motd"}},
			work:  work{Action: modules.Remove, Path: "/etc/motd", Seen: asWanted},
		},
		{
			name: "directory in its place",
			is:   func(f *observe.FileInfo) { f.Type = observe.Directory },
			err:  "/etc/motd is a directory, not a file",
		},
		{
			name: "link in its place",
			is:   func(f *observe.FileInfo) { f.Type, f.Target = observe.Symlink, "/run/motd" },
			err:  "/etc/motd is a symbolic link to /run/motd, not a file",
		},
		{
			name:  "link removed",
			step:  func(s *Step) { s.Absent = true },
			is:    func(f *observe.FileInfo) { f.Type, f.Target = observe.Symlink, "/run/motd" },
			edits: []modules.Edit{{Action: modules.Remove, Subject: "/etc/motd", From: "link to /run/motd"}},
		},
		{
			name: "directory shall not be there",
			step: func(s *Step) { s.Absent = true },
			is:   func(f *observe.FileInfo) { f.Type = observe.Directory },
			err:  "/etc/motd is a directory, not a file",
		},
		{name: "already removed", step: func(s *Step) { s.Absent = true }, is: func(f *observe.FileInfo) { *f = observe.FileInfo{} }},
		{name: "any content", step: func(s *Step) { s.Content = nil }, is: func(f *observe.FileInfo) { f.SHA256 = "" }},
		{
			name:  "any content, absent",
			step:  func(s *Step) { s.Content = nil },
			is:    func(f *observe.FileInfo) { *f = observe.FileInfo{} },
			edits: []modules.Edit{{Action: modules.Create, Subject: "/etc/motd", To: "0644 root:root"}},
		},
		{
			name: "binary",
			is:   func(f *observe.FileInfo) { f.SHA256, f.Content, f.Size = "00", []byte{0, 1}, 2 },
			edits: []modules.Edit{{
				Action: modules.Update, Subject: "/etc/motd", Field: "content", From: "binary, 2 bytes", To: "6 bytes, sha256 5891b5b522",
			}},
		},
		{
			name:  "binary, absent",
			step:  func(s *Step) { s.Content = []byte{0xff} },
			is:    func(f *observe.FileInfo) { *f = observe.FileInfo{} },
			edits: []modules.Edit{{Action: modules.Create, Subject: "/etc/motd", To: "0644 root:root, binary, 1 bytes, sha256 a8100ae6aa"}},
		},
		{
			name: "too large to be sent",
			is:   func(f *observe.FileInfo) { f.SHA256, f.Content, f.Size = "00", nil, 5<<20 },
			edits: []modules.Edit{{
				Action: modules.Update, Subject: "/etc/motd", Field: "content", From: "5242880 bytes", To: "6 bytes, sha256 5891b5b522",
			}},
		},
		{
			name:  "sensitive",
			step:  func(s *Step) { s.Sensitive = true },
			is:    func(f *observe.FileInfo) { f.SHA256, f.Content = "00", []byte("secret\n") },
			edits: []modules.Edit{{Action: modules.Update, Subject: "/etc/motd", Field: "content", Sensitive: true}},
		},
		{
			name:  "sensitive, absent",
			step:  func(s *Step) { s.Sensitive = true },
			is:    func(f *observe.FileInfo) { *f = observe.FileInfo{} },
			edits: []modules.Edit{{Action: modules.Create, Subject: "/etc/motd", To: "0644 root:root", Sensitive: true}},
		},
		{name: "could not tell", could: errors.New("Input/output error"), err: "look at /etc/motd: Input/output error"},
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
			observe.File.Put(snapshot, step.question(), is, test.could)
			change := moduletest.WantDiff(t, &step, snapshot, test.edits, test.err)
			moduletest.WantWork(t, test.work, change)
			if diff := cmp.Diff(test.notes, change.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
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
	if got, want := moduletest.ErrorText(err), refused+path+" (exit status 3): no good"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if content, _ := os.ReadFile(path); string(content) != "one\n" {
		t.Errorf("content after refusal: %q", content)
	}
}

func TestConvergeMetadata(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f")
	step := &Step{Path: path, Mode: 0o755 | os.ModeSetuid, Owner: me.Uid, Group: me.Gid}
	host := &moduletest.Host{}
	moduletest.Converge(t, host, step)
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	moduletest.Converge(t, host, step)
	if content, _ := os.ReadFile(path); string(content) != "kept" {
		t.Errorf("content %q was not kept", content)
	}
	step.Absent = true
	moduletest.Converge(t, host, step)
}

func TestNew(t *testing.T) {
	t.Parallel()
	text := "x"
	env := modules.Env{
		Sensitive: func(arg string) bool { return arg == "vars" },
		ReadFile:  func(string) ([]byte, error) { return nil, errors.New("no such file") },
		Render: func(_ string, vars cty.Value) (string, error) {
			return "", errors.New("there is no variable port")
		},
	}
	valid := Args{Path: "/etc/motd", Content: &text, Mode: "0640", Owner: "root", Group: "root"}
	tests := []struct {
		name   string
		change func(*Args)
		err    string
	}{
		{name: "valid", change: func(*Args) {}},
		{name: "source", change: func(a *Args) { a.Content, a.Source = nil, "x" }, err: "source: no such file"},
		{name: "template", change: func(a *Args) { a.Content, a.Template = nil, "x" }, err: "template: there is no variable port"},
		{name: "two contents", change: func(a *Args) { a.Template = "x" }, err: "template: there is no variable port\ntemplate: conflicts with content"},
		{name: "vars alone", change: func(a *Args) { a.Vars = cty.EmptyObjectVal }, err: "vars: needs a template"},
		{name: "validate", change: func(a *Args) { a.Validate = []string{"nginx", "-t"} }, err: "validate: must contain %s, the path of the new file"},
		{name: "readable", change: func(a *Args) { a.Mode = "0644" }, err: "mode: is 0644, and the content is sensitive: every user could read it"},
		{
			name:   "several",
			change: func(a *Args) { a.Path, a.Mode, a.Owner = "etc", "rw", "a:b" },
			err:    "path: must be an absolute path, not \"etc\"\nmode: must be an octal mode such as \"0644\", not \"rw\"\nowner: must be a name or a number, not \"a:b\"",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := valid
			test.change(&args)
			step, err := New(args, env)
			if got := moduletest.ErrorText(err); got != test.err {
				t.Errorf("error:\n%s\nwant:\n%s", got, test.err)
			}
			if err == nil && !step.(*Step).Sensitive {
				t.Error("content made from sensitive variables is not hidden")
			}
		})
	}
}
