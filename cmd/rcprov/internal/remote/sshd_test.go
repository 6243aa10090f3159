package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
)

// sshd is OpenSSH's server on an unprivileged port of this machine, with keys of its own. Whoever runs the test can
// log in with the key file. The test itself listens, as inetd would, so that the port is the server's from the start.
type sshd struct {
	dir      string // key, key.pub, host_ed25519, host_ecdsa, config, known_hosts
	port     int
	listener net.Listener
	log      *lockedBuffer
}

// startSSHD starts a server; lines are put before its configuration. Without OpenSSH the test is skipped.
func startSSHD(t testing.TB, lines ...string) *sshd {
	t.Helper()
	s := &sshd{dir: t.TempDir()}
	s.keygen(t, "key", "ed25519", "")
	s.keygen(t, "host_ed25519", "ed25519", "")
	s.keygen(t, "host_ecdsa", "ecdsa", "")
	s.writeFile(t, "authorized_keys", s.readFile(t, "key.pub"))
	return startSSHDWith(t, s, lines...)
}

// startSSHDWith starts one more server with the keys of another.
func startSSHDWith(t testing.TB, other *sshd, lines ...string) *sshd {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIPPED: there is no sshd; install openssh-server to test against the real thing")
	}
	s := &sshd{dir: other.dir, log: &lockedBuffer{}}
	config := append(lines,
		"HostKey "+s.path("host_ed25519"), "HostKey "+s.path("host_ecdsa"),
		"AuthorizedKeysFile "+s.path("authorized_keys"), "StrictModes no", "PermitRootLogin yes",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "UsePAM no")
	s.writeFile(t, "sshd_config", strings.Join(config, "\n")+"\n")
	if os.Geteuid() == 0 { // where sshd confines itself; the package makes it at boot
		_ = os.MkdirAll("/run/sshd", 0o755)
	}
	s.start(t, path)
	s.trust(t)
	s.writeFile(t, "config", fmt.Sprintf("UserKnownHostsFile %s\nGlobalKnownHostsFile none\nIdentityFile %s\nIdentityAgent none\n",
		s.path("known_hosts"), s.path("key")))
	return s
}

// start answers each connection with an sshd of its own, until the test is over or stop is called.
func (s *sshd) start(t testing.TB, path string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener, s.port = listener, portOf(listener)
	ctx, kill := context.WithCancel(context.WithoutCancel(t.Context()))
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { s.serve(ctx, path, conn) })
		}
	})
	t.Cleanup(func() {
		s.stop()
		kill()
		sessions.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", s.log)
		}
	})
}

// serve hands a connection over to sshd and waits for its end.
func (s *sshd) serve(ctx context.Context, path string, conn net.Conn) {
	socket, err := conn.(*net.TCPConn).File()
	_ = conn.Close()
	if err != nil {
		_, _ = fmt.Fprintln(s.log, err)
		return
	}
	process := exec.CommandContext(ctx, path, "-i", "-e", "-f", s.path("sshd_config"))
	process.Stdin, process.Stdout, process.Stderr = socket, socket, s.log
	process.WaitDelay = 100 * time.Millisecond // what the session started may go on, and holds standard error
	err = process.Start()
	_ = socket.Close()
	if err != nil {
		_, _ = fmt.Fprintln(s.log, err)
		return
	}
	_ = process.Wait() // its end is how its client ended
}

// stop lets nobody in any more; sessions go on.
func (s *sshd) stop() { _ = s.listener.Close() }

func (s *sshd) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *sshd) path(name string) string { return filepath.Join(s.dir, name) }

// keygen makes a key pair.
func (s *sshd) keygen(t testing.TB, name, kind, passphrase string) {
	t.Helper()
	run(t, "ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", s.path(name))
}

// trust makes known_hosts have the server's ed25519 key.
func (s *sshd) trust(t testing.TB) {
	t.Helper()
	s.writeFile(t, "known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s", s.port, s.readFile(t, "host_ed25519.pub")))
}

