// Package observe is how rcprov looks at a host: the questions of many steps coalesced into one shell script, and
// its answers framed, parsed and typed.
//
// A [Kind] is a family of questions ("what is this file?") that one piece of shell answers for any number of
// subjects. Steps put questions into a [Query]; [Query.Ask] sends them all in one script; the [Snapshot] holds the
// answers. What no shell can tell cheaply is a [Probe], which runs on the controller beside the script.
//
// Every answer has three outcomes: there (the value says what), not there (the value says so), and unknown
// (an error). Unknown is never a reason to change anything.
package observe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A Kind is a family of questions about subjects of type S with answers of type A. Kinds are package variables;
// their address is their identity.
type Kind[S comparable, A any] struct {
	// Name names the family in errors: "file".
	Name string

	// Script returns POSIX shell that answers for all subjects at once. It runs in a subshell as root with
	// LC_ALL=C and an empty standard input, and writes nothing to the host. Ubuntu 26.04 has uutils instead of
	// GNU coreutils, and /bin/sh is dash: keep to what both know.
	Script func(subjects []S) string

	// Parse reads the reply. A subject without an answer in the map is unknown.
	Parse func(subjects []S, reply Reply) map[S]Answer[A]

	// Cost is about how many milliseconds the script takes, by which scripts are divided among lanes; 0: 2.
	Cost int

	// Future returns what the answer will be when the pending changes in f are made, by what was seen. It is pure. nil: no
	// change concerns it, but those that steps note by [Kind.Foresee].
	Future func(f *Forecast, subject S, seen A) Outlook[A]
}

// NewLines returns a Kind of one question, whose answer is the lines that a script prints. Its subject is always the empty
// struct. A script that fails has no answer.
func NewLines(name, script string) *Kind[struct{}, []string] {
	return &Kind[struct{}, []string]{
		Name:   name,
		Script: func([]struct{}) string { return script },
		Parse: func(_ []struct{}, reply Reply) map[struct{}]Answer[[]string] {
			if reply.Status != 0 {
				return nil
			}
			return map[struct{}]Answer[[]string]{{}: {Value: reply.Lines()}}
		},
	}
}

// About says that the answer is about words, paths and names: nobody knows it after a change that does more than is known, and
// may concern them. It returns k.
func (k *Kind[S, A]) About(words ...string) *Kind[S, A] {
	k.Future = func(f *Forecast, _ S, seen A) Outlook[A] {
		o := Outlook[A]{Answer: Answer[A]{Value: seen}}
		if by, ok := f.MayChange(words...); ok {
			clause := by + " changes that"
			o.Or = append(o.Or, Alternative[A]{Answer: Unknown[A](clause), If: clause})
		}
		return o
	}
	return k
}

// Reply is what the script of a Kind printed.
type Reply struct {
	Stdout []byte
	Stderr []byte
	Status int // exit status of the subshell
}

// Answer is one parsed answer: Value, unless Err says why it is unknown.
type Answer[A any] struct {
	Value A
	Err   error
}

// A Probe answers what no shell script can tell cheaply, from the controller with a real client library.
type Probe[S comparable, A any] struct {
	Name string
	// Run answers for one subject. It may be called concurrently for several subjects; dial connects as seen from
	// the host. An error means that the answer is unknown.
	Run func(ctx context.Context, dial Dial, subject S) (A, error)

	// After replaces Run where the answer depends on what the script answers, which is in seen: it runs once that is there.
	After func(ctx context.Context, dial Dial, subject S, seen *Snapshot) (A, error)

	// Future is as in [Kind].
	Future func(f *Forecast, subject S, seen A) Outlook[A]
}

