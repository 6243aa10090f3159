package scenario

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// slow is a play whose step file.slow is under way for some seconds: its validate command makes a file when it
// begins, and ends when there is another.
const slow = `
play "p" {
  hosts = [host.h1]
  file "first" {
    path    = "/etc/first"
    content = "1\n"
  }
  file "slow" {
    path     = "/etc/slow"
    content  = "2\n"
    validate = ["sh", "-c", "touch /run/begun; while ! test -e /run/go; do sleep 0.1; done", "%s"]
  }
  file "last" {
    path    = "/etc/last"
    content = "3\n"
  }
}
`

// launch boots a host and writes plan.hcl for it on a laptop.
func launch(t *testing.T, plays string) (*lab.Host, *rcprov.Laptop) {
	t.Helper()
	labtest.Require(t)
	h := labtest.Launch(t, labtest.Images(t)[0])
	laptop, err := rcprov.NewLaptop(t.TempDir(), h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := laptop.WriteFile("plan.hcl", rcprov.HostBlock(h, "h1")+plays); err != nil {
		t.Fatal(err)
	}
	return h, laptop
}

// A running is an apply of plan.hcl in the background.
type running struct {
	process *os.Process
	end     func() rcprov.Run // waits
	output  string            // the file that it writes to
}

// says waits until the run has printed a text.
func (r running) says(t *testing.T, text string) {
	t.Helper()
	for range 6000 { // a minute
		out, err := os.ReadFile(r.output)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(out), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = r.process.Kill() // the test fails in any case
	t.Fatalf("the run does not say %s:\n%v", text, r.end())
}

// begin starts to apply plan.hcl, and returns when the slow step has begun.
func begin(t *testing.T, h *lab.Host, laptop *rcprov.Laptop) running {
	t.Helper()
	return beginWith(t, h, laptop.Command(t.Context(), "apply", "plan.hcl", "--json"))
}

func beginWith(t *testing.T, h *lab.Host, cmd *exec.Cmd) running {
	t.Helper()
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = output, output
	err = cmd.Start()
	_ = output.Close() // the process has its own
	if err != nil {
		t.Fatal(err)
	}
	wait := sync.OnceValue(func() rcprov.Run {
		_ = cmd.Wait() // what matters is the status
		out, err := os.ReadFile(output.Name())
		if err != nil {
			t.Error(err)
		}
		return rcprov.Run{Args: cmd.Args[1:], Exit: cmd.ProcessState.ExitCode(), Stdout: string(out)}
	})
	t.Cleanup(func() { wait() })
	if _, err := h.Must(t.Context(), "for i in $(seq 600); do if test -e /run/begun; then exit 0; fi; sleep 0.1; done; exit 1"); err != nil {
		_ = cmd.Process.Kill() // the test fails in any case
		t.Fatalf("the slow step did not begin: %v\n%v", err, wait())
	}
	return running{cmd.Process, wait, output.Name()}
}

// apply applies plan.hcl and wants an exit status.
func apply(t *testing.T, laptop *rcprov.Laptop, exit int) rcprov.Run {
	t.Helper()
	r, err := laptop.Run(t.Context(), "apply", "plan.hcl", "--json")
	if err != nil {
		t.Fatal(err)
	}
	if r.Exit != exit {
		t.Fatalf("exit status %d, not %d\n%v", r.Exit, exit, r)
	}
	return r
}

// changed returns the steps that a run changed.
func changed(t *testing.T, r rcprov.Run) []string {
	t.Helper()
	steps, err := r.Steps("step_changed")
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// must runs a script on a host.
func must(t *testing.T, h *lab.Host, script string) {
	t.Helper()
	if _, err := h.Must(t.Context(), script); err != nil {
		t.Fatal(err)
	}
}

func TestTwoAppliesAtOnce(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, slow)
	first := begin(t, h, laptop)
	second := apply(t, laptop, 1)
	if !strings.Contains(second.Stdout, "has been changing this host since") {
		t.Errorf("the second apply does not name the first:\n%v", second)
	}
	must(t, h, "touch /run/go")
	if r := first.end(); r.Exit != 0 || len(changed(t, r)) != 3 {
		t.Errorf("the first apply was disturbed:\n%v", r)
	}
	if r := apply(t, laptop, 0); changed(t, r) != nil {
		t.Errorf("an apply after both changed something:\n%v", r)
	}
}

// A run that was killed holds no lock, but its last command may still be running: the next run waits for that.
func TestLockOfAKilledRun(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, slow)
	first := begin(t, h, laptop)
	if err := first.process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.end()
	timer := time.AfterFunc(time.Second, func() { _, _ = h.Exec(t.Context(), "touch /run/go") })
	defer timer.Stop()
	r := apply(t, laptop, 0)
	if steps := changed(t, r); slices.Contains(steps, "file.first") || !slices.Contains(steps, "file.last") {
		t.Errorf("changed %q; file.first was done, file.last was not\n%v", steps, r)
	}
	must(t, h, "cmp /etc/slow - <<EOF\n2\nEOF")
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, slow)
	first := begin(t, h, laptop)
	if err := first.process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	first.says(t, `"run_stopping"`)
	must(t, h, "touch /run/go")
	r := first.end()
	if steps := changed(t, r); r.Exit != 1 || !slices.Equal(steps, []string{"file.first", "file.slow"}) {
		t.Errorf("exit status %d, changed %q; the change under way is to be finished, and no other begun\n%v", r.Exit, steps, r)
	}
	must(t, h, "test -e /etc/slow && ! test -e /etc/last")
	if steps := changed(t, apply(t, laptop, 0)); !slices.Equal(steps, []string{"file.last"}) {
		t.Errorf("the next apply changed %q, not file.last", steps)
	}

	// A second Ctrl-C stops at once, also where both were ignored at the start, and says what goes on on the host.
	must(t, h, "rm /etc/slow /etc/last /run/go /run/begun")
	cmd := laptop.Command(t.Context(), "apply", "plan.hcl")
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", "trap '' INT; exec \"$@\"", "sh", cmd.Path}, cmd.Args[1:]...)
	twice := beginWith(t, h, cmd)
	for _, says := range []string{"Interrupt again to stop at once.", "file.slow on h1 was being changed: what was started there goes on"} {
		if err := twice.process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		twice.says(t, says)
	}
	if r := twice.end(); r.Exit != 130 {
		t.Errorf("exit status %d after a second Ctrl-C\n%v", r.Exit, r)
	}
	must(t, h, "touch /run/go")
	if steps := changed(t, apply(t, laptop, 0)); !slices.Contains(steps, "file.last") {
		t.Errorf("the next apply changed %q, not file.last", steps)
	}
}

