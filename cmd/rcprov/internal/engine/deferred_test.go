package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// A conf is a file that the service reads: a thing that has nothing to do with whether it was read.
type conf struct{ thing }

func (*conf) Toward(string) modules.Standing { return modules.IgnoresEffect }

// late is a thing whose change needs what the service has read.
type late struct{ thing }

func (*late) Toward(string) modules.Standing { return modules.ChangesAfter }

// stale answers whether a file changed since the service read it.
var stale = &observe.Kind[string, bool]{
	Name: "stale",
	Script: func(paths []string) string {
		return "for p in " + shell.QuoteAll(paths) + "; do cmp -s \"$STATE$p\" \"$STATE$p.read\" || echo \"$p\"; done"
	},
	Parse: func(paths []string, reply observe.Reply) map[string]observe.Answer[bool] {
		answers := map[string]observe.Answer[bool]{}
		for _, p := range paths {
			answers[p] = observe.Answer[bool]{Value: slices.Contains(reply.Lines(), p)}
		}
		return answers
	},
	Future: func(f *observe.Forecast, p string, seen bool) observe.Outlook[bool] {
		return observe.Outlook[bool]{Answer: observe.Answer[bool]{Value: seen && !f.Changes("/all.read") || f.Changes(p) && !f.Changes(p+".read")}}
	},
}

// replaced answers whether the service's program was replaced: not yet.
var replaced = &observe.Kind[struct{}, bool]{
	Name:   "replaced",
	Script: func([]struct{}) string { return "true" },
	Parse: func([]struct{}, observe.Reply) map[struct{}]observe.Answer[bool] {
		return map[struct{}]observe.Answer[bool]{{}: {}}
	},
	Future: func(f *observe.Forecast, _ struct{}, seen bool) observe.Outlook[bool] {
		o := observe.Outlook[bool]{Answer: observe.Answer[bool]{Value: seen}}
		if f.Changes("/program") && !f.Changes("/all.read") {
			o.Or = append(o.Or, observe.Alternative[bool]{Answer: observe.Answer[bool]{Value: true}, If: "it is another one"})
		}
		return o
	},
}

type readsArgs struct {
	Path string `hcl:"path"`
	Fail string `hcl:"fail,optional"`
}

// reads has the service read a file again.
type reads struct {
	readsArgs
	with []*reads
}

func (r *reads) all() []*reads { return append(slices.Clone(r.with), r) }

func (r *reads) Observe(q *observe.Query) {
	replaced.Ask(q, struct{}{})
	for _, r := range r.all() {
		stale.Ask(q, r.Path)
	}
}

func (r *reads) Diff(s *observe.Snapshot) (c modules.Change, err error) {
	var why []string
	for _, r := range r.all() {
		differs, err := stale.Get(s, r.Path)
		if err != nil {
			return c, err
		}
		if differs {
			why = append(why, r.Path)
		}
	}
	if another, err := replaced.Get(s, struct{}{}); another || err != nil {
		c.Edits = []modules.Edit{{Action: modules.Run, Subject: "service", Field: "restart"}}
		return c, err
	}
	if why != nil {
		c.Edits = []modules.Edit{{Action: modules.Run, Subject: "service", Field: "reload", To: strings.Join(why, " ")}}
	}
	return c, nil
}

func (r *reads) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	script := fmt.Sprintf("echo '%s' >>\"$STATE/reloads\"\n", c.Edits[0].To)
	if r.Fail != "reload" {
		script += "for f in \"$STATE\"/[abc]; do cp \"$f\" \"$f.read\"; done\n"
	}
	_, err := h.Run(ctx, modules.Command{Script: script})
	switch r.Fail {
	case "reload":
		err = errors.New("no luck with the reload")
	case "cut":
		err = cut(h)
	}
	return err
}

func (r *reads) Foresee(s *observe.Snapshot, _ modules.Change) {
	s.Forecast().Write("/all.read", observe.NewContent, nil)
	for _, r := range r.all() {
		s.Forecast().Write(r.Path+".read", observe.NewContent, nil)
	}
}

func (*reads) Effect() string                 { return "reload" }
func (*reads) IsEffect(c modules.Change) bool { _, ok := c.Find("reload"); return ok }

