package remote

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/rcprov/rcprov/modules"
)

// notices collects what people are told.
type notices struct {
	mu   sync.Mutex
	text []string
}

func (n *notices) tell(host, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = append(n.text, host+": "+text)
}

func (n *notices) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.text, "\n")
}

// has reports whether a line begins with want. Others may come first on a loaded machine.
func (n *notices) has(want string) bool { return strings.Contains("\n"+n.String(), "\n"+want) }

// ConnectTimeout is for the connection. A login has minutes, and says what it waits for.
func TestSlowLogin(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	slow := func() { time.Sleep(5 * time.Second) }
	config := &ssh.ServerConfig{}
	config.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		slow() // an AuthorizedKeysCommand
		return nil, nil
	}
	config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		if _, err := challenge("", "", []string{"Password: "}, []bool{false}); err != nil {
			return nil, err
		}
		slow() // a second factor on a phone
		return nil, nil
	}
	fake := startFake(t, config)
	for _, c := range []struct{ config, want string }{
		{"IdentityFile " + server.path("key"), "fake: waiting for the host to answer about the key " + server.path("key")},
		{"IdentityFile none", "fake: waiting for the host to accept that; it may wait for a second factor, such as a confirmation on a phone"},
	} {
		fake.write(t, "config", "UserKnownHostsFile "+fake.dir+"/known_hosts\nIdentityAgent none\n"+c.config+"\n")
		var told notices
		d := fake.dialer()
		d.ConnectTimeout, d.limits.notice, d.Notice = 4*time.Second, 2*time.Second, told.tell
		target := fake.target()
		target.Password = "right"
		conn, err := d.Connect(t.Context(), target)
		if err != nil {
			t.Fatalf("%s: %s", c.config, explained(err))
		}
		_ = conn.Close()
		if !told.has(c.want) {
			t.Errorf("%s: told %q, want %q", c.config, told.String(), c.want)
		}

		d.limits.auth = 2 * time.Second
		_, err = d.Connect(t.Context(), target)
		var away *UnreachableError
		if !errors.As(err, &away) || !strings.Contains(err.Error(), "the host was silent for 2s during the login of someone") {
			t.Errorf("%s: got %v", c.config, err)
		}
	}
}

// Who is asked for a password reads why no key was offered.
func TestPasswordForWantOfAKey(t *testing.T) {
	t.Parallel()
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errors.New("no") },
		PasswordCallback:  func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil },
	}
	fake := startFake(t, config)
	missing := filepath.Join(fake.dir, "missing")
	fake.write(t, "config", "UserKnownHostsFile "+fake.dir+"/known_hosts\nIdentityAgent none\nIdentityFile "+missing+"\n")
	var told notices
	d := fake.dialer()
	d.Prompt, d.Notice = &script{answers: []string{"typed"}}, told.tell
	conn, err := d.Connect(t.Context(), fake.target())
	if err != nil {
		t.Fatal(explained(err))
	}
	_ = conn.Close()
	if want := "fake: a key was not offered: "; !told.has(want) || !strings.Contains(told.String(), missing) {
		t.Errorf("told %q", told.String())
	}
}

// A login that gives no shell is named, and ends.
func TestNoShell(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, "ForceCommand sleep 60")
	var told notices
	d := server.dialer()
	d.limits.notice, d.limits.shell, d.Notice = 500*time.Millisecond, 3*time.Second, told.tell
	target := server.target()
	for _, become := range []Become{{Method: "none"}, {Method: "sudo", Password: "x"}} {
		target.Become = become
		c := server.connect(t, d, target)
		c.user = "me" // sudo is not for root
		_, _, err := c.Ask(t.Context(), "echo")
		if err == nil || !strings.Contains(err.Error(), "logged in as me, but no command began within 3s: a login script, a ForceCommand or sudo hangs there") {
			t.Errorf("got %v", err)
		}
		if want := "test: waiting for the first answer of me after the login; a login script, a ForceCommand or sudo may hang there"; !told.has(want) {
			t.Errorf("told %q", told.String())
		}
	}
}

