package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exchange is a plan in which two hosts make a key each, and then know that of the other.
const exchange = `
host "a" { vars = { key = "key-of-a" } }
host "b" { vars = { key = "key-of-b" } }
play "keys" {
  hosts = group.all
  thing "key" {
    name  = "key"
    value = self.vars.key
  }
}
play "peers" {
  hosts = group.all
  query "key" { argv = ["sh", "-c", "cat $STATE/key"] }
  thing "first" {
    name  = "first"
    value = "1"
  }
  thing "peers" {
    name  = "peers"
    value = join(",", [for h in group.all : query.key[h.name].stdout if h.name != self.name])
  }
  thing "own" {
    name  = "own"
    value = "${query.key.stdout}, not ${query.key["b"].stdout}"
  }
}
output "key" { value = query.key["b"].stdout }
`

// TestQueries: hosts know each other's answers as of the start of the play, and their own ones. A run that finds nothing to change
// needs no look for that.
func TestQueries(t *testing.T) {
	t.Parallel()
	l := newLab(t, exchange)
	_, err := l.run(t.Context(), Options{Mode: Plan})
	want := []string{
		"a step_planned thing.key", "a step_planned thing.first", "a step_unknown thing.peers", "a step_unknown thing.own",
	}
	if diff := cmp.Diff(want, of("a", l.events)); diff != "" || err != nil {
		t.Errorf("plan: %v; events (-want +got):\n%s", err, diff)
	}
	if _, err := l.apply(); err != nil {
		t.Fatal(err)
	}
	for _, is := range [][3]string{{"a", "peers", "key-of-b"}, {"b", "peers", "key-of-a"}, {"a", "own", "key-of-a, not key-of-b"}} {
		if got := l.get(is[0], is[1]); got != is[2] {
			t.Errorf("%s on %s: %q, want %q", is[1], is[0], got, is[2])
		}
	}
	summary, err := l.apply()
	if err != nil || summary.Counts != (Counts{OK: 8}) {
		t.Errorf("second apply: %+v, %v", summary.Counts, err)
	}
	for name, c := range l.conns {
		if c.asked != 1 {
			t.Errorf("second apply: %s was asked %d times, not once", name, c.asked)
		}
	}

	// A drift of what depends on an answer is shown as such.
	l.set("b", "peers", "nobody")
	_, err = l.run(t.Context(), Options{Mode: Plan})
	if diff := cmp.Diff([]string{"b step_ok thing.key", "b step_ok thing.first", "b step_planned thing.peers", "b step_ok thing.own"}, of("b", l.events)); diff != "" || err != nil {
		t.Errorf("plan after a drift: %v; events (-want +got):\n%s", err, diff)
	}
	if summary, err = l.apply(); err != nil || summary.Counts.Changed != 1 || l.get("b", "peers") != "key-of-a" {
		t.Errorf("after a drift: %+v, %v", summary.Counts, err)
	}
}

// of returns the events of a host.
func of(host string, events []string) []string {
	var all []string
	for _, e := range events {
		if strings.HasPrefix(e, host+" ") {
			all = append(all, e)
		}
	}
	return all
}

// TestQueryAfterChange: an answer is asked for again after a change, by the look that is made in any case.
func TestQueryAfterChange(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "a" {}
play "p" {
  hosts = [host.a]
  thing "key" {
    name  = "key"
    value = "new"
  }
  query "key" { argv = ["sh", "-c", "cat $STATE/key"] }
  thing "each" {
    for_each = split(" ", query.key.stdout)
    name     = "made-${each.key}"
    value    = "1"
  }
  thing "when" {
    when  = query.key.stdout == "old"
    name  = "when"
    value = "1"
  }
  thing "last" {
    name  = "last"
    value = "1"
  }
}
`)
	l.set("a", "key", "old and")
	if _, err := l.apply(); err != nil {
		t.Fatal(err)
	}
	want := []string{"a step_changed thing.key", `a step_changed thing.each["new"]`, "a step_skipped thing.when", "a step_changed thing.last"}
	if diff := cmp.Diff(want, l.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	// What the steps of for_each ask depends on the answer, and needs one more look.
	if summary, err := l.apply(); err != nil || summary.Counts != (Counts{OK: 3, Skipped: 1}) || l.conns["a"].asked != 2 {
		t.Errorf("second apply: %+v, asked %d times, %v", summary.Counts, l.conns["a"].asked, err)
	}
}

// TestQueryFails: a program that fails could not tell. With nothing pending that is an error, of the host that it is about and of those
// that need its answer.
func TestQueryFails(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "a" {}
host "b" {}
play "p" {
  hosts = group.all
  query "key" { argv = ["sh", "-c", "cat $STATE/key"] }
  thing "peer" {
    name  = "peer"
    value = query.key["b"].stdout
  }
}
`)
	l.set("a", "key", "key-of-a")
	for _, mode := range []Mode{Plan, Apply} {
		summary, err := l.run(t.Context(), Options{Mode: mode})
		if err == nil || len(summary.Failures) != 2 {
			t.Fatalf("%s: %v", mode, err)
		}
		for i, want := range []string{`host a: thing.peer: it needs query.key["b"]: could not tell: cat: `, "host b: query.key: could not tell: cat: "} {
			if got := summary.Failures[i].Error(); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s, want %s...", mode, got, want)
			}
		}
	}
	summary, err := l.run(t.Context(), Options{Mode: Plan, Limit: []string{"a"}})
	if want := `host a: thing.peer: it needs query.key["b"]: the run does without the host b`; err == nil || summary.Failures[0].Error() != want {
		t.Errorf("with --limit: %v, want %s", err, want)
	}
}

