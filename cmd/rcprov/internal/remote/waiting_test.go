package remote

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
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
		if !strings.HasPrefix(told.String(), c.want) {
			t.Errorf("%s: told %q, want %q", c.config, told.String(), c.want)
		}

		d.limits.auth = time.Second
		_, err = d.Connect(t.Context(), target)
		var away *UnreachableError
		if !errors.As(err, &away) || !strings.Contains(err.Error(), "the host was silent for 1s during the login of someone") {
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
	if want := "fake: a key was not offered: "; !strings.HasPrefix(told.String(), want) || !strings.Contains(told.String(), missing) {
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
		if want := "test: waiting for the first answer of me after the login; a login script, a ForceCommand or sudo may hang there"; told.String() == "" || !strings.HasPrefix(told.String(), want) {
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
