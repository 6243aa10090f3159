package scenario

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

// denoPlan is a plan with a secret in every argument of its products that takes one.
const denoPlan = `
variable "s" {
  type      = map(string)
  sensitive = true
}
play "chat" {
  hosts = [host.m1]

  mongod "rs" {
    version        = %[1]q
    replica_set    = "rs0"
    members        = ["127.0.0.1"]
    key_file       = var.s.key_file
    cache_size_gb  = 0.25
    settings       = { "operationProfiling.filter" = "{ ns: '${var.s.mongod}' }" }
    repository_uri = %[2]s
    key_url        = %[3]s
    fingerprints   = %[4]s
  }
  mongo_replica_set "rs" {
    name                    = "rs0"
    members                 = ["127.0.0.1"]
    admin_password          = var.s.admin
    admin_previous_password = var.s.previous
    user "chat" {
      password = var.s.user
      roles    = ["readWrite@rocketchat"]
    }
  }
  node "lts" {
    version      = "22.22.3"
    mirror       = %[5]s
    key_url      = %[6]s
    fingerprints = %[7]s
  }
  rocketchat "chat" {
    version      = %[8]q
    releases     = %[9]s
    key_url      = %[10]s
    fingerprints = %[11]s
    %[12]s
    node_version = node.lts.version
    node_bin     = node.lts.bin
    npm_registry = %[13]s
    packages     = ["ca-certificates", "fontconfig"]
    root_url     = "http://chat.lab.test"
    mongo_url    = "mongodb://admin:${var.s.admin}@127.0.0.1:27017/rocketchat?replicaSet=rs0&authSource=admin"
    mail_url     = "smtp://chat:${var.s.mail}@127.0.0.1:25"
    settings     = { SMTP_Password = "it's \"${var.s.setting}\" $x" }
    env          = { CANARY = "it's \"${var.s.env}\" $x" }
    admin {
      username = "admin"
      email    = "admin@lab.test"
      password = var.s.person
    }
  }
}
`

// TestDeno installs a release of Rocket.Chat whose apps run with Deno, and upgrades to one whose apps don't.
func TestDeno(t *testing.T) {
	t.Parallel()
	m, image := supply(t)
	h := labtest.Launch(t, image)
	laptop, err := rcprov.NewLaptop(t.TempDir(), h)
	if err != nil {
		t.Fatal(err)
	}
	write := func(version, deno string) {
		t.Helper()
		plan := rcprov.HostBlock(h, "m1") + fmt.Sprintf(denoPlan, m.MongoDB.Series, text(m.MongoDB.URI), text(m.MongoDB.KeyURL), list(m.MongoDB.Fingerprint),
			text(m.Node.DistURL), text(m.Node.KeyURL), list(m.Node.Fingerprint),
			version, text(m.RocketChat.URL), text(m.RocketChat.KeyURL), list(m.RocketChat.Fingerprint), deno, text(m.NPMRegistry))
		if _, err := laptop.WriteFile("plan.hcl", plan); err != nil {
			t.Fatal(err)
		}
	}
	deno, version := "", "2.3.1"
	if !m.Vendor { // the lab has another one
		version = m.Deno.Version
		deno = fmt.Sprintf("deno_version  = %q\n    deno_sha256   = %q\n    deno_releases = %q", m.Deno.Version, m.Deno.SHA256, m.Deno.ReleaseURL)
	}
	write("8.7.1", deno)
	secrets, value := map[string]string{}, ""
	for _, name := range []string{"key_file", "mongod", "admin", "previous", "user", "mail", "setting", "env", "person"} {
		secrets[name] = letters(24)
		value += fmt.Sprintf("%s = %q\n", name, secrets[name])
	}
	laptop.Env = append(laptop.Env, "RCPROV_VAR_s={\n"+value+"}")
	look := newLookout(t, h, 100*time.Millisecond)
	look.keep(apply(t, laptop, 0))
	look.enough()
	must(t, h, ": >/var/log/mongodb/mongod.log") // where mongod, for itself alone, prints its settings
	look.search(`"step":"rocketchat.chat/env"`, secrets)
	must(t, h, `test "$(/opt/rocketchat/deno/`+version+`/deno --version | head -n 1 | cut -d' ' -f2)" = `+version)
	must(t, h, "! command -v deno") // it is this server's alone
	if !m.Vendor {                  // the original does it with the first app
		must(t, h, "test -e /opt/rocketchat/current/programs/server/npm/node_modules/@rocket.chat/apps-engine/deno-runtime/deno.runtime.jsonc")
	}
	if steps := changed(t, apply(t, laptop, 0)); steps != nil {
		t.Errorf("a second apply changed %q", steps)
	}
	must(t, h, "rm /opt/rocketchat/deno/*/deno")
	if steps := changed(t, apply(t, laptop, 0)); !slices.Equal(steps, []string{"rocketchat.chat/deno"}) {
		t.Errorf("without deno: changed %q", steps)
	}

	// What a run left that was killed in the middle of something else.
	must(t, h, "mkdir /opt/rocketchat/releases/.8.8.1.rcprov && echo junk >/opt/rocketchat/releases/.8.8.1.rcprov/file")
	write("8.8.1", "")
	steps := slices.DeleteFunc(changed(t, apply(t, laptop, 0)), func(step string) bool { return step == "rocketchat.chat/ready-3000" })
	const prefix = "rocketchat.chat/"
	if want := []string{prefix + "release", prefix + "npm", prefix + "current", prefix + "service-3000"}; !slices.Equal(steps, want) {
		t.Errorf("upgrade: changed %q, want %q", steps, want)
	}
	must(t, h, `! grep -q deno /etc/systemd/system/rocketchat-3000.service && journalctl --sync && test "$(journalctl -u rocketchat-3000 -o cat | grep -c '^Started ')" = 2`)
}