// A start-up file that puts another shell in the place of the command is named, at once or when the first answer is late. Nothing of
// rcprov's runs there.
func TestStartupFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ command, want string }{
		"another shell":        {"exec bash", "the login of me runs bash in place of the command that rcprov sends"},
		"one that reads ahead": {"exec cat >/dev/null", "the login of me runs another program in place of the command that rcprov sends"},
		"not root":             {"exec sh -s", "me becomes nobody on the host, not root"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if os.Geteuid() != 0 {
				t.Skip("not root: nobody else could be logged in")
			}
			command := c.command
			if strings.HasSuffix(command, "sh -s") {
				command = "exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -s"
			}
			server := startSSHD(t, "ForceCommand "+command)
			d := server.dialer()
			if d.limits.notice = 500 * time.Millisecond; name != "one that reads ahead" {
				d.limits.notice = time.Minute // it answers before that
			}
			target := server.target()
			target.Become = Become{Method: "sudo"}
			conn := server.connect(t, d, target)
			conn.user = "me"
			made := filepath.Join(t.TempDir(), "made")
			began := time.Now()
			_, _, err := conn.Ask(t.Context(), "touch "+made)
			var startup *StartupError
			if !strings.Contains(explained(err), c.want) || !strings.Contains(explained(err), "start-up file") || errors.As(err, &startup) == (name == "not root") {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(made); err == nil || time.Since(began) > 30*time.Second {
				t.Errorf("a script ran (%v), or it took long: %v", err, time.Since(began))
			}
		})
	}
}

// What works with `ssh HOST sudo ...` under a wrapper or a restricted shell works here.
func TestRestrictedLogins(t *testing.T) {
	t.Parallel()
	wrapper := filepath.Join(t.TempDir(), "wrapper")
	for name, script := range map[string]string{
		"rbash":   "#!/bin/sh\nexec bash -r -c \"$SSH_ORIGINAL_COMMAND\"\n",
		"words":   "#!/bin/sh\n$SSH_ORIGINAL_COMMAND\n",
		"execs":   "#!/bin/sh\nexec $SSH_ORIGINAL_COMMAND\n",
		"greeter": "#!/bin/sh\necho Welcome\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			server := startSSHD(t, "ForceCommand "+wrapper)
			useAll(t, server.connect(t, server.dialer(), server.target()))
		})
	}
}

