package scenario

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// TestNodeSource installs Node.js from NodeSource's repository on each image, repairs drifts and changes the version, up
// and down.
func TestNodeSource(t *testing.T) {
	t.Parallel()
	for _, image := range labtest.Images(t) {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			m, err := theMirror()
			if err != nil {
				t.Fatal(err)
			}
			h := labtest.Launch(t, image)
			laptop, err := rcprov.NewLaptop(t.TempDir(), h)
			if err != nil {
				t.Fatal(err)
			}
			write := func(version string) {
				t.Helper()
				plan := rcprov.HostBlock(h, "h1") + fmt.Sprintf(`
play "p" {
  hosts = [host.h1]
  node "system" {
    version      = %q
    source       = "nodesource"
    mirror       = %s
    key_url      = %s
    fingerprints = %s
  }
}
`, version, text(m.NodeSource.URL), text(m.NodeSource.KeyURL), list(m.NodeSource.Fingerprint))
				if _, err := laptop.WriteFile("plan.hcl", plan); err != nil {
					t.Fatal(err)
				}
			}
			wantChanges := func(what string, want ...string) {
				t.Helper()
				if steps := changed(t, apply(t, laptop, 0)); !slices.Equal(steps, want) {
					t.Errorf("%s: changed %q, want %q", what, steps, want)
				}
			}
			const repository, pkg = "node.system/repository", "node.system/package"
			old, current := m.NodeSource.Versions[0], m.NodeSource.Versions[1]

			write(old)
			if r, err := laptop.Run(t.Context(), "plan", "plan.hcl"); err != nil || r.Exit != 2 {
				t.Fatalf("plan of a bare host: %v, %v", err, r)
			}
			wantChanges("bare host", repository, pkg)
			must(t, h, `test "$(node --version)" = v`+old+` && apt-mark showhold | grep -qx nodejs`)
			wantChanges("second apply")
			must(t, h, "apt-mark unhold nodejs")
			wantChanges("not held", pkg)
			must(t, h, "rm /etc/apt/keyrings/rcprov-nodesource.asc")
			wantChanges("key removed", repository)
			must(t, h, "apt-get remove -qq -y --allow-change-held-packages nodejs")
			wantChanges("removed", pkg)

			write(current)
			wantChanges("upgrade", pkg)
			must(t, h, `test "$(node --version)" = v`+current+` && apt-mark showhold | grep -qx nodejs`)
			write(old)
			wantChanges("downgrade", pkg)
			must(t, h, `test "$(node --version)" = v`+old)
			wantChanges("second apply after all")
		})
	}
}