// The host goes down in the middle of a change, and comes back: the run goes on.
func TestPowerFailure(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, slow)
	first := begin(t, h, laptop)
	if err := h.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, h, "! test -e /etc/slow; touch /run/go")
	r := first.end()
	if steps := changed(t, r); r.Exit != 0 || !slices.Equal(steps, []string{"file.first", "file.slow", "file.last"}) {
		t.Errorf("exit status %d, changed %q\n%v", r.Exit, steps, r)
	}
	if steps := changed(t, apply(t, laptop, 0)); steps != nil {
		t.Errorf("the next apply changed %q", steps)
	}
	must(t, h, `test "$(cat /etc/first /etc/slow /etc/last)" = "$(printf '1\n2\n3')" && test -z "$(ls -A /etc | grep rcprov)"`)
}

// dpkg was killed between unpacking and configuring: apt_package ends that first.
func TestInterruptedDpkg(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, `
play "p" {
  hosts = [host.h1]
  apt_package "tools" {
    packages = ["ed"]
  }
}
`)
	must(t, h, `set -e
apt-get update -qq
cd /var/tmp
apt-get download -qq bc
dpkg --unpack bc_*.deb
touch /var/lib/dpkg/updates/0000
test "$(dpkg-query -W -f '${db:Status-Status}' bc)" = unpacked`)
	if steps := changed(t, apply(t, laptop, 0)); !slices.Equal(steps, []string{"apt_package.tools"}) {
		t.Errorf("changed %q", steps)
	}
	must(t, h, `ed --version && test "$(dpkg-query -W -f '${db:Status-Status}' bc)" = installed && test -z "$(dpkg --audit)"`)
}

// TestManyHosts applies one plan to twenty hosts, one of which is down: the others are finished.
func TestManyHosts(t *testing.T) {
	backend := labtest.Require(t)
	count := 20
	if backend.Name() != "nspawn" {
		count = 3 // virtual machines are dear
	}
	hosts := labtest.LaunchAll(t, slices.Repeat(backend.Images()[:1], count)...)
	var plan strings.Builder
	for i := range hosts {
		plan.WriteString(rcprov.HostBlock(hosts[i], fmt.Sprintf("h%d", i), `  groups = ["all"]`))
	}
	plan.WriteString(`
play "p" {
  hosts = group.all
  file "motd" {
    path    = "/etc/motd"
    content = "hello\n"
  }
}
`)
	laptop, err := rcprov.NewLaptop(t.TempDir(), hosts...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := laptop.WriteFile("plan.hcl", plan.String()); err != nil {
		t.Fatal(err)
	}
	if err := hosts[count/2].Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := apply(t, laptop, 1)
	if n := len(changed(t, r)); n != count-1 {
		t.Errorf("%d of %d hosts were changed\n%v", n, count-1, r)
	}
	if err := hosts[count/2].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(changed(t, apply(t, laptop, 0))); n != 1 {
		t.Errorf("the second apply changed %d hosts, not 1", n)
	}
	for _, h := range hosts {
		must(t, h, "grep -qx hello /etc/motd")
	}

	exchangeKeys(t, laptop, hosts)
	adHoc(t, laptop, hosts)
	savedPlan(t, laptop, hosts[1])
	firstLogin(t, laptop, hosts[0])
}
