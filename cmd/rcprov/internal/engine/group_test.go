package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

type scriptArgs struct {
	Name  string `hcl:"name"`           // a path
	Reads string `hcl:"reads,optional"` // a path: more is to do if an earlier step of the plan changes it
	Fail  string `hcl:"fail,optional"`  // "script": it fails half way; "other": it makes something else; "none": there is none
	Probe bool   `hcl:"probe,optional"` // it also asks a probe
}

// script is a thing whose change is a script.
type script struct{ scriptArgs }

var _ modules.Scripted = (*script)(nil)

// answering is a probe.
var answering = &observe.Probe[string, int]{
	Name: "answering",
	Run:  func(context.Context, observe.Dial, string) (int, error) { return 1, nil },
}

func (s *script) Observe(q *observe.Query) {
	value.Ask(q, s.Name)
	if s.Probe {
		answering.Ask(q, s.Name)
	}
	if s.Reads != "" {
		read.Ask(q, readerArgs{Path: s.Reads, Sure: true})
	}
}

func (s *script) Diff(snapshot *observe.Snapshot) (c modules.Change, err error) {
	is, err := value.Get(snapshot, s.Name)
	if err != nil {
		return c, err
	}
	if is != "1" {
		c.Edits = append(c.Edits, modules.Edit{Action: modules.Update, Subject: s.Name, Field: "value", From: is, To: "1"})
	}
	if s.Reads == "" {
		return c, nil
	}
	changes, err := read.Get(snapshot, readerArgs{Path: s.Reads, Sure: true})
	if changes {
		c.Edits = append(c.Edits, modules.Edit{Action: modules.Run, Subject: "reader"})
	}
	return c, err
}

func (s *script) Script(modules.Change) (modules.Script, bool) {
	set := "1"
	if s.Fail == "other" {
		set = "2"
	}
	text := fmt.Sprintf("printf %s >\"$STATE/%s\"\n", set, s.Name)
	if s.Fail == "script" {
		text = fmt.Sprintf("cat >\"$STATE/%s\"\necho output\necho 'the disk is full' >&2\nexit 3\n", s.Name)
	}
	return modules.Script{
		Command: modules.Command{Script: text, Stdin: []byte("half")},
		Explain: func(err error) error {
			var failed *modules.CommandError
			if !errors.As(err, &failed) {
				return err
			}
			return fmt.Errorf("explained: %q, %q, %d", failed.Result.Stdout, failed.Result.Stderr, failed.Result.Status)
		},
	}, s.Fail != "none"
}

func (s *script) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	made, _ := s.Script(c)
	return made.Run(ctx, h)
}

// newScripts is a lab whose host a has a play of steps a, b, c... with some arguments each.
func newScripts(t *testing.T, arguments ...string) *lab {
	t.Helper()
	source := "host \"a\" {}\nplay \"p\" {\n  hosts = [host.a]\n"
	for i, more := range arguments {
		name := string(rune('a'+i%26)) + strings.Repeat("z", i/26)
		source += fmt.Sprintf("  script %q {\n    name = %q\n%s\n  }\n", name, "/"+name, more)
	}
	module := modules.Primitive("script", "", func(a scriptArgs, _ modules.Env) (modules.Step, error) { return &script{a}, nil })
	l := newLab(t, source+"}\n", module)
	l.conns["a"].ran = 0
	return l
}

