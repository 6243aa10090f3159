package scenario

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

// newPort is where SSH is to move to.
const newPort = 2222

// moving is a plan that moves SSH of a host to newPort.
func moving(h *lab.Host, within string) string {
	block := strings.Replace(rcprov.HostBlock(h, "h1", fmt.Sprintf("  fallback_port = %d", h.Port)),
		fmt.Sprintf("port          = %d", h.Port), fmt.Sprintf("port          = %d", newPort), 1)
	return block + fmt.Sprintf(`
play "p" {
  hosts = [host.h1]
  sshd "access" {
    port           = self.port
    max_auth_tries = 4
    confirm_within = %q
  }
  file "behind" {
    path    = "/etc/behind"
    content = "1\n"
  }
}
`, within)
}

// The host is found at its old port, then at the new one, whose key is known then.
func TestSSHMoves(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, "")
	if _, err := laptop.WriteFile("plan.hcl", moving(h, "60s")); err != nil {
		t.Fatal(err)
	}
	if steps := changed(t, apply(t, laptop, 0)); fmt.Sprint(steps) != "[sshd.access file.behind]" {
		t.Errorf("changed %q", steps)
	}
	must(t, h, `test -z "$(ss -Hltn 'sport = :22')" && test "$(sshd -T | grep '^port')" = "port 2222"`)
	known, err := os.ReadFile(laptop.KnownHosts())
	if err != nil || !strings.Contains(string(known), fmt.Sprintf("\n[%s]:%d ", h.Address, newPort)) {
		t.Errorf("known_hosts has not the new port: %v\n%s", err, known)
	}
	if r := apply(t, laptop, 0); changed(t, r) != nil {
		t.Errorf("the second apply changed something:\n%v", r)
	}
	// Without the fallback the new port is enough, even under the strict check.
	text := strings.Replace(moving(h, "60s"), fmt.Sprintf("  fallback_port = %d", h.Port), "", 1)
	if _, err := laptop.WriteFile("plan.hcl", text); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(laptop.SSHConfig(), []byte("UserKnownHostsFile "+laptop.KnownHosts()+"\nStrictHostKeyChecking yes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := apply(t, laptop, 0); changed(t, r) != nil {
		t.Errorf("an apply without fallback_port changed something:\n%v", r)
	}
}

// killMoving starts to move SSH of a host whose firewall keeps newPort closed, and kills rcprov when sshd has moved. setup
// is shell on the host before.
func killMoving(t *testing.T, within, setup string) (*lab.Host, *rcprov.Laptop) {
	t.Helper()
	h, laptop := launch(t, "")
	must(t, h, "set -e\n"+setup)
	must(t, h, fmt.Sprintf(`set -e
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install iptables >/dev/null
iptables -A INPUT -p tcp --dport %d -j REJECT --reject-with tcp-reset`, newPort))
	if _, err := laptop.WriteFile("plan.hcl", moving(h, within)); err != nil {
		t.Fatal(err)
	}
	cmd := laptop.Command(t.Context(), "apply", "plan.hcl", "--json")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, err := h.Must(t.Context(), `for i in $(seq 150); do if test -e /var/lib/rcprov/deadman/sshd/applied; then exit 0; fi; sleep 0.1; done; exit 1`)
	_ = cmd.Process.Signal(syscall.SIGKILL) // it may have ended, which shows below
	_ = cmd.Wait()
	if err != nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("not killed between the change and its confirmation: %v\n%s", err, &out)
	}
	must(t, h, fmt.Sprintf(`test -z "$(ss -Hltn 'sport = :22')" && test -n "$(ss -Hltn 'sport = :%d')"`, newPort))
	return h, laptop
}

// Nobody is there any more to see that the host can't be reached: it goes back by itself.
func TestSSHMoveOfADeadController(t *testing.T) {
	t.Parallel()
	h, laptop := killMoving(t, "5s", "")
	deadline := time.Now().Add(time.Minute)
	for {
		r, err := laptop.Run(t.Context(), "plan", "plan.hcl", "--json")
		if err != nil {
			t.Fatal(err)
		}
		if r.Exit == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the host did not come back\n%v", r)
		}
		time.Sleep(300 * time.Millisecond)
	}
	must(t, h, `test -n "$(ss -Hltn 'sport = :22')" && ! test -e /etc/ssh/sshd_config.d/00-rcprov.conf && test "$(sshd -T | grep '^port')" = "port 22" &&
test -z "$(systemctl list-timers --all --no-legend 'rcprov-*')$(ls /etc/systemd/system | grep rcprov)"`)
	must(t, h, "iptables -F INPUT")
	apply(t, laptop, 0)
	must(t, h, `test -z "$(ss -Hltn 'sport = :22')"`)
	if steps := changed(t, apply(t, laptop, 0)); steps != nil {
		t.Errorf("the second apply changed %q", steps)
	}
}

// The next run comes before the host went back: it takes the change back itself, and makes it again.
func TestSSHMoveTakenOver(t *testing.T) {
	t.Parallel()
	h, laptop := killMoving(t, "10m", "")
	must(t, h, "iptables -F INPUT")
	r, err := laptop.Run(t.Context(), "plan", "plan.hcl", "--no-color")
	if err != nil || r.Exit != 2 || !strings.Contains(r.Stdout, "sshd unconfirmed: a change that its run did not live to confirm -> taken back, then made again") {
		t.Errorf("plan doesn't announce the change: %v\n%v", err, r)
	}
	apply(t, laptop, 0)
	must(t, h, `test -z "$(ss -Hltn 'sport = :22')" && test -e /var/lib/rcprov/deadman/sshd/confirmed &&
test -z "$(systemctl list-timers --all --no-legend 'rcprov-*')"`)
	if steps := changed(t, apply(t, laptop, 0)); steps != nil {
		t.Errorf("the second apply changed %q", steps)
	}
}

// The host goes down before the change is confirmed. The next boot is with the previous state, also where systemd
// listens for sshd, which has read its units before the files are put back.
func TestSSHMovePowerFailure(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]string{
		"sshd listens":    "",
		"systemd listens": "systemctl -q disable ssh.service; systemctl -q enable ssh.socket; systemctl stop ssh.service; systemctl start ssh.socket",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, laptop := killMoving(t, "1h", setup)
			if err := h.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := h.Start(t.Context()); err != nil { // which waits until it can be logged in to at the old port
				t.Fatal(err)
			}
			must(t, h, `! test -e /etc/ssh/sshd_config.d/00-rcprov.conf && ! test -e /etc/systemd/system/ssh.socket.d/rcprov.conf &&
test -e /var/lib/rcprov/deadman/sshd/restored && test -z "$(ls /etc/systemd/system | grep rcprov)"`)
			apply(t, laptop, 0)
			if steps := changed(t, apply(t, laptop, 0)); steps != nil {
				t.Errorf("the second apply changed %q", steps)
			}
		})
	}
}