func (r *reads) Join(earlier []modules.Step) modules.Step {
	joined := *r
	for _, s := range earlier {
		joined.with = append(joined.with, s.(*reads))
	}
	return &joined
}

// serves looks at what the service serves.
type serves struct{ readsArgs }

func (s *serves) Observe(q *observe.Query) { stale.Ask(q, s.Path) }

func (s *serves) Diff(snapshot *observe.Snapshot) (c modules.Change, err error) {
	if old, err := stale.Get(snapshot, s.Path); old || err != nil {
		return c, fmt.Errorf("%s is not served (%w)", s.Path, err)
	}
	return c, nil
}

func (*serves) Apply(context.Context, modules.Host, modules.Change) error { return nil }
func (*serves) Toward(string) modules.Standing                            { return modules.FollowsEffect }

func deferringModules() []modules.Module {
	return []modules.Module{
		modules.Primitive("conf", "", func(a thingArgs, _ modules.Env) (modules.Step, error) { return &conf{thing{a}}, nil }),
		modules.Primitive("late", "", func(a thingArgs, _ modules.Env) (modules.Step, error) { return &late{thing{a}}, nil }),
		modules.Primitive("reads", "", func(a readsArgs, _ modules.Env) (modules.Step, error) { return &reads{readsArgs: a}, nil }),
		modules.Primitive("serves", "", func(a readsArgs, _ modules.Env) (modules.Step, error) { return &serves{a}, nil }),
	}
}

// site is the steps of a file that the service reads. more is for the step that has it read.
func site(name, more string) string {
	return fmt.Sprintf(`
  conf %[1]q {
    name  = "/%[1]s"
    value = "1"
  }
  reads %[1]q {
    path = "/%[1]s"
    %[2]s
  }
  serves %[1]q { path = "/%[1]s" }
`, name, more)
}

// stepOf is a step that is no part of a site.
func stepOf(module, name, more string) string {
	return fmt.Sprintf("  %[1]s %[2]q {\n    name = %[2]q\n    value = \"1\"\n    %[3]s\n  }\n", module, name, more)
}

