package scenario

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// TestWireGuard applies plans/wireguard.hcl to two hosts, which then reach each other through the private network. The lab's kernel
// may lack WireGuard, so it is wireguard-go.
func TestWireGuard(t *testing.T) {
	t.Parallel()
	labtest.Require(t)
	hosts := labtest.LaunchAll(t, withUFW(t), withUFW(t))
	plan, err := filepath.Abs("../../plans/wireguard.hcl")
	if err != nil {
		t.Fatal(err)
	}
	laptop, err := rcprov.NewLaptop(t.TempDir(), hosts...)
	if err != nil {
		t.Fatal(err)
	}
	nameHosts(t, laptop, hosts)
	var peers []string // their private network is none that the lab may be in: RFC 2544
	must(t, hosts[0], "echo "+hosts[1].Address+" second.example >>/etc/hosts")
	for i, h := range hosts { // the second one is reached by a name, which a firewall doesn't know
		endpoint := []string{h.Address, "second.example"}[i]
		peers = append(peers, fmt.Sprintf("h%d = { address = %q, tunnel = \"198.18.7.%d\", endpoint = %q }", i, h.Name, i+1, endpoint))
	}
	vars := []string{"--json", "-var", "userspace=true", "-var", "network=198.18.7.0/24", "-var", "hosts={ " + strings.Join(peers, ", ") + " }"}
	run := func(exit int, command string) rcprov.Run {
		t.Helper()
		r, err := laptop.Run(t.Context(), append([]string{command, plan}, vars...)...)
		if err != nil || r.Exit != exit {
			t.Fatalf("exit status %d, not %d: %v\n%v", r.Exit, exit, err, r)
		}
		return r
	}
	// After it, each host has heard the other one by the keys that both have.
	apply := func(what string, want ...string) {
		t.Helper()
		announced, r := run(2, "plan"), run(0, "apply")
		if lies, err := rcprov.Lies(announced, r); err != nil || lies != nil {
			t.Errorf("%s: %v, plan and apply differ:\n%s", what, err, strings.Join(lies, "\n"))
		}
		got := slices.DeleteFunc(changed(t, r), func(step string) bool { return strings.HasPrefix(step, "tcp_check.") })
		if slices.Sort(got); want != nil && !slices.Equal(got, want) {
			t.Errorf("%s: changed %q, want %q", what, got, want)
		}
		for _, h := range hosts {
			must(t, h, "wg show wg0 latest-handshakes | grep -v '[[:space:]]0$' | grep -q .")
		}
	}
	apply("two bare hosts")
	if got := changed(t, run(0, "apply")); got != nil {
		t.Errorf("a second apply changed %q", got)
	}
	must(t, hosts[0], "rm /etc/wireguard/private.key")
	must(t, hosts[1], "systemctl -q disable --now wg-quick@wg0 2>/dev/null; ufw delete allow proto udp from "+hosts[0].Address+" to any port 51820")
	apply("another key, and no network", "command.key", "file.network", "firewall/ufw.firewall", "systemd_unit.network", "systemd_unit.network")
}

// withUFW is the first image, with ufw and what it needs where there is one: that takes long to install.
func withUFW(t *testing.T) string {
	t.Helper()
	image := labtest.Images(t)[0]
	if slices.Contains(labtest.Require(t).Images(), image+"-ufw") {
		return image + "-ufw"
	}
	return image
}
