package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// TestAptNextKey has a vendor sign with its next key: both are in the plan, the stored one has not expired, and apt goes on with the
// previous index and a warning. Then somebody adds the repository again, with another key, and apt reads no source at all.
func TestAptNextKey(t *testing.T) {
	t.Parallel()
	for _, image := range labtest.Images(t) {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			labtest.Require(t)
			m, err := theMirror()
			if err != nil {
				t.Fatal(err)
			}
			if m.Vendor {
				t.Skip("the vendor signs with one key")
			}
			h := labtest.Launch(t, image)
			laptop, err := rcprov.NewLaptop(t.TempDir(), h)
			if err != nil {
				t.Fatal(err)
			}
			plan := func(r mirror.JitsiRepository, state string) {
				t.Helper()
				text := rcprov.HostBlock(h, "h1") + fmt.Sprintf(`
play "p" {
  hosts = group.all
  apt_repository "lab" {
    state        = %q
    uris         = [%q]
    suites       = [%q]
    key_url      = %q
    fingerprints = [%q, %q]
  }
}
`, state, r.URI, r.Suite, r.KeyURL, m.Jitsi.Fingerprint, m.Jitsi.Refused.Other.Fingerprint)
				if _, err := laptop.WriteFile("plan.hcl", text); err != nil {
					t.Fatal(err)
				}
			}
			plan(m.Jitsi.JitsiRepository, "present")
			apply(t, laptop, 0)
			must(t, h, "cp -p /etc/apt/keyrings/rcprov-lab.asc /root")
			plan(m.Jitsi.JitsiRepository, "absent")
			apply(t, laptop, 0)
			plan(m.Jitsi.Refused.Other, "present")
			apply(t, laptop, 0)

			// As on a host where the vendor has signed with the other key since its last update.
			must(t, h, `cp -p /root/rcprov-lab.asc /etc/apt/keyrings/
touch -d 2020-01-01 /var/lib/apt/lists/*jitsi-other*InRelease
out=$(apt-get update 2>&1) && printf '%s\n' "$out" | grep -qE 'NO_PUBKEY|Missing key'`)
			if got := changed(t, apply(t, laptop, 0)); !slices.Equal(got, []string{"apt_repository.lab"}) {
				t.Errorf("signed with the next key: changed %q", got)
			}
			must(t, h, `out=$(apt-get update 2>&1) && ! printf '%s\n' "$out" | grep '^W:'`)
			if got := changed(t, apply(t, laptop, 0)); len(got) > 0 {
				t.Errorf("signed with the next key, again: changed %q", got)
			}

			installsFromOldLists(t, h, laptop)

			must(t, h, fmt.Sprintf("echo 'deb [signed-by=/root/rcprov-lab.asc] %s %s' >/etc/apt/sources.list.d/vendor.list", m.Jitsi.Refused.Other.URI, m.Jitsi.Suite))
			run := apply(t, laptop, 1)
			for _, text := range []string{"apt on the host reads none of its sources: Conflicting values set for option Signed-By", "also in /etc/apt/sources.list.d/vendor.list"} {
				if !strings.Contains(run.Stdout, text) {
					t.Errorf("another file contradicts: the error doesn't say %q:\n%v", text, run)
				}
			}
		})
	}
}

// installsFromOldLists has a source that fails while a package is installed: the package's step says so, in later runs too, until
// the source is fetched.
func installsFromOldLists(t *testing.T, h *lab.Host, laptop *rcprov.Laptop) {
	t.Helper()
	_, err := laptop.WriteFile("hello.hcl", rcprov.HostBlock(h, "h1")+`
play "p" {
  hosts = group.all
  apt_package "greeting" { packages = ["hello"] }
}
`)
	if err != nil {
		t.Fatal(err)
	}
	const note = "hello may be an old version: apt could not fetch all package lists ("
	hello := func(when string, changes int, noted bool) {
		t.Helper()
		run, err := laptop.Run(t.Context(), "apply", "hello.hcl", "--json")
		if err != nil || run.Exit != 0 || len(changed(t, run)) != changes || strings.Contains(run.Stdout, note) != noted {
			t.Fatalf("%s: %v, %v; want %d changes, a note: %v", when, err, run, changes, noted)
		}
	}
	must(t, h, "echo 'deb [trusted=yes] http://127.0.0.1:9/r ./' >/etc/apt/sources.list.d/down.list")
	hello("a source fails", 1, true)
	hello("a source has failed", 0, true)
	must(t, h, "touch /var/lib/apt/lists/127.0.0.1:9_r_._InRelease")
	hello("the source is fetched", 0, false)
	must(t, h, "rm /etc/apt/sources.list.d/down.list /var/lib/apt/lists/127.0.0.1*")
}