// TestSelection: a run may be about some steps of a plan; queries are asked for those that need them.
func TestSelection(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "a" {}
play "p" {
  hosts = [host.a]
  query "fails" { argv = ["false"] }
  query "key" { argv = ["echo", "x"] }
  thing "one" {
    name  = "one"
    value = "1"
    tags  = ["a"]
  }
  thing "each" {
    for_each = ["x", "y"]
    name     = each.key
    value    = "1"
    tags     = ["b"]
  }
  thing "late" {
    for_each = [query.key.stdout, "z"]
    name     = "late-${each.key}"
    value    = "1"
    tags     = ["b", "c"]
  }
  thing "fails" {
    name  = "fails"
    value = query.fails.stdout
  }
}
play "q" {
  hosts = [host.a]
  thing "one" {
    name  = "other"
    value = "1"
  }
}
`)
	for _, row := range []struct {
		options Options
		want    string
	}{
		{Options{Only: []Only{{"p", "thing.one"}}}, "thing.one"},
		{Options{Only: []Only{{"p", "thing.each"}, {"q", "thing.one"}}}, `thing.each["x"] thing.each["y"] thing.one`},
		{Options{Only: []Only{{"p", `thing.each["y"]`}}}, `thing.each["y"]`},
		{Options{Only: []Only{{"p", `thing.late["x"]`}}}, `thing.late["x"]`},
		{Options{Tags: []string{"b"}, SkipTags: []string{"c"}}, `thing.each["x"] thing.each["y"]`},
		{Options{Tags: []string{"c"}}, `thing.late["x"] thing.late["z"]`},
		{Options{SkipTags: []string{"b", "c"}, Only: []Only{{"q", "thing"}, {"q", "thing.one"}}}, "thing.one"},
	} {
		row.options.Mode = Plan
		_, err := l.run(t.Context(), row.options)
		var got []string
		for _, e := range l.events {
			if fields := strings.Fields(e); fields[1] == "step_planned" {
				got = append(got, fields[2])
			}
		}
		if strings.Join(got, " ") != row.want || err != nil {
			t.Errorf("%+v: %q, want %s; %v", row.options, got, row.want, err)
		}
	}
}

// TestSlowHost: the hosts of a play don't wait for one that takes long to connect, where none needs an answer of another.
func TestSlowHost(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "a" {}
host "slow" {}
play "p" {
  hosts = group.all
  query "key" { argv = ["echo", "1"] }
  thing "x" {
    name  = "x"
    value = query.key.stdout
  }
}
`)
	slow := make(chan struct{})
	l.waits = map[string]chan struct{}{"slow": slow}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := l.run(ctx, Options{Mode: Apply, Reporter: reporterFunc(func(e Event) {
		if e.Host == "a" && e.Type == StepChanged {
			close(slow)
		}
	})})
	if err != nil {
		t.Error(err)
	}
}

// TestWrongAnswer: a step that is a mistake by an answer which no earlier step may change is refused before anything is changed; where
// one may, it has its turn.
func TestWrongAnswer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ argv, first string }{
		{`["echo", "many"]`, ""},
		{`["sh", "-c", "if test -e $STATE/first; then echo 1; else echo many; fi"]`, "1"},
	} {
		l := newLab(t, `
host "a" {}
play "p" {
  hosts = [host.a]
  thing "first" {
    name  = "first"
    value = "1"
    opaque = `+fmt.Sprint(row.first != "")+`
  }
  query "port" { argv = `+row.argv+` }
  thing "port" {
    name    = "port-${query.port.stdout + 1}"
    value   = "1"
  }
}
`)
		summary, err := l.apply()
		if got := l.get("a", "first"); got != row.first || (err != nil) != (row.first == "") {
			t.Errorf("%s: first is %q, want %q; %+v, %v", row.argv, got, row.first, summary.Counts, err)
		}
	}
}

// TestWrongInput: an answer that an input of an include can't take is refused before anything is changed, at the include.
func TestWrongInput(t *testing.T) {
	t.Parallel()
	library := t.TempDir()
	if err := os.WriteFile(filepath.Join(library, "main.hcl"), []byte(`
variable "port" {
  type = number
  validation {
    condition     = var.port > 1023
    error_message = "Ports begin at 1024."
  }
}
thing "port" {
  name  = "port"
  value = tostring(var.port)
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for answer, want := range map[string]string{"80": "the value of port is not valid", "many": "port must be a number", "8080": ""} {
		l := newLab(t, fmt.Sprintf(`
host "a" {}
play "p" {
  hosts = [host.a]
  thing "first" {
    name  = "first"
    value = "1"
  }
  query "port" { argv = ["echo", %q] }
  include "app" {
    source = %q
    port   = query.port.stdout
  }
}
`, answer, library))
		if _, err := l.run(t.Context(), Options{Mode: Plan}); (err != nil) != (want != "") {
			t.Errorf("%s: plan: %v", answer, err)
		}
		_, err := l.apply()
		if want == "" {
			if err != nil || l.get("a", "port") != answer {
				t.Errorf("%s: port is %q, %v", answer, l.get("a", "port"), err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || l.get("a", "first") != "" {
			t.Errorf("%s: first is %q; error %v, want %q", answer, l.get("a", "first"), err, want)
		}
	}
}
