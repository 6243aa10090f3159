package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/wayin"
)

// walk takes one host through the steps from..to-1 of one play.
type walk struct {
	host     *host
	play     *plan.Play
	from, to int

	// changesBefore is the run's count of changes when the play started on this host. Observations made before earlier
	// plays changed other hosts are no longer valid; hosts in the same play are not ordered anyway.
	changesBefore int

	// brief are the steps that the walk has changed, and whose change may not last.
	brief []brief

	asks     []ask // approvals of a plan, which are shown at the end
	deferred deferred
	failure  *Failure // ends the walk
}

// brief is a step that was changed and may have come undone since ([modules.Explainer]).
type brief struct {
	work
	at      int // index of the step
	applied int // the host's count of changes when it was verified
}

// run decides each step by an observation made after the last change, and changes the steps that differ.
func (w *walk) run(ctx context.Context) {
	i, ok := w.from, true
	for ok && (i < w.to || w.isDue(i)) {
		if w.isDue(i) {
			ok = w.settle(ctx, i)
			continue
		}
		var n int
		n, ok = w.turn(ctx, i)
		i += n
	}
	if ok && w.host.run.Mode == Apply {
		w.lasts(context.WithoutCancel(ctx))
	}
	w.end(context.WithoutCancel(ctx))
}

// end ends the walk.
func (w *walk) end(ctx context.Context) {
	w.rescue(ctx)
	w.showAsks()
	w.host.leave(len(w.deferred.waiting))
	if w.failure != nil {
		w.host.leave(w.failure.Left)
		w.failure.Left += len(w.deferred.waiting)
		w.host.fail(w.failure)
	}
}

// turn decides step i, and changes it and those that are changed together with it. It returns how many steps those were: none if the
// step must have its turn again. ok is false if the walk is over.
func (w *walk) turn(ctx context.Context, i int) (n int, ok bool) {
	h := w.host
	h.link.begin(i)
	s := h.steps[i]
	if s.Skip != "" {
		w.report(i, Event{Type: StepSkipped, Text: s.Skip})
		if h.meeting != nil {
			h.meeting.passes(h, s.Address)
		}
		h.counts.Skipped++
		return 1, true
	}
	err := ctx.Err()
	if err == nil {
		err = w.look(ctx, i)
	}
	if ctx.Err() != nil {
		w.stop(i)
		return 0, false
	}
	if err == nil && s.late() {
		return w.bind(ctx, i)
	}
	if a, ok := s.Step.Step.(modules.Approval); ok && err == nil {
		return w.approve(ctx, i, a.Question())
	}
	if err == nil && s.Query != nil {
		_, err = s.Query.Answer(h.seen.snapshot)
		if err == nil || h.run.isPartial() || // then perhaps nobody needs it
			h.run.Mode == Plan && errors.Is(err, observe.ErrUnknown) {
			h.noteAnswer(s)
			return 1, true
		}
	}
	if err != nil {
		w.fail(i, err, Untouched)
		return 0, false
	}
	change, likely, err := w.diff(s)
	if err != nil || !change.Empty() {
		danger, refused := w.danger(ctx, s)
		if err == nil || errors.Is(refused, wayin.ErrShutOut) { // which matters more than what else is wrong with it
			s.danger, err = danger, refused
		}
		if !s.danger.None() {
			change.Notes = append(slices.Clone(change.Notes), s.danger.Note())
		}
	}
	if err != nil && w.logInAsAwaited(ctx, i, err) {
		if h.run.Mode == Plan {
			return 1, true
		}
		return 0, true
	}
	switch {
	case w.putOff(i, change, likely, err):
		return 1, true
	case !w.passes(i, change, likely, err):
		return 0, w.settle(ctx, i)
	case h.run.Mode == Plan && errors.Is(err, observe.ErrUnknown):
		w.report(i, Event{Type: StepUnknown, Text: err.Error()})
		h.counts.Unknown++
		return 1, true
	case err != nil:
		w.fail(i, err, Untouched)
		return 0, false
	case change.Empty():
		if err := w.rememberConverged(ctx, s); err != nil {
			w.fail(i, err, Untouched)
			return 0, false
		}
		h.ahead.drop(s)
		w.report(i, Event{Type: StepOK, Change: &change})
		h.counts.OK++
		return 1, true
	case h.run.Mode == Plan:
		w.foresee(i, change, likely)
		return 1, true
	case !h.lock.held():
		// Somebody may have changed the host since it was observed: observe again under the lock.
		if err := h.takeLock(ctx); ctx.Err() != nil {
			w.stop(i)
			return 0, false
		} else if err != nil {
			w.fail(i, err, Untouched)
			return 0, false
		}
		h.seen = view{}
		return 0, true
	}
	h.prepareAhead(ctx, i+1)
	// A change that is started is finished, even if the run is being stopped.
	return w.makeChange(context.WithoutCancel(ctx), ctx.Done(), i, change)
}

