package line

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	b := desired{line: "b"}
	plain := b.on(&portion.Step{Path: "/etc/x"})
	creating := b.on(&portion.Step{Path: "/etc/x", Create: true, Mode: 0o600, Owner: "root", Group: "adm"})
	absent := desired{line: "b", absent: true}.on(&portion.Step{Path: "/etc/x"})
	secret := b.on(&portion.Step{Path: "/etc/x", Sensitive: true})
	own := b.on(&portion.Step{Path: "/etc/x", Sensitive: true, Secret: true})
	file := func(content string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Regular, Content: []byte(content), Size: int64(len(content))}
	}
	update := modules.Edit{Action: modules.Update, Subject: "/etc/x", Field: "line", Text: &modules.Text{Old: "a\n", New: "a\nb\n"}}
	hidden := update
	hidden.Sensitive = true
	tests := []struct {
		name  string
		step  *portion.Step
		is    observe.FileInfo
		could error
		want  modules.Change
		err   string
	}{
		{name: "converged", step: plain, is: file("b\n")},
		{
			name: "line missing", step: plain, is: file("a\n"),
			want: modules.Change{Edits: []modules.Edit{update}, Work: portion.Work{Action: modules.Update, Path: "/etc/x", Field: "line", Old: "a\n", New: "a\nb\n"}},
		},
		{
			name: "neighbours of a line in a private file", step: plain,
			is:   observe.FileInfo{Type: observe.Regular, Content: []byte("password=x\na\n"), Mode: 0o640},
			want: modules.Change{Edits: []modules.Edit{{Action: modules.Update, Subject: "/etc/x", Field: "line", Text: &modules.Text{New: "b\n"}}}},
		},
		{name: "sensitive", step: secret, is: file("a\n"), want: modules.Change{Edits: []modules.Edit{hidden}}},
		{
			name: "secret in a file that everybody reads", step: own, is: observe.FileInfo{Type: observe.Regular, Content: []byte("b\n"), Mode: 0o644},
			err: "/etc/x has the mode 0644, and the line is sensitive: every user could read it",
		},
		{
			name: "secret in a file that not everybody reads", step: own, is: observe.FileInfo{Type: observe.Regular, Content: []byte("a\n"), Mode: 0o640},
			want: modules.Change{Edits: []modules.Edit{{Action: modules.Update, Subject: "/etc/x", Field: "line", Text: &modules.Text{New: "b\n"}, Sensitive: true}}},
		},
		{
			name: "file missing", step: plain, err: "/etc/x does not exist",
		},
		{
			name: "file missing, create", step: creating,
			want: modules.Change{Edits: []modules.Edit{{
				Action: modules.Create, Subject: "/etc/x", To: "0600 root:adm", Text: &modules.Text{New: "b\n"},
			}}, Work: portion.Work{
				Action: modules.Create, Path: "/etc/x", Field: "line", New: "b\n", Rights: rights.Rights{Mode: 0o600, Owner: "root", Group: "adm"},
			}},
		},
		{name: "mode of an existing file", step: creating, is: file("b\n")},
		{name: "file missing, absent", step: absent},
		{
			name: "removed", step: absent, is: file("a\nb\n"),
			want: modules.Change{Edits: []modules.Edit{{
				Action: modules.Update, Subject: "/etc/x", Field: "line", Text: &modules.Text{Old: "a\nb\n", New: "a\n"},
			}}},
		},
		{name: "directory", step: plain, is: observe.FileInfo{Type: observe.Directory}, err: "/etc/x is a directory, not a file"},
		{name: "link", step: plain, is: observe.FileInfo{Type: observe.Symlink, Target: "y"}, err: "/etc/x is a symbolic link to y, not a file"},
		{name: "binary", step: plain, is: file("\x7fELF\x00"), err: "/etc/x is not a text file: it contains a NUL byte"},
		{
			name: "too large", step: plain, is: observe.FileInfo{Type: observe.Regular, Size: 5 << 20},
			err: "/etc/x has 5242880 bytes, too many to edit (at most 1048576)",
		},
		{name: "could not tell", step: plain, could: errors.New("Input/output error"), err: "look at /etc/x: Input/output error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.File.Put(s, observe.FileQuestion{Path: "/etc/x", Content: true}, test.is, test.could)
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
	valid := Args{Path: "/etc/x", Line: "Port 2222", State: "present", Mode: "0644", Owner: "root", Group: "root"}
	tests := []struct {
		name   string
		change func(*Args)
		err    string
	}{
		{name: "valid", change: func(*Args) {}},
		{name: "valid regexp", change: func(a *Args) { a.Regexp = new("^#?Port ") }},
		{name: "no line", change: func(a *Args) { a.Line = "" }, err: "line: is required"},
		{name: "nothing to remove", change: func(a *Args) { a.Line, a.State = "", "absent" }, err: "line: is required, unless regexp is given"},
		{name: "remove by regexp", change: func(a *Args) { a.Line, a.State, a.Regexp = "", "absent", new("x") }},
		{name: "two lines", change: func(a *Args) { a.Line = "a\nb" }, err: "line: must be one line"},
		{
			name: "regexp that misses the line", change: func(a *Args) { a.Regexp = new("^Port 22$") },
			err: `regexp: doesn't match the line "Port 2222" itself`,
		},
		{name: "not RE2", change: func(a *Args) { a.Regexp = new("(?!x)") }, err: "regexp: error parsing regexp: invalid or unsupported Perl syntax: `(?!`"},
		{name: "empty expression", change: func(a *Args) { a.Regexp = new("") }, err: "regexp: is empty, and an empty expression matches every line"},
		{name: "two places", change: func(a *Args) { a.After, a.Before = new("a"), new("b") }, err: "before: conflicts with after"},
		{name: "no place", change: func(a *Args) { a.After, a.State = new("a"), "absent" }, err: "state: is absent, which conflicts with after and before"},
		{name: "validate", change: func(a *Args) { a.Validate = []string{"true"} }, err: "validate: must contain %s, the path of the new file"},
	}
	for _, test := range tests {
		args := valid
		test.change(&args)
		_, err := New(args, modules.Env{Sensitive: func(string) bool { return false }})
		if moduletest.ErrorText(err) != test.err {
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
	path := filepath.Join(t.TempDir(), "it's a file")
	line := desired{line: "it's a \\ line"}
	step := line.on(&portion.Step{Path: path, Mode: 0o640, Owner: me.Uid, Group: me.Gid})
	host := &moduletest.Host{}
	err = step.Apply(t.Context(), host, modules.NewChange(portion.Work{Path: path, NoFile: true})) // when it has gone since
	if want := path + " does not exist"; moduletest.ErrorText(err) != want {
		t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
	}
	step.Create = true
	moduletest.Converge(t, host, step)

	if err := errors.Join(os.WriteFile(path, []byte("\xff other"), 0o600), os.Chmod(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	moduletest.Converge(t, host, step)
	content, err := os.ReadFile(path)
	if want := "\xff other\nit's a \\ line\n"; err != nil || string(content) != want {
		t.Errorf("content %q, %v; want %q", content, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file's mode was not kept: %v, %v", info.Mode(), err)
	}
	line.absent = true
	line.on(step)
	moduletest.Converge(t, host, step)
}

// TestPending: a file that a pending command may make.
func TestPending(t *testing.T) {
	t.Parallel()
	step := desired{line: "a = 1"}.on(&portion.Step{Path: "/etc/x.conf"})
	s := observe.NewSnapshot()
	observe.File.Put(s, observe.FileQuestion{Path: "/etc/x.conf", Content: true}, observe.FileInfo{}, nil)
	s.Forecast().May(observe.Cause{Name: "a command", Bounded: true})
	change, _, err := modules.Preview(step, s)
	if err != nil || !change.Unsure() || len(change.Edits) != 1 || change.Edits[0].If != "an earlier step creates it" {
		t.Errorf("%+v, %v", change, err)
	}
}
