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
	Sure bool   `hcl:"sure,optional"`
}

// reader has something to do when the file that it reads is foreseen to change; perhaps, unless it is sure.
type reader struct{ readerArgs }

// read answers whether a file changes.
var read = &observe.Kind[readerArgs, bool]{
	Name:   "read",
	Script: func([]readerArgs) string { return "true" },
	Parse: func(all []readerArgs, _ observe.Reply) map[readerArgs]observe.Answer[bool] {
		answers := make(map[readerArgs]observe.Answer[bool])
		for _, a := range all {
			answers[a] = observe.Answer[bool]{}
		}
		return answers
	},
	Future: func(f *observe.Forecast, a readerArgs, seen bool) observe.Outlook[bool] {
		o := observe.Outlook[bool]{Answer: observe.Answer[bool]{Value: seen || a.Sure && f.Changes(a.Path)}}
		if !a.Sure && f.Changes(a.Path) {
			o.Or = append(o.Or, observe.Alternative[bool]{Answer: observe.Answer[bool]{Value: true}, If: "it must"})
		}
		return o
	},
}

func (r *reader) Observe(q *observe.Query) { read.Ask(q, r.readerArgs) }

func (r *reader) Diff(s *observe.Snapshot) (c modules.Change, err error) {
	changes, err := read.Get(s, r.readerArgs)
	if changes {
		c.Edits = []modules.Edit{{Action: modules.Run, Subject: "reader"}}
	}
	return c, err
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
  reader "early" {
    path = "/x"
    sure = true
  }
  thing "x" {
    name  = "/x"
    value = "1"
  }
  reader "late" {
    path = "/x"
    sure = true
  }
  reader "other" { path = "/y" }
}
play "q" {
  hosts = [host.a]
  reader "next" { path = "/x" }
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
