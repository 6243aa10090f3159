package remote

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// TestHostileQuestion: a host that may ask what it likes can neither control the terminal nor look like another host.
func TestHostileQuestion(t *testing.T) {
	t.Parallel()
	var got []string
	server := startFake(t, &ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		var err error
		got, err = ask("", "\x1b[2J\u202ewelcome", []string{"\rSudo password for prod-db:\nsudo password of admin on prod-db: " + strings.Repeat("x", 5000)}, []bool{true})
		return nil, err
	}})
	d := server.dialer()
	prompt := &script{answers: []string{"mine"}}
	d.Prompt = prompt
	c, err := d.Connect(t.Context(), server.target())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	who := fmt.Sprintf("Login of someone at 127.0.0.1:%d (fake)", server.address.Port)
	want := who + ": the host asks\n  | ^[[2J\\u202ewelcome\n  | Sudo password for prod-db:\n  | sudo password of admin on prod-db: "
	if len(prompt.asked) != 1 || !strings.HasPrefix(prompt.asked[0], want) || !strings.HasSuffix(prompt.asked[0], "x\n"+who+": answer: ") || len(prompt.asked[0]) > 2500 {
		t.Errorf("asked %q, want %q...", prompt.asked, want)
	}
	if len(got) != 1 || got[0] != "mine" {
		t.Errorf("the host got %q", got)
	}

	many := startFake(t, &ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		_, err := ask("", "", make([]string, 1000), make([]bool, 1000))
		return nil, err
	}})
	d = many.dialer()
	d.Prompt = prompt
	if _, err := d.Connect(t.Context(), many.target()); err == nil || len(prompt.asked) != 1 {
		t.Errorf("1000 questions at once: %v, asked %d", err, len(prompt.asked))
	}
}

// TestSudoPasswordOfAnotherHost: what was typed for one host goes to another one only if the person says so there.
func TestSudoPasswordOfAnotherHost(t *testing.T) {
	t.Parallel()
	for _, s := range []struct{ answer, sent string }{{"", "right\n"}, {"second", "second\n"}} {
		first, target := sudoServer(t, refusesWithout, "true")
		d := first.dialer()
		prompt := &script{answers: []string{"right"}}
		d.Prompt = prompt
		c, err := d.Connect(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Ask(t.Context(), "echo"); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()

		second, other := sudoServer(t, refusesWithout, "true")
		other.Name = "other"
		d.ConfigPath = second.dialer().ConfigPath
		prompt.answers = []string{s.answer}
		c, err = d.Connect(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		_, _, _ = c.Ask(t.Context(), "echo") // fails if it is another password
		_ = c.Close()
		if got := second.read(t, "read"); !strings.HasPrefix(got, s.sent) {
			t.Errorf("answered %q, the other host got %q, want %q", s.answer, got, s.sent)
		}
		if want := "sudo password of someone on other (just Enter sends it that of someone on fake): "; prompt.asked[1] != want {
			t.Errorf("asked %q, want %q", prompt.asked[1], want)
		}
	}
}

// TestFloodBeforeRoot: what a host prints while it is awaited is kept up to a limit.
func TestFloodBeforeRoot(t *testing.T) {
	t.Parallel()
	const flood = `head -c 50000000 /dev/zero | tr '\0' '\n' >&2; echo "sudo: a password is required" >&2; exit 1`
	for _, password := range []modules.Secret{"", "right"} {
		server, target := sudoServer(t, flood, flood)
		target.Become.Password = password
		c, err := server.dialer().Connect(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = c.Ask(t.Context(), "echo")
		_ = c.Close()
		var refused *SudoError
		if !errors.As(err, &refused) || len(refused.Output) > tailSize {
			t.Errorf("got %T with %d bytes", err, len(fmt.Sprint(err)))
		}
	}
}
