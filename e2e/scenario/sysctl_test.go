package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/lab"
)

// IPv6 is turned off on a host that is reached by IPv6: all its connections hang from one moment to the next, and
// nothing can be asked of it. The host turns it on again.
func TestSysctlCutsItself(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, "")
	if h.Layers == nil {
		t.Skip("SKIPPED: the host is reached by the link-local address of the containers' bridge")
	}
	config, err := lab.ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	found, err := h.Must(t.Context(), `set -e
ip -6 -o addr show scope link | sed -n 's|.* inet6 \([0-9a-f:]*\)/.*|\1|p' | head -n 1`)
	if err != nil || strings.TrimSpace(found) == "" {
		t.Fatalf("the host has no link-local address: %v", err)
	}
	address := strings.TrimSpace(found) + "%" + config.Bridge
	plan := fmt.Sprintf(`
host "h1" {
  address       = %q
  user          = %q
  identity_file = %q
}
play "p" {
  hosts = [host.h1]
  sysctl "ttl" {
    name           = "net.ipv4.ip_default_ttl"
    value          = 70
    confirm_within = "5s"
  }
  sysctl "no-ipv6" {
    name           = "net.ipv6.conf.all.disable_ipv6"
    value          = 1
    confirm_within = "5s"
  }
}
`, address, lab.User, h.KeyFile)
	if _, err := laptop.WriteFile("plan.hcl", plan); err != nil {
		t.Fatal(err)
	}
	r, err := laptop.Run(t.Context(), "apply", "plan.hcl", "--no-color", "--accept-new")
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(r.Stdout+r.Stderr), " ")
	for _, want := range []string{
		"after the change the host did not let rcprov in anew (tried ",
		"; the previous state is back, and a new login works again",
		"One of these values blocks new connections to this host: net.ipv4.ip_default_ttl = 70, net.ipv6.conf.all.disable_ipv6 = 1.",
	} {
		if r.Exit != 1 || !strings.Contains(said, want) {
			t.Errorf("exit status %d; not said: %q\n%v", r.Exit, want, r)
		}
	}
	must(t, h, `test "$(cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/ipv6/conf/all/disable_ipv6)" = "$(printf '64\n0')" &&
test -z "$(ls /etc/sysctl.d | grep rcprov)" && test -z "$(systemctl list-timers --all --no-legend 'rcprov-*')"`)

	// What doesn't cut is changed, in one go with one login.
	plan = strings.Replace(plan, "net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.lo.disable_ipv6", 1)
	if _, err := laptop.WriteFile("plan.hcl", plan); err != nil {
		t.Fatal(err)
	}
	logins := func() string {
		t.Helper()
		out, err := h.Must(t.Context(), "journalctl -q -o cat -t sshd -t sshd-session | grep -c 'Accepted publickey for "+lab.User+"'")
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	before := logins()
	if steps := changed(t, apply(t, laptop, 0)); len(steps) != 2 {
		t.Errorf("changed %q", steps)
	}
	if n, err := strconv.Atoi(before); err != nil || logins() != strconv.Itoa(n+2) {
		t.Errorf("%s logins became %s; want the run's own and one that proves both changes", before, logins())
	}
}
