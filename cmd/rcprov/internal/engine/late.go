package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/wayin"
)

// A late step depends on answers to queries (plan.Step.Needs): it is bound when its turn comes, by the look that decides it. So that
// this needs no look of its own, that look also asks what the step will ask whatever the answers are: what it asks with one text as the
// answers, and with another one as well. Only what is left is asked in one more look.
//
// Answers of other hosts are those of the start of the play: before it, each host of a play looks at what others need, unless it has
// done so since the last change.

// guesses are two answers that are texts, names and numbers.
var guesses = [2]string{"1", "2"}

func (s *step) late() bool { return len(s.Needs) > 0 }

// guess sets what can be known of a late step.
func (h *host) guess(s *step) {
	p := h.run.Options.Plan
	for i, text := range guesses {
		for _, one := range p.Guess(p.Plays[s.play], h.Host, h.facts, s.Step, text) {
			s.guessed[i] = append(s.guessed[i], &step{Step: one, play: s.play})
		}
	}
}

// askAhead asks the queries that a late step needs, and what it will ask in any case; also what it requires if that is wanted.
func (h *host) askAhead(q *observe.Query, s *step, requires bool) {
	for _, n := range s.Needs {
		if asked := h.queryOf(s.play, n.Query); asked != nil {
			asked.Observe(q)
		}
	}
	ask := func(steps []*step) func(*observe.Query) {
		return func(q *observe.Query) {
			for _, s := range steps {
				if s.Step.Step == nil {
					continue
				}
				s.Step.Step.Observe(q)
				for _, r := range s.Requires {
					if requires {
						r.Observe(q)
					}
				}
			}
		}
	}
	q.AskCommon(ask(s.guessed[0]), ask(s.guessed[1]))
}

// queryOf returns a query of play i on the host; nil if it is skipped there.
func (h *host) queryOf(i int, name string) *plan.Query {
	for _, s := range h.steps {
		if s.play == i && s.Query != nil && s.Query.Name == name {
			return s.Query
		}
	}
	return nil
}

// errNotYet is in the error of a late step that can't be bound before its play starts.
var errNotYet = errors.New("not known before the play starts")

// bindLate returns the steps in place of s, by the answers in snapshot and those that hosts share.
func (h *host) bindLate(s *step, snapshot *observe.Snapshot) ([]*step, error) {
	p := h.run.Options.Plan
	play := p.Plays[s.play]
	answers := plan.Answers{}
	for _, n := range s.Needs {
		text, err := h.answer(s.play, n, snapshot)
		if err != nil {
			return nil, fmt.Errorf("it needs %s: %w", n, err)
		}
		answers[plan.AnswerKey{Play: play.Name, Host: n.Host, Query: n.Query}] = text
	}
	bound, diags := p.BindLate(play, h.Host, h.facts, s.Step, answers)
	if diags.HasErrors() {
		return nil, diags
	}
	steps := []*step{}
	for _, one := range bound {
		if !h.run.selects(play.Name, one) {
			continue
		}
		steps = append(steps, &step{Step: one, play: s.play})
	}
	return steps, nil
}

// answer returns the answer to n of the play with index i.
func (h *host) answer(i int, n plan.Need, snapshot *observe.Snapshot) (string, error) {
	if n.Host != "" {
		return h.run.sharedAnswer(i, n)
	}
	q := h.queryOf(i, n.Query)
	if q == nil {
		return "", errors.New("it is not asked on this host")
	}
	return q.Answer(snapshot)
}

// shared are answers as of the start of a play. They are written before the play's steps, and read by them.
type shared struct {
	play    int // index of the play; what is shared of others is not valid
	answers map[plan.Need]sharedAnswer
}

type sharedAnswer struct {
	text string
	err  error
}

// sharedAnswer returns the answer to n, which is of the play with index i.
func (r *run) sharedAnswer(i int, n plan.Need) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.shared
	a, ok := s.answers[n]
	switch {
	case ok && s.play == i && a.err != nil:
		return "", modules.WithHint(a.err, "Answers of other hosts are those of the start of the play: what the query reads must be made in an earlier one.")
	case ok && s.play == i:
		return a.text, nil
	case s.play < i || s.answers == nil:
		return "", errNotYet
	case !slices.ContainsFunc(r.hosts, func(h *host) bool { return h.Name == n.Host }):
		return "", modules.WithHint(fmt.Errorf("the run does without the host %s", n.Host), "Name %s in `--limit`, too.", n.Host)
	}
	return "", fmt.Errorf("there is no answer of the host %s", n.Host)
}

