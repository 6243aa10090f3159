package scenario

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

// exchange makes a key pair on two hosts as for WireGuard, and gives each the other's public key.
const exchange = `
play "keys" {
  hosts = group.all
  command "key" {
    shell   = "umask 077; mkdir -p /etc/peer; echo \"private\"\"-${self.name}\" >/etc/peer/key; echo public-${self.name} >/etc/peer/key.pub"
    creates = "/etc/peer/key.pub"
    changes = ["/etc/peer"]
  }
}
play "peers" {
  hosts = group.all
  query "key" { argv = ["cat", "/etc/peer/key.pub"] }
  query "token" {
    argv      = ["cat", "/etc/peer/key"]
    sensitive = true
  }
  file "unrelated" {
    path    = "/etc/unrelated"
    content = "x\n"
  }
  file "peers" {
    path    = "/etc/peers.conf"
    content = "own ${query.key.stdout}\npeers ${join(" ", [for h in group.all : query.key[h.name].stdout if h.name != self.name])}\n"
  }
  file "token" {
    path    = "/etc/peer.token"
    mode    = "0600"
    content = "token ${query.token.stdout}\n"
  }
}
output "h0" { value = query.key["h0"].stdout }
`

// exchangeKeys is about two hosts that learn each other's keys.
func exchangeKeys(t *testing.T, laptop *rcprov.Laptop, hosts []*lab.Host) {
	if _, err := laptop.WriteFile("plan.hcl", rcprov.HostBlock(hosts[0], "h0")+rcprov.HostBlock(hosts[1], "h1")+exchange); err != nil {
		t.Fatal(err)
	}
	announced, err := laptop.Run(t.Context(), "plan", "plan.hcl", "--json")
	if err != nil || announced.Exit != 2 {
		t.Fatalf("%v\n%v", err, announced)
	}
	for _, step := range []string{"file.peers", "file.token"} {
		if n := strings.Count(announced.Stdout, `"step_unknown"`); n != 4 || !strings.Contains(announced.Stdout, step) {
			t.Errorf("plan doesn't show %s as unknown\n%v", step, announced)
		}
	}
	first := apply(t, laptop, 0)
	if lies, err := rcprov.Lies(announced, first); err != nil || lies != nil {
		t.Errorf("%v, plan and apply differ: %s", err, strings.Join(lies, "\n"))
	}
	must(t, hosts[0], "printf 'own public-h0\npeers public-h1\n' | cmp - /etc/peers.conf && grep -qx 'token private-h0' /etc/peer.token")
	must(t, hosts[1], "printf 'own public-h1\npeers public-h0\n' | cmp - /etc/peers.conf")
	second := apply(t, laptop, 0)
	for _, r := range []rcprov.Run{announced, first, second} {
		if strings.Contains(r.Stdout+r.Stderr, "private-h") {
			t.Errorf("the output shows a secret\n%v", r)
		}
	}
	if changed(t, second) != nil || !strings.Contains(second.Stdout, `"h0":"public-h0"`) {
		t.Errorf("the second apply\n%v", second)
	}
	must(t, hosts[1], "echo public-new >/etc/peer/key.pub")
	if got := changed(t, truthful(t, laptop)); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"file.peers", "file.peers"}) {
		t.Errorf("with another key on h1, these were changed: %q", got)
	}
	must(t, hosts[0], "grep -qx 'peers public-new' /etc/peers.conf")
}