func (s *sshd) readFile(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(s.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func (s *sshd) writeFile(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(s.path(name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// addConfig adds lines at the end of the client's configuration.
func (s *sshd) addConfig(t testing.TB, lines ...string) {
	t.Helper()
	s.writeFile(t, "config", s.readFile(t, "config")+strings.Join(lines, "\n")+"\n")
}

// dialer returns a Dialer that knows the server and never asks.
func (s *sshd) dialer() *Dialer { return &Dialer{ConfigPath: s.path("config")} }

// target is the server, as the user who runs the test.
func (s *sshd) target() Target {
	return Target{Name: "test", Address: "127.0.0.1", Port: s.port, Become: Become{Method: "none"}}
}

// connect connects, for the test's duration.
func (s *sshd) connect(t testing.TB, d *Dialer, target Target) *Conn {
	t.Helper()
	c, err := d.Connect(t.Context(), target)
	if err != nil {
		t.Fatal(explained(err))
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// logins counts the logins by key, when there are as many as wanted or that takes too long: sshd logs beside its work.
func (s *sshd) logins(want int) int {
	n := 0
	for range 1000 {
		if n = strings.Count(s.log.String(), "Accepted publickey"); n >= want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return n
}

// waitFor waits until there is a file, or the test is over.
func waitFor(t testing.TB, path string) {
	for t.Context().Err() == nil {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func portOf(listener net.Listener) int { return listener.Addr().(*net.TCPAddr).Port }

// closedPort is a port that refuses connections for the test's duration.
func closedPort(t testing.TB) int {
	t.Helper()
	port, _ := reservePort(t)
	return port
}

// reservePort takes a port that refuses connections until release, or the test's end: the near end of a connection, so
// that nobody else can listen there.
func reservePort(t testing.TB) (port int, release func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	release = func() {
		_ = conn.(*net.TCPConn).SetLinger(0) // at once: the port doesn't stay taken
		_ = conn.Close()
		_ = listener.Close()
	}
	t.Cleanup(release)
	return conn.LocalAddr().(*net.TCPAddr).Port, release
}

func run(t testing.TB, argv ...string) string {
	t.Helper()
	output, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, output)
	}
	return string(output)
}

func whoami(t testing.TB) string {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return me.Username
}

// explained is an error as people see it, with its hint.
func explained(err error) string {
	text := err.Error()
	var hint *modules.HintError
	if errors.As(err, &hint) {
		text += "\n" + hint.Hint
	}
	return text
}

// lockedBuffer is a buffer that a process may write to while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// wire is a TCP proxy before a server: it delays what it carries, and can be cut so that both sides hear nothing more.
type wire struct {
	listener net.Listener
	delay    time.Duration // one way
	mu       sync.Mutex
	cut      bool
}

func newWire(t testing.TB, server string, delay time.Duration) *wire {
	t.Helper()
	return newWireAt(t, "127.0.0.1:0", server, delay)
}

// newWireAt starts a wire at an address.
func newWireAt(t testing.TB, address, server string, delay time.Duration) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := &wire{listener: listener, delay: delay}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go w.carry(near, server)
		}
	}()
	return w
}

func (w *wire) port() int { return portOf(w.listener) }

// silence makes the wire swallow everything from now on.
func (w *wire) silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
}

func (w *wire) silent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

func (w *wire) carry(near net.Conn, server string) {
	time.Sleep(2 * w.delay) // what the handshake of TCP takes
	far, err := net.Dial("tcp", server)
	if err != nil {
		_ = near.Close()
		return
	}
	go w.pump(far, near)
	w.pump(near, far)
}

// pump carries packets from one side to the other, each w.delay after it came.
func (w *wire) pump(to, from net.Conn) {
	type packet struct {
		content []byte
		due     time.Time
	}
	packets := make(chan packet, 1<<16)
	go func() {
		for p := range packets {
			time.Sleep(time.Until(p.due))
			if !w.silent() {
				_, _ = to.Write(p.content)
			}
		}
		if !w.silent() {
			_ = to.(*net.TCPConn).CloseWrite()
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			packets <- packet{bytes.Clone(buffer[:n]), time.Now().Add(w.delay)}
		}
		if err != nil {
			close(packets)
			return
		}
	}
}

var _ io.Writer = (*lockedBuffer)(nil)
