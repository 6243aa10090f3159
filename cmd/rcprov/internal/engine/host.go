package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// host is one host in one run.
type host struct {
	*plan.Host
	run   *run
	plays []int // indexes of the plays that act on it

	prepared chan struct{}  // closed when prepare is done; what follows is set then
	conn     Conn           // replaced when it breaks
	facts    *observe.Facts // nil when no play needs them
	steps    []*step        // of all plays, in order
	seen     view
	first    *observe.Snapshot // what was seen of all steps, before any change

	asked    bool       // what steps require was asked
	findings []*Finding // what was found then
	told     bool       // and reported

	at     int   // the step that is looked at or changed
	breaks int   // how often the connection broke there
	gone   error // why no connection takes its place any more

	locked  bool
	hadLock bool     // what works on the host without us was begun by this run
	journal *journal // once locked; nil when the host is lost
	logged  bool     // there was something for the journal
	ahead   *ahead   // once something changes
	touched int      // how often something was applied, with success or not
	changed []string // addresses of steps changed in this run
	counts  Counts
	failure *Failure
	stopped bool
}

// step is a step on a host, with what the run knows about it.
type step struct {
	plan.Step
	play    int
	differs bool // when it was last observed
}

// view is what was last observed of the steps from..to-1.
type view struct {
	snapshot *observe.Snapshot
	from, to int
	run      int // changes of the whole run before it
	own      int // changes of this host before it
}

// prepare connects, binds the steps of all plays and observes them all at once.
func (h *host) prepare(ctx context.Context) {
	defer close(h.prepared)
	h.run.slots <- struct{}{}
	defer func() { <-h.run.slots }()
	defer h.recoverBug("")
	if err := h.look(ctx); ctx.Err() != nil {
		h.stopped = true
	} else if err != nil {
		h.fail(&Failure{Err: err, Left: len(h.steps)})
	} else if h.run.Mode == Apply {
		h.preflight()
	}
}

func (h *host) look(ctx context.Context) error {
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
		steps, mistakes = h.bind() // while the host answers
	}
	attempted := <-connecting
	if attempted.err != nil {
		return attempted.err
	}
	h.conn = attempted.conn
	if needsFacts {
		var err error
		if h.facts, err = Facts(ctx, h.conn); err != nil {
			return err
		}
		steps, mistakes = h.bind()
	}
	if mistakes != nil {
		return mistakes
	}
	h.steps = steps
	h.doing("", "observing")
	if err := h.observe(ctx, 0, len(h.steps), nil); err != nil {
		return err
	}
	h.first = h.seen.snapshot
	h.findings = h.test()
	return nil
}

// bind makes the host's steps, which may depend on its facts.
func (h *host) bind() ([]*step, error) {
	p := h.run.Options.Plan
	var all []*step
	for _, i := range h.plays {
		steps, diags := p.Bind(p.Plays[i], h.Host, h.facts)
		if diags.HasErrors() {
			return nil, diags
		}
		for _, s := range steps {
			if s.RunOnce && !h.isFirst(p.Plays[i]) || !tagged(h.run.Tags, s.Tags) {
				continue
			}
			all = append(all, &step{Step: s, play: i})
		}
	}
	return all, nil
}

// isFirst tells whether h is the first host of play that the run acts on.
func (h *host) isFirst(p *plan.Play) bool {
	for _, other := range p.Hosts {
		if selected(h.run.Limit, other) {
			return other == h.Host
		}
	}
	return false
}

func tagged(wanted, tags []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(tags, func(tag string) bool { return slices.Contains(wanted, tag) })
}

// Facts asks a host for its facts.
func Facts(ctx context.Context, conn observe.Host) (*observe.Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	var q observe.Query
	observe.HostFacts.Ask(&q, struct{}{})
	snapshot, err := q.Run(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("ask for facts: %w", err)
	}
	facts, err := observe.HostFacts.Get(snapshot, struct{}{})
	return &facts, err
}

