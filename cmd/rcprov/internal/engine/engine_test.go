package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// A fake host is a map of names to values in memory; the module "thing" sets one of them. All else is real: plans,
// queries, scripts, their framing.

// value answers what a name has as its value, from files in the host's directory.
var value = &observe.Kind[string, string]{
	Name: "value",
	Script: func(names []string) string {
		return "for n in " + shell.QuoteAll(names) + "; do printf '%s %s\\n' \"$n\" \"$(cat \"$STATE/$n\" 2>/dev/null)\"; done"
	},
	Parse: func(_ []string, reply observe.Reply) map[string]observe.Answer[string] {
		answers := map[string]observe.Answer[string]{}
		for _, line := range reply.Lines() {
			name, v, _ := strings.Cut(line, " ")
			answers[name] = observe.Answer[string]{Value: v}
			if v == "unreadable" {
				answers[name] = observe.Answer[string]{Err: errors.New("can't be read")}
			}
		}
		return answers
	},
}

type thingArgs struct {
	Name  string `hcl:"name"`
	Value string `hcl:"value"`
	Also  string `hcl:"also,optional"` // another name that Apply sets, behind the engine's back
	Fail  string `hcl:"fail,optional"` // what goes wrong: "apply", "verify", "half", "awaits b", "panic", "once" (the first time), "slow", "cut..."
	Batch bool   `hcl:"batch,optional"`

	Opaque bool `hcl:"opaque,optional"`
	Secret bool `hcl:"secret,optional"` // the value is one

	Field string `hcl:"field,optional"`
	Note  string `hcl:"note,optional"` // about the thing as it should be
}

type thing struct{ thingArgs }

func (s *thing) Observe(q *observe.Query) { value.Ask(q, s.Name) }

func (s *thing) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := value.Get(snapshot, s.Name)
	if err != nil || is == s.Value {
		c := modules.Change{}
		if s.Note != "" {
			c.Notes = []string{s.Note}
		}
		return c, err
	}
	edits := []modules.Edit{{Action: modules.Update, Subject: s.Name, Field: s.Field, From: is, To: s.Value, Sensitive: s.Secret}}
	if s.Fail == "half" && is != "half" {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: s.Name, Field: "first half"})
	}
	return modules.Change{Edits: edits}, nil
}

// SecretFiles implements [modules.SecretKeeper].
func (s *thing) SecretFiles() []string {
	if s.Secret {
		return []string{s.Name}
	}
	return nil
}

func (s *thing) Apply(ctx context.Context, h modules.Host, _ modules.Change) (err error) {
	set := s.Value
	switch s.Fail {
	case "apply":
		return errors.New("no luck")
	case "verify", "explained":
		set = "something else"
	case "half":
		_, err := h.Run(ctx, modules.Command{Script: fmt.Sprintf("printf half >\"$STATE/%s\"\n", s.Name)})
		return errors.Join(err, errors.New("no luck with the rest"))
	case "awaits b":
		for !modules.Failed(ctx, "b") {
			time.Sleep(time.Millisecond)
		}
		return errors.New("b has failed")
	case "panic":
		panic("oops")
	case "once":
		if err := firstTime(ctx, h); err != nil {
			return err
		}
	case "slow":
		<-ctx.Done()
		return ctx.Err()
	case "cut": // the connection breaks each time
		return cut(h)
	case "cut before":
		if firstTime(ctx, h) != nil {
			return cut(h)
		}
	case "cut after":
		defer func() { err = cut(h) }()
	case "cut and fail":
		_ = cut(h)
		return modules.NewCommandError(modules.Command{Argv: []string{"tool"}}, modules.Result{Status: 3})
	}
	script := fmt.Sprintf("printf %%s %s >\"$STATE/%s\"\n", shell.Quote(set), s.Name)
	if s.Also != "" {
		script += fmt.Sprintf("printf %%s done >\"$STATE/%s\"\n", s.Also)
	}
	_, err = h.Run(ctx, modules.Command{Script: script})
	return err
}

// brittle is a thing that may not last.
type brittle struct{ thing }

// Explain implements [modules.Explainer].
func (s *brittle) Explain(_ context.Context, _ modules.Host, left modules.Change) error {
	if s.Fail == "ends" {
		return errors.New("it ended after a while")
	}
	if s.Fail != "explained" || len(left.Edits) != 1 || left.Edits[0].From != "something else" {
		return nil
	}
	return errors.New("it ended soon after its start")
}