// Dial connects to address as seen from a host.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Host is what a Query needs of a host.
type Host interface {
	// Ask runs script, POSIX shell, in a root shell and returns what it printed.
	Ask(ctx context.Context, script string) (stdout, stderr []byte, err error)
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// Query is a set of questions for one host. The zero value is empty and ready for use.
type Query struct {
	families []*family
	probes   []probe
	seen     map[question]bool

	only  map[question]bool        // not nil: all others are left out
	known map[question]Answer[any] // these are left out
}

// question is the identity of a question: the Kind or Probe, and the subject.
type question struct{ kind, subject any }

// family holds the subjects of one Kind, with its types erased.
type family struct {
	kind     any // *Kind[S, A]
	name     string
	cost     int
	subjects []any
	script   func(subjects []any) string
	parse    func(subjects []any, reply Reply, answer func(subject any, value any, err error))
}

type probe struct {
	question
	after bool // the script's answers
	run   func(ctx context.Context, dial Dial, seen *Snapshot) (any, error)
}

// Ask adds the question about subject to q. Asking the same again costs nothing.
func (k *Kind[S, A]) Ask(q *Query, subject S) {
	if !q.add(question{k, subject}) {
		return
	}
	for _, f := range q.families {
		if f.kind == any(k) {
			f.subjects = append(f.subjects, subject)
			return
		}
	}
	q.families = append(q.families, &family{
		kind:     k,
		name:     k.Name,
		cost:     cmp.Or(k.Cost, 2),
		subjects: []any{subject},
		script:   func(subjects []any) string { return k.Script(typed[S](subjects)) },
		parse: func(subjects []any, reply Reply, answer func(any, any, error)) {
			answers := k.Parse(typed[S](subjects), reply)
			for _, s := range subjects {
				a, ok := answers[s.(S)]
				if !ok && a.Err == nil {
					a.Err = reply.failure()
				}
				answer(s, a.Value, a.Err)
			}
		},
	})
}

// Get returns the answer about subject, in a plan as it will be when the changes before are made. The error says why it
// is unknown, without naming the subject; it wraps [ErrUnknown] where only these changes show it.
func (k *Kind[S, A]) Get(s *Snapshot, subject S) (A, error) {
	return get(s, question{k, subject}, k.Name, subject, k.Future)
}

// Put sets the answer about subject, for tests of Diff.
func (k *Kind[S, A]) Put(s *Snapshot, subject S, value A, err error) {
	s.put(question{k, subject}, value, err)
}

// Ask adds the question about subject to q. Asking the same again costs nothing.
func (p *Probe[S, A]) Ask(q *Query, subject S) {
	if q.add(question{p, subject}) {
		q.probes = append(q.probes, probe{
			question: question{p, subject}, after: p.After != nil,
			run: func(ctx context.Context, dial Dial, seen *Snapshot) (any, error) {
				if p.After != nil {
					return p.After(ctx, dial, subject, seen)
				}
				return p.Run(ctx, dial, subject)
			},
		})
	}
}

// Get returns the answer about subject, as [Kind.Get] does.
func (p *Probe[S, A]) Get(s *Snapshot, subject S) (A, error) {
	return get(s, question{p, subject}, p.Name, subject, p.Future)
}

// Put sets the answer about subject, for tests of Diff.
func (p *Probe[S, A]) Put(s *Snapshot, subject S, value A, err error) {
	s.put(question{p, subject}, value, err)
}

func (q *Query) add(id question) bool {
	if _, known := q.known[id]; known || q.only != nil && !q.only[id] {
		return false
	}
	if q.seen == nil {
		q.seen = make(map[question]bool)
	}
	if q.seen[id] {
		return false
	}
	q.seen[id] = true
	return true
}

// Empty reports whether nothing has been asked.
func (q *Query) Empty() bool { return len(q.seen) == 0 }

// HasProbes reports whether part of the questions is for a [Probe].
func (q *Query) HasProbes() bool { return len(q.probes) > 0 }

// maxLanes is into how many parts that run side by side a script is split. The programs that questions start take most
// of the time, and hosts have several processors.
const maxLanes = 4

// lanes returns the indexes of the families in each lane, so that all lanes take about as long.
func (q *Query) lanes() [][]int {
	order := make([]int, len(q.families))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return q.families[b].cost - q.families[a].cost })
	lanes := make([][]int, min(maxLanes, len(order)))
	costs := make([]int, len(lanes))
	for _, i := range order {
		n := slices.Index(costs, slices.Min(costs))
		lanes[n] = append(lanes[n], i)
		costs[n] += q.families[i].cost
	}
	return lanes
}

