package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
)

// onEachHost runs a test against OpenSSH's sshd and against this machine itself, which must behave alike.
func onEachHost(t *testing.T, test func(t *testing.T, c *Conn)) {
	t.Run("sshd", func(t *testing.T) {
		server := startSSHD(t)
		test(t, server.connect(t, server.dialer(), server.target()))
	})
	t.Run("local", func(t *testing.T) {
		d := &Dialer{}
		c, err := d.Connect(t.Context(), Target{Name: "here", Connection: "local", Become: Become{Method: "none"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		test(t, c)
	})
}

func TestAsk(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		big := strings.Repeat("# a long script\n", 20000) + "printf big"
		for _, q := range []struct{ script, stdout, stderr string }{
			{"echo out; echo err >&2", "out\n", "err\n"},
			{"printf 'no newline'", "no newline", ""},
			{"", "", ""},
			{"printf '\\n\\n'", "\n\n", ""},
			{"false", "", ""},
			{"cat", "", ""}, // nothing to read, and not the next script either
			{"# only a comment", "", ""},
			{"x=kept; exec 9>/dev/null", "", ""},
			{"printf %s \"$x\"; [ -e /proc/$$/fd/9 ] && printf ' open'", "kept open", ""},
			{"exec 9>&-; printf '\\000\\377'", "\x00\xff", ""},
			{big, "big", ""},
		} {
			stdout, stderr, err := c.Ask(t.Context(), q.script)
			if err != nil {
				t.Fatalf("%.40s: %v", q.script, err)
			}
			if diff := cmp.Diff([]string{q.stdout, q.stderr}, []string{string(stdout), string(stderr)}); diff != "" {
				t.Errorf("%.40s:\n%s", q.script, diff)
			}
		}
	})
}

func TestAskConcurrently(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				stdout, _, err := c.Ask(t.Context(), fmt.Sprintf("n=%d; sleep 0.01; echo $n", i))
				if err != nil || string(stdout) != fmt.Sprintf("%d\n", i) {
					t.Errorf("%d: got %q, %v", i, stdout, err)
				}
			})
		}
		group.Wait()
	})
}

func TestAskAgainAfterTheShellDied(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		for _, death := range []struct{ script, want string }{
			{"echo goodbye >&2; exit 3", "the root shell ended before it answered (exit status 3): goodbye"},
			{"kill -9 $$", "the root shell ended before it answered (exit status 137)"},
			{"if then", "the root shell ended before it answered (exit status 2)"},
		} {
			_, _, err := c.Ask(t.Context(), death.script)
			if err == nil || !strings.HasPrefix(err.Error(), death.want) {
				t.Errorf("%s: got %v, want %s", death.script, err, death.want)
			}
			stdout, _, err := c.Ask(t.Context(), "echo alive")
			if err != nil || string(stdout) != "alive\n" {
				t.Errorf("after %s: got %q, %v", death.script, stdout, err)
			}
		}
	})
}

func TestAskGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, _, err := c.Ask(ctx, "sleep 60")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 30*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		if stdout, _, err := c.Ask(t.Context(), "echo alive"); err != nil || string(stdout) != "alive\n" {
			t.Errorf("got %q, %v", stdout, err)
		}
	})
}

// TestAskRunsWholeScriptsOnly feeds every shell there is a script that was cut off in the middle.
func TestAskRunsWholeScriptsOnly(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dash", "bash"} {
		proof := filepath.Join(t.TempDir(), "proof")
		for _, script := range []string{"{ touch " + proof + "\n", "{ touch " + proof + "\necho more\n} </dev/nu"} {
			l := &localTransport{}
			p, err := l.start(t.Context(), name+" -s")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(p.stdin, script)
			_ = p.stdin.Close()
			<-p.ended
			if p.status == 127 {
				t.Skipf("SKIPPED: there is no %s", name)
			}
			if _, err := os.Stat(proof); err == nil {
				t.Errorf("%s ran a part of %q", name, script)
			}
			p.kill()
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		for _, r := range []struct {
			name    string
			command modules.Command
			want    modules.Result
			err     string
		}{
			{"output", modules.Command{Script: "echo out; echo err >&2"}, modules.Result{Stdout: []byte("out\n"), Stderr: []byte("err\n")}, ""},
			{"input", modules.Command{Argv: []string{"cat"}, Stdin: []byte("in\x00")}, modules.Result{Stdout: []byte("in\x00")}, ""},
			{"no input", modules.Command{Argv: []string{"cat"}}, modules.Result{}, ""},
			{"status", modules.Command{Script: "echo why >&2; exit 7"}, modules.Result{Stderr: []byte("why\n"), Status: 7}, "why (exit status 7)"},
			{"signal", modules.Command{Script: "kill -TERM $$"}, modules.Result{Stderr: []byte("Terminated\n"), Status: 143}, "Terminated (killed by signal 15)"},
			{"missing", modules.Command{Argv: []string{"rcprov-none"}}, modules.Result{Status: 127}, ""},
			{"quoting", modules.Command{Argv: []string{"printf", "%s", "it's $HOME"}}, modules.Result{Stdout: []byte("it's $HOME")}, ""},
		} {
			got, err := c.Run(t.Context(), r.command)
			var exit *modules.CommandError
			if (r.want.Status != 0) != errors.As(err, &exit) || r.err != "" && err.Error() != r.err {
				t.Errorf("%s: error %v, want %q", r.name, err, r.err)
			}
			if r.name == "missing" { // dash and bash word it differently
				got.Stderr = nil
			}
			if diff := cmp.Diff(r.want.Status, got.Status); diff != "" {
				t.Errorf("%s: status\n%s", r.name, diff)
			}
			if !bytes.Equal(r.want.Stdout, got.Stdout) || !bytes.Equal(r.want.Stderr, got.Stderr) {
				t.Errorf("%s: got %q and %q", r.name, got.Stdout, got.Stderr)
			}
		}
	})
}

