package remote

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// TestCommandsTakeShellsThatWait: the first command starts shells for the next ones, each of which is used once.
func TestCommandsTakeShellsThatWait(t *testing.T) {
	t.Parallel()
	server := startFake(t, &ssh.ServerConfig{})
	c, err := server.dialer().Connect(t.Context(), server.target())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	sessions := func() int {
		server.mu.Lock()
		defer server.mu.Unlock()
		return server.channels["session"]
	}
	pids := make(map[string]bool)
	for n := 1; n <= 5; n++ {
		result, err := c.Run(t.Context(), modules.Command{Script: "echo $PPID"})
		if err != nil {
			t.Fatal(err)
		}
		pids[string(result.Stdout)] = true
		for deadline := time.Now().Add(10 * time.Second); sessions() < n+maxSpare; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("after %d commands there were %d sessions, want %d", n, sessions(), n+maxSpare)
			}
		}
		if got := sessions(); got != n+maxSpare {
			t.Errorf("%d commands took %d sessions, want %d", n, got, n+maxSpare)
		}
	}
	if len(pids) != 5 {
		t.Errorf("5 commands ran in %d shells", len(pids))
	}
}

// TestSpareShellThatDied: nothing is lost when a shell that waits has ended.
func TestSpareShellThatDied(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	c := server.connect(t, server.dialer(), server.target())
	run := func() {
		t.Helper()
		if _, err := c.Run(t.Context(), modules.Command{Argv: []string{"true"}}); err != nil {
			t.Fatal(err)
		}
	}
	run()
	c.spares.mu.Lock()
	waiting := c.spares.waiting
	c.spares.mu.Unlock()
	if len(waiting) != maxSpare {
		t.Fatalf("%d shells wait, want %d", len(waiting), maxSpare)
	}
	for _, next := range waiting {
		<-next.started
		_ = next.process.stdin.Close() // sh ends
		<-next.process.ended
	}
	run()
}

// TestFewSessions: shells that wait take no session from anything else.
func TestFewSessions(t *testing.T) {
	t.Parallel()
	for _, most := range []string{"MaxSessions 2", "MaxSessions 3"} {
		server := startSSHD(t, most)
		c := server.connect(t, server.dialer(), server.target())
		if _, _, err := c.Ask(t.Context(), "true"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := c.Run(t.Context(), modules.Command{Argv: []string{"true"}}); err != nil {
				t.Fatalf("%s: %s", most, explained(err))
			}
		}
		if err := c.Upload(t.Context(), server.path("uploaded"), strings.NewReader("content")); err != nil {
			t.Fatalf("%s: %s", most, explained(err))
		}
	}
}