// lasts looks once more at the steps whose change may not last, if others were changed since: a program that ended while later steps
// ran was not started.
func (w *walk) lasts(ctx context.Context) {
	h := w.host
	var again []*step
	for _, b := range w.brief {
		if b.applied < h.applied {
			again = append(again, b.step)
		}
	}
	if len(again) == 0 || h.observe(ctx, w.to, w.to, again) != nil { // an error leaves what was verified
		return
	}
	for _, b := range w.brief {
		if !slices.Contains(again, b.step) {
			continue
		}
		left, err := h.diff(b.step)
		if err != nil || left.Empty() {
			continue
		}
		if err := b.Step.Step.(modules.Explainer).Explain(ctx, h.link.conn, left); err != nil {
			h.log(w.play.Name, Failed, []work{b.work}, err)
			w.failAt(b.at, fmt.Errorf("it did not last: %w", err), Partly, 0)
			return
		}
	}
}

// look observes step i unless it was observed after the last change.
func (w *walk) look(ctx context.Context, i int) error {
	h := w.host
	if h.seen.covers(i, h.steps[i], h.applied, w.changesBefore) {
		return nil
	}
	w.report(i, Event{Type: Doing, Text: "observing"})
	if w.deferred.settles {
		return w.observeFrom(ctx, i, h.steps[i])
	}
	return w.observeFrom(ctx, i)
}

// horizon returns the end of the steps from i on to observe at once: up to and including the first that is expected to
// differ, because the steps after it must be observed again anyway.
func (w *walk) horizon(i int) int {
	effect := w.deferred.effect
	for ; i < w.to; i++ {
		if waits := w.waits(i, &effect); w.host.steps[i].differs && !waits {
			return max(w.batchEnd(i), w.groupEnd(i))
		}
	}
	return w.to
}

// groupEnd returns the end of the steps from i on that may be a group.
func (w *walk) groupEnd(i int) int {
	end := i
	for end < min(w.to, i+maxGroup) && w.host.steps[end].differs && mayGroup(w.host.steps[end]) {
		end++
	}
	return end
}

// batchEnd returns the end of the steps from i on that may be applied together: those that are expected to differ
// and are Batchers of the same type. For other steps it is i+1.
func (w *walk) batchEnd(i int) int {
	first := w.host.steps[i]
	end := i + 1
	if _, ok := first.Step.Step.(modules.Batcher); !ok {
		return end
	}
	for end < w.to {
		s := w.host.steps[end]
		if !s.differs || reflect.TypeOf(s.Step.Step) != reflect.TypeOf(first.Step.Step) {
			break
		}
		end++
	}
	return end
}

// diff returns what step s is to change, in a plan with all conditions; likely is what it will change by what is most
// likely then, and the same otherwise.
func (w *walk) diff(s *step) (change, likely modules.Change, err error) {
	if w.host.run.Mode == Plan {
		change, likely, err = modules.Preview(s.Step.Step, w.host.seen.snapshot)
		return w.host.memory.cover(s.withPerhaps(change)), likely, err
	}
	change, err = w.host.diff(s)
	return change, change, err
}

