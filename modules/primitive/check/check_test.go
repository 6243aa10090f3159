package check

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/inspect"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

var plain = modules.Env{Sensitive: func(string) bool { return false }}

// filled returns args with their defaults.
func filled(args Args) Args {
	args.Dir, args.User, args.Interval = "/", "root", "1ms"
	if args.Deadline == "" {
		args.Deadline = "1m"
	}
	return args
}

func build(t *testing.T, args Args) *Step {
	t.Helper()
	step, err := New(filled(args), plain)
	if err != nil {
		t.Fatal(err)
	}
	return step.(*Step)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	args := Args{Argv: []string{"ufw", "status"}, Contains: []string{"active", "443"}, Matches: "(?m)^To"}
	for _, test := range []struct {
		name  string
		is    inspect.Outcome
		isErr error
		from  string // of the edit; empty: nothing to do
		notes []string
		err   string
	}{
		{name: "as wanted", is: inspect.Outcome{Output: "active\nTo\n443\n"}},
		{name: "absent", is: inspect.Outcome{Missing: "ufw"}, from: "there is no ufw", notes: []string{"needs ufw, which an earlier step must provide"}},
		{name: "fails", is: inspect.Outcome{Status: 2, Output: "active\nTo\n443\n"}, from: "exits with 2"},
		{name: "does not contain", is: inspect.Outcome{Output: "active\nTo\n"}, from: `does not print "443"`},
		{name: "does not match", is: inspect.Outcome{Output: "active\n443\n"}, from: `does not print a match for "(?m)^To"`},
		{name: "could not tell", isErr: errors.New("ufw was killed"), err: "ufw status: ufw was killed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step, snapshot := build(t, args), observe.NewSnapshot()
			inspect.Programs.Put(snapshot, step.Program, test.is, test.isErr)
			change, err := step.Diff(snapshot)
			if got := moduletest.ErrorText(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			want := modules.Change{Notes: test.notes}
			if test.from != "" {
				want.Edits = []modules.Edit{{Action: modules.Run, Subject: "wait for ufw status", From: test.from, To: "as wanted"}}
				want.Work = work{Step: step, Seen: test.is}
			}
			moduletest.WantChange(t, want, change)
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	secret := modules.Env{Sensitive: func(arg string) bool { return arg == "shell" }}
	for _, test := range []struct {
		args Args
		env  modules.Env
		want string
	}{
		{Args{Argv: []string{"true"}}, plain, ""},
		{Args{}, plain, "argv: names no program"},
		{Args{Argv: []string{"true"}, Shell: "true"}, plain, "shell: conflicts with argv; give one of them"},
		{Args{Shell: "true", Env: map[string]string{"A B": "x"}}, plain, `env: has "A B", which is not the name of a variable`},
		{Args{Shell: "login hunter2"}, secret, "shell: contains a secret, and everyone on the host can read a command line"},
		{Args{Shell: "true", Contains: []string{""}}, plain, "contains: has an empty text, which everything contains"},
		{Args{Shell: "true", Matches: "("}, plain, "matches: error parsing regexp: missing closing ): `(`"},
		{Args{Shell: "true", Deadline: "soon"}, plain, `deadline: must be a duration such as "500ms" or "1m", not "soon"`},
	} {
		_, err := New(filled(test.args), test.env)
		if got := moduletest.ErrorText(err); got != test.want {
			t.Errorf("%+v:\n got %s\nwant %s", test.args, got, test.want)
		}
	}
}

// TestConverge waits for the third try.
func TestConverge(t *testing.T) {
	t.Parallel()
	tries := filepath.Join(t.TempDir(), "tries")
	step := build(t, Args{Shell: "echo x >>" + tries + "\nwc -l <" + tries, Matches: "^[3-9]"})
	host := &moduletest.Host{}
	change := moduletest.Converge(t, host, step)
	if from := change.Edits[0].From; from != `does not print a match for "^[3-9]"` {
		t.Errorf("reason %q", from)
	}
	if again := moduletest.Diff(t, host, step); !again.Empty() {
		t.Errorf("second run: %+v", again)
	}
}

func TestApplyError(t *testing.T) {
	t.Parallel()
	step := build(t, Args{Shell: "echo one; echo two >&2; false", Deadline: "1ms"})
	err := step.Apply(t.Context(), &moduletest.Host{}, modules.Change{})
	const want = "echo one; echo two >&2; false exits with 1\none\ntwo"
	if got := moduletest.ErrorText(err); got != want {
		t.Errorf("error %q\nwant  %q", got, want)
	}
	var hint *modules.HintError
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint, "as root") {
		t.Errorf("advice %+v", hint)
	}
}

// TestForesee is about plans in which earlier steps change what the program speaks of.
func TestForesee(t *testing.T) {
	t.Parallel()
	step := build(t, Args{Argv: []string{"systemctl", "is-active", "nginx"}})
	restart := func(s *observe.Snapshot) {
		s.Forecast().Unit(observe.UnitInfo{ID: "nginx.service", Active: observe.Active, InvocationID: observe.NewInstance})
	}
	for _, test := range []struct {
		name    string
		status  int
		foresee func(*observe.Snapshot)
		want    string // the condition of the edit; "-": there is none
	}{
		{name: "as wanted, another unit restarts", foresee: func(s *observe.Snapshot) {
			s.Forecast().Unit(observe.UnitInfo{ID: "other.service", InvocationID: observe.NewInstance})
		}, want: "-"},
		{name: "as wanted, its unit restarts", foresee: restart, want: "if nginx.service changes"},
		{name: "fails, another unit restarts", status: 3, foresee: func(s *observe.Snapshot) {
			s.Forecast().Unit(observe.UnitInfo{ID: "other.service", InvocationID: observe.NewInstance})
		}, want: "unless it already succeeds"},
		{name: "fails, its unit restarts", status: 3, foresee: restart, want: "unless nginx.service changes"},
	} {
		snapshot := observe.NewSnapshot()
		inspect.Programs.Put(snapshot, step.Program, inspect.Outcome{Status: test.status}, nil)
		test.foresee(snapshot)
		change, _, err := modules.Preview(step, snapshot)
		got := "-"
		for _, e := range change.Edits {
			got = "if " + e.If
			if e.Unless != "" {
				got = "unless " + e.Unless
			}
		}
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
}
