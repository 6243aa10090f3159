package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rcprov/rcprov/modules"
)

// A run survives a lost connection. An observation can be repeated, so host.ask reconnects and asks again. A change can't:
// walk.resume observes how far it got, and what still differs is changed again. Before either observes, the run takes its
// lock again, and with it waits for what the old connection left running.

const (
	// reconnectFor is enough for a laptop that changes networks, or a host that reboots.
	reconnectFor = 2 * time.Minute
	// reconnectPause is the longest pause between two tries; the first is a second.
	reconnectPause = 10 * time.Second
	// maxRefusals is how often a host may answer and refuse the login: one that boots refuses everybody but root for a
	// while, but a client that is refused again and again is taken for an attacker.
	maxRefusals = 3
	// maxBreaks is how often the connection may break before one step is done.
	maxBreaks = 3
)

// A LostError says that the connection to a host broke and could not be replaced.
type LostError struct {
	Lost   error // why it broke
	During error // what became of the change that was under way; nil: there was none
	Tries  int   // how often a new one was tried
	Took   time.Duration
	Last   error // of the last try
}

func (e *LostError) Error() string {
	times := "once"
	if e.Tries != 1 {
		times = fmt.Sprintf("%d times", e.Tries)
	}
	return fmt.Sprintf("%v; could not reconnect (tried %s in %s): %v", e.Lost, times, modules.Span(e.Took.Round(time.Second)), e.Last)
}

// Unwrap returns all errors that may carry a hint.
func (e *LostError) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Last, e.Lost, e.During}, func(err error) bool { return err == nil })
}

// link is the connection to a host, and after a break the one that replaced it. The zero value is not connected yet.
type link struct {
	conn   Conn  // nil until the first login succeeds; never nil again, but it may be lost
	step   int   // index of the step that is observed or changed
	breaks int   // how often the connection broke during that step
	gone   error // why conn is lost and will not be replaced; nil: there is a connection, or may be one again
}

// begin notes that the run has come to step i. Each step may break connections maxBreaks times.
func (l *link) begin(i int) {
	if l.step != i {
		l.step, l.breaks = i, 0
	}
}

// address returns the address that the link leads to, or other before the first login.
func (l *link) address(other string) string {
	if l.conn == nil {
		return other
	}
	return l.conn.Address()
}

// broke counts a break because of lost. It returns an error, and the link is gone, after too many of them.
func (l *link) broke(lost error) error {
	if l.breaks++; l.breaks > maxBreaks {
		l.gone = tooOften(l.breaks, lost)
	}
	return l.gone
}

// tooOften is the error for a step in which the connection broke n times.
func tooOften(n int, lost error) error {
	return modules.WithHint(fmt.Errorf("given up after %d tries: %w", n, lost),
		"Either the network is bad, or this step cuts connections: `journalctl -u ssh` on the host may say why.")
}

// replace logs in again after the connection broke because of lost. It tries until ctx is done or the host has refused
// maxRefusals times; then the link is gone with a [*LostError], which it returns. It calls failed after each failed try.
func (l *link) replace(ctx context.Context, lost error, now func() time.Time, failed func(error)) error {
	_ = l.conn.Close() // it is lost; this frees a jump host
	began := now()
	e := &LostError{Lost: lost}
	for pause, refusals := time.Second, 0; ; pause = min(2*pause, reconnectPause) {
		e.Tries++
		conn, err := l.conn.Reconnect(ctx, 0)
		e.Took = now().Sub(began)
		if err == nil {
			l.conn = conn.(Conn)
			return nil
		}
		if ctx.Err() == nil || e.Last == nil { // the end of ctx says less than the error of an earlier try
			e.Last = err
			failed(err)
		}
		if !errors.Is(err, modules.ErrUnreachable) {
			refusals++
		}
		if refusals == maxRefusals || !sleep(ctx.Done(), pause) {
			l.gone = e
			return e
		}
	}
}

// goneDuring returns why the link is gone, with the error of the change that was under way.
func (l *link) goneDuring(err error) error {
	var lost *LostError
	if errors.As(l.gone, &lost) {
		lost.During = err
	}
	return l.gone
}

func (l *link) close() {
	if l.conn != nil {
		_ = l.conn.Close() // the run is over; there is nothing left to lose
	}
}

// reconnect replaces the connection that broke because of lost. If the run had the host's lock, it takes it again.
func (h *host) reconnect(ctx context.Context, lost error) error {
	h.ahead.end()
	h.ahead = nil // the next change begins anew
	hadLock := h.lock.held()
	unwritten := h.lock.lose()
	for ; lost != nil; lost = h.link.conn.Lost() {
		if err := h.link.broke(lost); err != nil {
			return err
		}
		if err := h.replace(ctx, lost); err != nil || !hadLock {
			return err
		}
		if err := h.waitForLock(ctx); err == nil {
			for _, script := range unwritten {
				h.lock.journal.write(entries{script, true})
			}
			return nil
		} else if h.link.conn.Lost() == nil {
			h.link.gone = fmt.Errorf("take the lock again after the connection broke: %w", err)
		}
	}
	return h.link.gone
}

// errRebooted is why a connection is replaced that did not break by itself.
var errRebooted = errors.New("the host was rebooted")

// rebooted replaces the connection after a step has rebooted the host, which err says has failed. The connection that there was would
// not always notice by itself that the other side is gone.
func (h *host) rebooted(ctx context.Context, err error) error {
	if err != nil && !errors.Is(err, modules.ErrUnreachable) {
		return err
	}
	_ = h.link.conn.Close() // so that nothing waits for an answer
	if err != nil {
		h.ahead.end()
		h.lock.lose()
		h.link.gone = err
		return err
	}
	h.way = nil
	return h.reconnect(ctx, errRebooted)
}

// replace replaces the connection that broke because of lost, and reports that. It ends early when the run is stopped.
func (h *host) replace(ctx context.Context, lost error) error {
	expected := errors.Is(lost, errRebooted)
	if !expected {
		h.report(Event{Type: ConnectionLost, Text: lost.Error()})
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(h.run.ReconnectFor, reconnectFor))
	defer cancel()
	if !expected { // a reboot is finished
		go func() {
			select {
			case <-h.run.stopping:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	const doing = "reconnecting"
	h.doing("", doing)
	began := h.run.Now()
	err := h.link.replace(ctx, lost, h.run.Now, func(err error) { h.doing("", doing+": "+err.Error()) })
	if err == nil && expected {
		return nil
	}
	if err == nil {
		h.report(Event{Type: ConnectionBack, Text: h.link.conn.Address(), Duration: h.run.Now().Sub(began)})
		return nil
	}
	select {
	case <-h.run.stopping:
		var e *LostError
		errors.As(err, &e)
		e.Last = errors.New("the run was stopped")
	default:
	}
	return err
}

// settled reports whether the error of a change stays true after the connection broke.
func settled(err error) bool {
	var failed *modules.CommandError
	var late *TimeoutError
	return errors.As(err, &failed) || errors.As(err, &late) || errors.Is(err, modules.ErrSettled)
}
