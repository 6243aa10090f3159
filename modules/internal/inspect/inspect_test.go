package inspect

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestPrograms asks real programs, all at once, in each shell.
func TestPrograms(t *testing.T) {
	t.Parallel()
	all := []*Program{
		{Argv: []string{"true"}, Dir: "/"},
		{Argv: []string{"sh", "-c", "echo out; echo err >&2; exit 124"}, Dir: "/"},
		{Argv: []string{"sh", "-c", `[ "$A" = "it's \$b" ]`}, Dir: "/", Env: []string{"A=it's $b"}},
		{Argv: []string{"rcprov-no-such-program", "x"}, Dir: "/"},
		{Argv: []string{"true"}, Dir: "/no/such dir"},
		{Argv: []string{"true"}, Dir: "/", User: "rcprov-nobody"},
		{Argv: []string{"/etc"}, Dir: "/"},
		{Argv: []string{"sh", "-c", "echo one >&2; echo two >&2; exit 127"}, Dir: "/"},
		{Argv: []string{"sh", "-c", "kill -KILL $$"}, Dir: "/"},
		{Argv: []string{"sh", "-c", "echo out; echo err >&2; exit 1"}, Dir: "/", Output: true},
		{Argv: []string{"sh", "-c", "head -c 60000 /dev/zero | tr '\\0' x"}, Dir: "/", Output: true}, // longer than what a pipe takes whole
		{Argv: []string{"sh", "-c", "head -c 60000 /dev/zero | tr '\\0' y"}, Dir: "/", Output: true},
	}
	want := []string{
		"{ 0 }", "{ 124 }", "{ 0 }", "{rcprov-no-such-program 0 }", "{directory /no/such dir 0 }", "{user rcprov-nobody 0 }",
		"could not tell", "could not tell: two (exit status 127)", "could not tell: sh was killed, or took longer than 30 seconds",
		"{ 1 out\nerr}", "{ 0 " + strings.Repeat("x", 60000) + "}", "{ 0 " + strings.Repeat("y", 60000) + "}",
	}
	for _, shell := range []string{"/bin/sh", "/bin/bash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(shell); err != nil {
				t.Skipf("no %s on this machine", shell)
			}
			var q observe.Query
			for _, c := range all {
				Programs.Ask(&q, c)
			}
			start := time.Now()
			snapshot, err := q.Run(t.Context(), &moduletest.Host{Shell: shell})
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range all {
				v, err := Programs.Get(snapshot, c)
				got := fmt.Sprint(v)
				if err != nil {
					got = "could not tell: " + err.Error()
				}
				if !strings.HasPrefix(got, want[i]) {
					t.Errorf("%v: %s, want %s", c.Argv, got, want[i])
				}
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestRun asks about one program.
func TestRun(t *testing.T) {
	t.Parallel()
	p := &Program{Argv: []string{"sh", "-c", "echo $A"}, Dir: "/", Env: []string{"A=b"}, Output: true}
	got, err := Run(t.Context(), &moduletest.Host{}, p)
	if want := (Outcome{Output: "b"}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func FuzzParseOutcomes(f *testing.F) {
	f.Add([]byte("0 0 \n1 126 bm8=\n"))
	f.Add([]byte("1 1 cmNwcm92LWFic2VudCBwcm9ncmFt\n"))
	all := []*Program{{Argv: []string{"a"}}, {Argv: []string{"b"}}}
	f.Fuzz(func(t *testing.T, stdout []byte) {
		for c, a := range parseOutcomes(all, observe.Reply{Stdout: stdout}) {
			if a.Err == nil && a.Value.Status > 124 {
				t.Errorf("%v: %+v", c.Argv, a)
			}
		}
	})
}
