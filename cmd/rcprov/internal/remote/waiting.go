package remote

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// defaultNotice is how long people wait in silence before a line says what for.
	defaultNotice = 5 * time.Second
	// defaultAuthTimeout is how long a host may stay silent during the login: as long as sshd itself waits for it (LoginGraceTime),
	// and a minute more so that its own reason comes first.
	defaultAuthTimeout = 3 * time.Minute
	// defaultShellTimeout is how long the first shell of a login may take to answer.
	defaultShellTimeout = 2 * time.Minute
)

// limits are the times of waiting; zero fields are the defaults. Only tests set them.
type limits struct{ notice, auth, shell time.Duration }

func (l limits) orDefault() limits {
	return limits{cmp.Or(l.notice, defaultNotice), cmp.Or(l.auth, defaultAuthTimeout), cmp.Or(l.shell, defaultShellTimeout)}
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
	ctx, cancel := context.WithCancelCause(ctx)
	waits := c.dialer.waitFor(c.target.Name)
	waits.set(fmt.Sprintf("the first answer of %s after the login; a login script, a ForceCommand or sudo may hang there", c.user))
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
		case <-ctx.Done():
		}
		waits.set("")
		late.Stop()
	}()
	return ctx, func() { cancel(nil) }
}
