package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
)

// manySites returns the steps of n sites, which have a certificate in common.
func manySites(n int) string {
	var names, blocks strings.Builder
	for i := range n {
		fmt.Fprintf(&names, "\"s%d.example.com\", ", i)
		fmt.Fprintf(&blocks, `
  nginx_site "s%[1]d" {
    names       = ["s%[1]d.example.com"]
    certificate = acme_certificate.all.certificate
    key         = acme_certificate.all.key
    upstreams   = ["127.0.0.1:3000"]
    config      = var.all
    %[2]s
  }
`, i, map[int]string{3: "location \"/x/\" {\n      config = var.fourth\n    }"}[i])
	}
	return fmt.Sprintf(`
variable "all" { default = "keepalive_timeout 5s;" }
variable "fourth" { default = "return 204;" }
play "sites" {
  hosts = [host.h1]
  nginx "web" {}
  acme_certificate "all" {
    names  = [%s]
    source = "self_signed"
  }
%s}
`, &names, &blocks)
}

// oneReload: however many sites of a play change, nginx reads its files again once, at the step of the last one: in plan and apply,
// after a failure of a later site, and after a kill before it.
func oneReload(t *testing.T, h *lab.Host, laptop *rcprov.Laptop) {
	t.Helper()
	const sites = 5
	if _, err := laptop.WriteFile("sites.hcl", rcprov.HostBlock(h, "h1")+manySites(sites)); err != nil {
		t.Fatal(err)
	}
	var all []string
	for i := range sites {
		all = append(all, fmt.Sprintf("nginx_site.s%d/configuration", i))
	}
	last := append(slices.Clone(all), "nginx_site.s4/service")
	reloads := func(what string, want int, run func()) {
		t.Helper()
		before := logged(t, h, "nginx", "Reloaded")
		run()
		if got := logged(t, h, "nginx", "Reloaded") - before; got != want {
			t.Errorf("%s: nginx was reloaded %d times, not %d", what, got, want)
		}
	}
	applied := func(what string, want []string, reload int, args ...string) {
		t.Helper()
		reloads(what, reload, func() {
			if got := changed(t, truthfulPlan(t, laptop, "sites.hcl", args...)); !slices.Equal(got, want) {
				t.Errorf("%s: changed were %q, not %q", what, got, want)
			}
		})
	}
	applied("new sites", append([]string{"acme_certificate.all/certificate"}, last...), 1)
	applied("all sites", last, 1, "-var", "all=keepalive_timeout 6s;")

	reloads("a site that nginx refuses", 1, func() {
		r, err := laptop.Run(t.Context(), "apply", "sites.hcl", "--json", "-var", "all=keepalive_timeout 7s;", "-var", "fourth=nonsense;")
		want := append(slices.Clone(all[:3]), "nginx_site.s2/service")
		if err != nil || r.Exit == 0 || !slices.Equal(changed(t, r), want) {
			t.Errorf("want %q and an error: %v\n%v", want, err, r)
		}
	})

	reloads("killed", 0, func() {
		output, err := os.Create(filepath.Join(t.TempDir(), "output"))
		if err != nil {
			t.Fatal(err)
		}
		cmd := laptop.Command(t.Context(), "apply", "sites.hcl", "-var", "all=keepalive_timeout 8s;")
		cmd.Stdout = output
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r := running{cmd.Process, func() rcprov.Run { _ = cmd.Wait(); return rcprov.Run{} }, output.Name()}
		r.says(t, "nginx_site.s2/configuration")
		_ = cmd.Process.Kill()
		r.end()
	})
	reloads("after a kill", 1, func() {
		r := truthfulPlan(t, laptop, "sites.hcl", "-var", "all=keepalive_timeout 8s;")
		if !slices.Contains(changed(t, r), "nginx_site.s4/service") {
			t.Errorf("no reload at the last site:\n%v", r)
		}
	})
	must(t, h, "nginx -T 2>/dev/null | grep -c 'keepalive_timeout 8s' | grep -qx 5")
	reloads("no change after that", 0, func() {
		r, err := laptop.Run(t.Context(), "apply", "sites.hcl", "--json", "-var", "all=keepalive_timeout 8s;")
		if err != nil || r.Exit != 0 || changed(t, r) != nil {
			t.Errorf("%v\n%v", err, r)
		}
	})
	// Sites go whose certificate is gone already: none of them is in the way of the others, or of the reload.
	must(t, h, `rm $(nginx -T 2>/dev/null | sed -n 's/^[[:space:]]*ssl_certificate\(_key\)* *\(.*\);$/\2/p' | grep s0 | sort -u)`)
	plan := rcprov.HostBlock(h, "h1") + "play \"sites\" {\n  hosts = [host.h1]\n  nginx \"web\" {}\n"
	for i := range sites {
		plan += fmt.Sprintf("  nginx_site \"s%[1]d\" {\n    names = [\"s%[1]d.example.com\"]\n    state = \"absent\"\n  }\n", i)
	}
	if _, err := laptop.WriteFile("gone.hcl", plan+"}\n"); err != nil {
		t.Fatal(err)
	}
	reloads("sites that go", 1, func() { truthfulPlan(t, laptop, "gone.hcl") })
	must(t, h, "nginx -t 2>&1; ! ls /etc/nginx/conf.d/s?.example.com.conf 2>/dev/null")
}