// share lets the hosts of play i look at what others of them need.
func (r *run) share(ctx context.Context, i int, hosts []*host) {
	wanted := map[string][]plan.Need{} // by host
	for _, h := range hosts {
		<-h.opened
		for _, s := range h.steps {
			for _, n := range s.Needs {
				if s.play == i && n.Host != "" && !slices.Contains(wanted[n.Host], n) {
					wanted[n.Host] = append(wanted[n.Host], n)
				}
			}
		}
	}
	all := shared{play: i, answers: map[plan.Need]sharedAnswer{}}
	type told struct {
		need plan.Need
		sharedAnswer
	}
	answers := make(chan []told)
	changes := r.changeCount()
	for _, h := range hosts {
		go func() {
			var mine []told
			for _, n := range wanted[h.Name] {
				text, err := h.tellAnswer(ctx, i, n, wanted[h.Name], changes)
				mine = append(mine, told{n, sharedAnswer{text, err}})
			}
			answers <- mine
		}()
	}
	for range hosts {
		for _, a := range <-answers {
			all.answers[a.need] = a.sharedAnswer
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shared = all
}

// tellAnswer returns the host's answer to n, one of wanted, at the start of play i, by a look made since the last change.
func (h *host) tellAnswer(ctx context.Context, i int, n plan.Need, wanted []plan.Need, changes int) (string, error) {
	if h.failure != nil {
		return "", fmt.Errorf("the host %s has failed", h.Name)
	}
	from := slices.IndexFunc(h.steps, func(s *step) bool { return s.play == i })
	end := from + h.stepsOf(i)
	at := slices.IndexFunc(h.steps, func(s *step) bool { return s.play == i && s.Query != nil && s.Query.Name == n.Query })
	if h.ended() || at < 0 {
		return "", fmt.Errorf("it is not asked on the host %s", h.Name)
	}
	if !h.seen.covers(at, h.steps[at], h.applied, changes) && h.run.Mode == Apply {
		h.run.slots <- struct{}{}
		defer func() { <-h.run.slots }()
		var also []*step
		for _, s := range h.steps[from:end] {
			if s.Query != nil && slices.ContainsFunc(wanted, func(n plan.Need) bool { return n.Query == s.Query.Name }) {
				also = append(also, s)
			}
		}
		w := &walk{host: h, from: from, to: end}
		if err := h.observe(ctx, from, max(w.horizon(from), at+1), also); err != nil {
			return "", err
		}
	}
	return h.steps[at].Query.Answer(h.seen.snapshot)
}

// lateDiffers reports whether a late step differs by snapshot: also where that is unknown.
func (h *host) lateDiffers(s *step, snapshot *observe.Snapshot) bool {
	parts, err := h.boundNow(s, snapshot)
	return !errors.Is(err, errNotYet) && (err != nil || slices.ContainsFunc(parts, func(s *step) bool { return s.differs }))
}

// boundNow returns the steps in place of s, if snapshot has all that decides them.
func (h *host) boundNow(s *step, snapshot *observe.Snapshot) ([]*step, error) {
	parts, err := h.bindLate(s, snapshot)
	if err != nil {
		return nil, err
	}
	var missing observe.Query
	missing.AskMissing(snapshot, func(q *observe.Query) { observeSteps(q, parts) })
	if !missing.Empty() {
		return nil, errors.New("what it asks depends on the answer")
	}
	for _, part := range parts {
		if part.Step.Step != nil {
			change, err := part.Step.Step.Diff(snapshot)
			part.differs = err != nil || !change.Empty()
		}
	}
	return parts, nil
}

// expanded returns the host's steps with those in place of each late one, as far as snapshot decides them.
func (h *host) expanded(snapshot *observe.Snapshot) []*step {
	var all []*step
	for _, s := range h.steps {
		if !s.late() {
			all = append(all, s)
		} else if parts, err := h.boundNow(s, snapshot); err == nil {
			all = append(all, parts...)
		}
	}
	return all
}

// claimsOf are those of a step; of a late one, what it would claim.
func claimsOf(s *step) []modules.Claim {
	claims := s.Claims
	for _, guessed := range s.guessed {
		for _, one := range guessed {
			claims = append(slices.Clone(claims), one.Claims...)
		}
	}
	return claims
}

// mayTouch reports whether a step may touch the way in.
func mayTouch(s *step) bool {
	return wayin.MayTouch(claimsOf(s)) || s.late() && s.guessed[0] == nil
}

// bind is the turn of late step i: those in its place have theirs next. In a plan it may be unknown.
func (w *walk) bind(ctx context.Context, i int) (n int, ok bool) {
	h := w.host
	err := w.expand(ctx, i)
	switch {
	case err == nil:
		return 0, true
	case ctx.Err() != nil:
		w.stop(i)
		return 0, false
	case h.run.Mode == Plan && errors.Is(err, observe.ErrUnknown):
		w.report(i, Event{Type: StepUnknown, Text: err.Error()})
		h.counts.Unknown++
		h.foreseeLate(h.steps[i])
		return 1, true
	}
	w.fail(i, err, Untouched)
	return 0, false
}

// expand puts the steps of late step i in its place. In an apply it observes what they ask beyond the last look; in a plan, too, where
// nothing has changed since.
func (w *walk) expand(ctx context.Context, i int) error {
	h := w.host
	s := h.steps[i]
	parts, err := h.bindLate(s, h.seen.snapshot)
	if err != nil {
		return err
	}
	claiming := h.claiming
	for _, part := range parts {
		claiming = append(slices.Clone(claiming), part.Step)
	}
	if diags := plan.Conflicts(claiming); diags.HasErrors() {
		return diags
	}
	h.claiming = claiming
	if err := h.observeMore(ctx, func(q *observe.Query) { observeSteps(q, parts) }); err != nil {
		return err
	}
	for _, part := range parts {
		if part.Step.Step != nil {
			change, err := part.Step.Step.Diff(h.seen.snapshot)
			part.differs = err != nil || !change.Empty()
		}
	}
	h.steps = slices.Replace(h.steps, i, i+1, parts...)
	more := len(parts) - 1
	w.to += more
	h.seen.to += more
	return nil
}

// observeMore adds to the last look, since which nothing has changed, what it has no answers to.
func (h *host) observeMore(ctx context.Context, ask func(*observe.Query)) error {
	return h.overConnections(ctx, func() (bool, error) {
		var missing observe.Query
		missing.AskMissing(h.seen.snapshot, ask)
		if missing.Empty() {
			return true, nil
		}
		ctx, cancel := context.WithTimeout(ctx, observeTimeout)
		defer cancel()
		more, err := missing.Run(ctx, h.link.conn)
		if err != nil {
			return false, fmt.Errorf("observe: %w", err)
		}
		h.seen.snapshot.Add(more)
		return true, nil
	})
}

// wrongLate returns the first late step that is a mistake of the plan by answers which no step before it may change. After one of
// which nobody knows all that it changes, that is left to the step's turn.
func (h *host) wrongLate() (*step, error) {
	if !slices.ContainsFunc(h.steps, (*step).late) {
		return nil, nil
	}
	foreseen := h.seen.snapshot.Apart()
	for _, s := range h.steps {
		parts := []*step{s}
		if s.late() {
			var err error
			var mistakes hcl.Diagnostics
			if parts, err = h.bindLate(s, foreseen); errors.As(err, &mistakes) && !foreseen.Vague() {
				return s, err
			}
			var missing observe.Query
			missing.AskMissing(foreseen, func(q *observe.Query) { observeSteps(q, parts) })
			if err != nil || !missing.Empty() {
				mayDo(foreseen, s)
				continue
			}
		}
		for _, part := range parts {
			if _, asks := part.Step.Step.(modules.Approval); asks || part.Step.Step == nil || part.Query != nil {
				continue
			}
			if _, likely, err := modules.Preview(part.Step.Step, foreseen); err == nil && !likely.Empty() {
				modules.Foresee(part.Step.Step, foreseen, likely)
			}
		}
	}
	return nil, nil
}

// foreseeLate notes that a step of a plan may do more than is known: what it decides, with answers that are unknown.
func (h *host) foreseeLate(s *step) { mayDo(h.seen.snapshot, s) }

func mayDo(snapshot *observe.Snapshot, s *step) {
	var text []string
	for _, c := range claimsOf(s) {
		text = append(text, c.Thing.Name)
	}
	snapshot.Forecast().May(observe.Cause{
		Name: "step " + s.Address, Bounded: len(text) > 0, Text: strings.Join(text, "\n"), Brings: true, Removes: true,
	})
}

// noteAnswer keeps the answer to a query for the plan's outputs.
func (h *host) noteAnswer(s *step) {
	if text, err := s.Query.Answer(h.seen.snapshot); err == nil {
		if h.answers == nil {
			h.answers = plan.Answers{}
		}
		h.answers[plan.AnswerKey{Play: h.run.Options.Plan.Plays[s.play].Name, Host: h.Name, Query: s.Query.Name}] = text
	}
}

// answers are those of all hosts.
func (r *run) answers() plan.Answers {
	all := plan.Answers{}
	for _, h := range r.hosts {
		for key, text := range h.answers {
			all[key] = text
		}
	}
	return all
}
