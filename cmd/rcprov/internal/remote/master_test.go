package remote

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
)

// startMaster opens a master of ssh to the server by way of port, and returns its socket, which the server's
// configuration names.
func startMaster(t testing.TB, s *sshd, port int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "master") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	s.addConfig(t, "ControlPath "+dir+"/socket", "HostKeyAlias test")
	s.writeFile(t, "known_hosts", "test "+s.readFile(t, "host_ed25519.pub"))
	master := exec.Command("ssh", "-F", s.path("config"), "-M", "-N", "-o", "BatchMode=yes", "-p", strconv.Itoa(port), "127.0.0.1")
	master.Stderr = s.log
	if err := master.Start(); err != nil {
		t.Skipf("SKIPPED: there is no ssh: %v", err)
	}
	t.Cleanup(func() {
		_ = master.Process.Kill()
		_ = master.Wait()
	})
	for range 1500 {
		if _, err := os.Lstat(socket); err == nil {
			return socket
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("ssh made no master:\n%s", s.log)
	return ""
}

// clientPort is the port that the connection of c comes from.
func clientPort(t *testing.T, c *Conn) string {
	t.Helper()
	stdout, _, err := c.Ask(t.Context(), "echo $SSH_CLIENT")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(stdout))[1]
}

func TestMaster(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	startMaster(t, server, server.port)
	d := server.dialer()
	d.Keepalive = 500 * time.Millisecond
	one := server.connect(t, d, server.target())
	two := server.connect(t, d, server.target())
	useAll(t, one)
	if a, b := clientPort(t, one), clientPort(t, two); a != b {
		t.Errorf("two connections: %s, %s", a, b)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	conn, err := one.Dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if _, err := two.Dial(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", closedPort(t))); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens: got %v", err)
	}
	_ = two.Close()

	fresh, err := one.Reconnect(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fresh.Close() }()
	if clientPort(t, fresh.(*Conn)) == clientPort(t, one) {
		t.Error("Reconnect took the master")
	}

	time.Sleep(2 * time.Second) // longer than a silent host is borne with
	if _, _, err := one.Ask(t.Context(), "echo"); err != nil {
		t.Errorf("after a while: %v", err)
	}
	_ = one.Close()
	run(t, "ssh", "-F", server.path("config"), "-O", "check", "127.0.0.1") // what we did didn't end it
}

func TestMasterWithoutUse(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		name string
		make func(t *testing.T, path string)
	}{
		{"nothing", func(*testing.T, string) {}},
		{"a file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"dead", func(t *testing.T, path string) {
			listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
			if err != nil {
				t.Fatal(err)
			}
			listener.SetUnlinkOnClose(false)
			_ = listener.Close()
		}},
		{"silent", func(t *testing.T, path string) { listenAt(t, "unix", path, func(net.Conn) {}) }},
		{"no master", func(t *testing.T, path string) {
			listenAt(t, "unix", path, func(conn net.Conn) { _, _ = conn.Write([]byte("SSH-2.0-else\r\n\r\n\r\n\r\n\r\n")) })
		}},
		{"another's", func(t *testing.T, path string) {
			if os.Geteuid() != 0 {
				t.Skip("SKIPPED: only root can give files away")
			}
			listenAt(t, "unix", path, func(conn net.Conn) { t.Error("it was used") })
			if err := os.Chown(path, 12345, 12345); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(m.name, func(t *testing.T) {
			server := startSSHD(t)
			dir, err := os.MkdirTemp("", "master") //nolint:usetesting // t.TempDir is too long for a socket
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = os.RemoveAll(dir) }()
			m.make(t, dir+"/socket")
			server.addConfig(t, "ControlPath "+dir+"/socket")
			start := time.Now()
			c := server.connect(t, server.dialer(), server.target())
			if took := time.Since(start); took > masterTimeout+8*time.Second {
				t.Errorf("it took %v", took)
			}
			useAll(t, c)
		})
	}
}

// TestMasterWithoutSessions: a master whose host takes no more sessions is no help.
func TestMasterWithoutSessions(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, "MaxSessions 1")
	startMaster(t, server, server.port)
	server.connect(t, server.dialer(), server.target())
	two := server.connect(t, server.dialer(), server.target())
	if n := server.logins(2); n != 2 {
		t.Errorf("%d logins, want the master's and ours", n)
	}
	_ = clientPort(t, two)
}

// TestMasterOfALostHost: the master still answers, but its host doesn't.
func TestMasterOfALostHost(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	wire := newWire(t, server.address(), 0)
	startMaster(t, server, wire.port())
	d := server.dialer()
	d.ConnectTimeout = 3 * time.Second
	d.Keepalive = 500 * time.Millisecond
	over := server.connect(t, d, server.target())
	wire.silence()
	_, err := over.Run(t.Context(), modules.Command{Argv: []string{"true"}})
	wantLost(t, err, "the host has been silent for ")
	// A new one finds its own way.
	useAll(t, server.connect(t, d, server.target()))
}

// TestMasterFallsSilent: nothing that still runs was started last, so the silence must be noticed on the root shell.
func TestMasterFallsSilent(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	wire := newWire(t, server.address(), 0)
	startMaster(t, server, wire.port())
	d := server.dialer()
	d.Keepalive = 500 * time.Millisecond
	c := server.connect(t, d, server.target())
	if _, err := c.Run(t.Context(), modules.Command{Argv: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, wire.silence)
	_, _, err := c.Ask(t.Context(), "sleep 60")
	wantLost(t, err, "the host has been silent for ")
	fresh, err := c.Reconnect(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fresh.Close() }()
	useAll(t, fresh.(*Conn))
}

// TestTunnelEndsWithTheMaster: tunnels beside a master have a connection of their own. When that ends, both do.
func TestTunnelEndsWithTheMaster(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	startMaster(t, server, server.port)
	c := server.connect(t, server.dialer(), server.target())
	far := listen(t, func(net.Conn) {})
	tunnel, err := c.Dial(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", far))
	if err != nil {
		t.Fatal(err)
	}
	own, err := c.via.(*sshTransport).own.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = own.conn.Close()
	if _, err := tunnel.Read(make([]byte, 1)); err == nil {
		t.Error("the tunnel still stands")
	}
	<-c.via.done()
	if err := c.Lost(); err == nil {
		t.Error("the connection still stands")
	}
}

func TestMasterEnds(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	startMaster(t, server, server.port)
	c := server.connect(t, server.dialer(), server.target())
	begun := filepath.Join(t.TempDir(), "begun")
	go func() {
		waitFor(t, begun)
		_ = exec.Command("ssh", "-F", server.path("config"), "-O", "exit", "127.0.0.1").Run()
	}()
	_, _, err := c.Ask(t.Context(), "touch "+begun+"; sleep 60")
	wantLost(t, err, "")
}
