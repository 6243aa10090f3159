package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

// An approval holds hosts of a play until a person says that they may go on. The hosts of a play, or of a batch of a serial one, meet
// there: when each of them has come to it, or will not come to it any more, one question is asked for all on which a later step
// would change something. Hosts without such a step don't wait.

// A Question is what a person is asked at an approval.
type Question struct {
	Play, Step string
	Text       string
	Hosts      []string // those on which something will be changed then, in the plan's order
}

// ErrNobody is the error of [Options.Approve] when there is nobody to ask.
var ErrNobody = errors.New("nobody is there to approve it")

// ErrRefused is the error of [Options.Approve] when a person has refused.
var ErrRefused = errors.New("it was not approved")

// meeting is where the hosts of a batch meet at approvals. Its zero value has no hosts.
type meeting struct {
	mu      sync.Mutex
	changed *sync.Cond
	away    map[*host]bool            // hosts whose steps are not known yet
	coming  map[string]map[*host]bool // by approval: hosts that will come to it
	waiting map[string][]*host
	asking  map[string]bool
}

func newMeeting(hosts []*host) *meeting {
	m := &meeting{
		away: make(map[*host]bool), coming: make(map[string]map[*host]bool), waiting: make(map[string][]*host), asking: make(map[string]bool),
	}
	m.changed = sync.NewCond(&m.mu)
	for _, h := range hosts {
		m.away[h] = true
	}
	return m
}

// expect notes which approvals h will come to, by their addresses.
func (m *meeting) expect(h *host, steps []*step) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.away, h)
	for _, s := range steps {
		if s.isApproval() && s.Skip == "" {
			if m.coming[s.Address] == nil {
				m.coming[s.Address] = make(map[*host]bool)
			}
			m.coming[s.Address][h] = true
		}
	}
	m.changed.Broadcast()
}

// passes notes that h has come to an approval, or will not.
func (m *meeting) passes(h *host, address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.coming[address], h)
	m.changed.Broadcast()
}

// leaves notes that h has ended the play.
func (m *meeting) leaves(h *host) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.away, h)
	for _, hosts := range m.coming {
		delete(hosts, h)
	}
	m.changed.Broadcast()
}

// wait has h wait for the others at an approval, until decide has decided about it: one of the hosts that wait calls it, with all of
// them. It returns early when ctx is done.
func (m *meeting) wait(ctx context.Context, h *host, address string, decided func() (error, bool), decide func([]*host)) error {
	defer context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.changed.Broadcast()
	})()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting[address] = append(m.waiting[address], h)
	for {
		err, done := decided()
		switch {
		case done:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case len(m.away) == 0 && len(m.coming[address]) == 0 && !m.asking[address]:
			m.asking[address] = true
			all := slices.Clone(m.waiting[address])
			m.mu.Unlock()
			decide(all)
			m.mu.Lock()
			m.changed.Broadcast()
		default:
			m.changed.Wait()
		}
	}
}

// isApproval reports whether s is one, or may be when it is bound.
func (s *step) isApproval() bool {
	_, ok := s.Step.Step.(modules.Approval)
	return ok || s.late() && s.Module == approvalModule
}

// approvalModule is the name of the module in plans.
const approvalModule = "approval"

// approvals are the answers of a run.
type approvals struct {
	mu      sync.Mutex
	answers map[Only]error
	refused string // which one; nothing is started after it
}

func (a *approvals) answer(of Only) (error, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	err, ok := a.answers[of]
	return err, ok
}

func (a *approvals) note(of Only, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers == nil {
		a.answers = make(map[Only]error)
	}
	if a.answers[of] = err; err != nil {
		a.refused = of.Play + "/" + of.Step
	}
}