// ConnectTimeout is a total: what a server sends before its greeting, or instead of it, doesn't stop the clock.
func TestNoGreeting(t *testing.T) {
	t.Parallel()
	drip := func(first, again string) int {
		return listen(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, first)
			for t.Context().Err() == nil {
				if _, err := io.WriteString(conn, again); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	for _, c := range []struct {
		name   string
		port   int
		want   string
		hint   string
		atOnce bool
	}{
		{"text", drip("", "hi\r\n"), `no SSH server greeted within 2s; what came began with "hi"`, "sshd listens", false},
		{"a line without an end", drip("hello", " "), `no SSH server greeted within 2s; what came began with "hello`, "sshd listens", false},
		{"mail", drip("220 mail ESMTP\r\n", ""), `what answers there is not an SSH server: it sent "220 mail ESMTP"`, "Another program answers", true},
		{"binary", drip("\x15\x03\x01\x00", ""), `what answers there is not an SSH server: it sent "\x15"`, "Another program answers", true},
		{"protocol 1", drip("SSH-1.5-old\n", ""), `speaks version "1.5" of the protocol, not 2.0`, "", true},
		{"greets and goes", listen(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, "SSH-2.0-there\r\n")
			_, _ = conn.Read(make([]byte, 1000))
			_ = conn.(*net.TCPConn).CloseWrite()
		}), "the host greeted, and closed the connection during the key exchange", "An SSH server is there and ended it", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var told notices
			d := &Dialer{ConfigPath: "none", ConnectTimeout: 2 * time.Second, Notice: told.tell}
			d.limits.notice = time.Second
			if c.atOnce {
				d.ConnectTimeout = time.Minute
			}
			began := time.Now()
			_, err := d.Connect(t.Context(), Target{Name: "fake", Address: "127.0.0.1", Port: c.port})
			var away *UnreachableError
			if !errors.As(err, &away) || !strings.Contains(err.Error(), c.want) || !strings.Contains(explained(err), c.hint) {
				t.Fatalf("got %v", err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if want := "fake: waiting for the SSH server at 127.0.0.1:"; !c.atOnce && !told.has(want) {
				t.Errorf("told %q", told.String())
			}
		})
	}
}

// An agent that doesn't answer is named, and is one agent less.
func TestHungAgent(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	dir, err := os.MkdirTemp("", "agent") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	listenAt(t, "unix", socket, func(net.Conn) {})
	hung := func(a agent.Agent) agent.Agent { return hungAgent{a.(agent.ExtendedAgent), t.Context().Done()} }
	signing := startAgentOf(t, hung, server, "key")
	server.keygen(t, "spare", "ed25519", "")
	server.writeFile(t, "authorized_keys", server.readFile(t, "key.pub")+server.readFile(t, "spare.pub"))
	for _, c := range []struct{ socket, told, why string }{
		{socket, "test: waiting for the ssh agent at " + socket, "keys of the agent: the ssh agent at " + socket + " did not answer within 1s"},
		{signing, "test: waiting for the agent to sign with the key of the agent", "the ssh agent at " + signing + " did not answer within 1s"},
	} {
		for _, spare := range []string{"none", server.path("spare")} {
			d := server.withConfig(t, "IdentityAgent "+c.socket, "IdentityFile "+spare)
			var told notices
			d.Notice = told.tell
			d.limits = limits{notice: 200 * time.Millisecond, agentSign: time.Second}
			if c.socket == socket {
				d.limits.agentList = time.Second
			}
			conn, err := d.Connect(t.Context(), server.target())
			if err == nil {
				_ = conn.Close()
			}
			var refused *AuthError
			if spare == "none" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.why) || !strings.Contains(explained(err), "`ssh-add -l` shows")) {
				t.Errorf("got %v", err)
			}
			if spare != "none" && err != nil {
				t.Errorf("another key: %s", explained(err))
			}
			if !told.has(c.told) {
				t.Errorf("told %q", told.String())
			}
		}
	}
}

// hungAgent lists its keys, and signs with none until done.
type hungAgent struct {
	agent.ExtendedAgent
	done <-chan struct{}
}

func (h hungAgent) SignWithFlags(ssh.PublicKey, []byte, agent.SignatureFlags) (*ssh.Signature, error) {
	<-h.done
	return nil, errors.New("too late")
}

// A host that becomes silent after the login, before or after it opens a session, is given up and named while the connection stands:
// who sees it lost would make another one and wait again.
func TestSilentAfterLogin(t *testing.T) {
	t.Parallel()
	began := filepath.Join(t.TempDir(), "began")
	server := startSSHD(t, "ForceCommand touch "+began+"; sleep 60")
	for _, opened := range []bool{false, true} {
		wire := newWire(t, server.address(), 0)
		server.writeFile(t, "known_hosts", "test "+server.readFile(t, "host_ed25519.pub"))
		d := server.withConfig(t, "IdentityAgent none", "IdentityFile "+server.path("key"), "HostKeyAlias test")
		var told notices
		d.limits, d.Notice = limits{notice: 300 * time.Millisecond, silence: 5 * time.Second}, told.tell
		target := server.target()
		target.Port = wire.port()
		c := server.connect(t, d, target)
		c.user = "me"
		want := "test: waiting for the host to open a session for me"
		if opened {
			go func() { waitFor(t, began); wire.silence() }()
			want = "test: waiting for the first answer of me after the login"
		} else {
			wire.silence()
		}
		_, _, err := c.Ask(t.Context(), "echo")
		if err == nil || !strings.Contains(err.Error(), "logged in as me, and then the host was silent for 5s") || c.Lost() != nil {
			t.Errorf("got %v, lost: %v", err, c.Lost())
		}
		if !told.has(want) {
			t.Errorf("told %q", told.String())
		}
	}
	// One that answers may take its time.
	server.trust(t)
	d := server.withConfig(t, "IdentityAgent none", "IdentityFile "+server.path("key"))
	d.limits = limits{silence: 4 * time.Second, shell: 6 * time.Second}
	if _, _, err := server.connect(t, d, server.target()).Ask(t.Context(), "echo"); err == nil || !strings.Contains(err.Error(), "no command began within 6s") {
		t.Errorf("got %v", err)
	}
}