// firstTime returns an error when it is called on a host for the first time.
func firstTime(ctx context.Context, h modules.Host) error {
	_, err := h.Run(ctx, modules.Command{Script: `[ -e "$STATE/tried" ] || { : >"$STATE/tried"; exit 7; }`})
	return err
}

// cut breaks the connection to h.
func cut(h modules.Host) error { return h.(busyHost).Host.(*fakeConn).cut() }

// batched is a thing that is applied together with its neighbours.
type batched struct{ thing }

func (s *batched) ApplyBatch(ctx context.Context, h modules.Host, tasks []modules.Task) error {
	broken := false
	var failed error
	script := "echo together >>\"$STATE/batches\"\n"
	for _, w := range tasks {
		t := w.Step.(*batched)
		if t.Fail == "cut before" && firstTime(ctx, h) != nil {
			broken = true
			break
		}
		if t.Fail == "apply" {
			failed = errors.New("no luck")
			continue
		}
		script += fmt.Sprintf("printf %%s %s >\"$STATE/%s\"\n", t.Value, t.Name)
	}
	_, err := h.Run(ctx, modules.Command{Script: script})
	if broken {
		err = cut(h)
	}
	return errors.Join(err, failed)
}

// opaque is a thing that does more than it observes.
type opaque struct{ thing }

func (*opaque) Opaque() {}

func (s *opaque) Foresee(snapshot *observe.Snapshot, _ modules.Change) {
	snapshot.Forecast().May(observe.Cause{Name: "thing " + s.Name})
}

func thingModule() modules.Module {
	return modules.Primitive("thing", "", func(a thingArgs, _ modules.Env) (modules.Step, error) {
		if a.Opaque {
			return &opaque{thing{a}}, nil
		}
		if a.Fail == "explained" || a.Fail == "ends" {
			return &brittle{thing{a}}, nil
		}
		if a.Batch {
			return &batched{thing{a}}, nil
		}
		return &thing{a}, nil
	})
}

// fakeHost is a host, and what connections to it have in common.
type fakeHost struct {
	moduletest.Host
	name string

	mu      sync.Mutex
	asked   int          // questions
	journal []string     // what was written
	full    string       // what the shell says instead of writing it
	lock    string       // answer to the question for the lock
	locks   []string     // answers before that one
	cutAt   int          // the question at which the connection breaks; 0: none
	answers bool         // that question is answered
	ran     int          // commands
	cutRun  int          // the command at whose end the connection breaks; 0: none
	login   func() error // what a new login meets; nil: success
}

var errBroke = errors.New("the connection to admin@a:22 broke: the host closed it")

// fakeConn is a connection to a fake host. It refuses scripts that it doesn't know.
type fakeConn struct {
	*fakeHost
	lost   error // guarded by mu
	closed bool
}

func (c *fakeConn) Name() string    { return c.name }
func (c *fakeConn) Address() string { return "admin@" + c.name + ":22" }

func (c *fakeConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}

func (c *fakeConn) Lost() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// cut breaks the connection.
func (c *fakeConn) cut() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = errBroke
	return c.lost
}

func (c *fakeConn) Reconnect(context.Context, int) (modules.Connection, error) {
	if c.login != nil {
		if err := c.login(); err != nil {
			return nil, err
		}
	}
	return &fakeConn{fakeHost: c.fakeHost}, nil
}

func (c *fakeConn) Ask(ctx context.Context, script string) (stdout, stderr []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	script = strings.ReplaceAll(script, SecretsPath, filepath.Join(filepath.Dir(c.Shell), "secrets"))
	switch {
	case c.lost != nil:
		return nil, nil, c.lost
	case strings.Contains(script, "flock -n 9"):
		answer := c.lock
		if len(c.locks) > 0 {
			answer, c.locks = c.locks[0], c.locks[1:]
		}
		if _, run, ok := strings.Cut(script, `"run":"`); ok {
			answer = strings.ReplaceAll(answer, "THIS_RUN", run[:strings.IndexByte(run, '"')])
		}
		return []byte(answer + "\n"), nil, nil
	case script == forget:
		return nil, nil, nil
	case strings.Contains(script, JournalPath) && c.full != "":
		return nil, []byte(c.full), nil
	case strings.Contains(script, JournalPath):
		for line := range strings.Lines(script) {
			if strings.HasPrefix(line, "printf") {
				c.journal = append(c.journal, line)
			}
		}
		return nil, nil, nil
	}
	if c.asked++; c.asked == c.cutAt {
		c.lost = errBroke
		if !c.answers {
			return nil, nil, c.lost
		}
	}
	return c.Host.Ask(ctx, script)
}