// foresee reports the change of step i in a plan, and notes what later steps would observe after it.
func (w *walk) foresee(i int, change, likely modules.Change) {
	h, s := w.host, w.host.steps[i]
	s.differs = true
	if change.Unsure() {
		w.report(i, Event{Type: StepUnknown, Change: &change})
		h.counts.Unknown++
	} else {
		w.report(i, Event{Type: StepPlanned, Change: &change})
		h.counts.Planned++
	}
	if !likely.Empty() {
		modules.Foresee(s.Step.Step, h.seen.snapshot, likely)
	}
}

// makeChange makes the change of step i: with those of its group, or else as change does.
func (w *walk) makeChange(ctx context.Context, stop <-chan struct{}, i int, change modules.Change) (n int, ok bool) {
	if group, scripts := w.group(i, change); len(group) > 0 {
		return w.changeGroup(ctx, i, group, scripts)
	}
	return w.change(ctx, stop, i, change)
}

// change applies and verifies step i, and the steps that are applied together with it. It returns how many steps those
// were: none if the connection broke and the walk has to come to step i again. ok is false if the host has failed. When
// stop is closed, there are no further attempts.
func (w *walk) change(ctx context.Context, stop <-chan struct{}, i int, change modules.Change) (n int, ok bool) {
	h, s := w.host, w.host.steps[i]
	for attempt := 0; ; attempt++ {
		started := h.run.Now()
		work := w.gather(i, change)
		err := w.apply(ctx, i, work)
		applied := err == nil
		if applied {
			err = w.verify(ctx, i, work, started)
		}
		if err == nil {
			return len(work), true
		}
		breaks := h.link.breaks
		left, made := w.aftermath(ctx, i, work)
		work[0].made = made
		if h.link.breaks > breaks && !applied && !settled(err) {
			if n, err = w.resume(i, work, started, err); err == nil {
				return n, true
			}
			h.log(w.play.Name, Failed, work, err)
			w.fail(i, err, left, made...)
			return 0, false
		}
		h.log(w.play.Name, Failed, work, err)
		if attempt < s.Retries {
			w.report(i, Event{Type: Doing, Text: fmt.Sprintf("trying again (%d of %d): %v", attempt+1, s.Retries, err)})
		}
		if attempt >= s.Retries || !sleep(stop, time.Second<<min(attempt, 5)) {
			if !applied && len(work) > 1 {
				w.failBatch(i, work, started, err, left)
			} else {
				w.fail(i, err, left, made...)
			}
			return 0, false
		}
		// The next attempt starts from what the failed one left.
		if err := h.observe(ctx, i, i+1, nil); err != nil {
			w.fail(i, err, Unknown)
			return 0, false
		}
		if change, err = h.diff(s); err != nil {
			w.fail(i, err, Unknown)
			return 0, false
		}
		if change.Empty() { // made before the error
			w.done(i, work[:1], started)
			return 1, true
		}
	}
}

// failBatch reports that the change of batch, which starts with step i, failed with err: those of its steps that were changed all
// the same, and the first of the others as the one that failed. left is what is left of the first.
func (w *walk) failBatch(i int, batch []work, started time.Time, err error, left Aftermath) {
	failed, later := -1, 0
	if left != Unknown {
		for j, b := range batch {
			switch after, lookErr := w.host.diff(b.step); {
			case lookErr == nil && after.Empty():
				w.done(i+j, batch[j:j+1], started)
				if failed >= 0 {
					later++
				}
			case failed < 0:
				failed = j
				if left = Partly; lookErr == nil && reflect.DeepEqual(after.Edits, b.change.Edits) {
					left = Untouched
				}
			}
		}
	}
	switch {
	case left == Unknown:
		w.fail(i, err, left)
		return
	case failed < 0: // all are as wanted
		failed, later = 0, len(batch)-1
	}
	w.failAt(i+failed, err, left, w.to-(i+failed)-1-later)
}

// aftermath observes what the failed change of batch, which starts with step i, left, so that nobody has to guess. made are
// those edits of the first step that are no longer to be made.
func (w *walk) aftermath(ctx context.Context, i int, batch []work) (left Aftermath, made []modules.Edit) {
	if err := w.host.observe(ctx, i, i+len(batch), nil); err != nil {
		return Unknown, nil
	}
	step := w.host.steps[i]
	after, err := w.host.diff(step)
	return batch[0].outcome(after, err)
}