// After an answer, silence is a connection that broke, which may be replaced.
func TestSilentAfterAnAnswer(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	wire := newWire(t, server.address(), 0)
	server.writeFile(t, "known_hosts", "test "+server.readFile(t, "host_ed25519.pub"))
	d := server.withConfig(t, "IdentityAgent none", "IdentityFile "+server.path("key"), "HostKeyAlias test")
	d.limits, d.Keepalive = limits{silence: 4 * time.Second}, 2500*time.Millisecond
	target := server.target()
	target.Port = wire.port()
	c := server.connect(t, d, target)
	if _, _, err := c.Ask(t.Context(), "echo"); err != nil {
		t.Fatal(explained(err))
	}
	wire.silence()
	_, err := c.Run(t.Context(), modules.Command{Argv: []string{"true"}})
	wantLost(t, err, "the host has been silent for ")
}

// A connection that is cut during the login is no refusal: nobody is told to add a key.
func TestCutDuringLogin(t *testing.T) {
	t.Parallel()
	config := &ssh.ServerConfig{}
	var cut func()
	config.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
		cut()
		return nil, errors.New("gone")
	}
	server := startFake(t, config)
	port := listen(t, func(near net.Conn) {
		far, err := net.Dial("tcp", server.address.String())
		if err != nil {
			return
		}
		cut = func() { _ = near.Close() }
		go func() { _, _ = io.Copy(far, near) }()
		_, _ = io.Copy(near, far)
	})
	server.write(t, "config", "HostKeyAlias fake\nIdentityAgent none\nIdentityFile none\nUserKnownHostsFile "+server.dir+"/known_hosts\n")
	_, key, _ := strings.Cut(server.read(t, "known_hosts"), " ")
	server.write(t, "known_hosts", "fake "+key)
	target := server.target()
	target.Port, target.Password = port, "secret"
	_, err := server.dialer().Connect(t.Context(), target)
	var away *UnreachableError
	if !errors.As(err, &away) || !strings.Contains(err.Error(), "the host closed the connection during the login of someone, without a reason; offered: password") ||
		!strings.Contains(explained(err), "A relay or firewall") {
		t.Errorf("got %v", explained(err))
	}
}

// A login for something else than commands is named as one.
func TestLoginForOtherThings(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"echo hello", "true", "echo This service allows sftp connections only.; exit 1"} {
		server := startSSHD(t, "ForceCommand "+command)
		d := server.dialer()
		d.limits.notice = time.Minute // what it is asked behind that time has another error
		_, _, err := server.connect(t, d, server.target()).Ask(t.Context(), "echo")
		if err == nil || !strings.Contains(explained(err), "runs something else than the command that it is given: a ForceCommand") {
			t.Errorf("%s: got %v", command, err)
		}
	}
}

// A jump host that takes its time to connect is named.
func TestSlowTunnel(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	wire := newWire(t, server.address(), 0)
	var told notices
	server.writeFile(t, "known_hosts", "test "+server.readFile(t, "host_ed25519.pub"))
	d := server.withConfig(t, "IdentityAgent none", "IdentityFile "+server.path("key"), "HostKeyAlias test",
		"Host jump", "HostName 127.0.0.1", fmt.Sprintf("Port %d", wire.port()))
	d.Notice, d.limits.notice = told.tell, 500*time.Millisecond
	target := server.target()
	target.ProxyJump = "jump"
	server.connect(t, d, target) // keeps the connection to the jump host
	d.ConnectTimeout = 2 * time.Second
	wire.silence()
	_, err := d.Connect(t.Context(), target)
	if err == nil || !told.has("test: waiting for jump host jump to connect to 127.0.0.1:") {
		t.Errorf("got %v, told %q", err, told.String())
	}
}