// approve handles step i, an approval.
func (w *walk) approve(ctx context.Context, i int, text string) (n int, ok bool) {
	h, s := w.host, w.host.steps[i]
	if !w.passes(i, modules.Change{}, modules.Change{}, nil) {
		return 0, w.settle(ctx, i)
	}
	change := modules.Change{Edits: []modules.Edit{{Action: modules.Ask, Subject: text}}}
	if h.run.Mode == Plan {
		w.asks = append(w.asks, ask{i, change, h.counts})
		return 1, true
	}
	wants, err := w.changesLater(ctx, i)
	if ctx.Err() != nil {
		w.stop(i)
		return 0, false
	}
	if err != nil {
		w.fail(i, err, Untouched)
		return 0, false
	}
	h.meeting.passes(h, s.Address)
	if !wants {
		w.report(i, Event{Type: StepOK, Change: &modules.Change{}})
		h.counts.OK++
		return 1, true
	}
	w.report(i, Event{Type: Doing, Text: "waiting for an approval"})
	started := h.run.Now()
	err = w.askPerson(ctx, Only{w.play.Name, s.Address}, text)
	switch {
	case ctx.Err() != nil:
		w.stop(i)
		return 0, false
	case err != nil:
		w.fail(i, err, Untouched)
		return 0, false
	}
	h.seen = view{} // that was before the person thought about it
	w.report(i, Event{Type: StepChanged, Change: &change, Duration: h.run.Now().Sub(started)})
	h.counts.Asks++
	return 1, true
}

// askPerson returns when a person has approved a step, or an error.
func (w *walk) askPerson(ctx context.Context, of Only, text string) error {
	h := w.host
	<-h.run.slots // others may need it to come here
	defer func() { h.run.slots <- struct{}{} }()
	return h.meeting.wait(ctx, h, of.Step, func() (error, bool) { return h.run.approvals.answer(of) }, func(hosts []*host) {
		q := Question{Play: of.Play, Step: of.Step, Text: text}
		for _, known := range h.run.hosts {
			if slices.Contains(hosts, known) {
				q.Hosts = append(q.Hosts, known.Name)
			}
		}
		err := ErrNobody
		if h.run.Approve != nil {
			err = h.run.Approve(ctx, q)
		}
		if ctx.Err() == nil {
			h.run.approvals.note(of, explainRefusal(err, of, text))
		}
	})
}

// explainRefusal says what to do about the error of [Options.Approve].
func explainRefusal(err error, of Only, text string) error {
	switch first, _, _ := strings.Cut(text, "\n"); {
	case errors.Is(err, ErrNobody):
		return modules.WithHint(fmt.Errorf("%w: %s", err, first), "Run the same command at a terminal, where it asks, or add `--approve '%s/%s'`.", of.Play, of.Step)
	case errors.Is(err, ErrRefused):
		return modules.WithHint(fmt.Errorf("%w: %s", err, first), "No later step was applied, and no later play. Run the same command again when it may go on.")
	}
	return err
}

// changesLater reports whether a step after step i would change something on the host, by what is seen of it now.
func (w *walk) changesLater(ctx context.Context, i int) (bool, error) {
	h := w.host
	for seen := h.seen.to; ; seen = w.to {
		for _, s := range h.steps[min(i+1, w.to):min(seen, w.to)] {
			if s.differs {
				return true, nil
			}
		}
		if seen >= w.to {
			return false, nil
		}
		if err := h.observe(ctx, i, w.to, nil); err != nil {
			return false, err
		}
	}
}

// ask is an approval in a plan.
type ask struct {
	at     int // index of the step
	change modules.Change
	before Counts // of the host, at its turn
}

// showAsks reports the approvals of a plan, now that it is known whether later steps would change something.
func (w *walk) showAsks() {
	h := w.host
	for _, a := range w.asks {
		switch {
		case h.counts.Planned > a.before.Planned || w.failure != nil:
			h.counts.Asks++
			w.report(a.at, Event{Type: StepPlanned, Change: &a.change})
		case h.counts.Unknown > a.before.Unknown:
			a.change.Edits[0].If = "a later step changes something"
			h.counts.Asks++
			w.report(a.at, Event{Type: StepUnknown, Change: &a.change})
		default:
			h.counts.OK++
			w.report(a.at, Event{Type: StepOK, Change: &modules.Change{}})
		}
	}
	w.asks = nil
}

// refused returns why no further play is started; empty: it may be.
func (a *approvals) refusedBy() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refused == "" {
		return ""
	}
	return a.refused + " was not approved"
}

// meet has hosts of play p take part in the meetings of m, while f runs.
func (h *host) meet(m *meeting, p *plan.Play, f func()) {
	defer m.leaves(h)
	<-h.opened
	h.meeting = m
	if !h.ended() {
		from := slices.IndexFunc(h.steps, func(s *step) bool { return h.run.Options.Plan.Plays[s.play] == p })
		if from >= 0 {
			m.expect(h, slices.DeleteFunc(slices.Clone(h.steps[from:]), func(s *step) bool { return h.run.Options.Plan.Plays[s.play] != p }))
		}
	}
	f()
}