// adHoc is about commands and journals of two hosts, whose plan is plan.hcl.
func adHoc(t *testing.T, laptop *rcprov.Laptop, hosts []*lab.Host) {
	must(t, hosts[1], "touch /root/second")
	for _, row := range []struct {
		args []string
		exit int
		want string
	}{
		{[]string{"run", "plan.hcl", "h0", "--", "sh", "-c", "id -u; echo to-stderr >&2"}, 0, "= h0\n    0\n    to-stderr\n"},
		{[]string{"run", "plan.hcl", "h*", "--", "test", "-e", "/root/second"}, 1, "\n2 hosts: 1 succeeded, 1 exited with another status than 0\n"},
		{[]string{"run", "plan.hcl", "all,!h0", "--json", "--", "sh", "-c", "echo '$x'; exit 7"}, 1, `{"version":1,"type":"ran","host":"h1","exit":7,"stdout":"$x\n","stderr":""}`},
		{[]string{"run", "plan.hcl", "h2", "--", "true"}, 1, `the plan has no host or group "h2"`},
		{[]string{"logs", "plan.hcl", "h0", "nginx"}, 1, `there is no unit "nginx"`},
		{[]string{"logs", "plan.hcl", "h0", "ssh", "--no-follow"}, 0, "Accepted publickey"},
	} {
		r, err := laptop.Run(t.Context(), row.args...)
		if err != nil || r.Exit != row.exit || !strings.Contains(r.Stdout+r.Stderr, row.want) {
			t.Errorf("%q: no %q with exit status %d: %v\n%v", row.args, row.want, row.exit, err, r)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := laptop.Command(ctx, "logs", "plan.hcl", "h1", "lines", "--lines", "0")
	var seen strings.Builder
	followed := func() bool { return strings.Count(seen.String(), "line") >= 2 }
	cmd.Stdout = writerFunc(func(p []byte) {
		if seen.Write(p); followed() {
			_ = cmd.Process.Signal(os.Interrupt)
		}
	})
	must(t, hosts[1], "systemd-run -q --unit lines sh -c 'while sleep 0.3; do echo a line; done'")
	if err := cmd.Run(); err != nil || !followed() {
		t.Errorf("logs did not follow until it was interrupted: %v\n%s", err, seen.String())
	}
	must(t, hosts[1], "systemctl stop lines; for n in $(seq 300); do pgrep -x journalctl || exit 0; sleep 0.1; done; exit 1")
}

// writerFunc is a writer that never fails.
type writerFunc func(p []byte)

func (w writerFunc) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// firstLogin is about a host that lets only root in until the plan has made its user, and no longer root then.
func firstLogin(t *testing.T, laptop *rcprov.Laptop, h *lab.Host) {
	public, err := exec.CommandContext(t.Context(), "ssh-keygen", "-y", "-f", h.KeyFile).Output()
	if err != nil {
		t.Fatal(err)
	}
	host := strings.Replace(rcprov.HostBlock(h, "h1", `fallback_user = "root"`), strconv.Quote(lab.User), `"deploy"`, 1)
	if _, err := laptop.WriteFile("plan.hcl", host+fmt.Sprintf(`
play "access" {
  hosts = group.all
  user "deploy" { name = "deploy" }
  authorized_key "deploy" {
    user = "deploy"
    key  = %q
  }
  file "sudoers" {
    path    = "/etc/sudoers.d/deploy"
    mode    = "0440"
    content = "deploy ALL=(ALL) NOPASSWD: ALL\n"
  }
  sshd "access" { permit_root_login = "no" }
  file "after" {
    path    = "/etc/after"
    content = "x\n"
  }
}
`, strings.TrimSpace(string(public)))); err != nil {
		t.Fatal(err)
	}
	r := truthful(t, laptop)
	if !strings.Contains(r.Stdout, "time to log in as deploy") {
		t.Errorf("it did not log in as deploy\n%v", r)
	}
	again := truthful(t, laptop)
	if changed(t, again) != nil || strings.Contains(again.Stderr, "logged in as root") {
		t.Errorf("the second apply\n%v", again)
	}
	must(t, h, "sshd -T | grep -qx 'permitrootlogin no' && test -e /etc/after")
}

// savedPlan is about plans that are saved, and applied as they were shown or not at all.
func savedPlan(t *testing.T, laptop *rcprov.Laptop, h *lab.Host) {
	source := rcprov.HostBlock(h, "h1") + `
variable "text" {
  default   = "saved"
  sensitive = true
}
play "p" {
  hosts = group.all
  file "saved" {
    path    = "/etc/saved"
    mode    = "0600"
    content = "${var.text}-enough\n"
  }
  file "other" {
    path    = "/etc/other"
    content = "x\n"
  }
}
`
	if _, err := laptop.WriteFile("plan.hcl", source); err != nil {
		t.Fatal(err)
	}
	run := func(exit int, says string, args ...string) {
		t.Helper()
		r, err := laptop.Run(t.Context(), args...)
		if said := strings.Join(strings.Fields(r.Stdout+r.Stderr), " "); err != nil || r.Exit != exit || !strings.Contains(said, says) {
			t.Errorf("%q: no %q with exit status %d: %v\n%v", args, says, exit, err, r)
		}
	}
	run(2, "Saved: `rcprov apply saved.plan`", "plan", "plan.hcl", "-var", "text=hunter22", "--out", "saved.plan", "--html", "page.html")
	run(1, "since the plan was saved, these have changed: variable text", "apply", "saved.plan", "-var", "text=hunter33")
	must(t, h, "echo drift >/etc/other")
	run(1, "the host has changed since the plan was made: other things are seen by p/file.other", "apply", "saved.plan", "-var", "text=hunter22")
	must(t, h, "test ! -e /etc/saved && rm /etc/other")
	run(1, "which hosts and steps it is about", "apply", "saved.plan", "-var", "text=hunter22", "--limit", "h1")
	run(0, "2 changed", "apply", "saved.plan", "-var", "text=hunter22")
	run(1, "the host has changed since", "apply", "saved.plan", "-var", "text=hunter22")
	out, err := laptop.Shell(t.Context(), "cat saved.plan page.html | grep -c hunter || :; head -c 300 saved.plan >cut.plan; stat -c %a saved.plan page.html; grep -c '>file.saved<' page.html").CombinedOutput()
	if string(out) != "0\n600\n600\n2\n" {
		t.Errorf("the file has secrets, or everybody reads it: %v\n%s", err, out)
	}
	run(1, "is damaged", "apply", "cut.plan", "-var", "text=hunter22")
}
