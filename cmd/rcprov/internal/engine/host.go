package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/wayin"
)

// host is one host in one run.
//
// One goroutine at a time works on it: the one of open until opened is closed, then that of the play that has come to it.
// That is why its fields need no mutex.
type host struct {
	*plan.Host
	run    *run
	plays  []int         // indexes of the plays that run on it, ascending; at least one
	opened chan struct{} // closed when open has returned, also after a failure

	told     chan struct{} // closed when facts is set, or will not be
	tellOnce sync.Once

	// Set by open only. Some are missing if open failed or was stopped; then no play runs.
	facts     *observe.Facts    // nil when no play needs them
	steps     []*step           // of all plays, in order
	claiming  []plan.Step       // those whose claims must agree
	first     *observe.Snapshot // of all steps, before the run changed anything
	preflight preflight
	saw       Digests

	link link
	lock lock
	seen view
	way  *wayin.Way // nil: it was not asked, or a step has touched it since

	meeting *meeting // of the play that runs

	answers plan.Answers // to queries, by the look that decided them

	memory memory // what has held secrets
	ahead  *ahead // nil before the first change over the current connection
	outcome
}

// step is a step on a host and its state in the run.
type step struct {
	plan.Step
	play    int  // index of its play
	differs bool // in the last observation, or that could not tell
	danger  wayin.Danger

	standings map[string]modules.Standing // by effect, as far as asked for
	perhaps   []modules.Edit              // that a plan has with conditions, of a step that is put off

	guessed [2][]*step // of a late step, what it is by each of guesses; nil if it can't be bound by one
}

// open connects, binds the steps of all plays and observes them all at once.
func (h *host) open(ctx context.Context) {
	defer close(h.opened)
	defer h.tell()
	h.run.slots <- struct{}{}
	defer func() { <-h.run.slots }()
	defer h.recoverBug("")
	if err := h.connect(ctx); ctx.Err() != nil {
		h.stopped = true
	} else if err != nil {
		h.fail(&Failure{Err: err, Left: len(h.steps), Early: true})
	} else if h.run.Mode == Apply {
		h.requirePreflight()
		if h.failure == nil {
			h.refuse(ctx)
		}
	}
}

// connect is open without its consequences for the run.
func (h *host) connect(ctx context.Context) error {
	h.doing("", "connecting")
	type attempt struct {
		conn Conn
		err  error
	}
	connecting := make(chan attempt, 1)
	go func() {
		conn, err := h.run.Connect(ctx, h.Host)
		connecting <- attempt{conn, err}
	}()
	needsFacts := slices.ContainsFunc(h.plays, func(i int) bool { return h.run.Options.Plan.NeedsFacts(h.run.Options.Plan.Plays[i]) })
	var steps []*step
	var mistakes error
	if !needsFacts {
		steps, mistakes = h.bind(ctx) // while the host answers
	}
	attempted := <-connecting
	if attempted.err != nil {
		return attempted.err
	}
	h.link.conn = attempted.conn
	if needsFacts {
		var err error
		if h.facts, err = Facts(ctx, h.link.conn); err != nil {
			return err
		}
		h.tell()
		steps, mistakes = h.bind(ctx)
	}
	if mistakes != nil {
		return mistakes
	}
	h.steps = steps
	for _, s := range h.steps {
		if s.late() {
			h.guess(s)
		}
	}
	h.doing("", "observing")
	if err := h.observeAll(ctx); err != nil {
		return err
	}
	if err := h.takeBack(ctx); err != nil {
		return err
	}
	if err := h.memory.read(h.seen.snapshot); err != nil {
		return err
	}
	h.first = h.seen.snapshot
	if h.run.Salt != "" {
		h.saw = h.digests()
	}
	if h.run.Saved != nil {
		if err := h.compare(h.run.Saved[h.Name]); err != nil {
			return err
		}
	}
	all := h.expanded(h.first)
	h.preflight = newPreflight(h.run.Options.Plan, all, h.first)
	if len(all) == len(h.steps) && !slices.ContainsFunc(h.steps, (*step).late) {
		return nil
	}
	claiming := h.claiming
	for _, s := range all {
		if !slices.Contains(h.steps, s) {
			claiming = append(slices.Clone(claiming), s.Step)
		}
	}
	if diags := plan.Conflicts(claiming); diags.HasErrors() {
		return diags
	}
	return nil
}

// bind returns the host's steps, which may depend on its facts.
func (h *host) bind(ctx context.Context) ([]*step, error) {
	p := h.run.Options.Plan
	var all []*step
	var claiming []plan.Step
	for _, i := range h.plays {
		steps, diags := p.Bind(p.Plays[i], h.Host, h.facts)
		if diags.HasErrors() {
			return nil, diags
		}
		for _, s := range steps {
			if s.RunOnce && s.Module != approvalModule && !h.runsOnce(ctx, p.Plays[i], s) {
				continue
			}
			claiming = append(claiming, s)
			if s.Query == nil && !h.run.selects(p.Plays[i].Name, s) {
				continue
			}
			all = append(all, &step{Step: s, play: i})
		}
	}
	if diags := plan.Conflicts(claiming); diags.HasErrors() {
		return nil, diags
	}
	h.claiming = claiming
	return all, nil
}