// Run takes away the prelude, which needs root.
func (c *fakeConn) Run(ctx context.Context, command modules.Command) (modules.Result, error) {
	if !strings.Contains(command.Before, "exec 8>>/run/rcprov/busy.") {
		return modules.Result{}, errors.New("a change without the busy file")
	}
	c.mu.Lock()
	lost, closed := c.lost, c.closed
	c.mu.Unlock()
	if lost != nil {
		return modules.Result{}, lost
	}
	if closed {
		return modules.Result{}, net.ErrClosed
	}
	command.Before = ""
	result, err := c.Host.Run(ctx, command)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ran++; c.ran == c.cutRun {
		c.lost = errBroke
		return modules.Result{}, c.lost
	}
	return result, err
}

// lab is a plan with its fake hosts.
type lab struct {
	t     *testing.T
	plan  *plan.Plan
	conns map[string]*fakeConn
	dirs  map[string]string
	waits map[string]chan struct{} // a host that can be connected to once this is closed

	mu     sync.Mutex
	events []string // "host type step", those of steps and hosts
}

// newLab loads source, which may have blocks of more modules than thing, and whose hosts are all fake.
func newLab(t *testing.T, source string, more ...modules.Module) *lab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plan.hcl")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := plan.Load(path, plan.Options{Modules: append(more, thingModule())})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	l := &lab{t: t, plan: p, conns: map[string]*fakeConn{}, dirs: map[string]string{}}
	for _, h := range p.Hosts {
		dir := t.TempDir()
		shell := filepath.Join(dir, ".shell")
		// Not by this process: what it forks meanwhile for other tests would have the file open for writing, so that
		// nobody could run it.
		write := exec.Command("sh", "-c", `umask 077; printf '%s\n' '#!/bin/sh' "export STATE=$1 PATH=$1/bin:$PATH" 'exec sh "$@"' >"$2"; chmod 0700 "$2"`, "sh", dir, shell)
		if out, err := write.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		l.dirs[h.Name] = dir
		l.conns[h.Name] = &fakeConn{fakeHost: &fakeHost{Host: moduletest.Host{Shell: shell}, name: h.Name, lock: "locked"}}
	}
	return l
}

func (l *lab) set(host, name, value string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dirs[host], name), []byte(value), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) get(host, name string) string {
	text, _ := os.ReadFile(filepath.Join(l.dirs[host], name))
	return string(text)
}

func (l *lab) Report(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Type {
	case StepOK, StepPlanned, StepChanged, StepSkipped, StepUnknown, HostFailed, ConnectionLost, ConnectionBack, JournalFailed:
		l.events = append(l.events, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Host, e.Type, e.Step)))
	}
}

