package engine

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/rcprov/rcprov/modules"
)

// prepareTries is how often preparing a step is tried. A try may fail because it needs what an earlier step provides: a
// tool, a DNS name, the certificates of authorities.
const prepareTries = 3

// An ahead prepares steps of a host ([modules.Preparer]) while the walk runs: one after another, from the host's first
// change on, by the observation made before it. If preparing fails, the step does all of its work itself when its turn
// comes, and reports the error.
type ahead struct {
	cancel context.CancelFunc // cancels all preparing
	ignore func() bool        // stops watching whether the run is being stopped
	ended  chan struct{}      // closed when nothing is being prepared any more

	mu      sync.Mutex
	news    sync.Cond      // signals that a field below has changed
	queue   []*preparation // those being prepared or waiting, in order
	changes int            // how many changes were made in the meantime
	over    bool           // nothing else is prepared
}

// preparation is a step that is being prepared or waits for it.
type preparation struct {
	step   *step
	change modules.Change
	tries  int
	tried  int // ahead.changes at the last try

	cancel context.CancelFunc // cancels the current try; nil between tries
	ended  chan struct{}      // closed when the current try has ended
	doing  string             // what the current try is doing; empty if unknown
	waiter func(doing string) // receives progress for the step that waits for the end; nil: none waits
}

// prepareAhead starts to prepare the steps from the index from on, of all plays, unless it was started before. ctx is that
// of the run.
func (h *host) prepareAhead(ctx context.Context, from int) {
	if h.ahead != nil {
		return
	}
	a := &ahead{ended: make(chan struct{})}
	a.news.L = &a.mu
	for _, s := range h.steps[from:] {
		p, ok := s.Step.Step.(modules.Preparer)
		if !ok || s.Skip != "" {
			continue
		}
		// With an error, it says what an earlier step must bring before the step's turn.
		if change, _ := p.Diff(h.first); !change.Empty() {
			a.queue = append(a.queue, &preparation{step: s, change: change})
		}
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	a.ignore = context.AfterFunc(ctx, a.stop)
	h.ahead = a
	go a.run(working, busyHost{h.link.conn, 0}) // changes, which run at the same time, count from 1
}

func (a *ahead) run(ctx context.Context, h modules.Host) {
	defer close(a.ended)
	for {
		p, ctx := a.next(ctx)
		if p == nil {
			return
		}
		a.tried(p, try(ctx, h, p))
	}
}

// next waits for a step to prepare, and returns it with the context for that; nil if there will be none.
func (a *ahead) next(ctx context.Context) (*preparation, context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.over && len(a.queue) > 0 {
		i := slices.IndexFunc(a.queue, func(p *preparation) bool { return p.tries == 0 || p.tried < a.changes })
		if i < 0 {
			a.news.Wait()
			continue
		}
		p := a.queue[i]
		p.tries, p.tried = p.tries+1, a.changes
		p.doing, p.ended = "", make(chan struct{})
		ctx, p.cancel = context.WithCancel(ctx)
		return p, modules.WithProgress(ctx, func(doing string) { a.progress(p, doing) })
	}
	return nil, nil
}

// try prepares a step, and reports whether it failed and may be tried again.
func try(ctx context.Context, h modules.Host, p *preparation) (again bool) {
	// A bug in preparing doesn't end the run: the step works without it.
	defer func() { _ = recover() }()
	return p.step.Step.Step.(modules.Preparer).Prepare(ctx, h, p.change) != nil
}

// tried notes that a try has ended.
func (a *ahead) tried(p *preparation, again bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.cancel()
	p.cancel = nil
	close(p.ended)
	if !again || p.tries == prepareTries {
		a.forget(p)
	}
}

func (a *ahead) forget(p *preparation) {
	a.queue = slices.DeleteFunc(a.queue, func(other *preparation) bool { return other == p })
	a.news.Broadcast()
}

// progress notes what p is doing, and reports it to the step that waits for p.
func (a *ahead) progress(p *preparation, doing string) {
	a.mu.Lock()
	p.doing = doing
	waiter := p.waiter
	a.mu.Unlock()
	if waiter != nil {
		waiter(doing)
	}
}

// changed notes that a change was made, after which another try may succeed.
func (a *ahead) changed() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes++
	a.news.Broadcast()
}

// await ends the preparing of s, whose turn has come. If it has started, await waits for its end, or cancels it when ctx
// is done. progress receives what is being done.
func (a *ahead) await(ctx context.Context, s *step, progress func(doing string)) {
	cancel, ended := a.take(s, progress)
	if cancel == nil {
		return
	}
	select {
	case <-ended:
	case <-ctx.Done():
		cancel()
		<-ended
	}
}

// drop cancels the preparing of s, which no longer needs it.
func (a *ahead) drop(s *step) {
	if cancel, _ := a.take(s, nil); cancel != nil {
		cancel()
	}
}

// take removes s from the queue. If s is being prepared, it returns how to cancel that, and a channel that is closed at its
// end.
func (a *ahead) take(s *step, waiter func(doing string)) (cancel context.CancelFunc, ended <-chan struct{}) {
	if a == nil {
		return nil, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.queue, func(p *preparation) bool { return p.step == s })
	if i < 0 {
		return nil, nil
	}
	p := a.queue[i]
	a.forget(p)
	if p.cancel != nil && waiter != nil {
		p.waiter = waiter
		waiter(cmp.Or(p.doing, "preparing"))
	}
	return p.cancel, p.ended
}

// stop ends all preparing except that of steps that wait for it: a change that is started is finished.
func (a *ahead) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	a.news.Broadcast()
	for _, p := range a.queue {
		if p.cancel != nil {
			p.cancel()
		}
	}
}

// end cancels all preparing and waits until none of it runs on the host any more.
func (a *ahead) end() {
	if a == nil {
		return
	}
	a.ignore()
	a.stop()
	a.cancel()
	<-a.ended
}
