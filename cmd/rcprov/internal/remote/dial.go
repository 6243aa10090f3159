package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// A Dialer connects to hosts. Its fields must not be changed once it is used; the zero value is ready for use.
type Dialer struct {
	AcceptNew      bool          // add the keys of unknown hosts to known_hosts (StrictHostKeyChecking accept-new)
	ConfigPath     string        // ssh_config to use instead of the user's and the system's; "none": no file
	ConnectTimeout time.Duration // how long a host may stay silent while connecting; 0: ConnectTimeout of ssh_config, or 10 s
	Prompt         Prompt        // nil: never ask
	Keepalive      time.Duration // a host silent for three times as long is lost; 0: 15 s

	keys       knownKeys
	identities identities
	prompting  sync.Mutex
}

// A Prompt asks the person at the terminal. Its methods are called one at a time.
type Prompt interface {
	Ask(ctx context.Context, question string) (string, error)       // the answer shows while it is typed
	AskSecret(ctx context.Context, question string) (string, error) // the answer doesn't show
}

const (
	defaultConnectTimeout = 10 * time.Second
	defaultKeepalive      = 15 * time.Second
)

// ask lets one question at a time be asked.
func (d *Dialer) ask(ctx context.Context) (release func(), err error) {
	d.prompting.Lock()
	if ctx.Err() != nil {
		d.prompting.Unlock()
		return nil, context.Cause(ctx)
	}
	return d.prompting.Unlock, nil
}

// Connect connects to t and logs in. It may be called for many hosts at the same time. The errors are
// [*UnreachableError], [*HostKeyError] and [*AuthError], or about the configuration; whether the login can become
// root shows in the first [Conn.Ask].
func (d *Dialer) Connect(ctx context.Context, t Target) (*Conn, error) {
	s, err := d.resolve(t)
	if err != nil {
		return nil, err
	}
	via, err := d.connect(ctx, t, s)
	if err != nil {
		return nil, err
	}
	return newConn(d, t, s.user, s.user+"@"+s.address(), via), nil
}

// connect makes an SSH connection of our own.
func (d *Dialer) connect(ctx context.Context, t Target, s *settings) (*sshTransport, error) {
	timeout := cmp.Or(d.ConnectTimeout, s.connectTimeout, defaultConnectTimeout)
	raw, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", s.address())
	if err != nil {
		return nil, d.unreachable(ctx, s, err)
	}
	return d.handshake(ctx, t, s, raw, timeout)
}

// handshake speaks SSH over raw up to the login. raw is closed when it fails.
func (d *Dialer) handshake(ctx context.Context, t Target, s *settings, raw net.Conn, timeout time.Duration) (*sshTransport, error) {
	db, err := d.keys.load(s)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	conn := watch(raw, timeout)
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	keys := &hostKeys{settings: s, dialer: d, pause: conn.pause}
	login := &authentication{ctx: ctx, dialer: d, settings: s, password: string(t.Password), pause: conn.pause}
	defer login.close()
	accepted := false
	client, channels, requests, err := ssh.NewClientConn(conn, s.address(), &ssh.ClientConfig{
		User:              s.user,
		AuthCallback:      login.next,
		HostKeyAlgorithms: keys.algorithms(db),
		HostKeyCallback: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			err := keys.check(ctx, remote, key)
			accepted = err == nil
			return err
		},
		ClientVersion: "SSH-2.0-rcprov",
	})
	conn.done()
	if !stop() && err == nil {
		err = context.Cause(ctx)
		_ = client.Close()
	}
	switch {
	case err == nil:
		return newTransport(d, ssh.NewClient(client, channels, requests), conn), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case keys.err != nil:
		return nil, keys.err
	case conn.silent.Load():
		return nil, d.unreachable(ctx, s, fmt.Errorf("the host was silent for %v", timeout))
	case accepted:
		return nil, login.explain(err)
	default:
		return nil, d.unreachable(ctx, s, err)
	}
}