// outcome returns what b, whose change failed, left: after is what still differs, unless err says why that is unknown.
func (b work) outcome(after modules.Change, err error) (left Aftermath, made []modules.Edit) {
	_, opaque := b.Step.Step.(modules.Opaque)
	switch same := err == nil && reflect.DeepEqual(after.Edits, b.change.Edits); {
	case err != nil, same && opaque:
		return Unknown, nil
	case same:
		return Untouched, nil
	}
	for _, e := range b.change.Edits {
		if !slices.ContainsFunc(after.Edits, e.Same) {
			made = append(made, e)
		}
	}
	if after.Empty() {
		return Done, made
	}
	return Partly, made
}

// resume continues after the change of batch, which starts with step i, failed with broken because the connection broke.
// Steps that no longer differ were changed by it; n is how many they are. The walk continues with the next one.
func (w *walk) resume(i int, batch []work, started time.Time, broken error) (n int, err error) {
	h := w.host
	if h.link.gone != nil {
		return 0, h.link.goneDuring(broken)
	}
	for ; n < len(batch); n++ {
		left, err := h.diff(batch[n].step)
		if err != nil && n == 0 {
			return 0, fmt.Errorf("after the connection broke: %w", err)
		}
		if err != nil || !left.Empty() {
			break
		}
	}
	if n == 0 && h.link.breaks >= maxBreaks {
		return 0, tooOften(h.link.breaks, broken)
	}
	w.done(i, batch[:n], started)
	if n < len(batch) {
		h.log(w.play.Name, Failed, batch[n:], broken)
	}
	return n, nil
}

// work is a step with the change to make.
type work struct {
	*step
	change modules.Change
	made   []modules.Edit // of a change that failed
}

// gather returns the work that starts with step i: its change, and for a Batcher those of the steps after it.
func (w *walk) gather(i int, change modules.Change) []work {
	h := w.host
	batch := []work{{step: h.steps[i], change: change}}
	for j := i + 1; j < min(w.batchEnd(i), h.seen.to) && h.steps[i].danger.None(); j++ {
		c, err := h.diff(h.steps[j])
		if err != nil || c.Empty() || wayin.MayTouch(h.steps[j].Claims) {
			break
		}
		batch = append(batch, work{step: h.steps[j], change: c})
	}
	return batch
}

// apply makes the changes of batch, which starts with step i.
func (w *walk) apply(ctx context.Context, i int, batch []work) error {
	h, s := w.host, w.host.steps[i]
	w.report(i, Event{Type: Doing, Text: "changing", Change: &batch[0].change})
	changes := make([]modules.Change, len(batch))
	for j, b := range batch {
		changes[j] = b.change
	}
	if err := h.remember(ctx, changes...); err != nil {
		return err
	}
	h.log(w.play.Name, Begun, batch, nil)
	h.applied++
	h.run.countChange()

	progress := func(doing string) { w.report(i, Event{Type: Doing, Text: doing}) }
	ctx = modules.WithFailed(modules.WithProgress(ctx, progress), h.run.hasFailed)
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.Timeout, &TimeoutError{s.Timeout})
		defer cancel()
	}
	for _, b := range batch {
		h.ahead.await(ctx, b.step, progress)
	}
	apply := func(ctx context.Context) error { return applyBatch(ctx, busyHost{h.link.conn, h.applied}, batch) }
	var err error
	if s.danger.None() {
		err = apply(ctx)
	} else {
		err = s.danger.Guard(ctx, busyHost{h.link.conn, h.applied}, apply)
		h.way = nil
	}
	if _, ok := s.Step.Step.(modules.Rebooter); ok {
		return h.rebooted(context.WithoutCancel(ctx), err)
	}
	var timeout *TimeoutError
	if cause := context.Cause(ctx); err != nil && !errors.As(err, &timeout) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}

// TimeoutError is the error of a step that took longer than its timeout.
type TimeoutError struct {
	Timeout time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("not done after its timeout of %s", modules.Span(e.Timeout))
}

