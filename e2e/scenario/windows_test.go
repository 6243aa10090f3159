package scenario

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// A windowsLaptop is Wine on a host: rcprov.exe in drive C, and the profile of a user with keys and an ssh_config. OpenSSH's client
// isn't there, as on a Windows from which it was removed.
type windowsLaptop struct {
	host *lab.Host
	ssh  []string // a command that runs its last argument on the host
}

// profile is the user's profile, and drive the drive C:, as the host sees them.
const (
	drive   = "/home/" + lab.User + "/laptop/drive_c"
	profile = drive + "/users/" + lab.User
)

// newWindowsLaptop makes one of a host of image debian-13-wine.
func newWindowsLaptop(t *testing.T, h *lab.Host) *windowsLaptop {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "rcprov.exe")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", exe, "github.com/rcprov/rcprov/cmd/rcprov")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build rcprov for Windows: %v\n%s", err, out)
	}
	w := &windowsLaptop{host: h, ssh: []string{
		"ssh", "-F", "none", "-i", h.KeyFile, "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + h.KnownHosts, "-o", "LogLevel=ERROR",
		"-p", fmt.Sprint(h.Port), lab.User + "@" + h.Address,
	}}
	must(t, h, "cp -a /usr/share/lab-wine-prefix /home/"+lab.User+"/laptop; mkdir -p "+profile+"/.ssh "+drive+"/plans; chown -R "+lab.User+": /home/"+lab.User+"/laptop")
	program, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, drive+"/rcprov.exe", string(program))
	return w
}

// write makes a file of the laptop.
func (w *windowsLaptop) write(t *testing.T, path, content string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.ssh[0], append(w.ssh[1:], "cat >"+path)...)
	cmd.Stdin = strings.NewReader(content)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write %s: %v\n%s", path, err, out)
	}
}

// script runs rcprov in C:\plans.
func (w *windowsLaptop) script(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = "'" + arg + "'"
	}
	// Without timeout(1), which would keep rcprov from the terminal.
	return `export WINEPREFIX=$HOME/laptop WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= TERM=xterm
cd ` + drive + `/plans && exec wine ../rcprov.exe ` + strings.Join(words, " ")
}