func (l *lab) run(ctx context.Context, o Options) (*Summary, error) {
	l.events = nil
	for _, c := range l.conns {
		c.asked = 0
	}
	o.Plan, o.Now, o.By = l.plan, time.Now, "me@here"
	if o.Reporter == nil {
		o.Reporter = l
	}
	o.Redact = func(s string) string { return s }
	o.Connect = func(ctx context.Context, h *plan.Host) (Conn, error) {
		if strings.HasPrefix(h.Name, "down") {
			return nil, errors.New("no route to host")
		}
		if wait := l.waits[h.Name]; wait != nil {
			select {
			case <-wait:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		c := l.conns[h.Name]
		c.closed = false
		return c, nil
	}
	return Run(ctx, o)
}

func (l *lab) apply() (*Summary, error) { return l.run(l.t.Context(), Options{Mode: Apply}) }

// threeThings is a play of three steps on one host.
const threeThings = `
host "a" {}
play "p" {
  hosts = [host.a]
  thing "x" {
    name  = "x"
    value = "1"
  }
  thing "y" {
    name  = "y"
    value = "1"
  }
  thing "z" {
    name  = "z"
    value = "1"
  }
}
`

// TestJournalFailed: a host with a full disk is changed all the same, and says once that its history lacks that.
func TestJournalFailed(t *testing.T) {
	t.Parallel()
	l := newLab(t, threeThings)
	l.conns["a"].full = "sh: 3: cannot create /var/lib/rcprov/journal.jsonl: No space left on device\nsh: 4: the same\n"
	summary, err := l.apply()
	if err != nil || summary.Counts.Changed != 3 {
		t.Fatalf("%+v, %v", summary, err)
	}
	told := slices.DeleteFunc(slices.Clone(l.events), func(e string) bool { return e != "a journal_failed" })
	if len(told) != 1 || len(l.events) != 4 {
		t.Errorf("events: %q", l.events)
	}
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	l := newLab(t, threeThings)

	summary, err := l.run(t.Context(), Options{Mode: Plan})
	if err != nil || summary.Counts.Planned != 3 {
		t.Fatalf("plan: %+v, %v", summary, err)
	}
	if l.get("a", "x") != "" || len(l.conns["a"].journal) != 0 {
		t.Error("plan wrote something")
	}

	// One question at the start, one under the lock, and one for each change.
	summary, err = l.apply()
	if err != nil || summary.Counts.Changed != 3 {
		t.Fatalf("apply: %+v, %v", summary, err)
	}
	if got, want := l.conns["a"].asked, 5; got != want {
		t.Errorf("the first apply asked %d questions, want %d", got, want)
	}
	want := []string{"a step_changed thing.x", "a step_changed thing.y", "a step_changed thing.z"}
	if diff := cmp.Diff(want, l.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got, want := len(l.conns["a"].journal), 6; got != want {
		t.Errorf("%d lines in the journal, want %d", got, want)
	}

	summary, err = l.apply()
	if err != nil || summary.Counts.OK != 3 || l.conns["a"].asked != 1 {
		t.Errorf("a second apply: %+v, %v, %d questions", summary, err, l.conns["a"].asked)
	}

	// A change in the middle: the steps before it are not looked at again, those behind it are.
	l.set("a", "y", "drift")
	summary, err = l.apply()
	if err != nil || summary.Counts.Changed != 1 || summary.Counts.OK != 2 || l.conns["a"].asked != 3 {
		t.Errorf("apply after a drift: %+v, %v, %d questions", summary, err, l.conns["a"].asked)
	}
}

func TestLaterStepsSeeEarlierChanges(t *testing.T) {
	t.Parallel()
	// x also makes y be "done", which differs from what y wants only after x was changed.
	l := newLab(t, strings.Replace(threeThings, `name  = "x"`, "name = \"x\"\n also = \"y\"", 1))
	l.set("a", "y", "1")
	l.set("a", "z", "1")
	summary, err := l.apply()
	if err != nil || summary.Counts.Changed != 2 || summary.Counts.OK != 1 {
		t.Errorf("%+v, %v", summary, err)
	}
	if got := l.get("a", "y"); got != "1" {
		t.Errorf("y is %q", got)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.ReplaceAll(threeThings, "value = \"1\"", "value = \"1\"\n batch = true"))
	summary, err := l.apply()
	if err != nil || summary.Counts.Changed != 3 {
		t.Fatalf("%+v, %v", summary, err)
	}
	if got := l.get("a", "batches"); got != "together\n" {
		t.Errorf("batches: %q", got)
	}
}

// TestBatchFails: one of three steps that are applied together fails, and the others are made.
func TestBatchFails(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"x", "y", "z"} {
		l := newLab(t, strings.Replace(strings.ReplaceAll(threeThings, "value = \"1\"", "value = \"1\"\n batch = true"),
			`name  = "`+name+`"`, fmt.Sprintf("name = %q\n fail = \"apply\"", name), 1))
		summary, err := l.apply()
		if err == nil || !strings.Contains(err.Error(), "host a: thing."+name+": no luck") {
			t.Fatalf("%s: error %v", name, err)
		}
		f := summary.Failures[0]
		if f.Left != 0 || f.Aftermath != Untouched || summary.Counts.Changed != 2 || summary.Counts.Left != 0 {
			t.Errorf("%s: %+v, %+v", name, f, summary.Counts)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, fail string
		set        string // what y is
		opaque     bool
		err        string
		left       Aftermath
		made       string // fields
	}{
		{name: "apply", fail: "apply", err: "host a: thing.y: no luck"},
		{
			name: "verify", fail: "verify", left: Partly,
			err: `host a: thing.y: did not converge: applied, and still differs in y (is "something else", wanted "1")`,
		},
		{name: "verify, explained", fail: "explained", left: Partly, err: "host a: thing.y: it ended soon after its start"},
		{name: "half", fail: "half", left: Partly, made: "first half", err: "host a: thing.y: no luck with the rest"},
		{name: "opaque", fail: "apply", opaque: true, err: "host a: thing.y: no luck", left: Unknown},
		{name: "could not tell", set: "unreadable", err: "host a: thing.y: can't be read"},
		{name: "panic", fail: "panic", err: "host a: rcprov has a bug: oops", left: Unknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, strings.Replace(threeThings, `name  = "y"`, fmt.Sprintf("name = \"y\"\n fail = %q\n opaque = %t", test.fail, test.opaque), 1))
			l.set("a", "y", test.set)
			summary, err := l.apply()
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Fatalf("error %v, want %s", err, test.err)
			}
			f := summary.Failures[0]
			if f.Aftermath != test.left || !slices.Equal(f.Changed, []string{"thing.x"}) {
				t.Errorf("left %q, changed %v", f.Aftermath, f.Changed)
			}
			made := ""
			for _, e := range f.Made {
				made += e.Field
			}
			journal := strings.Join(l.conns["a"].journal, "")
			if made != test.made || test.made != "" && !strings.Contains(journal, `"made":[{"action":"update","subject":"y","field":"first half"}]`) {
				t.Errorf("made %q, want %q; the journal:\n%s", made, test.made, journal)
			}
			if l.get("a", "z") != "" {
				t.Error("the step behind the failed one was applied")
			}
		})
	}
}