// observe asks about the steps from..to-1 and those of also, and notes which of them differ. A connection that breaks is
// replaced.
func (h *host) observe(ctx context.Context, from, to int, also []*step) error {
	var q observe.Query
	for _, s := range append(slices.Clone(also), h.steps[from:to]...) {
		if s.Step.Step != nil {
			s.Step.Step.Observe(&q)
		}
	}
	if !h.asked {
		h.asked = true
		h.observeRequirements(&q)
	}
	for h.gone == nil {
		whole, err := h.ask(ctx, &q, from, to, also)
		if err == nil && whole {
			return nil
		}
		lost := h.conn.Lost()
		if lost == nil {
			return err
		}
		if err := h.reconnect(ctx, lost); err != nil {
			return err
		}
	}
	return h.gone
}

// ask is observe over one connection. whole means that all could be told.
func (h *host) ask(ctx context.Context, q *observe.Query, from, to int, also []*step) (whole bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	seen := view{from: from, to: to, run: h.run.changeCount(), own: h.touched}
	seen.snapshot, err = q.Run(ctx, h.conn)
	if err != nil {
		return false, fmt.Errorf("observe: %w", err)
	}
	h.seen = seen
	whole = true
	for _, s := range h.steps[from:to] {
		if s.Step.Step != nil {
			change, err := s.Step.Step.Diff(seen.snapshot)
			s.differs = err != nil || !change.Empty()
			whole = whole && err == nil
		}
	}
	for _, s := range also {
		_, err := s.Step.Step.Diff(seen.snapshot)
		whole = whole && err == nil
	}
	return whole, nil
}

// runPlay runs the steps of play i on the host.
func (h *host) runPlay(ctx context.Context, i int, p *plan.Play) {
	<-h.prepared
	if h.failure != nil || h.stopped {
		h.countLeft(i)
		return
	}
	h.run.slots <- struct{}{}
	defer func() { <-h.run.slots }()
	started := h.run.Now()
	from := slices.IndexFunc(h.steps, func(s *step) bool { return s.play == i })
	to := from
	for from >= 0 && to < len(h.steps) && h.steps[to].play == i {
		to++
	}
	h.report(Event{Type: HostStarted, Play: p.Name, Total: to - max(from, 0)})
	h.tell()
	if from >= 0 {
		h.walk(ctx, &walk{host: h, play: p, from: from, to: to, changesBefore: h.run.changeCount()})
	}
	if h.failure != nil || h.stopped {
		h.ahead.end()
	}
	h.report(Event{Type: HostFinished, Play: p.Name, Counts: h.counts, Duration: h.run.Now().Sub(started)})
}

func (h *host) walk(ctx context.Context, w *walk) {
	defer h.recoverBug(w.play.Name)
	w.run(ctx)
}

// countLeft counts the steps of play i as not tried.
func (h *host) countLeft(i int) {
	for _, s := range h.steps {
		if s.play == i {
			h.counts.Left++
		}
	}
}

func (h *host) report(e Event) {
	e.Host = h.Name
	h.run.report(e)
}

func (h *host) doing(play, what string) { h.report(Event{Type: Doing, Play: play, Text: what}) }

// fail ends the host's part of the run.
func (h *host) fail(f *Failure) {
	f.Host, f.Address, f.Changed = h.Name, h.Address, slices.Clone(h.changed)
	if h.conn != nil {
		f.Address = h.conn.Address()
	}
	h.failure = f
	h.counts.Failed++
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

// close ends the connection.
func (h *host) close() {
	<-h.prepared
	h.ahead.end()
	if h.journal != nil {
		h.journal.close()
		ctx, cancel := context.WithTimeout(context.Background(), journalTimeout)
		defer cancel()
		_, _, _ = h.conn.Ask(ctx, forget) // otherwise the next run waits for what this one has not left
	}
	if h.conn != nil {
		_ = h.conn.Close() // the run is over; there is nothing left to lose
	}
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
