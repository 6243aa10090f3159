package remote

import (
	"context"
	"sync"
	"time"
)

// A session takes two round trips before its first script gets through: the channel, and sshd's window for it. So a host
// on which commands run has shells that wait for the next ones, which then take one trip each.

// maxSpare is how many shells wait: with two, each has the time of two commands to get ready.
const maxSpare = 2

// roomPatience is how long the shells that wait may take to end where sshd has no room for another session: it counts each until its
// program has ended, which takes seconds on a host with too much to do.
const roomPatience = 30 * time.Second

// spares are root shells that wait for a command. Each is used once, as one that is started for its command.
type spares struct {
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc

	mu      sync.Mutex
	waiting []*spare // oldest first
	held    int      // how many sessions they have, or ask for
	begun   bool     // there was one at some time
	off     bool     // the host has no room for them, or the connection is closed
}

// spare is a root shell that was started, or is being started.
type spare struct {
	started chan struct{} // closed when process is set, or will not be
	process *process
}

// alive returns the shell of s, nil if it did not start or has ended.
func (s *spare) alive() *process {
	if s.process == nil {
		return nil
	}
	select {
	case <-s.process.ended:
		return nil
	default:
		return s.process
	}
}

// commandShell returns a root shell for a command: one that waits, or a new one.
func (c *Conn) commandShell(ctx context.Context) (*process, error) {
	for {
		next := c.spares.take()
		if next == nil {
			return c.startShell(ctx)
		}
		select {
		case <-next.started:
		case <-ctx.Done():
			go c.spares.end(next)
			return nil, context.Cause(ctx)
		}
		if p := next.alive(); p != nil {
			c.spares.left()
			return p, nil
		}
		c.spares.left()
	}
}

// take removes the oldest of those that wait; nil: there is none.
func (s *spares) take() *spare {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return nil
	}
	next := s.waiting[0]
	s.waiting = s.waiting[1:]
	return next
}

// left notes that one of the sessions is no longer held.
func (s *spares) left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
}

// end ends a shell that no longer waits, and its session.
func (s *spares) end(one *spare) {
	defer s.left()
	<-one.started
	if p := one.alive(); p != nil {
		p.kill()
		<-p.ended
	}
}

// refill starts shells until enough of them wait. One that can't be started is no failure: commands start their own.
func (c *Conn) refill() {
	s := &c.spares
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.off && len(s.waiting) < min(cap(c.running)/2, maxSpare) {
		next := &spare{started: make(chan struct{})}
		s.waiting, s.begun = append(s.waiting, next), true
		s.held++
		go func() {
			defer close(next.started)
			var err error
			if next.process, err = c.startShell(context.WithValue(s.ctx, spareKey{}, true)); err != nil {
				next.process = nil
				s.stop()
			}
		}()
	}
}

// spareKey is the key of a value in the context of starting a shell that is to wait.
type spareKey struct{}

// stop ends the shells that wait, and starts no others.
func (s *spares) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = true
	for _, one := range s.waiting {
		go s.end(one)
	}
	s.waiting = nil
}

// makeRoom ends the shells that wait, where sshd refuses another session, and gives it the time to notice. It reports whether another
// try may succeed.
func (c *Conn) makeRoom(ctx context.Context) bool {
	s := &c.spares
	if ctx.Value(spareKey{}) != nil {
		return false
	}
	s.stop()
	for end := time.Now().Add(roomPatience); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		held, begun := s.held, s.begun
		s.mu.Unlock()
		if held <= 0 || time.Now().After(end) || ctx.Err() != nil {
			return begun
		}
	}
}

// close ends all of them.
func (s *spares) close() {
	s.cancel()
	s.stop()
}