// TestFailedPeer has a step wait for another host, which fails meanwhile.
func TestFailedPeer(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "a" {}
host "b" {}
play "p" {
  hosts = [host.a, host.b]
  thing "x" {
    name  = "x"
    value = "1"
    fail  = self.name == "a" ? "awaits b" : "apply"
  }
}
`)
	if _, err := l.apply(); err == nil || !strings.Contains(err.Error(), "host a: thing.x: b has failed") {
		t.Errorf("error %v", err)
	}
}

// TestNotes shows with a change what its step says when nothing differs any more.
func TestNotes(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(threeThings, `name  = "y"`, "name = \"y\"\n note = \"put up with\"", 1))
	notes := &noted{}
	if _, err := l.run(t.Context(), Options{Mode: Apply, Reporter: notes}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(notes.all, ", "); got != "thing.y: put up with" {
		t.Errorf("notes %q", got)
	}
}

// noted collects the notes of changed steps.
type noted struct {
	mu  sync.Mutex
	all []string
}

func (n *noted) Report(e Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.Type == StepChanged {
		for _, note := range e.Change.Notes {
			n.all = append(n.all, e.Step+": "+note)
		}
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(threeThings, `name  = "y"`, "name = \"y\"\n fail = \"once\"\n retries = 1", 1))
	if summary, err := l.apply(); err != nil || summary.Counts.Changed != 3 {
		t.Errorf("%+v, %v", summary, err)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(threeThings, `name  = "y"`, "name = \"y\"\n fail = \"slow\"\n timeout = \"10ms\"", 1))
	_, err := l.apply()
	if err == nil || !strings.Contains(err.Error(), "thing.y: not done after its timeout of 10ms") {
		t.Errorf("error %v", err)
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	l := newLab(t, threeThings)
	l.conns["a"].lock = `held 3
{"by":"bob@desk","run":"ABC","plan":"prod.hcl","since":"2026-11-21T10:00:00Z"}`
	_, err := l.apply()
	const want = "bob@desk has been changing this host since 10:00:00 UTC with prod.hcl (run ABC)"
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if l.get("a", "x") != "" {
		t.Error("changed a host that another run holds")
	}
}

// A machine with two host blocks is changed as one host, and then as the other: the second doesn't take over the lock of a run
// whose connection broke, which is alive.
func TestTwin(t *testing.T) {
	t.Parallel()
	l := newLab(t, threeThings)
	l.conns["a"].lock = `held 3
{"by":"bob@desk","run":"THIS_RUN","host":"b","plan":"prod.hcl","since":"2026-11-21T10:00:00Z"}`
	_, err := l.apply()
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Twin != "b" {
		t.Errorf("error %v", err)
	}
	if l.get("a", "x") != "" {
		t.Error("changed a machine that is being changed as another host")
	}
}

// TestHosts has a host that is down, one that fails in the first play, and one that is fine.
func TestHosts(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "down" {}
host "broken" { vars = { fail = "apply" } }
host "fine" { groups = ["good"] }
play "one" {
  hosts = [host.down, host.broken, host.fine]
  thing "x" {
    name  = "x"
    value = "1"
    fail  = try(self.vars.fail, "")
  }
}
play "two" {
  hosts = [host.fine, host.broken]
  thing "y" {
    name  = "y"
    value = "1"
    tags  = ["late"]
  }
  thing "once" {
    name     = "once"
    value    = "1"
    run_once = true
    tags     = ["late"]
  }
  thing "never" {
    name  = "never"
    value = "1"
    when  = false
  }
}
`)
	summary, err := l.apply()
	if err == nil || len(summary.Failures) != 2 {
		t.Fatalf("%+v, %v", summary, err)
	}
	slices.Sort(l.events)
	want := []string{
		"broken host_failed thing.x",
		"down host_failed",
		"fine step_changed thing.once",
		"fine step_changed thing.x",
		"fine step_changed thing.y",
		"fine step_skipped thing.never",
	}
	if diff := cmp.Diff(want, l.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	summary, err = l.run(t.Context(), Options{Mode: Apply, Limit: []string{"fine"}, Tags: []string{"late"}})
	if err != nil || summary.Counts.OK != 2 || len(summary.PerHost) != 1 {
		t.Errorf("limited: %+v, %v", summary, err)
	}
}

