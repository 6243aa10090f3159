package scenario

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// prod is what plans/prod.hcl or another plan for a chat is applied to, and a laptop with the variables for the lab's
// mirror.
type prod struct {
	planned
	host   *lab.Host // with nginx
	mirror *mirror.Mirror
	domain string
	calls  *meet // nil: without video calls
}

var prodSecrets = map[string]string{
	"admin_password": "hunter2-first", "mongo_key": "abcdefghijklmnopqrstuvwxyz0123456789",
	"mongo_admin_password": "hunter2-admin", "mongo_password": "hunter2$p@ss",
}

func launchProd(t *testing.T) *prod {
	t.Helper()
	m, image := supply(t)
	h := labtest.Launch(t, image)
	p := newProd(t, m, "prod.hcl", h, h)
	p.vars["address"] = h.Name
	p.withCalls(h)
	return p
}

// newProd returns a laptop that knows hosts, with a plan of plans/ and its variables but for the hosts' addresses. web is
// the host with nginx.
func newProd(t *testing.T, m *mirror.Mirror, plan string, web *lab.Host, hosts ...*lab.Host) *prod {
	t.Helper()
	p := &prod{planned: planned{t: t, waits: waits}, host: web, mirror: m, domain: web.Name + ".lab.test"}
	m.ACME.Resolve(p.domain, netip.MustParseAddr(web.Address))
	var err error
	if p.plan, err = filepath.Abs("../../plans/" + plan); err != nil {
		t.Fatal(err)
	}
	if p.laptop, err = rcprov.NewLaptop(t.TempDir(), hosts...); err != nil {
		t.Fatal(err)
	}
	nameHosts(t, p.laptop, hosts)
	p.vars = m.Variables()
	p.vars["domain"], p.vars["email"] = p.domain, "admin@lab.test"
	for name, value := range prodSecrets {
		p.vars[name] = value
		p.secrets = append(p.secrets, name)
	}
	return p
}

// nameHosts adds hosts to a laptop's configuration of SSH.
func nameHosts(t *testing.T, laptop *rcprov.Laptop, hosts []*lab.Host) {
	t.Helper()
	config, err := os.ReadFile(laptop.SSHConfig())
	for _, h := range hosts {
		// Plans for several hosts know them by their addresses.
		config = append(config, strings.Replace(h.SSHConfig(), "Host "+h.Name, "Host "+h.Name+" "+h.Address, 1)...)
	}
	if err == nil {
		err = os.WriteFile(laptop.SSHConfig(), config, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// release takes a release of Rocket.Chat into the plan.
func (p *prod) release(version string) { p.vars["rocketchat_version"] = version }

// waits are steps that only wait, if there is still something to wait for when their turn comes.
var waits = append([]string{
	"database/mongod.rs0/answers", "members/mongo_replica_set.rs0/answers", "members/mongo_replica_set.rs0", "chat/rocketchat.chat/ready-3000",
	"chat/rocketchat.chat/ready-3001", "site/nginx_site.chat/served", "site/http_check.chat", "site/http_check.live",
}, slices.Concat(meetWaits, callsWaits)...)

// callsWaits are those of meetWaits in a plan that may be without calls.
var callsWaits = func() (all []string) {
	for _, step := range meetWaits {
		all = append(all, calls+strings.TrimPrefix(step, "calls/"))
	}
	return all
}()

// fails wants an apply that ends with an error in which text stands, and changes nothing but the steps of changes.
func (p *prod) fails(what, text string, changes ...string) {
	p.t.Helper()
	p.failsAtOrBehind("", what, text, changes...)
}

// failsAtOrBehind is fails where a step may be changed as well: one that starts a program which ends at once. On a busy host it takes
// longer than the half second in which systemd_unit watches it, and the step behind it fails.
func (p *prod) failsAtOrBehind(step, what, text string, changes ...string) {
	p.t.Helper()
	r := p.run(1, "apply")
	if !strings.Contains(r.Stdout+r.Stderr, text) {
		p.t.Errorf("%s: the error doesn't say %q:\n%v", what, text, r)
	}
	if steps := changed(p.t, r); !slices.Equal(steps, changes) && (step == "" || !slices.Equal(steps, append(changes, step))) {
		p.t.Errorf("%s: changed %q, want %q", what, steps, changes)
	}
}

// client returns a client that reaches the chat by its name, and trusts the mirror's CA alone.
func (p *prod) client() *http.Client {
	p.t.Helper()
	root, err := os.ReadFile(p.mirror.ACME.RootFile)
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		p.t.Fatalf("%s has no certificate", p.mirror.ACME.RootFile)
	}
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(p.host.Address, "443"))
		},
	}}
}

