package engine

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

type readerArgs struct {
	Path string `hcl:"path"`
	If   string `hcl:"if,optional"` // the condition of what it foresees
}

// reader has something to do when the file that it reads is foreseen to change.
type reader struct{ readerArgs }

func (*reader) Observe(*observe.Query) {}

func (r *reader) Diff(s *observe.Snapshot) (c modules.Change, err error) {
	if _, changes := s.FutureFile(r.Path); changes {
		c.Edits = []modules.Edit{{Action: modules.Run, Subject: "reader", If: r.If}}
	}
	return c, nil
}

func (*reader) Apply(context.Context, modules.Host, modules.Change) error { return nil }

// TestForesee has steps that depend on what earlier ones of a plan are going to do: of the same play or of one before, but
// not on what later ones are, nor on other hosts. In apply nothing is foreseen.
func TestForesee(t *testing.T) {
	t.Parallel()
	module := modules.Primitive("reader", "", func(a readerArgs, _ modules.Env) (modules.Step, error) { return &reader{a}, nil })
	l := newLab(t, `
host "a" {}
host "b" {}
play "p" {
  hosts = [host.a]
  reader "early" { path = "/x" }
  thing "x" {
    name  = "/x"
    value = "1"
  }
  reader "late" { path = "/x" }
  reader "other" { path = "/y" }
}
play "q" {
  hosts = [host.a]
  reader "next" {
    path = "/x"
    if   = "it must"
  }
}
play "r" {
  hosts = [host.b]
  reader "elsewhere" { path = "/x" }
}
`, module)
	summary, err := l.run(t.Context(), Options{Mode: Plan})
	want := []string{
		"a step_ok reader.early", "a step_planned thing.x", "a step_planned reader.late", "a step_ok reader.other",
		"a step_unknown reader.next", "b step_ok reader.elsewhere",
	}
	if diff := cmp.Diff(want, l.events); diff != "" || err != nil {
		t.Errorf("%v; events (-want +got):\n%s", err, diff)
	}
	if got, want := summary.Counts, (Counts{OK: 3, Planned: 2, Unknown: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if summary, err = l.apply(); err != nil || summary.Counts.Changed != 1 || summary.Counts.OK != 5 {
		t.Errorf("apply: %+v, %v", summary, err)
	}
}