// A step that runs once runs on the first host for which its condition holds.
func TestRunOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "a" {}
host "b" {}
host "c" {}
play "one" {
  hosts = group.all
  thing "x" {
    name     = "x"
    value    = "1"
    run_once = true
    when     = self.name != "a"
  }
  thing "never" {
    name     = "y"
    value    = "1"
    run_once = true
    when     = self.name == "d"
  }
}
`)
	if _, err := l.apply(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(l.events)
	want := []string{"a step_skipped thing.never", "a step_skipped thing.x", "b step_changed thing.x"}
	if diff := cmp.Diff(want, l.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	l.events = nil
	if _, err := l.run(t.Context(), Options{Mode: Apply, Limit: []string{"c"}}); err != nil || len(l.events) == 0 {
		t.Errorf("limited to c: %q, %v", l.events, err)
	}
}

// TestLasts has a step whose change is undone while later steps run.
func TestLasts(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(strings.Replace(threeThings, `name  = "x"`, "name = \"x\"\n fail = \"ends\"", 1),
		`name  = "z"`, "name = \"z\"\n also = \"x\"", 1))
	summary, err := l.apply()
	want := []string{"a step_changed thing.x", "a step_changed thing.y", "a step_changed thing.z", "a host_failed thing.x"}
	if diff := cmp.Diff(want, l.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if err == nil || !strings.Contains(err.Error(), "thing.x: it did not last: it ended after a while") || summary.Counts.Failed != 1 {
		t.Errorf("%v, %+v", err, summary)
	}
}

// A condition may depend on facts: the first host for which it holds is known once those before it have told theirs.
func TestRunOnceByFacts(t *testing.T) {
	t.Parallel()
	const source = `