func TestRunKeepsTheEndOfItsOutput(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		result, err := c.Run(t.Context(), modules.Command{Script: "head -c 9000000 /dev/zero; echo end"})
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Stdout) != tailSize || !bytes.HasSuffix(result.Stdout, []byte("\x00end\n")) {
			t.Errorf("kept %d bytes, ending in %q", len(result.Stdout), result.Stdout[len(result.Stdout)-5:])
		}
	})
}

func TestRunIsKilledWithItsContext(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		run(t, "mkfifo", dir+"/alive")
		go func() {
			for _, name := range []string{"self", "child", "grandchild"} {
				waitFor(t, filepath.Join(dir, name))
			}
			cancel()
		}()
		// The shell itself, a child, and a child's child have a fifo open as long as they live.
		script := fmt.Sprintf("cd %s; exec 8<>alive; ( touch child; sleep 90 ) & sh -c '( touch grandchild; sleep 90 ) & wait' & touch self; sleep 90", dir)
		_, err := c.Run(ctx, modules.Command{Script: script})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		alive, err := os.OpenFile(dir+"/alive", os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = alive.Close() }()
		_ = alive.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, alive); err != nil { // ends when nobody has it open
			t.Errorf("something lived on: %v", err)
		}
		if _, err := c.Run(t.Context(), modules.Command{Argv: []string{"true"}}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestUpload(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		dir := t.TempDir()
		content := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
		path := filepath.Join(dir, "it's new")
		if err := c.Upload(t.Context(), path, onlyReader{bytes.NewReader(content)}); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, len(content))
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		for _, failure := range []struct {
			path string
			want error
		}{
			{path, fs.ErrExist},
			{filepath.Join(dir, "none", "file"), fs.ErrNotExist},
		} {
			err := c.Upload(t.Context(), failure.path, strings.NewReader("other"))
			if !errors.Is(err, failure.want) {
				t.Errorf("%s: got %v, want %v", failure.path, err, failure.want)
			}
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, content) {
			t.Error("the file that was there has changed")
		}
	})
}

// onlyReader hides how long a reader is.
type onlyReader struct{ io.Reader }

func TestUploadWithoutServer(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	c := server.connect(t, server.dialer(), server.target())
	c.noServer = true
	path := filepath.Join(t.TempDir(), "file")
	if err := c.Upload(t.Context(), path, strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); string(got) != "content" {
		t.Errorf("got %q, %v", got, err)
	}
	broken := io.MultiReader(strings.NewReader("half"), brokenReader{})
	if err := c.Upload(t.Context(), path+"2", broken); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a file is there: %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestDial(t *testing.T) {
	t.Parallel()
	onEachHost(t, func(t *testing.T, c *Conn) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(conn, conn) }()
			}
		}()
		conn, err := c.Dial(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "ping"); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 4)
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "ping" {
			t.Errorf("got %q, %v", answer, err)
		}
		// Clients of databases count on deadlines.
		if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(answer); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want a timeout", err)
		}
		nobody := fmt.Sprintf("127.0.0.1:%d", closedPort(t))
		if _, err := c.Dial(t.Context(), "tcp", nobody); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: got %v", err)
		}
	})
}

func TestDialForbidden(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, "AllowTcpForwarding no")
	c := server.connect(t, server.dialer(), server.target())
	_, err := c.Dial(t.Context(), "tcp", "127.0.0.1:1")
	want := "connect to 127.0.0.1:1: sshd forwards no connections\n" +
		"Allow it in the host's sshd_config: `AllowTcpForwarding local`, and PermitOpen if it is set."
	if err == nil || explained(err) != want {
		t.Errorf("got %v", err)
	}
}

func TestTooFewSessions(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, "MaxSessions 1")
	c := server.connect(t, server.dialer(), server.target())
	if _, _, err := c.Ask(t.Context(), "true"); err != nil {
		t.Fatal(err)
	}
	_, err := c.Run(t.Context(), modules.Command{Argv: []string{"true"}})
	if err == nil || !strings.Contains(explained(err), "Raise `MaxSessions`") {
		t.Errorf("got %v", err)
	}
}

func TestReconnectIsAnotherConnection(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	c := server.connect(t, server.dialer(), server.target())
	other, err := c.Reconnect(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	from := func(c *Conn) string {
		stdout, _, err := c.Ask(t.Context(), "echo $SSH_CONNECTION")
		if err != nil {
			t.Fatal(err)
		}
		return string(stdout)
	}
	if from(c) == from(other.(*Conn)) {
		t.Errorf("both come from %s", from(c))
	}
	if _, err := c.Reconnect(t.Context(), 1); err == nil {
		t.Error("there is nothing at port 1")
	}
}

// TestReconnectElsewhere: known_hosts has the host's key for the old port only.
func TestReconnectElsewhere(t *testing.T) {
	t.Parallel()
	server := startSSHD(t)
	moved := startSSHDWith(t, server)
	server.trust(t)
	c := server.connect(t, server.dialer(), server.target())
	other, err := c.Reconnect(t.Context(), moved.port)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	stdout, _, err := other.(*Conn).Ask(t.Context(), "echo ${SSH_CONNECTION##* }")
	if err != nil || strings.TrimSpace(string(stdout)) != strconv.Itoa(moved.port) {
		t.Errorf("at port %q, %v", stdout, err)
	}
	if _, err := c.Reconnect(t.Context(), startSSHD(t).port); err == nil || !strings.Contains(err.Error(), "HAS CHANGED") {
		t.Errorf("another host: %v", err)
	}
}