func applyBatch(ctx context.Context, h modules.Host, batch []work) error {
	if len(batch) == 1 {
		return batch[0].Step.Step.Apply(ctx, h, batch[0].change)
	}
	all := make([]modules.Task, len(batch))
	for i, w := range batch {
		all[i] = modules.Task{Step: w.Step.Step, Change: w.change}
	}
	return batch[0].Step.Step.(modules.Batcher).ApplyBatch(ctx, h, all)
}

// verify observes the changed steps once more, together with those after them, and reports the changes.
func (w *walk) verify(ctx context.Context, i int, batch []work, started time.Time) error {
	h := w.host
	end := i + len(batch)
	also := make([]*step, len(batch))
	for j, b := range batch {
		also[j] = b.step
	}
	if err := w.observeFrom(ctx, end, also...); err != nil {
		return err
	}
	for j, b := range batch {
		left, err := h.diff(b.step)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if left.Empty() {
			batch[j].keepNotes(left)
			continue
		}
		if e, ok := b.Step.Step.(modules.Explainer); ok {
			if err := e.Explain(ctx, h.link.conn, left); err != nil {
				return err
			}
		}
		return &NotConvergedError{Left: left}
	}
	w.done(i, batch, started)
	return nil
}

// keepNotes adds the notes of what is left after the change, such as what Apply put up with.
func (b *work) keepNotes(left modules.Change) {
	for _, note := range left.Notes {
		if notes := b.change.Notes; !slices.Contains(notes, note) {
			b.change.Notes = append(slices.Clone(notes), note)
		}
	}
}

// done reports that the steps of batch, which starts with step i, were changed and no longer differ.
func (w *walk) done(i int, batch []work, started time.Time) {
	if len(batch) == 0 {
		return
	}
	h := w.host
	h.log(w.play.Name, Changed, batch, nil)
	h.ahead.changed()
	took := h.run.Now().Sub(started)
	for j, b := range batch {
		b.differs = false
		if _, ok := b.Step.Step.(modules.Explainer); ok {
			w.brief = append(w.brief, brief{b, i + j, h.applied})
		}
		h.changed = append(h.changed, b.Address)
		h.counts.Changed++
		w.report(i+j, Event{Type: StepChanged, Change: &b.change, Duration: took})
	}
}

// NotConvergedError is the error of a step that was applied and still differs.
type NotConvergedError struct {
	Left modules.Change
}

func (e *NotConvergedError) Error() string {
	return fmt.Sprintf("did not converge: applied, and still differs in %s", describe(e.Left))
}

// describe lists the edits of c in short.
func describe(c modules.Change) string {
	text := ""
	for i, e := range c.Edits {
		if i > 0 {
			text += "; "
		}
		text += e.Subject
		if e.Field != "" {
			text += " " + e.Field
		}
		switch {
		case e.Sensitive || e.From == "" && e.To == "":
		case e.Action == modules.Run && e.To == "":
			text += fmt.Sprintf(" (%s)", e.From) // the reason to run again
		default:
			text += fmt.Sprintf(" (is %q, wanted %q)", e.From, e.To)
		}
	}
	return text
}

func (w *walk) report(i int, e Event) {
	e.Play, e.Step, e.Index, e.Total = w.play.Name, w.host.steps[i].Address, i-w.from+1, w.to-w.from
	w.host.report(e)
}

// fail ends the walk at step i, which has made some edits before.
func (w *walk) fail(i int, err error, left Aftermath, made ...modules.Edit) {
	w.failAt(i, err, left, w.untried(i), made...)
}

// failAt is fail where so many later steps were not tried.
func (w *walk) failAt(i int, err error, left Aftermath, untried int, made ...modules.Edit) {
	s := w.host.steps[i]
	w.failure = &Failure{
		Play: w.play.Name, Step: s.Address, Range: blame(s, err), Included: s.Included, Err: err, Aftermath: left, Made: made, Left: untried,
	}
}

// stop ends the host's part of the run before step i.
func (w *walk) stop(i int) {
	w.host.stopped = true
	w.host.leave(w.untried(i) + 1)
}

// sleep waits for d. It returns false, earlier, when stop is closed.
func sleep(stop <-chan struct{}, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-stop:
		return false
	}
}