// TestGroup: the changes of steps that don't depend on each other take one command, which also verifies them.
func TestGroup(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		arguments []string
		ran       int
		asked     int // beside the two questions before the first change
	}{
		{name: "one", arguments: []string{""}, ran: 1},
		{name: "all", arguments: make([]string, 5), ran: 1},
		{name: "more than a group has", arguments: make([]string, maxGroup+3), ran: 2},
		{name: "the third depends on the first", arguments: []string{"", "", `reads = "/a"`, ""}, ran: 2},
		{name: "the third has none", arguments: []string{"", "", `fail = "none"`, ""}, ran: 3, asked: 1},
		{name: "the second has retries", arguments: []string{"", "retries = 2", ""}, ran: 3, asked: 1},
		{name: "the second has a timeout", arguments: []string{"", `timeout = "1m"`, ""}, ran: 3, asked: 1},
		{name: "the second has a probe", arguments: []string{"", "probe = true", ""}, ran: 1, asked: 1},
		{name: "the third is skipped", arguments: []string{"", "", "when = false", ""}, ran: 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newScripts(t, test.arguments...)
			summary, err := l.apply()
			if err != nil || summary.Counts.Changed+summary.Counts.Skipped != len(test.arguments) {
				t.Fatalf("%+v, %v", summary, err)
			}
			a := l.conns["a"]
			if a.ran != test.ran || a.asked != test.asked+2 {
				t.Errorf("%d commands and %d questions, want %d and %d", a.ran, a.asked, test.ran, test.asked+2)
			}
			if got := l.written("a", "script.b"); len(test.arguments) > 1 && got != "begun changed" {
				t.Errorf("journal %q", got)
			}
			if summary, err = l.apply(); err != nil || summary.Counts.Changed != 0 || a.ran != test.ran {
				t.Errorf("a second apply: %+v, %v", summary, err)
			}
		})
	}
}

// TestGroupFails: one step of a group fails, and those after it are not tried.
func TestGroupFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fail, err string
		changed   int // besides a and b
		left      int
		d         string // what the last step has made
	}{
		{fail: "script", err: `host a: script.c: explained: "output\n", "the disk is full\n", 3`, left: 1},
		{fail: "other", err: `host a: script.c: did not converge: applied, and still differs in /c value (is "2", wanted "1")`, changed: 1, d: "1"},
	}
	for _, test := range tests {
		t.Run(test.fail, func(t *testing.T) {
			t.Parallel()
			l := newScripts(t, "", "", fmt.Sprintf("fail = %q", test.fail), "")
			summary, err := l.apply()
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Fatalf("error %v, want %s", err, test.err)
			}
			f := summary.Failures[0]
			if want := (Counts{Changed: 2 + test.changed, Failed: 1, Left: test.left}); summary.Counts != want || f.Left != test.left {
				t.Errorf("counts %+v, want %+v; %d left", summary.Counts, want, f.Left)
			}
			if f.Aftermath != Partly {
				t.Errorf("it left %q", f.Aftermath)
			}
			if got := l.get("a", "d"); got != test.d {
				t.Errorf("d is %q", got)
			}
			for step, want := range map[string]string{"script.a": "begun changed", "script.c": "begun failed"} {
				if got := l.written("a", step); got != want {
					t.Errorf("journal of %s: %q, want %q", step, got, want)
				}
			}
		})
	}
}

// TestConnectionLostInGroup: the connection breaks when the group is made, or half of it. What was made is not made again.
func TestConnectionLostInGroup(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{true, false} {
		t.Run(fmt.Sprintf("made %t", made), func(t *testing.T) {
			t.Parallel()
			arguments, want := make([]string, 4), 1
			if !made {
				arguments[2], want = `fail = "script"`, 2
			}
			l := newScripts(t, arguments...)
			a := l.conns["a"]
			a.cutRun = 1
			if !made {
				a.login = func() error { // what failed succeeds now
					l.set("a", "c", "1")
					return nil
				}
			}
			summary, err := l.apply()
			if err != nil || summary.Counts != (Counts{Changed: 4}) || a.ran != want {
				t.Fatalf("%+v, %v, %d commands", summary, err, a.ran)
			}
			if got := l.written("a", "script.a"); got != "begun changed" {
				t.Errorf("journal %q", got)
			}
		})
	}
	t.Run("again and again", func(t *testing.T) {
		t.Parallel()
		l := newScripts(t, `fail = "script"`, "")
		l.conns["a"].cutRun = 1
		summary, err := l.apply() // the second try is not cut, and fails
		if err == nil || summary.Counts != (Counts{Failed: 1, Left: 1}) {
			t.Errorf("%+v, %v", summary, err)
		}
	})
}

