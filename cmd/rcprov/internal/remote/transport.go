package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// sshTransport is a transport over an SSH connection.
type sshTransport struct {
	client  *ssh.Client
	conn    *watchedConn
	ping    func(*sshTransport)   // asks the host for a sign of life
	cause   atomic.Pointer[error] // why it ended
	ended   chan struct{}         // closed at the end
	release func()                // releases the connection that carries it, to a jump host; may be nil
	own     *lazyTransport        // for tunnels, beside a master; nil without a master
	key     ssh.PublicKey         // that the host showed; nil over a master

	mu       sync.Mutex
	sessions map[ssh.Channel]bool // sessions that the host has not closed
}

// newTransport watches client, which uses conn; ping asks the host for a sign of life.
func newTransport(d *Dialer, s *settings, client *ssh.Client, conn *watchedConn, ping func(*sshTransport)) *sshTransport {
	t := &sshTransport{client: client, conn: conn, ping: ping, ended: make(chan struct{}), sessions: make(map[ssh.Channel]bool)}
	go func() {
		err := brokenBy(client.Wait())
		t.cause.CompareAndSwap(nil, &err)
		close(t.ended)
	}()
	go t.keepalive(cmp.Or(d.Keepalive, s.aliveInterval, defaultKeepalive), s.aliveCount, ping)
	return t
}

// brokenBy returns the reason for the end of a connection that ended with err.
func brokenBy(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errors.New("the host closed it")
	}
	return err
}

// keepalive asks a silent host for signs of life, and ends the connection if there is none for more than count intervals.
func (t *sshTransport) keepalive(interval time.Duration, count int, ping func(*sshTransport)) {
	t.conn.hear()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-t.ended:
			return
		case <-ticker.C:
		}
		switch silence := t.conn.silence(); {
		case silence > time.Duration(count)*interval:
			t.end(fmt.Errorf("the host has been silent for %s", modules.Span(silence.Round(time.Second))))
			return
		case silence >= interval:
			go ping(t) // conn notices the answer, which is a refusal
		}
	}
}

// pingGlobal is what OpenSSH's own ServerAliveInterval sends.
func pingGlobal(t *sshTransport) { _, _, _ = t.client.SendRequest("keepalive@openssh.com", true, nil) }

// pingSession asks on a session, because a master answers global requests itself, or not at all. Without a session nothing
// can hang, and the master watches its connection itself.
func pingSession(t *sshTransport) {
	t.mu.Lock()
	sessions := slices.Collect(maps.Keys(t.sessions))
	t.mu.Unlock()
	for _, session := range sessions { // asking fails on a session that we have closed
		if _, err := session.SendRequest("keepalive@openssh.com", true, nil); err == nil {
			return
		}
	}
	t.conn.hear()
}

// opened notes a session.
func (t *sshTransport) opened(session ssh.Channel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions[session] = true
}

// closed notes that the host has closed a session.
func (t *sshTransport) closed(session ssh.Channel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, session)
}

// end closes the connection because of err.
func (t *sshTransport) end(err error) {
	t.cause.CompareAndSwap(nil, &err)
	_ = t.client.Close()
}

// whileUp returns a context that ends with the connection, too, with the reason as its cause. Channels must be opened
// with it: x/crypto/ssh (0.58) waits forever for the answer to one that it opens while it notices the end (mux.loop drops
// the channels before it closes the connection).
func (t *sshTransport) whileUp(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-t.ended:
			cancel(t.lost())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (t *sshTransport) start(ctx context.Context, command string) (*process, error) {
	return t.startSession(ctx, command)
}

func (t *sshTransport) hostKey() ssh.PublicKey { return t.key }

func (t *sshTransport) lost() error {
	if cause := t.cause.Load(); cause != nil {
		return *cause
	}
	if err := t.conn.failed.Load(); err != nil { // before anybody else could see a consequence of it
		return brokenBy(*err)
	}
	return nil
}

func (t *sshTransport) done() <-chan struct{} { return t.ended }

func (t *sshTransport) close() error {
	t.end(errClosed)
	if t.release != nil {
		t.release()
	}
	if t.own != nil {
		t.own.close()
	}
	return nil
}

// lazyTransport is a connection that is made when it is first needed.
type lazyTransport struct {
	connect func(ctx context.Context) (*sshTransport, error)

	mu  sync.Mutex
	via *sshTransport
}

func (l *lazyTransport) get(ctx context.Context) (*sshTransport, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.via != nil && l.via.lost() == nil {
		return l.via, nil
	}
	via, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	l.via = via
	return via, nil
}

func (l *lazyTransport) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.via != nil {
		_ = l.via.close()
	}
}