// answers wants Rocket.Chat of a minor version to answer through nginx, with a certificate of the mirror's CA.
func (p *prod) answers(version string) {
	p.t.Helper()
	client := p.client()
	defer client.CloseIdleConnections()
	response, err := client.Get("https://" + p.domain + "/api/info")
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read only
	var info struct {
		Version string
		Success bool
	}
	err = json.NewDecoder(response.Body).Decode(&info)
	if err != nil || response.StatusCode != http.StatusOK || info.Version != version || !info.Success {
		p.t.Errorf("https://%s/api/info: %s, %+v, %v; want version %s", p.domain, response.Status, info, err, version)
	}
}

// logged is how often systemd has logged that it has, for example, Started a unit of a host.
func logged(t *testing.T, h *lab.Host, unit, has string) int {
	t.Helper()
	out, err := h.Must(t.Context(), "journalctl --sync; journalctl -u "+unit+" -o cat | grep -c '^"+has+" ' || true")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantStarts wants Rocket.Chat to have started so often on the host.
func (p *prod) wantStarts(what string, want int) {
	p.t.Helper()
	if got := logged(p.t, p.host, "rocketchat-3000", "Started"); got != want {
		p.t.Errorf("%s: Rocket.Chat has been started %d times, want %d", what, got, want)
	}
}

// reloads is how often nginx was reloaded on the host.
func (p *prod) reloads() int {
	p.t.Helper()
	return logged(p.t, p.host, "nginx", "Reloaded")
}

// renewed wants a host's certificate that is about to expire to be renewed by exactly these steps, and nginx to be reloaded
// once for it.
func (p *prod) renewed(domain string, steps ...string) {
	p.t.Helper()
	expiresSoon(p.t, p.host, domain)
	reloads := p.reloads()
	p.apply("certificate of "+domain+" about to expire", steps)
	if got := p.reloads() - reloads; got != 1 {
		p.t.Errorf("certificate of %s about to expire: nginx was reloaded %d times, want once", domain, got)
	}
}

// expiresSoon puts a certificate of a CA of its own, which expires in some days, in the place of the host's, for the same
// key, and lets nginx read it.
func expiresSoon(t *testing.T, h *lab.Host, domain string) {
	t.Helper()
	path := "/var/lib/lego/certificates/" + domain
	text, err := h.Must(t.Context(), "cat "+path+".key")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(7), DNSNames: []string{domain}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().AddDate(0, 0, -80), NotAfter: time.Now().AddDate(0, 0, 10),
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	must(t, h, fmt.Sprintf("cat >%s.crt <<'END'\n%sEND\nsystemctl reload nginx", path,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// renewedByTimer lets the host itself renew its certificates: what its timer starts is renewed and served, after a reload that
// failed once, too.
func (p *prod) renewedByTimer() {
	p.t.Helper()
	if p.mirror.Vendor {
		p.t.Log("left out with MIRROR=vendor: renewals by the host's timer")
		return
	}
	p.vars["renew_timer"] = "true"
	p.apply("timers", nil)
	unit := "rcprov-renew-" + p.domain + ".service"
	expiresSoon(p.t, p.host, p.domain)
	must(p.t, p.host, fmt.Sprintf(`crt=/var/lib/lego/certificates/%s.crt; old=$(sha256sum "$crt")
echo half >/etc/nginx/conf.d/half.conf
if systemctl start %[2]s; then echo "started though nginx can't be reloaded"; exit 1; fi
test "$(systemctl show -P Result %[2]s)" = exit-code && test "$(sha256sum "$crt")" != "$old"
rm /etc/nginx/conf.d/half.conf
systemctl start %[2]s || { journalctl -u %[2]s -o cat; exit 1; }`, p.domain, unit))
	p.answers("8.8")
	reloads := p.reloads()
	must(p.t, p.host, "systemctl start "+unit)
	if got := p.reloads(); got != reloads {
		p.t.Errorf("a timer with nothing to do reloaded nginx")
	}
	p.revocation(unit)
	p.vars["renew_timer"] = "false"
	p.apply("no timers", nil)
	must(p.t, p.host, "! ls /etc/systemd/system /usr/local/sbin | grep rcprov-renew")
}

// revocation lets the CA suggest to renew at once, as it does before it revokes a certificate: the timer's next run renews it.
func (p *prod) revocation(unit string) {
	p.t.Helper()
	path := "/var/lib/lego/certificates/" + p.domain
	text, err := p.host.Must(p.t.Context(), "cat "+path+".crt")
	if err != nil {
		p.t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(text))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.mirror.ACME.SuggestRenewal(leaf, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	must(p.t, p.host, fmt.Sprintf(`crt=%s.crt; old=$(sha256sum "$crt"); systemctl start %[2]s
if test "$(sha256sum "$crt")" != "$old"; then echo "renewed though the last answer is fresh"; exit 1; fi
sed -i 's/[0-9]*$/0/' %[1]s.renewal
systemctl start %[2]s && test "$(sha256sum "$crt")" != "$old" || { journalctl -u %[2]s -o cat; exit 1; }`, path, unit))
}

// wrongSignatures tries a release that is not what was signed, and one that is signed with another key than the wanted.
func (p *prod) wrongSignatures() {
	p.t.Helper()
	releases := p.mirror.RocketChat
	p.release(releases.Broken.Signature)
	p.fails("a wrong signature", releases.Broken.Signature+"/download is not what was signed: ")
	must(p.t, p.host, `test "$(ls -A /opt/rocketchat/releases)" = 8.8.1`)
	p.release("9.0.0")
	trusted := p.vars["rocketchat_releases"]
	p.vars["rocketchat_releases"] = strings.Replace(trusted, releases.Fingerprint, p.mirror.Node.Fingerprint, 1)
	p.fails("a wrong fingerprint", "there is no key with one of the fingerprints in it")
	p.vars["rocketchat_releases"] = trusted
}

// keptSecrets ends the lookout, which must have seen no secret.
func (p *prod) keptSecrets() {
	p.t.Helper()
	p.look.enough()
	secrets := map[string]string{}
	for _, name := range p.secrets {
		secrets[name] = p.vars[name]
	}
	p.look.search(`"step":"chat/rocketchat.chat/env"`, secrets)
	p.look = nil
}

// chapter is a subtest of a test whose parts build on each other: those that -run leaves out are done all the same, as part of the
// test itself. One that ends early ends the test.
func chapter(t *testing.T, name string, do func(t *testing.T)) {
	t.Helper()
	began, done := false, false
	t.Run(name, func(t *testing.T) {
		began = true
		do(t)
		done = true
	})
	switch {
	case !began:
		do(t)
	case !done:
		t.FailNow()
	}
}

// chapter is [chapter] for what p checks in it.
func (p *prod) chapter(name string, do func()) {
	p.t.Helper()
	whole := p.t
	turn := func(t *testing.T) {
		p.t = t
		if p.calls != nil {
			p.calls.t = t
		}
	}
	defer turn(whole)
	chapter(whole, name, func(t *testing.T) {
		turn(t)
		do()
	})
}

// Steps of plans/prod.hcl.
const (
	chatSteps             = "chat/rocketchat.chat/"
	firstChat, secondChat = chatSteps + "service-3000", chatSteps + "service-3001"
)

// TestProd takes a bare host with plans/prod.hcl to a chat and video calls that answer by TLS, repairs drifts, gives the
// calls another name, and upgrades the chat.
func TestProd(t *testing.T) {
	t.Parallel()
	p := launchProd(t)
	p.release("8.8.1")
	p.chapter("from a bare host to a chat with calls", p.fromBareHost)
	p.chapter("each drift is repaired, and nothing else", p.repairsDrifts)
	p.chapter("certificates are renewed", p.renewsCertificates)
	p.chapter("the host renews them by itself", p.renewedByTimer)
	p.chapter("the calls get another name", p.renamesCalls)
	p.chapter("a second apply finds nothing to do", func() {
		const what = "renewed certificates, and another name"
		p.settled(what, p.host)
		p.wantStarts(what, 4)
	})
	p.chapter("a stranger at the port is named", p.findsStranger)
	if !p.mirror.Vendor {
		p.chapter("a release that nobody signed is refused", p.wrongSignatures)
	}
	p.chapter("an upgrade keeps the old release", p.upgrades)
	if p.mirror.Vendor {
		t.Log("left out with MIRROR=vendor: releases that are broken or newer than 9.0.0")
		return
	}
	p.chapter("a release that can't be installed leaves the chat alone", p.refusesBrokenReleases)
	p.chapter("a second instance, and an upgrade that is killed", p.upgradesTwo)
	p.chapter("back from a release that doesn't start", p.goesBack)
}

// fromBareHost sets everything up, while somebody looks for secrets on the host.
func (p *prod) fromBareHost() {
	p.vars["node_version"] = "22.16.0"
	p.look = newLookout(p.t, p.host, 100*time.Millisecond)
	p.fails("an old Node.js", "Rocket.Chat 8.8.1 needs 22.22.3 or a later 22")
	p.vars["node_version"] = "22.22.3"
	p.run(2, "plan")
	must(p.t, p.host, "! test -e /opt/rocketchat && ! test -e /opt/node && ! test -e /etc/mongod.conf")

	p.apply("bare host", nil)
	p.keptSecrets()
	p.answers("8.8")
	p.calls.works("bare host")
	must(p.t, p.host, `test "$(stat -c '%a %U' /etc/rocketchat/env)" = "600 root"`)
	must(p.t, p.host, `test "$(ps -o user= -p "$(systemctl show -P MainPID rocketchat-3000)")" = rocketchat`)
	must(p.t, p.host, `ufw status | grep -q '^80,443/tcp  *ALLOW' && ufw status | grep -q '^10000/udp  *ALLOW' && ! ss -Hltn | grep -E ':(3000|27017) ' | grep -v 127.0.0.1`)
	p.settled("second apply", p.host)
	p.wantStarts("second apply", 1)
}

// repairsDrifts wants each to be repaired by exactly these steps, and the chat to have been started so often by then.
func (p *prod) repairsDrifts() {
	for _, drift := range []struct {
		name, script string
		changes      []string
		starts       int
	}{
		{"unit edited", "sed -i s/LimitNOFILE=65536/LimitNOFILE=1024/ /etc/systemd/system/rocketchat-3000.service && systemctl daemon-reload", []string{firstChat}, 2},
		{"service stopped", "systemctl stop rocketchat-3000", []string{firstChat}, 3},
		{"mode of the environment", "chmod 0644 /etc/rocketchat/env", []string{chatSteps + "env"}, 3},
		{"mongod.conf edited", "echo '# x' >>/etc/mongod.conf", []string{"database/mongod.rs0/conf"}, 3},
		{"mode of the key file", "chmod 0440 /etc/mongod.key", []string{"database/mongod.rs0/key"}, 3},
		// It comes back as nginx read it.
		{"site deleted", "rm /etc/nginx/conf.d/" + p.domain + ".conf", []string{"site/nginx_site.chat/configuration"}, 3},
		// The chat has been running from the directory that is replaced.
		{"firewall, nginx and Node.js", `ufw delete allow proto udp to any port 10000
sed -i s/301/302/ /etc/nginx/conf.d/rcprov.conf; systemctl reload nginx
rm -r /opt/node/22.22.3/lib/node_modules/npm`, []string{"ground/ufw.firewall", "nginx.web/configuration", "nginx.web/service", "node/node.lts/release", firstChat}, 4},
		{"nginx.conf edited", "echo '# mine' >>/etc/nginx/nginx.conf", []string{"nginx.web/service"}, 4},
		{"firewall removed", "apt-get -qq remove ufw >/dev/null", []string{"ground/apt_package.base", "ground/ufw.firewall"}, 4},
	} {
		p.chapter(drift.name, func() {
			must(p.t, p.host, drift.script)
			p.apply(drift.name, drift.changes)
			p.wantStarts(drift.name, drift.starts)
			p.answers("8.8")
		})
	}
	p.chapter("secret of the video bridge", p.bridgeDrift)
}

// renewsCertificates renews the chat's, then the calls', for which only nginx reloads.
func (p *prod) renewsCertificates() {
	p.renewed(p.domain, "site/certificate/acme_certificate.site/certificate", "site/nginx_site.chat/service")
	same := p.same("nginx", "rocketchat-3000", "prosody", "jicofo", "jitsi-videobridge2")
	p.renewed(p.calls.domain, calls+"certificate/acme_certificate.site/certificate", calls+"jitsi.meet/site-service")
	same("renewed certificates")
	p.answers("8.8")
	p.calls.works("renewed certificates")
}

// findsStranger has another program take the chat's port.
func (p *prod) findsStranger() {
	must(p.t, p.host, `systemctl stop rocketchat-3000
systemd-run --quiet --unit=stranger /opt/node/22.22.3/bin/node -e 'require("net").createServer().listen(3000, "127.0.0.1")'
for i in $(seq 50); do ss -Hltn | grep -q ':3000 ' && exit 0; sleep 0.1; done; exit 1`)
	p.fails("a stranger at the port", "port 3000 of 127.0.0.1 is held by node (process ")
	must(p.t, p.host, "systemctl stop stranger; systemctl start rocketchat-3000")
}

// upgrades goes to 9.0.0, and mends the link when somebody sets it back.
func (p *prod) upgrades() {
	p.release("9.0.0")
	p.apply("upgrade", []string{chatSteps + "release", chatSteps + "npm", chatSteps + "current", firstChat})
	p.wantStarts("upgrade", 6)
	p.answers("9.0")
	must(p.t, p.host, `test -e /opt/rocketchat/releases/8.8.1/main.js && test "$(readlink /opt/rocketchat/current)" = releases/9.0.0`)
	p.apply("after the upgrade", []string{})

	must(p.t, p.host, "ln -sfn releases/8.8.1 /opt/rocketchat/current")
	p.apply("link to the old release", []string{chatSteps + "current"})
	p.wantStarts("link to the old release", 6)
}

// refusesBrokenReleases tries releases with a broken native module or a failing npm, and an older one.
func (p *prod) refusesBrokenReleases() {
	releases := p.mirror.RocketChat
	p.release(releases.Broken.Native)
	p.fails("native module", "the native module sharp can't be loaded", chatSteps+"release")
	p.release(releases.Broken.Install)
	p.fails("npm install", "gyp ERR! build error", chatSteps+"release")
	p.release("8.8.1")
	p.fails("downgrade", "Rocket.Chat 9.0.0 is installed, and 8.8.1 can't use its database")
	p.answers("9.0")
	p.wantStarts("failures", 6)
}

// upgradesTwo adds an instance and upgrades both to 9.1.0, after an apply of it that was killed.
func (p *prod) upgradesTwo() {
	p.release("9.0.0")
	p.vars["rocketchat_ports"] = "[3000, 3001]"
	p.apply("a second instance", []string{secondChat, "site/nginx_site.chat/configuration", "site/nginx_site.chat/service"})
	p.wantStarts("a second instance", 6)
	p.release("9.1.0")
	if _, err := p.laptop.RunAndKill(p.t.Context(), 3*time.Second, p.args("apply")...); err != nil {
		p.t.Fatal(err)
	}
	p.apply("upgrade after one that was killed", nil)
	p.wantStarts("upgrade of two", 7)
	p.answers("9.1")
	must(p.t, p.host, `test "$(journalctl -u rocketchat-3001 -o cat | grep -c '^Started ')" = 2`)
	p.apply("after the second upgrade", []string{})
}

// goesBack follows the advice of the error about a release that doesn't start.
func (p *prod) goesBack() {
	p.release(p.mirror.RocketChat.Broken.Start)
	p.failsAtOrBehind(firstChat, "a release that doesn't start", "rocketchat-3000.service: Failed with result 'exit-code'", chatSteps+"release", chatSteps+"npm", chatSteps+"current")
	p.release("9.1.0")
	p.fails("downgrade of what never started", "let the link `current` point to releases/9.1.0")
	// systemd goes on starting the broken release; left alone, it may start the other one before apply looks.
	must(p.t, p.host, "systemctl stop rocketchat-3000 && ln -sfn releases/9.1.0 /opt/rocketchat/current")
	p.apply("back by hand", []string{firstChat, secondChat})
	p.answers("9.1")
}