// run runs rcprov without a terminal and returns what it said, without carriage returns at ends of lines.
func (w *windowsLaptop) run(t *testing.T, exit int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.ssh[0], append(w.ssh[1:], w.script(args))...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exit {
		t.Fatalf("rcprov %s: exit status %d, not %d\n%s", strings.Join(args, " "), got, exit, out)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

// A screen is rcprov in a terminal.
type screen struct {
	cmd    *exec.Cmd
	keys   io.WriteCloser
	mutex  sync.Mutex
	output bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.output.Write(p)
}

func (s *screen) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.output.String()
}

// start starts rcprov in a terminal.
func (w *windowsLaptop) start(t *testing.T, args ...string) *screen {
	t.Helper()
	at := slices.Insert(slices.Clone(w.ssh[1:]), 0, "-tt")
	s := &screen{cmd: exec.CommandContext(t.Context(), w.ssh[0], append(at, w.script(args))...)}
	s.cmd.Stdout, s.cmd.Stderr = s, s
	keys, err := s.cmd.StdinPipe()
	if err == nil {
		s.keys = keys
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// press waits until the screen has shown text, and types keys.
func (s *screen) press(t *testing.T, text, keys string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !strings.Contains(s.String(), text) {
		select {
		case <-ctx.Done():
			t.Fatalf("the screen never showed %q:\n%q", text, s)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if _, err := io.WriteString(s.keys, keys); err != nil {
		t.Fatal(err)
	}
}

// end waits for rcprov and returns its exit status and all that was on the screen.
func (s *screen) end(t *testing.T) (int, string) {
	t.Helper()
	_ = s.cmd.Wait() // the exit status says it
	return s.cmd.ProcessState.ExitCode(), s.String()
}

// TestWindows has rcprov.exe apply a plan to a host, from a laptop whose files are those that Windows' editors write.
func TestWindows(t *testing.T) {
	t.Parallel()
	const image = "debian-13-wine"
	if !slices.Contains(labtest.Require(t).Images(), image) {
		labtest.Skip(t, "only nspawn has the image "+image)
	}
	h := labtest.Launch(t, image)
	w := newWindowsLaptop(t, h)
	crlf := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

	key, err := os.ReadFile(h.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("# my hosts\nHost web\n  HostName %s\n  Port %d\n  User %s\n  IdentityFile ~/.ssh/key\n  IdentitiesOnly yes\n  StrictHostKeyChecking accept-new\n", h.Address, h.Port, lab.User)
	w.write(t, profile+"/.ssh/config", crlf(config))
	w.write(t, profile+"/.ssh/key", crlf(string(key)))
	w.write(t, drive+"/plans/logo.bin", "\x00\r\n\xff\n")
	w.write(t, drive+"/plans/app.conf.tftpl", "port = ${port}\n")
	plan := `
variable "port" {
  type = number
}
host "web" {}
play "site" {
  hosts = [host.web]
  file "conf" {
    path    = "/etc/app.conf"
    content = templatefile("app.conf.tftpl", { port = var.port })
  }
  file "logo" {
    path   = "/etc/logo.bin"
    source = "logo.bin"
  }
  command "slow" {
    argv    = ["sh", "-c", "sleep 4; touch /etc/slow"]
    creates = "/etc/slow"
  }
  file "last" {
    path    = "/etc/last"
    content = "last\n"
  }
}
`
	w.write(t, drive+"/plans/site.hcl", crlf(plan))
	w.write(t, drive+"/plans/prod.vars.hcl", crlf("port = 8080\n"))
	w.write(t, drive+"/plans/wrong.hcl", crlf("host \"web\" {\n}\nplay \"p\" {\n  hosts = [host.wbe]\n}\n"))
	site := []string{`C:\plans\site.hcl`, "-var-file", "prod.vars.hcl"}
	with := func(command string) []string { return append([]string{command}, site...) }

	t.Run("says where a mistake is", func(t *testing.T) {
		if out := w.run(t, 1, "validate", `C:\plans\wrong.hcl`); !strings.Contains(out, `on C:\plans\wrong.hcl line 4`) || !strings.Contains(out, `Did you mean "web"?`) {
			t.Error(out)
		}
	})
	t.Run("plans, applies, and has nothing left to do", func(t *testing.T) {
		if out := w.run(t, 2, with("plan")...); !strings.Contains(out, "+port = 8080\n") {
			t.Error(out)
		}
		w.run(t, 0, with("apply")...)
		must(t, h, `test "$(cat /etc/app.conf)" = "port = 8080"; printf '\000\r\n\377\n' | cmp - /etc/logo.bin; test -e /etc/slow`)
		if out := w.run(t, 0, with("apply")...); !strings.Contains(out, "nothing changed on 1 host, 4 up to date") {
			t.Error(out)
		}
	})
	t.Run("keeps host keys in the profile", func(t *testing.T) {
		must(t, h, "grep -q ssh-ed25519 "+profile+"/.ssh/known_hosts")
	})
	t.Run("repairs drift, and remembers who did", func(t *testing.T) {
		must(t, h, "echo port = 1 >/etc/app.conf")
		w.run(t, 0, with("apply")...)
		out := w.run(t, 0, "history", `C:\plans\site.hcl`, "web")
		if !strings.Contains(out, `\`+lab.User+"@") || strings.Count(out, "update /etc/app.conf content") != 1 {
			t.Error(out)
		}
	})
	t.Run("Ctrl-C ends after the change in progress", func(t *testing.T) {
		must(t, h, "rm /etc/slow /etc/last")
		s := w.start(t, with("apply")...)
		s.press(t, "command.slow: changing", "\x03")
		if exit, out := s.end(t); exit != 1 || !strings.Contains(out, "Stopping when the changes in progress are done") {
			t.Errorf("exit status %d\n%s", exit, out)
		}
		must(t, h, "test -e /etc/slow; test ! -e /etc/last")
	})
	t.Run("asks for the passphrase of a key", func(t *testing.T) {
		must(t, h, fmt.Sprintf("rm -f /etc/last; cd %s/.ssh; ssh-keygen -q -t ed25519 -N correct -f secret; cat secret.pub >>/home/%s/.ssh/authorized_keys; chown %[2]s: secret*", profile, lab.User))
		w.write(t, profile+"/.ssh/config", crlf(strings.Replace(config, "/key", "/secret", 1)))
		if out := w.run(t, 1, with("apply")...); !strings.Contains(out, `ssh-add C:\users\`+lab.User+`\.ssh\secret`) {
			t.Error(out)
		}
		s := w.start(t, with("apply")...)
		s.press(t, "Enter passphrase for key", "wrong\r")
		s.press(t, "Wrong passphrase", "correct\r")
		if exit, out := s.end(t); exit != 0 || strings.Contains(out, "correct") {
			t.Errorf("exit status %d\n%s", exit, out)
		}
		must(t, h, "test -e /etc/last")
	})
}