// TestDeferred: a plan puts the reload where apply makes it: once, at the last step that asks for it, before a step that may depend on
// it, before the walk ends for any reason, and at once where no later step would ask.
func TestDeferred(t *testing.T) {
	t.Parallel()
	const (
		read    = "a step_changed reads."
		changed = "a step_changed "
		ok      = "a step_ok "
	)
	tests := []struct {
		name    string
		steps   string
		set     map[string]string // on the host before; "/a.read" has what the service read
		events  []string
		reloads string
		counts  Counts
	}{
		{
			name: "one for all", steps: site("a", "") + site("b", "") + site("c", ""),
			events: []string{
				changed + "conf.a", changed + "conf.b", changed + "conf.c",
				read + "c", ok + "reads.a", ok + "serves.a", ok + "reads.b", ok + "serves.b", ok + "serves.c",
			},
			reloads: "/a /b /c\n", counts: Counts{Changed: 4, OK: 5},
		},
		{
			name: "before a step that says nothing", steps: site("a", "") + site("b", "") + stepOf("thing", "x", "") + site("c", ""),
			set: map[string]string{"x": "1"},
			events: []string{
				changed + "conf.a", changed + "conf.b", read + "b", ok + "reads.a", ok + "serves.a", ok + "serves.b",
				ok + "thing.x", changed + "conf.c", read + "c", ok + "serves.c",
			},
			reloads: "/a /b\n/c\n", counts: Counts{Changed: 5, OK: 5},
		},
		{
			name: "before a change that needs it", steps: site("a", "") + stepOf("late", "x", "") + site("b", ""),
			events: []string{
				changed + "conf.a", read + "a", ok + "serves.a", changed + "late.x", changed + "conf.b", read + "b", ok + "serves.b",
			},
			reloads: "/a\n/b\n", counts: Counts{Changed: 5, OK: 2},
		},
		{
			name: "past a step that would need it for a change", steps: site("a", "") + stepOf("late", "x", "") + site("b", ""),
			set: map[string]string{"x": "1"},
			events: []string{
				changed + "conf.a", ok + "late.x", changed + "conf.b", read + "b", ok + "reads.a", ok + "serves.a", ok + "serves.b",
			},
			reloads: "/a /b\n", counts: Counts{Changed: 3, OK: 4},
		},
		{
			name: "at once where no other changes", steps: site("a", "") + site("b", ""), set: map[string]string{"/b": "1", "/b.read": "1"},
			events: []string{
				changed + "conf.a", read + "a", ok + "serves.a", ok + "conf.b", ok + "reads.b", ok + "serves.b",
			},
			reloads: "/a\n", counts: Counts{Changed: 2, OK: 4},
		},
		{
			name: "after a kill", steps: site("a", "") + site("b", "") + site("c", ""),
			set: map[string]string{"/a": "1", "/b": "1", "/a.read": "0", "/b.read": "0", "/c": "1", "/c.read": "1"},
			events: []string{
				ok + "conf.a", read + "a", ok + "serves.a", ok + "conf.b", ok + "reads.b", ok + "serves.b",
				ok + "conf.c", ok + "reads.c", ok + "serves.c",
			},
			reloads: "/a\n", counts: Counts{Changed: 1, OK: 8},
		},
		{
			name: "after a kill, with more to do", steps: site("a", "") + site("b", ""),
			set: map[string]string{"/a": "1", "/a.read": "0"},
			events: []string{
				ok + "conf.a", changed + "conf.b", read + "b", ok + "reads.a", ok + "serves.a", ok + "serves.b",
			},
			reloads: "/a /b\n", counts: Counts{Changed: 2, OK: 4},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "host \"a\" {}\nplay \"p\" {\n  hosts = [host.a]\n"+test.steps+"}\n", deferringModules()...)
			for name, value := range test.set {
				l.set("a", name, value)
			}
			summary, err := l.run(t.Context(), Options{Mode: Plan})
			planned := strings.ReplaceAll(strings.Join(l.events, "\n"), "planned", "changed")
			if diff := cmp.Diff(strings.Join(test.events, "\n"), planned); diff != "" || err != nil {
				t.Errorf("plan: %v, %+v (-want +got):\n%s", err, summary, diff)
			}
			summary, err = l.apply()
			if diff := cmp.Diff(test.events, l.events); diff != "" || err != nil {
				t.Errorf("apply: %v (-want +got):\n%s", err, diff)
			}
			if got := l.get("a", "reloads"); got != test.reloads || summary.Counts != test.counts {
				t.Errorf("reloads %q, want %q; %+v, want %+v", got, test.reloads, summary.Counts, test.counts)
			}
			if summary, err = l.apply(); err != nil || summary.Counts.Changed != 0 || l.conns["a"].asked != 1 {
				t.Errorf("a second apply: %+v, %v, %d questions", summary, err, l.conns["a"].asked)
			}
		})
	}
}

// TestDeferredPerhaps: what a step that is put off may do instead stays in the plan.
func TestDeferredPerhaps(t *testing.T) {
	t.Parallel()
	l := newLab(t, "host \"a\" {}\nplay \"p\" {\n  hosts = [host.a]\n"+stepOf("thing", "/program", "")+site("a", "")+site("b", "")+"}\n", deferringModules()...)
	var edits []string
	summary, err := l.run(t.Context(), Options{Mode: Plan, Reporter: reporterFunc(func(e Event) {
		if strings.HasPrefix(e.Step, "reads.") {
			for _, edit := range e.Change.Edits {
				edits = append(edits, fmt.Sprintf("%s %s %s if %q unless %q", e.Type, e.Step, edit.Field, edit.If, edit.Unless))
			}
		}
	})})
	want := []string{
		`step_unknown reads.b reload if "" unless "it is another one"`, `step_unknown reads.b restart if "it is another one" unless ""`,
		`step_unknown reads.a restart if "it is another one" unless ""`,
	}
	if diff := cmp.Diff(want, edits); diff != "" || err != nil || summary.Counts != (Counts{Planned: 3, OK: 2, Unknown: 2}) {
		t.Errorf("%v, %+v (-want +got):\n%s", err, summary, diff)
	}
}

