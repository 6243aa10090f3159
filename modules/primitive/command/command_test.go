package command

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/inspect"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

var plain = modules.Env{Sensitive: func(string) bool { return false }}

// build makes the step of args with their defaults.
func build(t testing.TB, args Args) *Step {
	t.Helper()
	args.Dir, args.User = "/", "root"
	step, err := New(args, plain)
	if err != nil {
		t.Fatal(err)
	}
	return step.(*Step)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	all := Args{
		Argv: []string{"make", "it so"}, Creates: "/there", Removes: "/gone",
		Unless: []string{"is-made"}, ChangedWhen: []string{"is-old"},
	}
	tests := []struct {
		name           string
		args           Args
		there, gone    observe.FileType
		unless, change inspect.Outcome
		unlessErr      error
		from           string // of the edit; empty: nothing to do
		reasons        []reason
		notes          []string
		err            string
	}{
		{name: "converged", args: all, there: observe.Regular, change: inspect.Outcome{Status: 1}},
		{
			name: "creates", args: all, change: inspect.Outcome{Status: 1}, from: "/there does not exist",
			reasons: []reason{{Arg: "creates", Path: "/there"}},
		},
		{
			name: "removes", args: all, there: observe.Directory, gone: observe.Regular, change: inspect.Outcome{Status: 1}, from: "/gone exists",
			reasons: []reason{{Arg: "removes", Path: "/gone"}},
		},
		{name: "unless", args: all, there: observe.Regular, unless: inspect.Outcome{Status: 3}, change: inspect.Outcome{Status: 1}, from: "`unless` exits with 3"},
		{name: "changed_when", args: all, there: observe.Regular, from: "`changed_when` exits with 0"},
		{
			name: "several", args: all, unless: inspect.Outcome{Status: 1}, change: inspect.Outcome{Status: 1},
			from:    "/there does not exist, `unless` exits with 1",
			reasons: []reason{{Arg: "creates", Path: "/there"}, {Arg: "unless", Outcome: inspect.Outcome{Status: 1}}},
		},
		{
			name: "program is not there yet", args: all, there: observe.Regular, unless: inspect.Outcome{Missing: "is-made"}, change: inspect.Outcome{Status: 1},
			from: "`unless` needs is-made, which is not there", notes: []string{"unless needs is-made, which is not on the host"},
			reasons: []reason{{Arg: "unless", Outcome: inspect.Outcome{Missing: "is-made"}}},
		},
		{
			name: "could not tell", args: all, there: observe.Regular, unlessErr: errors.New("is-made: cannot open database (exit status 126)"),
			err: "unless could not tell whether there is something to do: is-made: cannot open database (exit status 126)",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step := build(t, test.args)
			snapshot := observe.NewSnapshot()
			observe.File.Put(snapshot, observe.FileQuestion{Path: "/there"}, observe.FileInfo{Type: test.there}, nil)
			observe.File.Put(snapshot, observe.FileQuestion{Path: "/gone"}, observe.FileInfo{Type: test.gone}, nil)
			inspect.Programs.Put(snapshot, step.Unless, test.unless, test.unlessErr)
			inspect.Programs.Put(snapshot, step.ChangedWhen, test.change, nil)
			change, err := step.Diff(snapshot)
			if got := moduletest.ErrorText(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			want := modules.Change{Notes: test.notes}
			if test.from != "" {
				want.Edits = []modules.Edit{{Action: modules.Run, Subject: "make 'it so'", From: test.from}}
			}
			if test.reasons != nil {
				want.Work = work{Name: step.Name, Reasons: test.reasons}
			}
			moduletest.WantChange(t, want, change)
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	secret := modules.Env{Sensitive: func(arg string) bool { return arg == "argv" }}
	const ok = "/x"
	for _, test := range []struct {
		args Args
		env  modules.Env
		want string
	}{
		{Args{Argv: []string{"true"}, Creates: ok}, plain, ""},
		{Args{Creates: ok}, plain, "argv: names no program"},
		{Args{Argv: []string{"true"}}, plain, "argv: would run each time: nothing says when there is nothing to do"},
		{Args{Argv: []string{"true"}, Shell: "true", Creates: ok}, plain, "shell: conflicts with argv; give one of them"},
		{Args{Shell: "true", Creates: ok, Changes: []string{"/opt/app", "app.service", "app@1.timer"}}, plain, ""},
		{Args{Shell: "true", Creates: ok, Changes: []string{"app"}}, plain, `changes: has "app", which is neither an absolute path nor a unit`},
		{Args{Shell: "true", Creates: "x"}, plain, `creates: must be an absolute path, not "x"`},
		{Args{Shell: "true", Creates: ok, Env: map[string]string{"A B": "x"}}, plain, `env: has "A B", which is not the name of a variable`},
		{Args{Argv: []string{"login", "hunter2"}, Creates: ok}, secret, "argv: contains a secret, and everyone on the host can read a command line"},
	} {
		test.args.Dir, test.args.User = "/", "root"
		_, err := New(test.args, test.env)
		if got := moduletest.ErrorText(err); got != test.want {
			t.Errorf("%+v:\n got %s\nwant %s", test.args, got, test.want)
		}
	}
}

// TestLive: the output is shown while the program runs, unless it may have a secret.
func TestLive(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]bool{"": true, "env": false, "stdin": false} {
		env := modules.Env{Sensitive: func(arg string) bool { return arg == secret }}
		step, err := New(Args{Argv: []string{"true"}, Creates: "/x", Dir: "/", User: "root"}, env)
		if err != nil || step.(*Step).Command.Live != want {
			t.Errorf("secret %q: %+v, %v", secret, step, err)
		}
	}
}

func TestConverge(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"/bin/sh", "/bin/bash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(shell); err != nil {
				t.Skipf("no %s on this machine", shell)
			}
			path := filepath.Join(t.TempDir(), "it's made")
			host := &moduletest.Host{Shell: shell}
			step := build(t, Args{
				Shell: `printf %s "$WORD" >"$FILE"`, Unless: []string{"grep", "-q", "it's a word", path},
				Env: map[string]string{"WORD": "it's a word", "FILE": path},
			})
			change := moduletest.Converge(t, host, step)
			if from := change.Edits[0].From; from != "`unless` exits with 2" {
				t.Errorf("reason %q", from)
			}
			if again := moduletest.Diff(t, host, step); !again.Empty() {
				t.Errorf("second run: %+v", again)
			}
		})
	}
}

func TestApplyError(t *testing.T) {
	t.Parallel()
	step := build(t, Args{Shell: "for i in 1 2 3; do echo line $i >&2; done; false; echo not reached", Creates: "/x"})
	err := step.Apply(t.Context(), &moduletest.Host{}, modules.Change{})
	const want = "line 3 (exit status 1)\nline 1\nline 2\nline 3"
	if got := moduletest.ErrorText(err); got != want {
		t.Errorf("error %q\nwant  %q", got, want)
	}
}
