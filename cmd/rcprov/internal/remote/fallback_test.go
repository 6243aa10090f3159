package remote

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A server that moves from one port to another is played by two with the same keys. known_hosts has the old port alone.
func movingServer(t *testing.T) (old, moved *sshd) {
	t.Helper()
	old = startSSHD(t)
	moved = startSSHDWith(t, old)
	old.trust(t)
	return old, moved
}

// knows reports whether known_hosts has the server's key for a port.
func (s *sshd) knows(t *testing.T, port int) bool {
	t.Helper()
	return strings.Contains(s.readFile(t, "known_hosts"), fmt.Sprintf("[127.0.0.1]:%d ssh-", port))
}

func TestFallbackPort(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	target := server.target()
	target.Port, target.FallbackPort = closedPort(t), server.port
	c := server.connect(t, server.dialer(), target)
	if want := fmt.Sprintf("%s@127.0.0.1:%d", whoami(t), server.port); c.Address() != want {
		t.Errorf("connected to %s, not %s", c.Address(), want)
	}
	again, err := c.Reconnect(t.Context(), 0)
	if err != nil {
		t.Fatalf("where it is found now: %v", err)
	}
	_ = again.Close()

	target.FallbackPort = closedPort(t)
	_, err = server.dialer().Connect(t.Context(), target)
	want := fmt.Sprintf("connect to 127.0.0.1:%[1]d: connection refused; "+
		"nor at port %[2]d: connect to 127.0.0.1:%[2]d: connection refused", target.Port, target.FallbackPort)
	if err == nil || !strings.HasPrefix(explained(err), want+"\nCheck that the host is up and that sshd listens on port") {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// sshd is being restarted: for a moment nobody listens.
func TestRefusedForAMoment(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	server.addConfig(t, "HostKeyAlias test")
	server.writeFile(t, "known_hosts", "test "+server.readFile(t, "host_ed25519.pub"))
	target := server.target()
	port, release := reservePort(t)
	target.Port = port
	restarted := make(chan struct{})
	time.AfterFunc(200*time.Millisecond, func() { // sshd itself may take longer than we try
		defer close(restarted)
		release()
		newWireAt(t, fmt.Sprintf("127.0.0.1:%d", port), server.address(), 0)
	})
	server.connect(t, server.dialer(), target)
	<-restarted
}

// After sshd moved, "where the host is now" is the new port; and the old one again when the move was taken back.
func TestReconnectAfterAMove(t *testing.T) {
	t.Parallel()
	old, moved := movingServer(t)
	c := old.connect(t, old.dialer(), old.target())
	port := func(want int, at int) {
		t.Helper()
		again, err := c.Reconnect(t.Context(), at)
		if err != nil {
			t.Fatal(explained(err))
		}
		defer func() { _ = again.Close() }()
		if got := again.(*Conn).Address(); !strings.HasSuffix(got, fmt.Sprintf(":%d", want)) {
			t.Errorf("at %s, not port %d", got, want)
		}
	}
	port(old.port, 0)
	port(moved.port, moved.port)
	port(moved.port, 0)
	moved.stop()
	port(old.port, 0)
}

// A master leads to the old port, whatever port the plan has; new connections are made where the host is.
func TestMoveUnderAMaster(t *testing.T) {
	t.Parallel()
	old, moved := movingServer(t)
	startMaster(t, old, old.port)
	target := old.target()
	target.Port, target.FallbackPort = closedPort(t), old.port
	c := old.connect(t, old.dialer(), target)
	again, err := c.Reconnect(t.Context(), 0)
	if err != nil {
		t.Fatalf("before the move: %v", explained(err))
	}
	_ = again.Close()
	if again, err = c.Reconnect(t.Context(), moved.port); err != nil {
		t.Fatal(explained(err))
	}
	_ = again.Close()
	old.stop()
	tunnel, err := c.Dial(t.Context(), "tcp", moved.address())
	if err != nil {
		t.Fatalf("a tunnel after the move: %v", explained(err))
	}
	_ = tunnel.Close()
}

// What is not an SSH server at the new port doesn't keep from finding the host at the old one.
func TestFallbackPortOfAStranger(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	stranger := listen(t, func(conn net.Conn) {
		_, _ = conn.Write([]byte("220 mail.example.com\r\n"))
		_ = conn.Close()
	})
	target := server.target()
	target.Port, target.FallbackPort = stranger, server.port
	server.connect(t, server.dialer(), target)
}

func TestFallbackPortIsForSilenceOnly(t *testing.T) {
	t.Parallel()
	old, moved := movingServer(t)
	old.keygen(t, "other", "ed25519", "")
	old.writeFile(t, "known_hosts", old.readFile(t, "known_hosts")+fmt.Sprintf("[127.0.0.1]:%d %s", moved.port, old.readFile(t, "other.pub")))
	target := moved.target()
	target.FallbackPort = old.port
	if _, err := old.dialer().Connect(t.Context(), target); err == nil || !strings.Contains(err.Error(), "HAS CHANGED") {
		t.Errorf("a changed key: %v", err)
	}
}

// The host's key is that of its other port: nobody is asked, and it is written down.
func TestKeyOfTheOtherPort(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		connect func(t *testing.T, d *Dialer, old, moved *sshd) error
		strict  string
		learns  bool
	}{
		{name: "moved by a plan", learns: true, connect: func(t *testing.T, d *Dialer, old, moved *sshd) error {
			c := old.connect(t, d, old.target())
			again, err := c.Reconnect(t.Context(), moved.port)
			if err == nil {
				_ = again.Close()
			}
			return err
		}},
		{name: "moved before", learns: true, connect: func(t *testing.T, d *Dialer, old, moved *sshd) error {
			target := moved.target()
			target.FallbackPort = old.port
			c, err := d.Connect(t.Context(), target)
			if err == nil {
				_ = c.Close()
			}
			return err
		}},
		{name: "strict", strict: "StrictHostKeyChecking yes", connect: func(t *testing.T, d *Dialer, old, moved *sshd) error {
			c := old.connect(t, d, old.target())
			again, err := c.Reconnect(t.Context(), moved.port)
			if err == nil {
				_ = again.Close()
			}
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			old, moved := movingServer(t)
			if test.strict != "" {
				old.addConfig(t, test.strict)
			}
			if err := test.connect(t, old.dialer(), old, moved); err != nil {
				t.Fatal(explained(err))
			}
			if got := old.knows(t, moved.port); got != test.learns {
				t.Errorf("known_hosts has the new port: %v\n%s", got, old.readFile(t, "known_hosts"))
			}
			if test.learns {
				old.connect(t, old.dialer(), moved.target())
			}
		})
	}
}

// Without a known_hosts file the key of the connection in use counts.
func TestKeyOfTheConnectionInUse(t *testing.T) {
	t.Parallel()
	old, moved := movingServer(t)
	other := startSSHD(t)
	old.writeFile(t, "config", "UserKnownHostsFile none\nGlobalKnownHostsFile none\nIdentityFile "+old.path("key")+"\nIdentityAgent none\n")
	d := &Dialer{ConfigPath: old.path("config"), AcceptNew: true}
	c := old.connect(t, d, old.target())
	again, err := c.Reconnect(t.Context(), moved.port)
	if err != nil {
		t.Fatal(explained(err))
	}
	_ = again.Close()
	if _, err := c.Reconnect(t.Context(), other.port); err == nil || !strings.Contains(explained(err), "somebody else listens at this port") {
		t.Errorf("another host: %v", err)
	}
}

// As for ssh, a key that is known for the host without a port holds for its other ports; it isn't written down.
func TestKeyWithoutPort(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	known := server.line(t, "", "127.0.0.1", "host_ecdsa")
	server.writeFile(t, "known_hosts", known)
	server.connect(t, server.dialer(), server.target())
	if got := server.readFile(t, "known_hosts"); got != known {
		t.Errorf("known_hosts was changed to\n%s", got)
	}
	server.keygen(t, "other", "ed25519", "")
	server.writeFile(t, "known_hosts", server.line(t, "", "127.0.0.1", "other"))
	if _, err := server.dialer().Connect(t.Context(), server.target()); err == nil || !strings.Contains(err.Error(), "is not known") {
		t.Errorf("another key there: %v", err)
	}
}
