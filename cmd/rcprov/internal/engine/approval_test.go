package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// approvalModuleFake is a module approval whose text is its argument.
func approvalModuleFake() modules.Module {
	return modules.Primitive("approval", "", func(args struct {
		Text string `hcl:"text"`
	}, _ modules.Env,
	) (modules.Step, error) {
		return &question{args.Text}, nil
	})
}

type question struct{ text string }

func (q *question) Question() string                             { return q.text }
func (*question) Observe(*observe.Query)                         {}
func (*question) Diff(*observe.Snapshot) (modules.Change, error) { return modules.Change{}, nil }
func (*question) Apply(context.Context, modules.Host, modules.Change) error {
	return errors.New("never")
}
func (*question) Toward(string) modules.Standing { return modules.NeedsEffect }

// rollout has an approval between two steps on three hosts, and a play after that.
const rollout = `
host "a" {}
host "b" {}
host "c" {}
play "p" {
  hosts = group.all
  SERIAL
  thing "before" {
    name  = "before"
    value = "1"
  }
  approval "go" {
    text = "All well?"
    when = self.name != "c"
    run_once = true
  }
  thing "after" {
    name  = "after"
    value = "1"
    when  = self.name != "c"
  }
}
play "q" {
  hosts = group.all
  thing "later" {
    name  = "later"
    value = "1"
  }
}
`

// asked collects the questions of a run, which are all answered with answer.
type asked struct {
	l         *lab
	answer    error
	mu        sync.Mutex
	questions []Question
	seen      []string // what was on the hosts then
}

func (a *asked) approve(_ context.Context, q Question) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.questions = append(a.questions, q)
	for _, host := range []string{"a", "b", "c"} {
		a.seen = append(a.seen, host+" "+a.l.get(host, "before")+a.l.get(host, "after"))
	}
	return a.answer
}

func (l *lab) ask(answer error, o Options) (*asked, *Summary, error) {
	a := &asked{l: l, answer: answer}
	o.Mode, o.Approve = Apply, a.approve
	summary, err := l.run(l.t.Context(), o)
	return a, summary, err
}

func TestApproval(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(rollout, "SERIAL", "", 1), approvalModuleFake())
	summary, err := l.run(t.Context(), Options{Mode: Plan})
	if err != nil || summary.Counts.Planned != 8 || summary.Counts.OK != 0 || summary.Counts.Asks != 2 {
		t.Errorf("plan: %+v, %v", summary, err)
	}
	if !slices.Contains(l.events, "a step_planned approval.go") || !slices.Contains(l.events, "b step_planned approval.go") {
		t.Errorf("plan: %q", l.events)
	}

	// One host at a time may be worked on: who waits for a person makes room for the others.
	a, summary, err := l.ask(nil, Options{Parallel: 1})
	if err != nil || summary.Counts.Changed != 8 || summary.Counts.OK != 0 || summary.Counts.Asks != 2 {
		t.Errorf("apply: %+v, %v", summary, err)
	}
	want := []Question{{Play: "p", Step: "approval.go", Text: "All well?", Hosts: []string{"a", "b"}}}
	if diff := cmp.Diff(want, a.questions); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	for _, host := range []string{"a", "b"} {
		if !slices.Contains(a.seen, host+" 1") {
			t.Errorf("when it was asked: %q", a.seen)
		}
	}
	if !slices.Contains(l.events, "a step_changed approval.go") {
		t.Errorf("events %q", l.events)
	}

	if summary, err = l.run(t.Context(), Options{Mode: Plan}); err != nil || summary.Counts != (Counts{OK: 10, Skipped: 2}) {
		t.Errorf("a plan without a change: %+v, %v", summary, err)
	}
	a, summary, err = l.ask(nil, Options{})
	if err != nil || summary.Counts.Changed != 0 || len(a.questions) != 0 || !slices.Contains(l.events, "a step_ok approval.go") {
		t.Errorf("a second apply: %+v, %v, %v, %q", summary, err, a.questions, l.events)
	}

	// Only what is behind an approval needs it.
	l.set("a", "before", "0")
	if a, summary, err = l.ask(nil, Options{}); err != nil || summary.Counts.Changed != 1 || len(a.questions) != 0 {
		t.Errorf("a change before it: %+v, %v, %v", summary, err, a.questions)
	}
	l.set("b", "after", "0")
	if a, summary, err = l.ask(nil, Options{}); err != nil || summary.Counts.Changed != 1 || len(a.questions) != 1 || !slices.Equal(a.questions[0].Hosts, []string{"b"}) {
		t.Errorf("a change on one host: %+v, %v, %v", summary, err, a.questions)
	}
}

func TestApprovalRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer error
		hint   string
	}{
		"refused": {ErrRefused, "No later step was applied, and no later play."},
		"nobody":  {ErrNobody, "`--approve 'p/approval.go'`"},
	} {
		l := newLab(t, strings.Replace(rollout, "SERIAL", "", 1), approvalModuleFake())
		a, summary, err := l.ask(test.answer, Options{})
		if !errors.Is(err, test.answer) || summary.Counts.Failed != 2 || len(a.questions) != 1 {
			t.Errorf("%s: %+v, %v, %v", name, summary, err, a.questions)
		}
		if hint := new(modules.HintError); !errors.As(err, &hint) || !strings.Contains(hint.Hint, test.hint) {
			t.Errorf("%s: %v", name, err)
		}
		for _, host := range []string{"a", "b", "c"} {
			if l.get(host, "before") != "1" || l.get(host, "after")+l.get(host, "later") != "" {
				t.Errorf("%s: %s has %q, %q, %q", name, host, l.get(host, "before"), l.get(host, "after"), l.get(host, "later"))
			}
		}
	}
}

// TestApprovalOfSome: a host that fails before, or can't be reached, keeps nobody waiting; a serial play asks once.
func TestApprovalOfSome(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(rollout, "SERIAL", "serial = 1", 1), approvalModuleFake())
	a, summary, err := l.ask(nil, Options{})
	if err != nil || summary.Counts.Changed != 8 || len(a.questions) != 1 || !slices.Equal(a.questions[0].Hosts, []string{"a"}) {
		t.Errorf("serial: %+v, %v, %v", summary, err, a.questions)
	}

	l = newLab(t, strings.NewReplacer("SERIAL", "", `host "b" {}`, `host "down" {}`).Replace(rollout), approvalModuleFake())
	l.set("a", "before", "unreadable")
	a, summary, err = l.ask(nil, Options{})
	if err == nil || len(a.questions) != 0 || summary.Counts.Failed != 2 {
		t.Errorf("all have failed: %+v, %v, %v", summary, err, a.questions)
	}
	l.set("a", "before", "1")
	a, summary, err = l.ask(nil, Options{})
	if err == nil || len(a.questions) != 1 || l.get("a", "after") != "1" {
		t.Errorf("one has failed: %+v, %v, %v", summary, err, a.questions)
	}
}

// TestApprovalStopped: Ctrl-C while nobody has answered yet.
func TestApprovalStopped(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(rollout, "SERIAL", "", 1), approvalModuleFake())
	ctx, cancel := context.WithCancel(t.Context())
	summary, err := l.run(ctx, Options{Mode: Apply, Approve: func(ctx context.Context, _ Question) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	if !errors.Is(err, ErrStopped) || summary.Counts.Failed != 0 || l.get("a", "after")+l.get("b", "after") != "" {
		t.Errorf("%+v, %v", summary, err)
	}
}
