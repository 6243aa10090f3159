package remote

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rcprov/rcprov/modules"
)

const (
	// defaultNotice is how long people wait in silence before a line says what for.
	defaultNotice = 5 * time.Second
	// defaultAuthTimeout is how long a login may take but for a person's answers: as long as sshd itself waits for it (LoginGraceTime),
	// and a minute more so that its own reason comes first.
	defaultAuthTimeout = 3 * time.Minute
	// defaultShellTimeout is how long the first shell of a login may take to answer.
	defaultShellTimeout = 2 * time.Minute
	// defaultSilence is how long a host may send nothing at all, not even a sign of life when asked for one, between the login and its
	// first answer.
	defaultSilence = 30 * time.Second
	// defaultAgentList is how long an agent may take to list its keys: some want to be unlocked for that.
	defaultAgentList = 30 * time.Second
	// defaultAgentSign is how long an agent may take to sign: a person may have to touch a key or to confirm.
	defaultAgentSign = 2 * time.Minute
)

// limits are the times of waiting; zero fields are the defaults. Only tests set them.
type limits struct{ notice, auth, shell, silence, agentList, agentSign time.Duration }

func (l limits) orDefault() limits {
	return limits{
		notice: cmp.Or(l.notice, defaultNotice), auth: cmp.Or(l.auth, defaultAuthTimeout), shell: cmp.Or(l.shell, defaultShellTimeout),
		silence: cmp.Or(l.silence, defaultSilence), agentList: cmp.Or(l.agentList, defaultAgentList), agentSign: cmp.Or(l.agentSign, defaultAgentSign),
	}
}

// waiting says what a login waits for, once that takes long.
type waiting struct {
	after time.Duration
	say   func(what string)

	mu     sync.Mutex
	what   string
	timer  *time.Timer
	paused int
}

// waitFor returns a waiting that reports about the host called name.
func (d *Dialer) waitFor(name string) *waiting {
	return &waiting{after: d.limits.orDefault().notice, say: func(what string) { d.notice(name, "waiting for "+what) }}
}

// notice tells the person something about a host that is no error.
func (d *Dialer) notice(host, text string) {
	if d.Notice != nil {
		d.Notice(host, text)
	}
}

// set says what is waited for from now on; empty: nothing.
func (w *waiting) set(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.what = what
	w.restart()
}

func (w *waiting) restart() {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	if what := w.what; what != "" && w.paused == 0 {
		w.timer = time.AfterFunc(w.after, func() { w.say(what) })
	}
}

// pause stops the clock while a person thinks.
func (w *waiting) pause() (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused++
	w.restart()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.paused--
		w.restart()
	}
}

// whileShellStarts returns a context that ends when the first shell of a login doesn't answer for too long. began is closed when it
// answers; a line says what is waited for before that. stop must be called.
func (c *Conn) whileShellStarts(ctx context.Context, began <-chan struct{}) (_ context.Context, stop func()) {
	select {
	case <-began:
		return ctx, func() {}
	default:
	}
	limit := c.dialer.limits.orDefault().shell
	ctx, cancel := c.whileAwaited(ctx, fmt.Sprintf("the first answer of %s after the login; a login script, a ForceCommand or sudo may hang there", c.user), began)
	late := time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("logged in as %s, but no command began within %v: a login script, a ForceCommand or sudo hangs there", c.user, limit))
	})
	go func() {
		select {
		case <-time.After(c.dialer.limits.orDefault().notice):
			if !c.runsCommands(ctx) {
				cancel(c.startupError(""))
			}
		case <-began:
		case <-ctx.Done():
		}
	}()
	go func() {
		select {
		case <-began:
			c.answered.Store(true)
		case <-ctx.Done():
		}
		late.Stop()
	}()
	return ctx, func() { cancel(nil) }
}

// whileAwaited returns a context that ends when the host becomes silent before over is closed; a line says what is waited for. A host that
// has never answered since the login is given up before the connection is: over a new one it would be the same. cancel must be called.
func (c *Conn) whileAwaited(ctx context.Context, what string, over <-chan struct{}) (_ context.Context, cancel context.CancelCauseFunc) {
	ctx, cancel = context.WithCancelCause(ctx)
	waits := c.dialer.waitFor(c.target.Name)
	waits.set(what)
	go func() {
		defer waits.set("")
		limit, began := c.dialer.limits.orDefault().silence, time.Now()
		ticker := time.NewTicker(limit / 3)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-over:
				return
			case <-ctx.Done():
				return
			}
			via, ok := c.via.(*sshTransport)
			if !ok || c.answered.Load() {
				continue // this machine, or the connection broke, which keepalive finds
			}
			switch silent := min(via.conn.silence(), time.Since(began)); {
			case silent >= limit:
				cancel(c.silentError(limit))
				return
			case silent >= limit/3:
				go via.ping(via)
			}
		}
	}()
	return ctx, cancel
}

func (c *Conn) silentError(silence time.Duration) error {
	return modules.WithHint(fmt.Errorf("logged in as %s, and then the host was silent for %s", c.user, modules.Span(silence)),
		"`ssh HOST true` would hang, too: sshd or the whole host may be stuck, or the way there (a VPN, a tunnel) loses large packets.")
}
