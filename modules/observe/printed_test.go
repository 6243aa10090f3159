package observe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestPrinted asks real programs, all at once.
func TestPrinted(t *testing.T) {
	t.Parallel()
	program := func(stdin string, argv ...string) *observe.Program {
		return &observe.Program{Argv: argv, Stdin: stdin, Limit: 20 * time.Second}
	}
	tests := []struct {
		program *observe.Program
		want    observe.Text
	}{
		{program("", "printf", `a b\n\n'c"\n\n`), observe.Text{Stdout: "a b\n\n'c\""}},
		{program("it's\n$in\n", "cat"), observe.Text{Stdout: "it's\n$in"}},
		{program("", "cat"), observe.Text{}},
		{program("unread", "true"), observe.Text{}},
		{program("", "sh", "-c", "echo out; echo one >&2; echo two >&2; exit 3"), observe.Text{Failed: "two (exit status 3)"}},
		{program("", "false"), observe.Text{Failed: "false prints no reason (exit status 1)"}},
		{program("", "sh", "-c", "echo warning >&2; echo out"), observe.Text{Stdout: "out"}},
		{&observe.Program{Argv: []string{"sleep", "30"}, Limit: time.Second}, observe.Text{Failed: "sleep was killed, or took longer than 1s"}},
		{program("", "printf", `a\0b`), observe.Text{Failed: "printf prints binary data"}},
		{program("", "head", "-c", "70000", "/dev/zero"), observe.Text{Failed: "head prints more than 64 KiB"}},
		{program("", "sh", "-c", "head -c 65536 /dev/zero | tr '\\0' x"), observe.Text{Stdout: strings.Repeat("x", observe.MaxText)}},
	}
	for _, shell := range []string{"/bin/sh", "/bin/bash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			var q observe.Query
			for _, test := range tests {
				observe.Printed.Ask(&q, test.program)
			}
			snapshot, err := q.Run(t.Context(), &moduletest.Host{Shell: shell})
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range tests {
				got, err := observe.Printed.Get(snapshot, test.program)
				if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
					t.Errorf("%q: %v (-want +got):\n%s", test.program.Argv, err, diff)
				}
			}
			missing := program("", "rcprov-no-such-program")
			var more observe.Query
			more.AskMissing(snapshot, func(q *observe.Query) {
				observe.Printed.Ask(q, tests[0].program)
				observe.Printed.Ask(q, missing)
			})
			second, err := more.Run(t.Context(), &moduletest.Host{Shell: shell})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := observe.Printed.Get(second, missing); err != nil || !strings.HasSuffix(got.Failed, "(exit status 127)") {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := observe.Printed.Get(second, tests[0].program); err == nil {
				t.Error("what is known was asked again")
			}
			snapshot.Add(second)
			if _, err := observe.Printed.Get(snapshot, missing); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPrintedForecast: what a program prints is unknown when a pending change concerns it, and so is one that can't tell yet.
func TestPrintedForecast(t *testing.T) {
	t.Parallel()
	p := &observe.Program{Argv: []string{"cat", "/etc/key"}}
	for _, test := range []struct {
		name, failed string
		foresee      func(*observe.Forecast)
		want         string
	}{
		{"nothing is pending", "", func(*observe.Forecast) {}, ""},
		{"its file changes", "", func(f *observe.Forecast) { f.Make("/etc/key") }, "unknown until /etc/key changes"},
		{"another file changes", "", func(f *observe.Forecast) { f.Make("/etc/other") }, ""},
		{"it can't tell, and something is pending", "no such file", func(f *observe.Forecast) { f.Install("keys") }, "unknown until an earlier step is done"},
	} {
		s := observe.NewSnapshot()
		observe.Printed.Put(s, p, observe.Text{Failed: test.failed}, nil)
		test.foresee(s.Forecast())
		_, err := observe.Printed.Get(s, p)
		if got := moduletest.ErrorText(err); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestAskCommon asks only what two steps ask both.
func TestAskCommon(t *testing.T) {
	t.Parallel()
	ask := func(paths ...string) func(*observe.Query) {
		return func(q *observe.Query) {
			for _, p := range paths {
				observe.File.Ask(q, observe.FileQuestion{Path: p})
			}
		}
	}
	var q observe.Query
	ask("/a")(&q)
	q.AskCommon(ask("/a", "/b", "/c"), ask("/b", "/d"))
	q.AskCommon(ask("/e"), ask())
	snapshot, err := q.Run(t.Context(), &moduletest.Host{})
	if err != nil {
		t.Fatal(err)
	}
	for path, asked := range map[string]bool{"/a": true, "/b": true, "/c": false, "/d": false, "/e": false} {
		if _, err := observe.File.Get(snapshot, observe.FileQuestion{Path: path}); (err == nil) != asked {
			t.Errorf("%s: %v", path, err)
		}
	}
}
