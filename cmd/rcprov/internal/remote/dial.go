package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// A Dialer connects to hosts. Its fields must not be changed once it is used; the zero value is ready for use.
type Dialer struct {
	AcceptNew      bool          // add the keys of unknown hosts to known_hosts (StrictHostKeyChecking accept-new)
	ConfigPath     string        // ssh_config to use instead of the user's and the system's; "none": no file
	ConnectTimeout time.Duration // how long a connection may take, and then greeting and key exchange; 0: ConnectTimeout of ssh_config, or 10 s
	Prompt         Prompt        // nil: never ask
	Keepalive      time.Duration // how long a host may be silent before it is asked for a sign of life; 0: ServerAliveInterval of ssh_config, or 15 s

	// Notice is called, maybe by several goroutines at once, with a line about the host of that name in the plan (a jump host's is
	// empty) that is no error: what the login has been waiting for, for some seconds. nil: nobody is told.
	Notice func(host, text string)

	ssh        string // the program that settles a configuration; empty: ssh of PATH
	limits     limits
	keys       knownKeys
	identities identities
	hops       hops
	passwords  typedPasswords // for sudo
	logins     typedPasswords // for logging in
	prompts    sync.Once
	prompting  chan struct{} // holds one token, which allows a question; made by prompts
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

// ask waits for its turn to ask a question: one at a time.
func (d *Dialer) ask(ctx context.Context) (release func(), err error) {
	d.prompts.Do(func() { d.prompting = make(chan struct{}, 1) })
	return acquire(ctx, d.prompting)
}

// person returns who can be asked about logging in to the host of s; nil: nobody.
func (d *Dialer) person(s *settings) Prompt {
	if s.batch {
		return nil
	}
	return d.Prompt
}

// Connect connects to t and logs in, over an open master of ssh if there is one. It may be called for many hosts at
// the same time. The errors are [*UnreachableError], [*HostKeyError] and [*AuthError], or about the configuration.
// Whether the login can become root shows in the first [Conn.Ask], or here already, as a [*SudoError].
func (d *Dialer) Connect(ctx context.Context, t Target) (*Conn, error) {
	if t.Connection == "local" {
		return d.connectLocal(t)
	}
	t, err := t.settle()
	if err != nil {
		return nil, err
	}
	s, err := d.resolve(t)
	if err != nil {
		return nil, err
	}
	if !t.Fresh {
		c, err := d.connectMaster(ctx, t, s)
		var sudo *SudoError
		if err == nil || errors.As(err, &sudo) { // sudo would answer the same over a connection of our own
			return c, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	via, err := d.connect(ctx, t, s, 0)
	if t.FallbackPort != 0 && nobody(err) {
		return d.fallBack(ctx, t, err)
	}
	if err != nil {
		return nil, err
	}
	t.FallbackPort = 0 // the host was found; which of the ports a master uses is unknown
	return newConn(d, t, s.user, s.user+"@"+s.address(), via), nil
}

// nobody reports whether err means that no SSH server answered at the host's port.
func nobody(err error) bool {
	var away *UnreachableError
	var jump *jumpError
	var dns *net.DNSError
	return errors.As(err, &away) && !errors.As(err, &jump) && !errors.As(err, &dns)
}

// fallBack connects to the fallback port, after nobody answered at the port of the plan.
func (d *Dialer) fallBack(ctx context.Context, t Target, first error) (*Conn, error) {
	port := t.FallbackPort
	t.Port, t.FallbackPort = port, 0
	c, err := d.Connect(ctx, t)
	if nobody(err) {
		return nil, modules.WithHint(fmt.Errorf("%w; nor at port %d: %w", first, port, errors.Unwrap(err)), "%s", hintOf(first))
	}
	return c, err
}

// hintOf returns the hint of an error.
func hintOf(err error) string {
	var hint *modules.HintError
	if errors.As(err, &hint) {
		return hint.Hint
	}
	return ""
}

// timeout returns how long a connection to the host of s may take, and then greeting and key exchange.
func (d *Dialer) timeout(s *settings) time.Duration {
	return cmp.Or(d.ConnectTimeout, s.connectTimeout, defaultConnectTimeout)
}

// errBusy is the error of an sshd that rejects a connection at its start: beyond ten logins at the same time it does so at
// random (MaxStartups), and for a while to sources with failed logins (PerSourcePenalties). Before OpenSSH 9.8 it just
// closes the connection.
var errBusy = errors.New("sshd rejected the connection")

// busyRetries are the pauses before connecting is tried again.
var busyRetries = []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 900 * time.Millisecond}

// connect makes an SSH connection of our own.
func (d *Dialer) connect(ctx context.Context, t Target, s *settings, depth int) (*sshTransport, error) {
	via, err := d.connectOnce(ctx, t, s, depth)
	for _, pause := range busyRetries {
		var jump *jumpError // tried again already
		// Nobody listens for a moment while sshd reloads its configuration or is upgraded.
		restarting := errors.Is(err, syscall.ECONNREFUSED) && t.FallbackPort == 0
		if !errors.Is(err, errBusy) && !restarting && !droppedByProxy(err) || errors.As(err, &jump) {
			break
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		via, err = d.connectOnce(ctx, t, s, depth)
	}
	return via, err
}

func (d *Dialer) connectOnce(ctx context.Context, t Target, s *settings, depth int) (*sshTransport, error) {
	waits := d.waitFor(cmp.Or(t.Name, s.alias))
	defer waits.set("")
	if len(s.proxyJump) == 0 && !t.Fresh { // a jump host says itself what it waits for, and who reconnects that it does
		waits.set("the connection to " + s.address())
	}
	stream, release, err := d.reach(ctx, s, depth, waits)
	var jump *jumpError
	if errors.As(err, &jump) {
		return nil, err
	}
	if err != nil {
		return nil, d.unreachable(ctx, s, err)
	}
	via, err := d.handshake(ctx, t, s, stream, waits)
	if err != nil {
		release()
		return nil, err
	}
	via.release = release
	return via, nil
}

// handshake speaks SSH over raw up to the login. raw is closed when it fails.
func (d *Dialer) handshake(ctx context.Context, t Target, s *settings, raw net.Conn, waits *waiting) (*sshTransport, error) {
	timeout := d.timeout(s)
	conn := watch(raw, timeout)
	conn.judges = true
	switch {
	case t.Fresh:
	case s.proxyCommand != "":
		waits.set("the ProxyCommand to reach an SSH server: " + s.proxyCommand)
	default:
		waits.set("the SSH server at " + s.address() + " to answer")
	}
	pause := func() (resume func()) {
		resumeConn, resumeWaits := conn.pause(), waits.pause()
		return func() { resumeConn(); resumeWaits() }
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	keys := &hostKeys{settings: s, dialer: d, name: t.Name, pause: pause, same: t.key}
	db, err := keys.load(ctx)
	if err != nil {
		stop()
		conn.done()
		_ = raw.Close()
		return nil, err
	}
	login := &authentication{ctx: ctx, dialer: d, settings: s, sameAs: t.sameAs, name: t.Name, password: string(t.Password), pause: pause, waits: waits, closed: conn.closedByHost}
	defer login.close()
	accepted := false
	config := &ssh.ClientConfig{
		User:              s.user,
		AuthCallback:      login.next,
		HostKeyAlgorithms: keys.algorithms(db),
		HostKeyCallback: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			err := keys.check(ctx, remote, key)
			if accepted = err == nil; accepted {
				timeout = d.limits.orDefault().auth
				conn.allow(timeout) // ConnectTimeout is for the connection
				waits.set("the host to let " + s.user + " log in")
			}
			return err
		},
		ClientVersion: "SSH-2.0-rcprov",
	}
	if err := s.setAlgorithms(config); err != nil {
		_ = raw.Close()
		return nil, err
	}
	client, channels, requests, err := ssh.NewClientConn(conn, s.address(), config)
	conn.done()
	if !stop() && err == nil {
		err = context.Cause(ctx)
		_ = client.Close()
	}
	if err == nil {
		login.remember()
		keys.remember()
		via := newTransport(d, s, ssh.NewClient(client, channels, requests), conn, pingGlobal)
		via.key = keys.shown
		return via, nil
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case keys.err != nil:
		return nil, keys.err
	case noCommonAlgorithm(err) != nil:
		return nil, modules.WithHint(&UnreachableError{Address: s.address(), Err: noCommonAlgorithm(err)},
			"Both sides need one in common: see KexAlgorithms, HostKeyAlgorithms, Ciphers and MACs in ssh_config and in sshd_config of the host.")
	case conn.late.Load():
		late := conn.lateness(timeout, accepted, s.user)
		var proxy *proxyError
		if errors.As(err, &proxy) && !accepted { // a child of its may hold the connection open
			end := *proxy
			end.late = true
			late = fmt.Errorf("%w; %w", late, &end)
		}
		return nil, d.unreachable(ctx, s, late)
	case accepted && conn.closedByHost() != nil && !strings.Contains(err.Error(), "ssh: disconnect, reason"):
		cut := login.cutOff()
		var proxy *proxyError
		if errors.As(err, &proxy) {
			cut = fmt.Errorf("%w; %w", cut, proxy)
		}
		return nil, modules.WithHint(&UnreachableError{Address: s.address(), Err: cut},
			"A relay or firewall on the way may cut connections, or sshd gave up (LoginGraceTime): see `journalctl -u ssh` on the host, and run the same command again.")
	case accepted:
		return nil, login.explain(err)
	default:
		return nil, d.unreachable(ctx, s, conn.explain(err))
	}
}

func (d *Dialer) unreachable(ctx context.Context, s *settings, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var dns *net.DNSError
	var proxy *proxyError
	hint := fmt.Sprintf("Check that the host is up and that sshd listens on port %d: `ssh -v -p %d %s@%s`.", s.port, s.port, s.user, s.hostName)
	switch inner := hintOf(err); {
	case inner != "":
		hint = inner
	case errors.Is(err, errNotSSH):
		hint = fmt.Sprintf("Another program answers at port %d there: check the host's port in the plan and in ssh_config, and what forwards to it.", s.port)
	case errors.Is(err, errCutInKeyExchange):
		hint = "An SSH server is there and ended it: see `journalctl -u ssh` on the host, or what a relay or firewall on the way says."
	case errors.As(err, &proxy):
		hint = fmt.Sprintf("Run the ProxyCommand of ssh_config by hand as rcprov and ssh do, it must show the greeting of an SSH server: `%s`.", proxy.command)
	case errors.Is(err, errBusy):
		hint = "There were too many logins at once or failed ones before, or it blocks this address: see `journalctl -u ssh` on the host, and MaxStartups and PerSourcePenalties in its sshd_config."
	case errors.As(err, &dns):
		hint = "Check the host's address in the plan, or add the host to ~/.ssh/config."
	}
	return modules.WithHint(&UnreachableError{Address: s.address(), Err: err}, "%s", hint)
}

// errNotSSH is the error of a server that speaks something else; errCutInKeyExchange that of one that greets and goes.
var (
	errNotSSH           = errors.New("what answers there is not an SSH server")
	errCutInKeyExchange = errors.New("the host greeted, and closed the connection during the key exchange")
)

// watchedConn closes a connection whose handshake takes too long, and remembers when it last received something. What comes
// doesn't stop the clock: a server may send lines before its greeting for ever (RFC 4253, section 4.2).
type watchedConn struct {
	net.Conn
	timeout time.Duration
	timer   *time.Timer
	judges  bool                  // its first line must be that of an SSH server
	late    atomic.Bool           // closed by the timer
	heard   atomic.Int64          // when it last received something, in Unix nanoseconds
	failed  atomic.Pointer[error] // how reading ended

	mu       sync.Mutex
	paused   int
	over     bool
	line     []byte // that is being received, until an SSH server has greeted
	greeting []byte // the first line of the server
	greeted  bool
	began    bool  // something came behind the greeting
	verdict  error // why no handshake is possible
}

// maxGreeting is the maximum length of an SSH server's identification line: RFC 4253, section 4.2.
const maxGreeting = 255

func watch(raw net.Conn, timeout time.Duration) *watchedConn {
	w := &watchedConn{Conn: raw, timeout: timeout}
	w.timer = time.AfterFunc(timeout, func() {
		w.late.Store(true)
		_ = raw.Close()
	})
	return w
}

func (w *watchedConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.hear()
		if w.judges {
			if verdict := w.judge(p[:n]); verdict != nil {
				n, err = 0, verdict
			}
		}
	}
	if err != nil {
		w.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

// hear notes a sign of life.
func (w *watchedConn) hear() { w.heard.Store(time.Now().UnixNano()) }

// silence returns the time since the last sign of life.
func (w *watchedConn) silence() time.Duration { return time.Since(time.Unix(0, w.heard.Load())) }

// otherServers is how servers of other kinds greet: of the web, mail (SMTP, POP3, IMAP), FTP, VNC.
var otherServers = []string{"HTTP/", "220 ", "220-", "+OK", "* OK", "-ERR", "RFB "}

// judge reads what comes before the key exchange, and returns an error when no SSH server of our version can follow.
func (w *watchedConn) judge(came []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range came {
		if w.greeted || w.verdict != nil {
			w.began = w.greeted
			break
		}
		if len(w.line) < maxGreeting {
			w.line = append(w.line, c)
		}
		if len(w.greeting) < maxGreeting && !bytes.Contains(w.greeting, []byte("\n")) {
			w.greeting = append(w.greeting, c)
		}
		binary := c < ' ' && !bytes.ContainsRune([]byte("\t\r\n\x1b"), rune(c))
		if c != '\n' && !binary {
			continue
		}
		line := bytes.TrimSpace(w.line)
		version, isSSH := bytes.CutPrefix(line, []byte("SSH-"))
		version, _, _ = bytes.Cut(version, []byte("-"))
		switch {
		case isSSH && string(version) != "2.0" && string(version) != "1.99": // RFC 4253, section 5.1
			w.verdict = fmt.Errorf("the SSH server there speaks version %q of the protocol, not 2.0", version)
		case isSSH:
			w.greeted = true
		case binary || slices.ContainsFunc(otherServers, func(start string) bool { return bytes.HasPrefix(line, []byte(start)) }):
			w.verdict = fmt.Errorf("%w: it sent %q", errNotSSH, line)
		}
		w.line = nil
	}
	return w.verdict
}

// closedByHost returns how the other side ended the connection; nil if it did not.
func (w *watchedConn) closedByHost() error {
	if err := w.failed.Load(); err != nil && isClosed(*err) {
		return *err
	}
	return nil
}

// isClosed reports whether err is the end of a connection that the other side closed.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// pause stops the clock while a person thinks.
func (w *watchedConn) pause() (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused++
	w.timer.Stop()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.paused--
		if w.paused == 0 && !w.over {
			w.timer.Reset(w.timeout)
		}
	}
}

// allow sets how long what comes from now on may take.
func (w *watchedConn) allow(timeout time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timeout = timeout
	if w.paused == 0 && !w.over {
		w.timer.Reset(timeout)
	}
}

// lateness returns the error of a handshake that took longer than timeout. accepted: it is the login of user that did.
func (w *watchedConn) lateness(timeout time.Duration, accepted bool, user string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	span := modules.Span(timeout)
	switch {
	case accepted && w.silence() < timeout/4:
		return fmt.Errorf("the login of %s did not end within %s", user, span)
	case accepted:
		return fmt.Errorf("the host was silent for %s during the login of %s", span, user)
	case w.began:
		return fmt.Errorf("the key exchange did not end within %s", span)
	case !w.greeted && len(w.greeting) > 0:
		return fmt.Errorf("no SSH server greeted within %s; what came began with %q", span, firstLine(w.greeting))
	}
	return fmt.Errorf("the host was silent for %s", span)
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return bytes.TrimSpace(line)
}

// explain returns a better error for a handshake that ended with err.
func (w *watchedConn) explain(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var proxy *proxyError
	switch {
	case w.verdict != nil:
		return w.verdict
	case errors.As(err, &proxy):
		return err
	case len(w.greeting) == 0 && isClosed(err):
		return fmt.Errorf("%w without a reason", errBusy)
	case bytes.HasPrefix(w.greeting, []byte("Not allowed at this time")), bytes.HasPrefix(w.greeting, []byte("Exceeded MaxStartups")):
		return fmt.Errorf("%w: %s", errBusy, bytes.TrimSpace(w.greeting))
	case !w.greeted && len(w.greeting) > 0:
		return fmt.Errorf("%w: it sent %q", errNotSSH, firstLine(w.greeting))
	case isClosed(err):
		return errCutInKeyExchange
	}
	return err
}

// done ends the watch.
func (w *watchedConn) done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
}
