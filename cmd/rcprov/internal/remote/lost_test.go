package remote

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

func wantLost(t *testing.T, err error, why string) {
	t.Helper()
	var lost *LostError
	if !errors.As(err, &lost) || !strings.HasPrefix(lost.Err.Error(), why) {
		t.Errorf("got %v, want a LostError: %s", err, why)
	}
}

// listen serves TCP connections for the test's duration; what serve leaves open stays open until then.
func listen(t *testing.T, serve func(net.Conn)) (port int) {
	t.Helper()
	return portOf(listenAt(t, "tcp", "127.0.0.1:0", serve))
}

func listenAt(t *testing.T, network, address string, serve func(net.Conn)) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(conn)
				<-t.Context().Done()
				_ = conn.Close()
			}()
		}
	}()
	return listener
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	silent := listen(t, func(net.Conn) {})
	closing := listen(t, func(conn net.Conn) { _ = conn.Close() })
	busy := listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1000))
		_, _ = conn.Write([]byte("Not allowed at this time\r\n"))
		_ = conn.Close()
	})
	web := listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1000))
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		_ = conn.Close()
	})
	greeting := listen(t, func(conn net.Conn) { _, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n")) })
	nobody := closedPort(t)
	for _, u := range []struct {
		name    string
		address string
		port    int
		want    string
	}{
		{"nobody", "127.0.0.1", nobody, ": connection refused"},
		{"silent", "127.0.0.1", silent, "the host was silent for 200ms"},
		{"silent after its greeting", "127.0.0.1", greeting, "the host was silent for 200ms"},
		{"closing", "127.0.0.1", closing, "sshd rejected the connection without a reason"},
		{"busy", "127.0.0.1", busy, "sshd rejected the connection: Not allowed at this time"},
		{"another server", "127.0.0.1", web, "what answers there is not an SSH server: it sent \"HTTP/1.1 400 Bad Request\""},
		{"no such name", "nowhere.invalid", 22, "the DNS has no address for the name"},
	} {
		t.Run(u.name, func(t *testing.T) {
			d := &Dialer{ConfigPath: "none"}
			if strings.HasSuffix(u.want, "200ms") {
				d.ConnectTimeout = 200 * time.Millisecond
			}
			start := time.Now()
			_, err := d.Connect(t.Context(), Target{Address: u.address, Port: u.port})
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), u.want) {
				t.Errorf("got %v, want %s", err, u.want)
			} else if unreachable.Address != fmt.Sprintf("%s:%d", u.address, u.port) || explained(err) == err.Error() {
				t.Errorf("got %s", explained(err))
			}
			if time.Since(start) > time.Minute {
				t.Errorf("it took %v", time.Since(start))
			}
		})
	}
}

func TestBusyHostIsTriedAgain(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	var attempts atomic.Int32
	port := listen(t, func(conn net.Conn) {
		if attempts.Add(1) <= 2 {
			_ = conn.Close()
			return
		}
		far, err := net.Dial("tcp", server.address())
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(far, conn) }()
		_, _ = io.Copy(conn, far)
	})
	server.addConfig(t, "HostKeyAlias test")
	server.writeFile(t, "known_hosts", "test "+server.readFile(t, "host_ed25519.pub"))
	target := server.target()
	target.Port = port
	server.connect(t, server.dialer(), target)
}

func TestHostFallsSilent(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	wire := newWire(t, server.address(), 0)
	server.addConfig(t, "HostKeyAlias test")
	server.writeFile(t, "known_hosts", "test "+server.readFile(t, "host_ed25519.pub"))
	target := server.target()
	target.Port = wire.port()
	d := server.dialer()
	d.Keepalive = 500 * time.Millisecond // long enough for a loaded machine to answer within three
	c := server.connect(t, d, target)

	// As long as it answers, a command may take its time.
	if _, err := c.Run(t.Context(), modules.Command{Argv: []string{"sleep", "2"}}); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, wire.silence)
	start := time.Now()
	_, err := c.Run(t.Context(), modules.Command{Argv: []string{"sleep", "60"}})
	wantLost(t, err, "the host has been silent for ")
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	_, _, err = c.Ask(t.Context(), "echo")
	wantLost(t, err, "the host has been silent for ")
	err = c.Upload(t.Context(), "/none", strings.NewReader(""))
	wantLost(t, err, "the host has been silent for ")
	_, err = c.Dial(t.Context(), "tcp", "127.0.0.1:1")
	wantLost(t, err, "the host has been silent for ")
	wantLost(t, c.Lost(), "the host has been silent for ")
	_, err = c.Reconnect(t.Context(), closedPort(t))
	if !errors.Is(err, modules.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}

func TestHostCloses(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	c := server.connect(t, server.dialer(), server.target())
	if err := c.Lost(); err != nil {
		t.Fatal(err)
	}
	_, err := c.Run(t.Context(), modules.Command{Script: "kill -9 $(awk '/^PPid/ {print $2}' /proc/$PPID/status)"})
	wantLost(t, err, "the host closed it")
	wantLost(t, c.Lost(), "the host closed it")
	_, _, err = c.Ask(t.Context(), "echo")
	wantLost(t, err, "the host closed it")
}

func TestClosedConnection(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		time.AfterFunc(200*time.Millisecond, func() { _ = c.Close() })
		if _, _, err := c.Ask(t.Context(), "sleep 10"); !errors.Is(err, errClosed) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Run(t.Context(), modules.Command{Argv: []string{"true"}}); !errors.Is(err, errClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// neverOpens is a connection in the moment in which x/crypto/ssh has noticed its end and has not closed it yet.
type neverOpens struct{ ssh.Conn }

func (neverOpens) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) { select {} }

// TestLostWhileOpening: what is opened while the connection ends is given up.
func TestLostWhileOpening(t *testing.T) {
	t.Parallel()
	via := &sshTransport{client: &ssh.Client{Conn: neverOpens{}}, ended: make(chan struct{}), sessions: map[ssh.Channel]bool{}}
	broke := errors.New("the host closed it")
	via.cause.Store(&broke)
	time.AfterFunc(10*time.Millisecond, func() { close(via.ended) })
	if _, err := via.start(t.Context(), "true"); !errors.Is(err, broke) {
		t.Errorf("a session: %v", err)
	}
	if _, err := via.dial(t.Context(), "tcp", "127.0.0.1:80"); !errors.Is(err, broke) {
		t.Errorf("a tunnel: %v", err)
	}
}
