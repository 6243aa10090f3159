package remote

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// fake is an SSH server inside the test, for what can't be had from sshd without root: logins by password under any
// name, a sudo of our own making, and a count of what comes over the wire. It runs commands in /bin/sh, really.
type fake struct {
	dir     string
	address *net.TCPAddr
	split   bool // commands are words, for no shell

	mu       sync.Mutex
	channels map[string]int // how many were opened, by type
	requests map[string]int // how many came, by type; global ones too
}

// startFake starts a server. Without a way to log in, config lets everyone in.
func startFake(t *testing.T, config *ssh.ServerConfig) *fake {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config.AddHostKey(host)
	config.NoClientAuth = config.PasswordCallback == nil && config.KeyboardInteractiveCallback == nil
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	f := &fake{
		dir: t.TempDir(), address: listener.Addr().(*net.TCPAddr),
		channels: make(map[string]int), requests: make(map[string]int),
	}
	f.write(t, "known_hosts", xknownhosts.Line([]string{f.address.String()}, host.PublicKey())+"\n")
	f.write(t, "config", "UserKnownHostsFile "+filepath.Join(f.dir, "known_hosts")+"\nIdentityFile none\nIdentityAgent none\n")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go f.serve(conn, config)
		}
	}()
	return f
}

func (f *fake) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (f *fake) dialer() *Dialer { return &Dialer{ConfigPath: filepath.Join(f.dir, "config")} }

func (f *fake) target() Target {
	return Target{Name: "fake", Address: "127.0.0.1", Port: f.address.Port, User: "someone", Become: Become{Method: "none"}}
}

func (f *fake) count(counts map[string]int, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts[what]++
}

func (f *fake) serve(conn net.Conn, config *ssh.ServerConfig) {
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		for r := range requests {
			f.count(f.requests, r.Type)
			_ = r.Reply(false, nil)
		}
	}()
	for c := range channels {
		f.count(f.channels, c.ChannelType())
		if c.ChannelType() != "session" {
			_ = c.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		go f.session(channel, requests)
	}
}

// session runs the one command of a session. The directory of the server comes first in PATH.
func (f *fake) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	for r := range requests {
		f.count(f.requests, r.Type)
		if r.Type != "exec" {
			_ = r.Reply(false, nil)
			continue
		}
		var exec struct{ Command string }
		if err := ssh.Unmarshal(r.Payload, &exec); err != nil {
			return
		}
		go f.execute(channel, exec.Command)
	}
}

func (f *fake) execute(channel ssh.Channel, command string) {
	cmd := exec.Command("/bin/sh", "-c", command)
	if f.split {
		words := strings.Fields(command)
		cmd = exec.Command(words[0], words[1:]...)
	}
	inSession(cmd)
	cmd.Env = append(os.Environ(), "PATH="+f.dir+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(stdin, channel)
		_ = stdin.Close()
	}()
	status, _ := endOf(cmd.Run())
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
	_ = channel.Close()
}

// TestRoundTrips counts what crosses the wire: it must not depend on how much is asked, nor on how often.
func TestRoundTrips(t *testing.T) {
	for _, script := range []string{"echo", strings.Repeat("echo a longer question >/dev/null\n", 20_000)} {
		for _, asks := range []int{1, 10} {
			server := startFake(t, &ssh.ServerConfig{})
			c, err := server.dialer().Connect(t.Context(), server.target())
			if err != nil {
				t.Fatal(err)
			}
			for range asks {
				if _, _, err := c.Ask(t.Context(), script); err != nil {
					t.Fatal(err)
				}
			}
			server.mu.Lock()
			if len(server.channels) != 1 || server.channels["session"] != 1 || len(server.requests) != 1 || server.requests["exec"] != 1 {
				t.Errorf("%d questions of %d bytes took channels %v and requests %v, want one session and one exec",
					asks, len(script), server.channels, server.requests)
			}
			server.mu.Unlock()
			_ = c.Close()
		}
	}
}