// Script returns the questions as one POSIX shell script. mark must be a word that no answer can contain.
//
// Each family's part runs in a subshell; behind what it prints stands a line "MARK INDEX said", behind what it
// complains of a line "MARK INDEX STATUS". Lanes run at the same time without a temporary file: each is started in the
// background, and prints while the shell keeps in a variable what the lanes behind it print. A pipeline would do the same with
// three more processes for each lane.
func (q *Query) Script(mark string) string {
	var b strings.Builder
	b.WriteString("export LC_ALL=C\n")
	lanes := q.lanes()
	for n, lane := range lanes {
		fmt.Fprintf(&b, "lane%d() {\n", n)
		for _, i := range lane {
			f := q.families[i]
			// The trap also tells the status of a part that ends with exit, without one more subshell.
			fmt.Fprintf(&b, "{ said=$(trap 'printf \"\\n%s %d $?\" >&4' EXIT\nexec 4>&1 2>&1 >&3 3>&- </dev/null\n%s\n); } 3>&1\n",
				mark, i, strings.TrimRight(f.script(f.subjects), "\n"))
			fmt.Fprintf(&b, "printf '\\n%s %d said\\n%%s\\n' \"$said\"\n", mark, i)
		}
		b.WriteString("}\n")
	}
	for n := range lanes {
		if n < len(lanes)-1 {
			fmt.Fprintf(&b, "lane%d & lane=$!; rest=$(", n)
		} else {
			fmt.Fprintf(&b, "lane%d", n)
		}
	}
	b.WriteString(strings.Repeat("\n); wait $lane; printf '%s\\n' \"$rest\"", max(0, len(lanes)-1)) + "\n")
	return b.String()
}

// Parse reads what Script printed into a snapshot.
func (q *Query) Parse(mark string, stdout, stderr []byte) (*Snapshot, error) {
	s := NewSnapshot()
	for _, lane := range q.lanes() {
		for _, i := range lane {
			f := q.families[i]
			reply, ok := cutReply(&stdout, mark, i)
			if !ok {
				said := strings.TrimSpace(string(stderr))
				return nil, fmt.Errorf("the host's shell stopped while it was asked about %s: %s", f.name, cmp.Or(said, "no output"))
			}
			f.parse(f.subjects, reply, func(subject, value any, err error) {
				s.put(question{f.kind, subject}, value, err)
			})
		}
	}
	return s, nil
}

