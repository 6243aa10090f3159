package remote

import (
	"bytes"
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
// log in with the key file.
type sshd struct {
	dir     string // key, key.pub, host_ed25519, host_ecdsa, config, known_hosts
	port    int
	process *exec.Cmd
	log     *lockedBuffer
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
	s := &sshd{dir: other.dir, port: freePort(t), log: &lockedBuffer{}}
	config := append(lines,
		"ListenAddress 127.0.0.1", fmt.Sprintf("Port %d", s.port),
		"HostKey "+s.path("host_ed25519"), "HostKey "+s.path("host_ecdsa"),
		"AuthorizedKeysFile "+s.path("authorized_keys"), "StrictModes no", "PermitRootLogin yes",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "UsePAM no", "PidFile none")
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

func (s *sshd) start(t testing.TB, path string) {
	t.Helper()
	s.process = exec.Command(path, "-D", "-e", "-f", s.path("sshd_config"))
	s.process.Stderr = s.log
	s.process.WaitDelay = 100 * time.Millisecond // sessions that go on hold its standard error
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", s.log)
		}
	})
	for range 1500 { // half a minute: a loaded machine starts it slowly
		if conn, err := net.Dial("tcp", s.address()); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("sshd did not start:\n%s", s.log)
}

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

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
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

func (w *wire) port() int { return w.listener.Addr().(*net.TCPAddr).Port }

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