// runsOnce reports whether h is the host of play p for the step s, which runs once: the first that the run works on, and on which
// s is not skipped. Where that depends on facts, it waits for those of the hosts before h.
func (h *host) runsOnce(ctx context.Context, p *plan.Play, s plan.Step) bool {
	all := h.run.Options.Plan
	for _, other := range p.Hosts {
		if !selected(h.run.Limit, other) {
			continue
		}
		if other == h.Host {
			return true
		}
		if !s.Depends || s.Skip != "" {
			return false
		}
		var facts *observe.Facts
		if all.NeedsFacts(p) {
			if facts = h.factsOf(ctx, other); facts == nil {
				return false // it would perhaps run there
			}
		}
		steps, diags := all.Bind(p, other, facts)
		at := slices.IndexFunc(steps, func(o plan.Step) bool { return o.Address == s.Address })
		if diags.HasErrors() || at >= 0 && steps[at].Skip == "" {
			return false
		}
	}
	return false
}

// tell says that the host's facts are there, or will not be.
func (h *host) tell() { h.tellOnce.Do(func() { close(h.told) }) }

// factsOf waits for the facts of another host; nil if that failed. It is called with a slot, which the other host may need. Each host
// tells its facts before it asks for those of others.
func (h *host) factsOf(ctx context.Context, of *plan.Host) *observe.Facts {
	i := slices.IndexFunc(h.run.hosts, func(other *host) bool { return other.Host == of })
	if i < 0 {
		return nil
	}
	<-h.run.slots
	defer func() { h.run.slots <- struct{}{} }()
	select {
	case <-h.run.hosts[i].told:
		return h.run.hosts[i].facts
	case <-ctx.Done():
		return nil
	}
}

// selects reports whether the run is about a step of a play, or perhaps about what is in place of a late one.
func (r *run) selects(play string, s plan.Step) bool {
	if slices.ContainsFunc(s.Tags, func(tag string) bool { return slices.Contains(r.SkipTags, tag) }) {
		return false
	}
	if len(r.Tags) > 0 && !slices.ContainsFunc(s.Tags, func(tag string) bool { return slices.Contains(r.Tags, tag) }) {
		return false
	}
	return len(r.Only) == 0 || slices.ContainsFunc(r.Only, func(o Only) bool {
		return o.Includes(play, s.Address) || len(s.Needs) > 0 && o.Play == play && plan.MaySelect(o.Step, s.Address)
	})
}

// isPartial reports whether the run is about some of the plan's steps only.
func (r *run) isPartial() bool { return len(r.Tags)+len(r.SkipTags)+len(r.Only) > 0 }

// Facts observes the facts of a host.
func Facts(ctx context.Context, conn observe.Host) (*observe.Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	var q observe.Query
	observe.HostFacts.Ask(&q, struct{}{})
	snapshot, err := q.Run(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("observe facts: %w", err)
	}
	facts, err := observe.HostFacts.Get(snapshot, struct{}{})
	return &facts, err
}

// runPlay runs the steps of play i on the host.
func (h *host) runPlay(ctx context.Context, i int, p *plan.Play) {
	<-h.opened
	if h.ended() {
		h.leave(h.stepsOf(i))
		return
	}
	h.run.slots <- struct{}{}
	defer func() { <-h.run.slots }()
	started := h.run.Now()
	from := slices.IndexFunc(h.steps, func(s *step) bool { return s.play == i })
	total := h.stepsOf(i)
	h.report(Event{Type: HostStarted, Play: p.Name, Total: total})
	h.preflight.report(h.report)
	if total > 0 {
		h.walk(ctx, &walk{host: h, play: p, from: from, to: from + total, changesBefore: h.run.changeCount()})
	}
	if h.ended() {
		h.ahead.end()
	}
	h.report(Event{Type: HostFinished, Play: p.Name, Counts: h.counts, Duration: h.run.Now().Sub(started)})
}

func (h *host) walk(ctx context.Context, w *walk) {
	defer h.recoverBug(w.play.Name)
	w.run(ctx)
}

// stepsOf returns how many steps of play i the host has. They are adjacent in steps.
func (h *host) stepsOf(i int) (n int) {
	for _, s := range h.steps {
		if s.play == i {
			n++
		}
	}
	return n
}

func (h *host) report(e Event) {
	e.Host = h.Name
	h.run.report(e)
}

func (h *host) doing(play, what string) { h.report(Event{Type: Doing, Play: play, Text: what}) }

// fail ends the host's part of the run.
func (h *host) fail(f *Failure) {
	f.Host, f.Address = h.Name, h.link.address(h.Address)
	h.outcome.fail(f)
	h.run.fail(h.Name)
	h.report(Event{Type: HostFailed, Play: f.Play, Step: f.Step, Failure: f})
}

// recoverBug turns a panic of a module into a failure of this host, so that the others finish.
func (h *host) recoverBug(play string) {
	if v := recover(); v != nil {
		h.fail(&Failure{
			Play: play, Aftermath: Unknown,
			Err: modules.WithHint(fmt.Errorf("rcprov has a bug: %v", v), "Please report it with these lines:\n%s", debug.Stack()),
		})
	}
}

// close closes the connection, and leaves nothing on the host that the next run would wait for.
func (h *host) close() {
	<-h.opened
	h.ahead.end()
	h.lock.release(h.link.conn)
	h.link.close()
}

// blame returns the range of the argument that err is about, or of the step.
func blame(s *step, err error) *hcl.Range {
	var arg *modules.ArgError
	if errors.As(err, &arg) && s.ArgRange != nil {
		r := s.ArgRange(arg.Arg)
		return &r
	}
	return &s.Range
}
