package scenario

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
)

// TestDeno installs a release of Rocket.Chat whose apps run with Deno, and upgrades to one whose apps don't.
func TestDeno(t *testing.T) {
	t.Parallel()
	d := launchDatabase(t, 1)
	m, err := theMirror()
	if err != nil {
		t.Fatal(err)
	}
	h := d.hosts[0]
	write := func(version, deno string) {
		t.Helper()
		plan := rcprov.HostBlock(h, "m1") + fmt.Sprintf(`
play "chat" {
  hosts = [host.m1]

  mongod "rs" {
    version        = %[1]q
    replica_set    = "rs0"
    members        = ["127.0.0.1"]
    key_file       = "abcdefghijklmnopqrstuvwxyz0123456789"
    cache_size_gb  = 0.25
    repository_uri = %[2]q
    key_url        = %[3]q
    fingerprints   = [%[4]q]
  }
  mongo_replica_set "rs" {
    name           = "rs0"
    members        = ["127.0.0.1"]
    admin_password = "hunter2-admin"
  }
  node "lts" {
    version      = "22.22.3"
    mirror       = %[5]q
    key_url      = %[6]q
    fingerprints = [%[7]q]
  }
  rocketchat "chat" {
    version      = %[8]q
    releases     = %[9]q
    key_url      = %[10]q
    fingerprints = [%[11]q]
    %[12]s
    node_version = node.lts.version
    node_bin     = node.lts.bin
    npm_registry = %[13]q
    packages     = ["ca-certificates", "fontconfig"]
    root_url     = "http://chat.lab.test"
    mongo_url    = "mongodb://admin:hunter2-admin@127.0.0.1:27017/rocketchat?replicaSet=rs0&authSource=admin"
  }
}
`, m.MongoDB.Series, m.MongoDB.URI, m.MongoDB.KeyURL, m.MongoDB.Fingerprint, m.Node.DistURL, m.Node.KeyURL, m.Node.Fingerprint,
			version, m.RocketChat.URL, m.RocketChat.KeyURL, m.RocketChat.Fingerprint, deno, m.NPMRegistry)
		if _, err := d.laptop.WriteFile("plan.hcl", plan); err != nil {
			t.Fatal(err)
		}
	}
	// The lab has another Deno than the release's own.
	write("8.7.1", fmt.Sprintf("deno_version  = %q\n    deno_sha256   = %q\n    deno_releases = %q", m.Deno.Version, m.Deno.SHA256, m.Deno.ReleaseURL))
	apply(t, d.laptop, 0)
	must(t, h, `test "$(/opt/rocketchat/deno/`+m.Deno.Version+`/deno --version | head -n 1 | cut -d' ' -f2)" = `+m.Deno.Version)
	must(t, h, "! command -v deno") // it is this server's alone
	must(t, h, "test -e /opt/rocketchat/current/programs/server/npm/node_modules/@rocket.chat/apps-engine/deno-runtime/deno.runtime.jsonc")
	if steps := changed(t, apply(t, d.laptop, 0)); steps != nil {
		t.Errorf("a second apply changed %q", steps)
	}
	must(t, h, "rm /opt/rocketchat/deno/*/deno")
	if steps := changed(t, apply(t, d.laptop, 0)); !slices.Equal(steps, []string{"rocketchat.chat/deno"}) {
		t.Errorf("without deno: changed %q", steps)
	}

	write("8.8.1", "")
	steps := slices.DeleteFunc(changed(t, apply(t, d.laptop, 0)), func(step string) bool { return step == "rocketchat.chat/ready-3000" })
	const prefix = "rocketchat.chat/"
	if want := []string{prefix + "release", prefix + "npm", prefix + "current", prefix + "service-3000"}; !slices.Equal(steps, want) {
		t.Errorf("upgrade: changed %q, want %q", steps, want)
	}
	must(t, h, `! grep -q deno /etc/systemd/system/rocketchat-3000.service && journalctl --sync && test "$(journalctl -u rocketchat-3000 -o cat | grep -c '^Started ')" = 2`)
}
