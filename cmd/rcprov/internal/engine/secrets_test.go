package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules"
)

// TestWhatWasASecret: a value that a plan calls a secret is remembered on the host, also if there was nothing to change, so
// that it is not shown by a plan that doesn't know that any more.
func TestWhatWasASecret(t *testing.T) {
	t.Parallel()
	const source = `
host "a" {}
play "p" {
  hosts = [host.a]
  thing "x" {
    name   = "x"
    value  = "VALUE"
    secret = SECRET
    field  = "content"
  }
}
`
	write := func(value string, secret bool) string {
		return strings.NewReplacer("VALUE", value, "SECRET", fmt.Sprint(secret)).Replace(source)
	}
	for _, before := range []string{"", "hunter2"} {
		l := newLab(t, write("hunter2", true))
		l.set("a", "x", before)
		if _, err := l.apply(); err != nil {
			t.Fatal(err)
		}
		if got, want := l.get("a", "secrets"), "\"x\" \"content\"\n"; got != want {
			t.Errorf("with %q before, the host remembers %q, want %q", before, got, want)
		}
		later := newLab(t, write("public", false))
		later.dirs, later.conns = l.dirs, l.conns
		seen := &changes{}
		if _, err := later.run(t.Context(), Options{Mode: Plan, Reporter: seen}); err != nil {
			t.Fatal(err)
		}
		if len(seen.edits) != 1 || !seen.edits[0].Sensitive {
			t.Errorf("the later plan shows %+v", seen.edits)
		}
		asked := later.conns["a"].asked
		if _, err := later.apply(); err != nil {
			t.Fatal(err)
		}
		if got := l.get("a", "secrets"); got != "\"x\" \"content\"\n" || asked != 1 {
			t.Errorf("after it, in %d questions, the host remembers %q", asked, got)
		}
	}
}

// changes collects the edits of a run.
type changes struct{ edits []modules.Edit }

func (c *changes) Report(e Event) {
	if e.Change != nil && e.Type != Doing {
		c.edits = append(c.edits, e.Change.Edits...)
	}
}