// TestTripWithoutAnswer: an answer that is cut off, or none, is asked for again.
func TestTripWithoutAnswer(t *testing.T) {
	t.Parallel()
	made := modules.Script{Command: modules.Command{Script: "true"}}
	for _, test := range []struct {
		name           string
		stdout, stderr string
		known, answer  bool
	}{
		{"whole", "\nM 0 0\n\nM 1 0\n\nM look 0\nanswer\nM end 0\n", "\nM 0 0\n\nM 1 0\n\nM look 0\n\nM end 0\n", true, true},
		{"without the beginning", " 0\n\nM look 0\nanswer\nM end 0\n", "\nM 0 0\n\nM 1 0\n\nM look 0\n\nM end 0\n", true, true},
		{"without the end", "\nM 0 0\n\nM 1 0\n\nM look 0\nans", "\nM 0 0\n\nM 1 0\n\nM look 0\n", true, false},
		{"one failed", "\nM 0 3\n\nM look 0\nanswer\nM end 0\n", "\nM 0 3\n\nM look 0\n\nM end 0\n", true, true},
		{"cut off among the changes", "\nM 0 0\n", "\nM 0 0\n", false, false},
		{"nothing", "", "", false, false},
	} {
		trip := newTrip(nil, nil, []modules.Script{made, made})
		trip.mark = "M"
		stdout, _, err := trip.read(modules.Result{Stdout: []byte(test.stdout), Stderr: []byte(test.stderr)})
		if trip.known != test.known || (err == nil) != test.answer || test.answer && cmp.Diff("answer", string(stdout)) != "" {
			t.Errorf("%s: known %t, %q, %v", test.name, trip.known, stdout, err)
		}
	}
}

// TestTripIsOneCommand: what a step prints, or reads, is its own, and the scripts leave nothing to each other.
func TestTripIsOneCommand(t *testing.T) {
	t.Parallel()
	l := newScripts(t)
	trip := newTrip(&l.conns["a"].Host, l.conns["a"], []modules.Script{
		{Command: modules.Command{Script: "x=1; export x; cd /tmp; umask 000; echo one; echo eins >&2"}},
		{Command: modules.Command{Script: "cat; echo \"${x-unset} $PWD\"", Stdin: []byte(strings.Repeat("it's\n", 30_000) + "end")}},
		{Command: modules.Command{Argv: []string{"sh", "-c", "exit 7"}}},
		{Command: modules.Command{Script: "echo never >\"$STATE/never\""}},
	})
	stdout, stderr, err := trip.Ask(t.Context(), "cat; echo looked; echo why >&2\n# "+shell.Quote("it's"))
	if err != nil || string(stdout) != "looked\n" || string(stderr) != "why\n" {
		t.Errorf("%q, %q, %v", stdout, stderr, err)
	}
	if len(trip.ended) != 3 || trip.ended[2].Status != 7 || trip.failure(1) != nil || trip.failure(2) == nil || trip.failure(3) != nil {
		t.Fatalf("%+v", trip.ended)
	}
	if r := trip.ended[0]; string(r.Stdout) != "one\n" || string(r.Stderr) != "eins\n" {
		t.Errorf("the first printed %q, %q", r.Stdout, r.Stderr)
	}
	if r := trip.ended[1]; string(r.Stdout) != strings.Repeat("it's\n", 30_000)+"endunset /\n" {
		t.Errorf("the second printed %d bytes, to the end %q", len(r.Stdout), r.Stdout[max(0, len(r.Stdout)-100):])
	}
	if l.get("a", "never") != "" {
		t.Error("what comes after a failure was tried")
	}
}