host "a" {}
host "b" {}
host "c" {}
play "one" {
  hosts = group.all
  thing "x" {
    name     = "x"
    value    = facts.hostname
    run_once = true
    when     = facts.cpus == 73
  }
  thing "first" {
    name     = "y"
    value    = "1"
    run_once = true
  }
}
`
	for _, parallel := range []int{1, 3} {
		l := newLab(t, source)
		for host, cpus := range map[string]string{"a": "2", "b": "73", "c": "73"} {
			script := exec.Command("sh", "-c", `mkdir "$1" && printf '#!/bin/sh\necho %s\n' "$2" >"$1/nproc" && chmod 0700 "$1/nproc"`, "sh", filepath.Join(l.dirs[host], "bin"), cpus)
			if out, err := script.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		if _, err := l.run(t.Context(), Options{Mode: Apply, Parallel: parallel}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(l.events)
		want := []string{"a step_changed thing.first", "a step_skipped thing.x", "b step_changed thing.x"}
		if diff := cmp.Diff(want, l.events); diff != "" {
			t.Errorf("%d at a time: events (-want +got):\n%s", parallel, diff)
		}
	}
	l := newLab(t, strings.Replace(source, `host "a"`, `host "down"`, 1))
	if _, err := l.apply(); err == nil || slices.ContainsFunc(l.events, func(e string) bool { return strings.HasSuffix(e, "thing.x") }) {
		t.Errorf("the first host, whose facts are unknown, is left out: %q, %v", l.events, err)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	l := newLab(t, threeThings)
	ctx, cancel := context.WithCancel(t.Context())
	stopper := reporterFunc(func(e Event) {
		l.Report(e)
		if e.Type == StepChanged {
			cancel()
		}
	})
	o := Options{
		Mode: Apply, Plan: l.plan, Reporter: stopper, Now: time.Now, Redact: func(s string) string { return s },
		Connect: func(_ context.Context, h *plan.Host) (Conn, error) { return l.conns[h.Name], nil },
	}
	summary, err := Run(ctx, o)
	if !errors.Is(err, ErrStopped) || summary.Counts.Changed != 1 || summary.Counts.Left != 2 {
		t.Errorf("%+v, %v", summary, err)
	}
}

type reporterFunc func(Event)

func (f reporterFunc) Report(e Event) { f(e) }

// TestUnknown has a step that can't be told before an earlier one is applied.
func TestUnknown(t *testing.T) {
	t.Parallel()
	l := newLab(t, threeThings)
	l.set("a", "y", "unreadable")
	summary, err := l.run(t.Context(), Options{Mode: Plan})
	want := []string{"a step_planned thing.x", "a step_unknown thing.y", "a step_planned thing.z"}
	if diff := cmp.Diff(want, l.events); diff != "" || err != nil {
		t.Errorf("%v; events (-want +got):\n%s", err, diff)
	}
	if got, want := summary.Counts, (Counts{Planned: 2, Unknown: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}

	// With nothing pending before it, it is an error.
	l.set("a", "x", "1")
	if _, err := l.run(t.Context(), Options{Mode: Plan}); err == nil || !strings.Contains(err.Error(), "thing.y: can't be read") {
		t.Errorf("error %v", err)
	}
}

func TestDependsOn(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "a" {}
host "b" {}
play "database" {
  hosts = [host.a]
  thing "x" {
    name  = "x"
    value = "1"
    fail  = "apply"
  }
}
play "app" {
  hosts      = [host.b]
  depends_on = [play.database]
  thing "y" {
    name  = "y"
    value = "1"
  }
}
play "other" {
  hosts = [host.b]
  thing "z" {
    name  = "z"
    value = "1"
  }
}
`)
	summary, err := l.apply()
	want := Counts{Failed: 1, Left: 1, Changed: 1}
	if err == nil || summary.Counts != want || l.get("b", "y") != "" {
		t.Errorf("counts %+v, want %+v; %v", summary.Counts, want, err)
	}
}

// So many hosts of a serial play may fail.
func TestMaxFail(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "down1" {}
host "a" {}
host "down2" {}
host "b" {}
play "p" {
  hosts    = group.all
  serial   = 1
  max_fail = 1
  thing "x" {
    name  = "x"
    value = "1"
  }
}
`)
	summary, err := l.apply()
	if err == nil || summary.Counts.Changed != 1 || l.get("a", "x") != "1" || l.get("b", "x") != "" {
		t.Errorf("%+v, %v", summary.Counts, err)
	}
}

// Hosts of a serial play are not begun after one that failed.
func TestSerial(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
host "a" {}
host "b" {}
host "c" {}
play "rolling" {
  hosts  = group.all
  serial = 1
  thing "x" {
    name  = "x"
    value = "1"
    fail  = self.name == "b" ? "apply" : ""
  }
}
`)
	summary, err := l.apply()
	want := Counts{Failed: 1, Left: 1, Changed: 1}
	if err == nil || summary.Counts != want || l.get("a", "x") != "1" || l.get("c", "x") != "" {
		t.Errorf("counts %+v, want %+v; %v", summary.Counts, want, err)
	}
}