// Run asks host everything in q: one script, and the probes beside it. The error is about the host as a whole;
// what is unknown about single subjects is in the snapshot.
func (q *Query) Run(ctx context.Context, host Host) (*Snapshot, error) {
	snapshot := NewSnapshot()
	snapshot.Asked = time.Now()
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	asked := make(chan struct{}) // closed when the script's answers are in snapshot
	script := NewSnapshot()
	if len(q.families) == 0 {
		close(asked)
	} else {
		group.Go(func() error {
			mark := newMark()
			stdout, stderr, err := host.Ask(ctx, q.Script(mark))
			if err != nil {
				return err
			}
			answers, err := q.Parse(mark, stdout, stderr)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for id, a := range answers.answers {
				snapshot.answers[id] = a
			}
			script = answers
			close(asked)
			return nil
		})
	}
	for _, p := range q.probes {
		group.Go(func() error {
			var seen *Snapshot
			if p.after {
				select {
				case <-asked:
					seen = script
				case <-ctx.Done():
					return nil // the script's error counts
				}
			}
			value, err := p.run(ctx, host.Dial, seen)
			mu.Lock()
			defer mu.Unlock()
			snapshot.put(p.question, value, err)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	snapshot.Answered = time.Now()
	return snapshot, nil
}

// Snapshot holds the answers of one host at one time, and in a plan what pending changes make of them.
type Snapshot struct {
	// Asked and Answered are the times, by the controller's clock, between which the host was looked at.
	Asked, Answered time.Time

	answers  map[question]Answer[any]
	forecast *Forecast // nil but in plans, after the first pending change
	taken    *choice   // the alternative that counts; nil: what is most likely
	read     *[]choice // the alternatives of all that was read; nil: nobody wants to know
	guessed  *bool     // set if something was read of which no forecast knows anything; nil: nobody wants to know
}

// choice is an alternative of an answer.
type choice struct {
	question
	n         int // index in Outlook.Or
	If, About string
}

// NewSnapshot returns a snapshot without answers, for tests to Put some.
func NewSnapshot() *Snapshot { return &Snapshot{answers: make(map[question]Answer[any])} }

func (s *Snapshot) put(id question, value any, err error) {
	s.answers[id] = Answer[any]{Value: value, Err: err}
}

// World is a snapshot in which one answer is an alternative.
type World struct {
	If       string // when it is so, as a clause: "package nginx brings it"
	About    string // the subject of the edits that depend on it; empty: any may
	Snapshot *Snapshot
}

// Alternatives calls read with s, and returns what s may be instead, as far as that concerns what read has asked of it: one
// World for each alternative of each answer. It is guessed if read has asked for something that pending changes may make
// otherwise in ways that no forecast knows.
func (s *Snapshot) Alternatives(read func(*Snapshot)) (worlds []World, guessed bool) {
	if s.forecast == nil {
		read(s)
		return nil, false
	}
	watched := *s
	watched.read, watched.guessed = new([]choice), &guessed
	read(&watched)
	for _, c := range *watched.read {
		other := *s
		other.taken = &c
		worlds = append(worlds, World{c.If, c.About, &other})
	}
	return worlds, guessed
}

func get[S, A any](s *Snapshot, id question, name string, subject S, future func(*Forecast, S, A) Outlook[A]) (A, error) {
	var zero A
	a, ok := s.answers[id]
	if !ok {
		return zero, fmt.Errorf("bug: %s %v was not asked", name, id.subject)
	}
	if a.Err != nil {
		if s.guessed != nil {
			*s.guessed = true // a pending change may take the reason away
		}
		return zero, a.Err
	}
	seen := a.Value.(A)
	if s.forecast == nil {
		return seen, nil
	}
	o := Outlook[A]{Answer: Answer[A]{Value: seen}}
	if reply, ok := s.forecast.replies[id]; ok {
		o = reply.(Outlook[A])
	} else if future != nil {
		o = future(s.forecast, subject, seen)
	} else if s.guessed != nil {
		*s.guessed = true
	}
	if s.taken != nil && s.taken.question == id && s.taken.n < len(o.Or) {
		other := o.Or[s.taken.n]
		return other.Value, other.Err
	}
	for n, other := range o.Or {
		if c := (choice{id, n, other.If, other.About}); s.read != nil && !slices.Contains(*s.read, c) {
			*s.read = append(*s.read, c)
		}
	}
	return o.Value, o.Err
}

// failure is the reason for a missing answer.
func (r Reply) failure() error {
	said := strings.TrimSpace(string(r.Stderr))
	if said == "" {
		said = fmt.Sprintf("the host gave no answer (exit status %d)", r.Status)
	}
	return errors.New(said)
}

// Lines returns the lines of standard output without their ends; none for no output.
func (r Reply) Lines() []string {
	text := strings.TrimRight(string(r.Stdout), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// cutReply cuts the reply of family i off the front of stream.
func cutReply(stream *[]byte, mark string, i int) (reply Reply, ok bool) {
	stdout, rest, found := bytes.Cut(*stream, fmt.Appendf(nil, "\n%s %d said\n", mark, i))
	if !found {
		return Reply{}, false
	}
	stderr, rest, found := bytes.Cut(rest, fmt.Appendf(nil, "\n%s %d ", mark, i))
	if !found {
		return Reply{}, false
	}
	number, rest, found := bytes.Cut(rest, []byte("\n"))
	status, err := strconv.Atoi(string(number))
	if !found || err != nil {
		return Reply{}, false
	}
	*stream = rest
	return Reply{Stdout: stdout, Stderr: stderr, Status: status}, true
}

func typed[S any](subjects []any) []S {
	out := make([]S, len(subjects))
	for i, s := range subjects {
		out[i] = s.(S)
	}
	return out
}

func newMark() string {
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return "rcprov-" + hex.EncodeToString(random[:])
}
