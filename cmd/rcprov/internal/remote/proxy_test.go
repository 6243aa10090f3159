package remote

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// chain is a target behind two jump hosts, each with a key and a configuration of its own.
func chain(t *testing.T) (first, second, target *sshd) {
	t.Helper()
	first, second, target = startSSHD(t), startSSHD(t), startSSHD(t)
	var config strings.Builder
	for name, s := range map[string]*sshd{"first": first, "second": second, "target": target} {
		fmt.Fprintf(&config, "Host %s\n  HostName 127.0.0.1\n  Port %d\n  IdentityFile %s\n  UserKnownHostsFile %s\n",
			name, s.port, s.path("key"), s.path("known_hosts"))
	}
	config.WriteString("Host *\n  GlobalKnownHostsFile none\n  IdentityAgent none\n")
	target.writeFile(t, "config", config.String())
	return first, second, target
}

func TestProxyJump(t *testing.T) {
	t.Parallel()
	first, second, server := chain(t)
	target := Target{Name: "test", Address: "target", ProxyJump: "first,second", Become: Become{Method: "none"}}
	d := server.dialer()
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() { useAll(t, server.connect(t, d, target)) })
	}
	group.Wait()
	for name, s := range map[string]*sshd{"first": first, "second": second} {
		if n := s.logins(1); n != 1 {
			t.Errorf("%d logins on %s, want one that all share", n, name)
		}
	}
	if n := server.logins(5); n != 5 {
		t.Errorf("%d logins on the target", n)
	}

	// From the configuration; the first hop brings its own.
	server.writeFile(t, "config", "Host target\n  ProxyJump second\nHost second\n  ProxyJump first\n"+server.readFile(t, "config"))
	target.ProxyJump = ""
	c := server.connect(t, server.dialer(), target)
	useAll(t, c)
	_ = c.Close()
	// The last host behind it lets go of the jump host.
	d = server.dialer()
	c = server.connect(t, d, target)
	_ = c.Close()
	if len(d.hops.open) != 0 {
		t.Errorf("still open: %v", d.hops.open)
	}
}

func TestProxyJumpFails(t *testing.T) {
	t.Parallel()
	first, _, server := chain(t)
	connect := func(jump string) error {
		_, err := server.dialer().Connect(t.Context(), Target{Address: "target", ProxyJump: jump})
		if err == nil {
			t.Fatalf("connected by way of %s", jump)
		}
		return err
	}
	var unreachable *UnreachableError
	err := connect("first,127.0.0.1:1")
	if !errors.As(err, &unreachable) || !strings.HasPrefix(err.Error(), "jump host 127.0.0.1: connect to 127.0.0.1:1: from jump host first: ") {
		t.Errorf("got %v", err)
	}
	first.writeFile(t, "known_hosts", "")
	var key *HostKeyError
	if err = connect("first,second"); !errors.As(err, &key) || !strings.HasPrefix(err.Error(), "jump host second: jump host first: the host key of ") {
		t.Errorf("got %v", err)
	}
	first.trust(t)
	first.writeFile(t, "authorized_keys", "")
	var auth *AuthError
	if err = connect("first"); !errors.As(err, &auth) {
		t.Errorf("got %v", err)
	}
	server.writeFile(t, "config", "Host target\n  ProxyJump target\n"+server.readFile(t, "config"))
	_, err = server.dialer().Connect(t.Context(), Target{Address: "target"})
	if err == nil || explained(err) != "jump host target: more than 8 jump hosts: does the ProxyJump of target lead back to itself?\n"+
		"A ProxyJump of `Host *` is for the jump host, too: write `ProxyJump none` in a Host block of target before it." {
		t.Errorf("got %v", err)
	}
}

func TestProxyCommand(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	jump := startSSHD(t)
	server.addConfig(t, fmt.Sprintf("ProxyCommand ssh -F %s -p %d -W %%h:%%p 127.0.0.1", jump.path("config"), jump.port))
	useAll(t, server.connect(t, server.dialer(), server.target()))

	server.writeFile(t, "config", strings.ReplaceAll(server.readFile(t, "config"), "ProxyCommand ssh", "ProxyCommand echo no way >&2; exit 1; "))
	_, err := server.dialer().Connect(t.Context(), server.target())
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "ProxyCommand: no way") {
		t.Errorf("got %v", err)
	}
}

// A child of the command outlives its shell, and would hold our pipes for ever: the shape of wrappers without exec.
func TestProxyCommandLeavesAChild(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	jump := startSSHD(t)
	pid := server.path("pid")
	server.addConfig(t, fmt.Sprintf("ProxyCommand sh -c 'sleep 300 & echo $! >%s; ssh -F %s -p %d -W %%h:%%p 127.0.0.1; true'", pid, jump.path("config"), jump.port))
	c, err := server.dialer().Connect(t.Context(), server.target())
	if err != nil {
		t.Fatal(explained(err))
	}
	useAll(t, c)
	began := time.Now()
	_ = c.Close()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("closing took %v", took)
	}
	if hasTerminal() { // the command shares our process group there
		return
	}
	child := "/proc/" + strings.TrimSpace(server.readFile(t, "pid")) + "/cmdline"
	for range 500 {
		if left, err := os.ReadFile(child); err != nil || len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the child of the ProxyCommand is left")
}

// How a command ends before SSH begins is not how sshd ends a connection.
func TestProxyCommandEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ command, want string }{
		{"false", "the ProxyCommand ended: exit status 1, without a message"},
		{"true", "the ProxyCommand ended: exit status 0, without a message"},
		{"sh -c 'kill -9 $$'", "the ProxyCommand ended: signal: killed, without a message"},
		{"sh -c 'exec >&-; exec sleep 300'", "the ProxyCommand closed its output, without a message"},
		// It reads what rcprov says first: before that, its end is a broken pipe.
		{"sh -c 'read -r greeting; sleep 300 & echo no token >&2; exit 3'", "the host was silent for 10s; ProxyCommand: no token"},
		{"/no/such/program", "ProxyCommand: "},
		{"sleep 300", "the host was silent for 10s; the ProxyCommand reached no SSH server, and printed no reason"},
		{"X=1 false", "ProxyCommand: "}, // ssh puts exec before it, too
	} {
		t.Run(c.command, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(path, []byte("ProxyCommand "+c.command+"\nUserKnownHostsFile none\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err := (&Dialer{ConfigPath: path}).Connect(t.Context(), Target{Address: "192.0.2.1"})
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if err != nil && (strings.Contains(explained(err), "MaxStartups") || !strings.Contains(explained(err), "-c 'exec "+strings.ReplaceAll(c.command, "'", `'\''`)+"'`")) {
				t.Errorf("got %s", explained(err))
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A shell that isn't there is named.
func TestProxyCommandWithoutShell(t *testing.T) {
	t.Setenv("SHELL", "/no/shell")
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte("ProxyCommand nc %h %p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := (&Dialer{ConfigPath: path}).Connect(t.Context(), Target{Address: "192.0.2.1"})
	if err == nil || !strings.Contains(err.Error(), "start the shell of $SHELL: ") || !strings.Contains(explained(err), "Set SHELL to a shell that there is") {
		t.Errorf("got %v", err)
	}
}
