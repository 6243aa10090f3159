package engine

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/rcprov/rcprov/modules"
)

// prepareTries is how often a step is prepared at most. What it lacked may be what an earlier step brings: a tool, a
// name, the authorities that certificates are checked by.
const prepareTries = 3

// An ahead prepares steps of a host ([modules.Preparer]) beside its walk: one after another, from the host's first change
// on, as the host was seen before it. What can't be prepared is left to the step itself, which says why it can't be had.
type ahead struct {
	cancel context.CancelFunc // of all preparing
	ignore func() bool        // no longer minds that the run is being stopped
	ended  chan struct{}      // closed when nothing is being prepared any more

	mu      sync.Mutex
	news    sync.Cond // something of what follows is other than it was
	queue   []*preparation
	changes int // how many changes were made beside it
	over    bool
}

// preparation is a step that is being prepared, or waits for that.
type preparation struct {
	step   *step
	change modules.Change
	tries  int
	tried  int // ahead.changes when it was tried last

	cancel context.CancelFunc // of this try; nil when it is not being prepared
	ended  chan struct{}      // closed when this try has ended
	doing  string
	waiter func(doing string) // tells who waits for its end; nil: nobody does
}

// prepareAhead begins to prepare the steps from the index from on, whatever their plays, unless that has begun before.
// ctx is that of the run.
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
		if change, err := p.Diff(h.first); err == nil && !change.Empty() {
			a.queue = append(a.queue, &preparation{step: s, change: change})
		}
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	a.ignore = context.AfterFunc(ctx, a.stop)
	h.ahead = a
	go a.run(working, busyHost{h.link.conn, 0}) // beside the changes, which count from 1
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

// next waits for a step to prepare, and returns it with the context for that; nil when there will be none.
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

// try prepares a step, and tells whether that may be tried again.
func try(ctx context.Context, h modules.Host, p *preparation) (again bool) {
	// A bug may be in what is prepared only, so it doesn't end the run; in the step itself it does.
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

// progress passes on what a step that is being prepared does, to who waits for it.
func (a *ahead) progress(p *preparation, doing string) {
	a.mu.Lock()
	p.doing = doing
	tell := p.waiter
	a.mu.Unlock()
	if tell != nil {
		tell(doing)
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

// await ends the preparing of s, whose turn has come: what has begun is waited for, as long as ctx is not done. tell is
// told what is being done.
func (a *ahead) await(ctx context.Context, s *step, tell func(doing string)) {
	cancel, ended := a.take(s, tell)
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

// drop ends the preparing of s, which needs none any more.
func (a *ahead) drop(s *step) {
	if cancel, _ := a.take(s, nil); cancel != nil {
		cancel()
	}
}

// take has s not be prepared any more. If it is being prepared now, it returns how to cancel that, and what is closed at
// its end.
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

// stop ends the preparing, but for what a step waits for: what is begun is finished.
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

// end ends all preparing, if there is any, and waits until nothing of it goes on on the host.
func (a *ahead) end() {
	if a == nil {
		return
	}
	a.ignore()
	a.stop()
	a.cancel()
	<-a.ended
}