func (d *Dialer) unreachable(ctx context.Context, s *settings, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var dns *net.DNSError
	hint := fmt.Sprintf("Check that the host is up and that sshd listens on port %d: `ssh -v -p %d %s@%s`.", s.port, s.port, s.user, s.hostName)
	if errors.As(err, &dns) {
		hint = "Check the host's address in the plan, or name it in ~/.ssh/config."
	}
	return modules.WithHint(&UnreachableError{Address: s.address(), Err: err}, "%s", hint)
}

// watchedConn closes a connection that stays silent during the handshake, and remembers when it last heard something.
type watchedConn struct {
	net.Conn
	timeout time.Duration
	timer   *time.Timer
	silent  atomic.Bool  // closed by the timer
	heard   atomic.Int64 // when something came last, in Unix nanoseconds

	mu     sync.Mutex
	paused int
	over   bool
}

func watch(raw net.Conn, timeout time.Duration) *watchedConn {
	w := &watchedConn{Conn: raw, timeout: timeout}
	w.timer = time.AfterFunc(timeout, func() {
		w.silent.Store(true)
		_ = raw.Close()
	})
	return w
}

func (w *watchedConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.heard.Store(time.Now().UnixNano())
		w.restart()
	}
	return n, err
}

// restart gives the host its time again, unless a question is open or the handshake over.
func (w *watchedConn) restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused == 0 && !w.over {
		w.timer.Reset(w.timeout)
	}
}

// pause stops the clock while a person thinks.
func (w *watchedConn) pause() (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused++
	w.timer.Stop()
	return func() {
		w.mu.Lock()
		w.paused--
		w.mu.Unlock()
		w.restart()
	}
}

// done ends the watch.
func (w *watchedConn) done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
}

// sshTransport is a transport over an SSH connection.
type sshTransport struct {
	client *ssh.Client
	cause  atomic.Pointer[error] // why it ended
	ended  chan struct{}         // closed at the end
}

func newTransport(d *Dialer, client *ssh.Client, conn *watchedConn) *sshTransport {
	t := &sshTransport{client: client, ended: make(chan struct{})}
	go func() {
		err := client.Wait()
		if err == nil || errors.Is(err, io.EOF) {
			err = errors.New("the host closed it")
		}
		t.cause.CompareAndSwap(nil, &err)
		close(t.ended)
	}()
	if conn != nil {
		go t.keepalive(conn, cmp.Or(d.Keepalive, defaultKeepalive))
	}
	return t
}

// missedKeepalives is how many intervals a host may be silent: ServerAliveCountMax.
const missedKeepalives = 3

// keepalive asks a silent host for a sign of life, and ends the connection when none comes.
func (t *sshTransport) keepalive(conn *watchedConn, interval time.Duration) {
	conn.heard.CompareAndSwap(0, time.Now().UnixNano())
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-t.ended:
			return
		case <-ticker.C:
		}
		silence := time.Since(time.Unix(0, conn.heard.Load()))
		switch {
		case silence > missedKeepalives*interval:
			t.end(fmt.Errorf("the host has been silent for %v", silence.Round(time.Second)))
			return
		case silence >= interval:
			// Its answer, a refusal, is heard by conn; nobody needs to wait for it.
			go func() { _, _, _ = t.client.SendRequest("keepalive@openssh.com", true, nil) }()
		}
	}
}

// end closes the connection because of err.
func (t *sshTransport) end(err error) {
	t.cause.CompareAndSwap(nil, &err)
	_ = t.client.Close()
}

func (t *sshTransport) start(ctx context.Context, command string) (*process, error) {
	return startSession(ctx, t.client, command)
}

func (t *sshTransport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return t.client.DialContext(ctx, network, address)
}

func (t *sshTransport) lost() error {
	if cause := t.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

func (t *sshTransport) close() error {
	t.end(errClosed)
	return nil
}
