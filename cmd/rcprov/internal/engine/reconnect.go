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

// A run survives a lost connection. Looking at a host can be repeated, so host.observe makes a new connection and asks
// again. A change can't: walk.resume looks how far it got, and what still differs is changed anew. Before either looks, the
// run takes its lock again, and with it waits for what the old connection left at work.

const (
	// reconnectFor is how long a laptop takes that changes networks, or a host that is booted.
	reconnectFor = 2 * time.Minute
	// reconnectPause is the longest pause between two tries to reach the host; the first is a second.
	reconnectPause = 10 * time.Second
	// maxRefusals is how often a host may answer and not let us in: one that boots refuses everybody but root for a
	// while, but who is refused again and again is taken for an attacker.
	maxRefusals = 3
	// maxBreaks is how often the connection may break before one step is done.
	maxBreaks = 3
)

// A LostError says that the connection to a host broke and that no other one took its place.
type LostError struct {
	Lost   error // why it broke
	During error // what became of the change that was under way; nil: there was none
	Tries  int   // how often a new one was tried
	Took   time.Duration
	Last   error // what the last try met
}

func (e *LostError) Error() string {
	times := "once"
	if e.Tries != 1 {
		times = fmt.Sprintf("%d times", e.Tries)
	}
	return fmt.Sprintf("%v; no new connection was to be had (tried %s in %s): %v", e.Lost, times, e.Took.Round(time.Second), e.Last)
}

// Unwrap returns all that there may be advice with.
func (e *LostError) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Last, e.Lost, e.During}, func(err error) bool { return err == nil })
}

// goneDuring is h.gone, when a change failed with err.
func (h *host) goneDuring(err error) error {
	var lost *LostError
	if errors.As(h.gone, &lost) {
		lost.During = err
	}
	return h.gone
}

// reconnect puts a new connection in the place of the one that broke because of lost. If the run had the host's lock, it
// has it again.
func (h *host) reconnect(ctx context.Context, lost error) error {
	h.ahead.end()
	h.ahead = nil // the next change begins anew
	var unwritten []string
	if h.journal != nil {
		unwritten = h.journal.close()
	}
	hadLock := h.locked
	h.locked, h.journal = false, nil
	for ; lost != nil; lost = h.conn.Lost() {
		if h.breaks++; h.breaks > maxBreaks {
			h.gone = tooOften(h.breaks, lost)
			return h.gone
		}
		if h.gone = h.replace(ctx, lost); h.gone != nil || !hadLock {
			return h.gone
		}
		if err := h.lock(ctx); err == nil {
			for _, script := range unwritten {
				h.journal.write(script)
			}
			return nil
		} else if h.conn.Lost() == nil {
			h.gone = fmt.Errorf("take the lock again after the connection broke: %w", err)
		}
	}
	return h.gone
}

// tooOften is the error for a step in which the connection broke n times.
func tooOften(n int, lost error) error {
	return modules.WithHint(fmt.Errorf("given up after %d tries: %w", n, lost),
		"Either the network is bad, or what this step does cuts connections: `journalctl -u ssh` on the host may say why.")
}

// replace makes the new connection.
func (h *host) replace(ctx context.Context, lost error) error {
	h.report(Event{Type: ConnectionLost, Text: lost.Error()})
	_ = h.conn.Close() // it is lost; this lets go of a jump host
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(h.run.ReconnectFor, reconnectFor))
	defer cancel()
	go func() {
		select {
		case <-h.run.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	h.doing("", "trying to reach the host again")
	began := h.run.Now()
	e := &LostError{Lost: lost}
	for pause, refusals := time.Second, 0; ; pause = min(2*pause, reconnectPause) {
		e.Tries++
		fresh, err := h.conn.Reconnect(ctx, 0)
		e.Took = h.run.Now().Sub(began)
		if err == nil {
			h.conn = fresh.(Conn)
			h.report(Event{Type: ConnectionBack, Text: h.conn.Address(), Duration: e.Took})
			return nil
		}
		if ctx.Err() == nil || e.Last == nil { // the end of the time says less than what another try met
			e.Last = err
			h.doing("", "trying to reach the host again: "+err.Error())
		}
		if !errors.Is(err, modules.ErrUnreachable) {
			refusals++
		}
		if refusals == maxRefusals || !sleep(ctx.Done(), pause) {
			break
		}
	}
	select {
	case <-h.run.stopping:
		e.Last = errors.New("the run was stopped")
	default:
	}
	return e
}

// settled tells whether the error of a change stays true when the connection has broken.
func settled(err error) bool {
	var failed *modules.CommandError
	var late *TimeoutError
	return errors.As(err, &failed) || errors.As(err, &late) || errors.Is(err, modules.ErrSettled)
}
