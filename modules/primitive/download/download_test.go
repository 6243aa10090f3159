package download

import (
	"errors"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	sumA, sumB := strings.Repeat("a", 64), strings.Repeat("b", 64)
	step := &Step{Path: "/usr/local/bin/x", URL: "https://example.com/x", SHA256: sumA, Mode: 0o755, Owner: "root", Group: "0"}
	asWanted := observe.FileInfo{Type: observe.Regular, Mode: 0o755, Owner: "root", Group: "root", SHA256: sumA}
	tests := []struct {
		name  string
		is    func(*observe.FileInfo)
		could error
		edits []modules.Edit
		work  modules.Work
		err   string
	}{
		{name: "converged"},
		{
			name: "absent", is: func(f *observe.FileInfo) { *f = observe.FileInfo{} },
			edits: []modules.Edit{{Action: modules.Create, Subject: step.Path, To: "from https://example.com/x"}},
			work:  work{Action: modules.Create, Path: step.Path, URL: step.URL, SHA256: sumA},
		},
		{
			name: "content", is: func(f *observe.FileInfo) { f.SHA256 = sumB },
			edits: []modules.Edit{{Action: modules.Update, Subject: step.Path, Field: "sha256", From: sumB, To: sumA}},
			work:  work{Action: modules.Update, Path: step.Path, URL: step.URL, Seen: sumB, SHA256: sumA},
		},
		{
			name: "mode, owner and group", is: func(f *observe.FileInfo) {
				f.Mode, f.Owner, f.UID, f.Group, f.GID = 0o644, "alice", 1000, "alice", 1000
			},
			edits: []modules.Edit{
				{Action: modules.Update, Subject: step.Path, Field: "mode", From: "0644", To: "0755"},
				{Action: modules.Update, Subject: step.Path, Field: "owner", From: "alice", To: "root"},
				{Action: modules.Update, Subject: step.Path, Field: "group", From: "alice", To: "0"},
			},
			work: work{Action: modules.Update, Path: step.Path, URL: step.URL, Seen: sumA, SHA256: sumA, Drift: rights.Drift{
				Path: step.Path, Seen: rights.Rights{Mode: 0o644, Owner: "alice", Group: "alice"}, Want: step.rights(),
				Mode: true, Owner: true, Group: true,
			}},
		},
		{name: "directory", is: func(f *observe.FileInfo) { f.Type = observe.Directory }, err: "/usr/local/bin/x is a directory, not a file"},
		{name: "link", is: func(f *observe.FileInfo) { f.Type = observe.Symlink }, err: "/usr/local/bin/x is a symbolic link, not a file"},
		{name: "could not tell", could: errors.New("Input/output error"), err: "look at /usr/local/bin/x: Input/output error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			is := asWanted
			if test.is != nil {
				test.is(&is)
			}
			s := observe.NewSnapshot()
			observe.File.Put(s, step.question(), is, test.could)
			moduletest.WantWork(t, test.work, moduletest.WantDiff(t, step, s, test.edits, test.err))
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	valid := Args{Path: "/srv/x", URL: "https://example.com/x", SHA256: strings.Repeat("a", 64), Mode: "0644", Owner: "root", Group: "root"}
	if _, err := New(valid, modules.Env{}); err != nil {
		t.Error(err)
	}
	wrong := Args{Path: "x", URL: "x", SHA256: "x", Mode: "x", Owner: "", Group: "root"}
	const want = `path: must be an absolute path, not "x"
mode: must be an octal mode such as "0644", not "x"
owner: must be a name or a number, not ""
url: must be an address that begins with https:// or http://, not "x"
sha256: must be a SHA-256, 64 hexadecimal digits, not "x"`
	if _, err := New(wrong, modules.Env{}); moduletest.ErrorText(err) != want {
		t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
	}
}

// TestNeeds: what an earlier step must bring is a certain error where none does, and the change is there all the same, since the
// download may start before.
func TestNeeds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		dir   observe.FileType
		user  bool
		vague bool
		want  string
	}{
		{name: "all there", dir: observe.Directory, user: true},
		{name: "no directory", dir: observe.Absent, user: true, want: "the directory /srv/app does not exist"},
		{name: "no user", dir: observe.Directory, want: `there is no user "app" on the host`},
		{name: "a program may make them", dir: observe.Absent, vague: true},
	} {
		step := &Step{Path: "/srv/app/x", URL: "https://example.com/x", SHA256: strings.Repeat("a", 64), Owner: "app", Group: "0"}
		s := observe.NewSnapshot()
		observe.File.Put(s, observe.FileQuestion{Path: "/srv"}, observe.FileInfo{Type: observe.Directory}, nil)
		observe.File.Put(s, observe.FileQuestion{Path: "/srv/app"}, observe.FileInfo{Type: test.dir}, nil)
		observe.File.Put(s, step.question(), observe.FileInfo{}, nil)
		observe.User.Put(s, "app", observe.UserInfo{Exists: test.user}, nil)
		if test.vague {
			s.Forecast().May(observe.Cause{Name: "a command"})
		}
		change, err := step.Diff(s)
		if moduletest.ErrorText(err) != test.want || len(change.Edits) != 1 {
			t.Errorf("%s: %v, error %v, want %q", test.name, change.Edits, err, test.want)
		}
	}
}