// TestDeferredAsks: a reload that is put off asks the host no more often than its files alone would, and once for all who ask for it.
func TestDeferredAsks(t *testing.T) {
	t.Parallel()
	l := newLab(t, "host \"a\" {}\nplay \"p\" {\n  hosts = [host.a]\n"+site("a", "")+site("b", "")+site("c", "")+"}\n", deferringModules()...)
	if _, err := l.apply(); err != nil {
		t.Fatal(err)
	}
	// At the start, under the lock, after each of three files, before the reload and after it.
	if got, want := l.conns["a"].asked, 7; got != want {
		t.Errorf("%d questions, want %d", got, want)
	}
}

// TestDeferredCut: the connection breaks right after the reload, which is made once all the same.
func TestDeferredCut(t *testing.T) {
	t.Parallel()
	l := newLab(t, "host \"a\" {}\nplay \"p\" {\n  hosts = [host.a]\n"+site("a", "")+site("b", `fail = "cut"`)+"}\n", deferringModules()...)
	summary, err := l.apply()
	if err != nil || summary.Counts != (Counts{Changed: 3, OK: 3}) || l.get("a", "reloads") != "/a /b\n" {
		t.Errorf("%+v, %v; reloads %q; events %q", summary, err, l.get("a", "reloads"), l.events)
	}
}

// TestDeferredFails: what is put off is made before the walk ends on the host, whatever ends it, and is tried once.
func TestDeferredFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		steps   string
		stop    bool // at the second change
		events  []string
		reloads string
		counts  Counts
		errs    []string
	}{
		{
			name: "a later step fails", steps: site("a", "") + site("b", "") + stepOf("conf", "x", `fail = "apply"`) + site("c", ""),
			events: []string{
				"a step_changed conf.a", "a step_changed conf.b", "a step_changed reads.b", "a step_ok reads.a", "a host_failed conf.x",
			},
			reloads: "/a /b\n", counts: Counts{Changed: 3, OK: 1, Failed: 1, Left: 5}, errs: []string{"no luck"},
		},
		{
			name: "a later step fails, and it too", steps: site("a", `fail = "reload"`) + stepOf("conf", "x", `fail = "apply"`) + site("c", ""),
			events:  []string{"a step_changed conf.a", "a host_failed conf.x"},
			reloads: "/a\n", counts: Counts{Changed: 1, Failed: 1, Left: 5}, errs: []string{"no luck", "reads.a, which had waited: no luck with the reload"},
		},
		{
			name: "it fails", steps: site("a", "") + site("b", `fail = "reload"`) + stepOf("thing", "x", ""),
			events:  []string{"a step_changed conf.a", "a step_changed conf.b", "a host_failed reads.b"},
			reloads: "/a /b\n", counts: Counts{Changed: 2, Failed: 1, Left: 4}, errs: []string{"no luck with the reload"},
		},
		{
			name: "interrupted", steps: site("a", "") + site("b", ""), stop: true,
			events:  []string{"a step_changed conf.a", "a step_changed conf.b", "a step_changed reads.a"},
			reloads: "/a\n", counts: Counts{Changed: 3, Left: 3}, errs: []string{"stopped"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "host \"a\" {}\nplay \"p\" {\n  hosts = [host.a]\n"+test.steps+"}\n", deferringModules()...)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			summary, err := l.run(ctx, Options{Mode: Apply, Reporter: reporterFunc(func(e Event) {
				l.Report(e)
				if test.stop && e.Step == "conf.b" && e.Type == StepChanged {
					cancel()
				}
			})})
			if diff := cmp.Diff(test.events, l.events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if got := l.get("a", "reloads"); got != test.reloads || summary.Counts != test.counts {
				t.Errorf("reloads %q, want %q; %+v, want %+v", got, test.reloads, summary.Counts, test.counts)
			}
			for _, text := range test.errs {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("error %v, want %q", err, text)
				}
			}
			if len(summary.Failures) > 0 && summary.Failures[0].Left != test.counts.Left {
				t.Errorf("the failure says that %d steps were not tried, want %d", summary.Failures[0].Left, test.counts.Left)
			}
		})
	}
}
