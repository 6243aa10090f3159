package scenario

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// meet is a host for plans/jitsi.hcl, and a laptop with the variables for the lab's mirror.
type meet struct {
	planned
	host   *lab.Host
	mirror *mirror.Mirror
	domain string
	last   *snapshot
}

// meetSecrets are the variables that no output may show.
var meetSecrets = []string{"bridge_secret", "focus_secret", "token_secret", "turn_secret", "bridge_settings", "focus_settings"}

// withSettings gives bridge and focus settings, in variables that may be secret: those of the plan, and those of its library.
func withSettings(plan, library string) (newPlan, newLibrary string) {
	plan = strings.Replace(plan, "  include \"calls\" {\n", `  include "calls" {
    bridge_settings = var.bridge_settings
    focus_settings  = var.focus_settings
`, 1)
	library = strings.Replace(library, "jitsi \"meet\" {\n", `jitsi "meet" {
    bridge_settings = var.bridge_settings == "" ? "" : "videobridge.lab = \"${var.bridge_settings}\""
    focus_settings  = var.focus_settings == "" ? "" : "jicofo.lab = \"${var.focus_settings}\""
`, 1)
	for _, name := range []string{"bridge_settings", "focus_settings"} {
		block := "\nvariable \"" + name + "\" {\n  type      = string\n  sensitive = true\n  default   = \"\"\n}\n"
		plan, library = plan+block, library+block
	}
	return plan, library
}

// launchMeet boots a host; more is what stands in the plan beside plans/jitsi.hcl.
func launchMeet(t *testing.T, image, more string) *meet {
	t.Helper()
	labtest.Require(t)
	m, err := theMirror()
	if err != nil {
		t.Fatal(err)
	}
	h := labtest.Launch(t, image)
	p := &meet{planned: planned{t: t, secrets: meetSecrets, waits: meetWaits}, host: h, mirror: m}
	if p.laptop, err = rcprov.NewLaptop(t.TempDir(), h); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(p.laptop.SSHConfig())
	if err == nil {
		err = os.WriteFile(p.laptop.SSHConfig(), append(config, h.SSHConfig()...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../plans/jitsi.hcl")
	if err != nil {
		t.Fatal(err)
	}
	libraries(t, p.laptop)
	calls := filepath.Join("lib", "calls", "main.hcl")
	library, err := os.ReadFile(filepath.Join(p.laptop.Home, calls))
	if err != nil {
		t.Fatal(err)
	}
	plan, changed := withSettings(string(text), string(library))
	if _, err := p.laptop.WriteFile(calls, changed); err != nil {
		t.Fatal(err)
	}
	if p.plan, err = p.laptop.WriteFile("plan.hcl", plan+more); err != nil {
		t.Fatal(err)
	}
	p.vars = map[string]string{
		"address": h.Name, "email": "admin@lab.test", "bridge_secret": "hunter2-bridge-1", "focus_secret": "hunter2-focus-01",
		"acme_directory": m.ACME.Directory, "acme_ca_file": m.ACME.CAFile, "site_ca_file": m.ACME.RootFile,
		"acme_nameservers": fmt.Sprintf("[%q]", m.ACME.DNS),
	}
	maps.Copy(p.vars, m.JitsiVariables())
	p.call("meet")
	return p
}

// libraries copies the libraries of plans to a laptop's home, for plans that are there.
func libraries(t *testing.T, laptop *rcprov.Laptop) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(laptop.Home, "lib"), os.DirFS("../../plans/lib")); err != nil {
		t.Fatal(err)
	}
}

// call gives the host a domain.
func (p *meet) call(name string) {
	p.domain = name + "-" + p.host.Name + ".lab.test"
	p.mirror.ACME.Resolve(p.domain, netip.MustParseAddr(p.host.Address))
	p.vars["domain"] = p.domain
}

// repository has the plan take Jitsi from a repository whose key shall have a fingerprint.
func (p *meet) repository(r mirror.JitsiRepository, fingerprint string) {
	p.vars["jitsi_repository"] = r.Variable(fingerprint)
}

// meetWaits are steps that only wait, if there is still something to wait for when their turn comes.
var meetWaits = []string{
	"calls/jitsi.meet/served", "calls/jitsi.meet/bridge", "calls/jitsi.meet/focus", "calls/jitsi.meet/page", "calls/jitsi.meet/page-domain", "calls/jitsi.meet/login",
	"calls/http_check.meet", "calls/http_check.meet-live",
}

// refusesPeers has the host's coturn, with Jitsi's configuration and an address for IPv6, relay to a private network: it must refuse,
// and must not for an address of the internet.
func (p *meet) refusesPeers() {
	p.t.Helper()
	must(p.t, p.host, `sed -E '/^(external-ip|syslog|cert|pkey|tls-listening-port)/d' /etc/turnserver.conf >/run/turn.conf
ip addr add 2a01:4f8::2/64 dev lo
turnserver -c /run/turn.conf --listening-ip=127.0.0.1 --listening-port=13478 --relay-ip=`+p.host.Address+` --relay-ip=2a01:4f8::2 --no-tls --no-cli --log-file=stdout >/run/turn.log 2>&1 &
trap 'kill $!; ip addr del 2a01:4f8::2/64 dev lo; rm /run/turn.*' EXIT
for i in $(seq 50); do if ss -Hlun | grep -q :13478; then break; fi; sleep 0.1; done
binds() { timeout "$2" turnutils_uclient -v -x -c -n 1 -W `+p.vars["turn_secret"]+` -u me -p 13478 -e "$1" 127.0.0.1 2>&1 | grep 'channel bind' >/run/turn.said || :; cat /run/turn.said; }
binds fd00:66::2 5 | grep -q 'error 403 (Forbidden IP)' &&
	binds 2a01:4f8::9 2 | grep -q 'bind sent' && ! grep error /run/turn.said`)
}

// settled proves that a plan and a second apply find nothing to do and write nothing but logs.
func (p *meet) settled(what string) {
	p.t.Helper()
	before := p.snapshot()
	p.run(0, "plan")
	p.apply(what+", again", []string{})
	if before == nil {
		return
	}
	lines := slices.DeleteFunc(touched(before, p.snapshot()), func(line string) bool {
		return strings.HasPrefix(line, "/var/log/") || strings.HasPrefix(line, "/home/alice/") // alice looks out meanwhile
	})
	if len(lines) > 0 {
		p.t.Errorf("%s: plan and second apply wrote:\n%s", what, strings.Join(lines, "\n"))
	}
}

// snapshot is what was written on the host so far, nil on virtual machines.
func (p *meet) snapshot() *snapshot {
	p.t.Helper()
	p.last = takeSnapshot(p.t, p.host, p.last)
	return p.last
}

// client speaks with the site by TLS, with a certificate of the mirror's CA.
func (p *meet) client() *http.Client {
	p.t.Helper()
	root, err := os.ReadFile(p.mirror.ACME.RootFile)
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		p.t.Fatalf("%s has no certificate", p.mirror.ACME.RootFile)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(p.host.Address, "443"))
		},
	}
	p.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second, Jar: jar}
}

// logIn tries to log in by BOSH as the page does, with a token or, if it is empty, without.
func (p *meet) logIn(token string) string {
	p.t.Helper()
	answer, err := p.tryLogIn(p.client(), token)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer
}

func (p *meet) tryLogIn(client *http.Client, token string) (answer string, err error) {
	query := url.Values{"room": {"lab"}}
	if token != "" {
		query.Set("token", token)
	}
	domain := p.domain
	send := func(rid int, attributes, text string) (string, error) {
		content := fmt.Sprintf("<body xmlns='http://jabber.org/protocol/httpbind' rid='%d' %s>%s</body>", rid, attributes, text)
		response, err := client.Post("https://"+domain+"/http-bind?"+query.Encode(), "text/xml", strings.NewReader(content))
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }() // read only
		reply, err := io.ReadAll(response.Body)
		return string(reply), err
	}
	first, err := send(4711, "to='"+domain+"' hold='1' wait='5' ver='1.6' xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'", "")
	if err != nil {
		return "", err
	}
	session := regexp.MustCompile(`sid='[^']*'`).FindString(first)
	answer, err = send(4712, session, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
	_, _ = send(4713, session+" type='terminate'", "") // otherwise a prosody that is stopped waits for its end
	return answer, err
}

// watchDoor tries to log in without a token, again and again, until end is called: nobody may get in, at no moment.
func (p *meet) watchDoor() (end func()) {
	p.t.Helper()
	client := p.client()
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	tries, entered := 0, 0
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			tries++
			if answer, err := p.tryLogIn(client, ""); err == nil && strings.Contains(answer, "<success") {
				entered++
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() {
		p.t.Helper()
		cancel()
		<-done
		p.t.Logf("%d tries to log in without a token", tries)
		if entered > 0 {
			p.t.Errorf("people got in without a token, in %d of %d tries", entered, tries)
		}
	}
}

// getsIn wants a login to be let in, or not.
func (p *meet) getsIn(who, token string, want bool) {
	p.t.Helper()
	if answer := p.logIn(token); strings.Contains(answer, "<success") != want {
		p.t.Errorf("%s gets in: want %v; prosody answers %s", who, want, answer)
	}
}

// token is a JSON web token.
func token(app, secret, domain string, expires time.Time) string {
	var parts []string
	for _, part := range []map[string]any{
		{"typ": "JWT", "alg": "HS256"},
		{"iss": app, "aud": "jitsi", "sub": domain, "room": "*", "exp": expires.Unix(), "context": map[string]any{"user": map[string]string{"name": "Ada"}}},
	} {
		text, _ := json.Marshal(part) // strings and numbers
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	signed := strings.Join(parts, ".")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// works looks at the host as a person would, beside what rcprov looks at.
func (p *meet) works(what string) {
	p.t.Helper()
	client := p.client()
	response, err := client.Get("https://" + p.domain + "/config.js")
	if err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
	page, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // read only
	if err != nil || response.StatusCode != http.StatusOK || !bytes.Contains(page, []byte("domain: '"+p.domain+"'")) {
		p.t.Errorf("%s: https://%s/config.js: %s, %v\n%s", what, p.domain, response.Status, err, page)
	}
	// The focus is healthy when it and the bridge are logged in, with what their files say, and a conference can be made.
	must(p.t, p.host, `curl -fsS http://127.0.0.1:8888/about/health && curl -fsS http://127.0.0.1:8080/about/health
nginx -t -q
for unit in nginx prosody jicofo jitsi-videobridge2; do systemctl is-active -q $unit && systemctl is-enabled -q $unit; done
[ -z "$(dpkg --audit)" ] && ss -Hlun | grep -q ':10000 '
for name in `+p.domain+` auth.`+p.domain+`; do openssl x509 -noout -in /etc/prosody/certs/$name.crt && [ -s /etc/prosody/certs/$name.key ] || exit; done
grep -A3 '^.\["focus.`+p.domain+`"\] = {$' /var/lib/prosody/auth%2e*/roster/focus.dat | grep -q '"subscription"\] = "\(from\|both\)"'`)
	var secrets string
	for _, name := range meetSecrets {
		if secret := p.vars[name]; secret != "" {
			secrets += secret + "\n"
		}
	}
	must(p.t, p.host, `secrets() { cat <<'END'
`+secrets+`END
}
umask 077
! secrets | su -s /bin/sh -c "exec grep -rlsF -f - /etc /var/cache /var/lib /var/log /run /tmp" nobody &&
secrets >/run/sought && ! ps -eo args | grep -qF -f /run/sought && rm /run/sought`)
	if p.vars["token_app_id"] == "" {
		p.getsIn("somebody", "", true)
		return
	}
	app, secret, soon := p.vars["token_app_id"], p.vars["token_secret"], time.Now().Add(time.Hour)
	p.getsIn("who has a token", token(app, secret, p.domain, soon), true)
	p.getsIn("who has no token", "", false)
	p.getsIn("a forger", token(app, "hunter2-forged-0", p.domain, soon), false)
	p.getsIn("another application", token("other", secret, p.domain, soon), false)
	p.getsIn("who has had a token", token(app, secret, p.domain, time.Now().Add(-time.Hour)), false)
}

// random are paths whose content is another one each time that Jitsi's packages make it: keys, salts, and the
// certificate among those that the host trusts.
var random = regexp.MustCompile(`^/(var/lib/prosody/|etc/ssl/certs/)`)

// same wants the host to be as it was at an earlier moment.
func (p *meet) same(what string, earlier *snapshot) {
	p.t.Helper()
	if earlier == nil {
		return
	}
	lines, err := differences(earlier, p.snapshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if lines = slices.DeleteFunc(lines, random.MatchString); len(lines) > 0 {
		p.t.Errorf("%s: not the previous state (before -> after the repair):\n%s", what, strings.Join(lines, "\n"))
	}
}

// starts is another text each time that a unit was started.
func (p *meet) starts(unit string) string {
	p.t.Helper()
	out, err := p.host.Must(p.t.Context(), "systemctl show -P InvocationID "+unit)
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// TestJitsi takes a bare host with plans/jitsi.hcl to a Jitsi that lets people in, repairs drifts, and carries new
// secrets and a new domain through. On each image it is a test of its own, because parallel subtests begin when all other tests
// have: the longest test would be the last.
func TestJitsi(t *testing.T) { testJitsi(t, 0) }

// TestJitsiSecondImage is TestJitsi on another release.
func TestJitsiSecondImage(t *testing.T) { testJitsi(t, 1) }

func testJitsi(t *testing.T, number int) {
	t.Helper()
	t.Parallel()
	images := labtest.Images(t)
	if number >= len(images) {
		t.Skipf("there are %d images", len(images))
	}
	p := launchMeet(t, images[number], "")
	p.vars["bridge_settings"], p.vars["focus_settings"] = "hunter2-in-jvb-conf", "hunter2-in-jicofo-conf"
	p.refusesKeys()
	p.look = newLookout(t, p.host, 100*time.Millisecond)
	p.apply("bare host", nil)
	p.works("bare host")
	p.settled("bare host")

	p.vars["token_app_id"], p.vars["token_secret"], p.vars["turn_secret"] = "rocketchat", "hunter2-token-01", "hunter2-turn-001"
	p.vars["nat"] = fmt.Sprintf("{private = %q, public = \"203.0.113.7\"}", p.host.Address)
	p.apply("tokens, TURN and NAT", nil)
	p.keptSecrets()
	p.works("tokens, TURN and NAT")
	must(t, p.host, `systemctl is-active -q coturn && test "$(stat -c '%a %U:%G' /etc/turnserver.conf)" = "640 root:turnserver"
openssl s_client -connect 127.0.0.1:5349 </dev/null 2>/dev/null | openssl x509 -noout -checkhost `+p.domain+` | grep -q 'does match'
hocon -f /etc/jitsi/videobridge/jvb.conf get ice4j.harvest.mapping.static-mappings | grep -q 203.0.113.7`)
	p.refusesPeers()
	p.settled("tokens, TURN and NAT")
	p.drifts()
	p.renewed()
	p.otherVersion()

	for _, name := range meetSecrets {
		p.vars[name] += "-rotated"
	}
	p.apply("secrets rotated", []string{
		"calls/jitsi.meet/answers-tokens", "calls/jitsi.meet/prosody-settings",
		"calls/jitsi.meet/account-focus", "calls/jitsi.meet/account-bridge", "calls/jitsi.meet/prosody-service", "calls/jitsi.meet/bridge-conf",
		"calls/jitsi.meet/focus-conf", "calls/jitsi.meet/bridge-service", "calls/jitsi.meet/focus-service", "calls/jitsi.meet/turn-conf", "calls/jitsi.meet/turn-service",
	})
	p.works("secrets rotated")
	p.settled("secrets rotated")

	old := p.domain
	page := "/etc/jitsi/meet/" + old + "-config.js"
	must(t, p.host, "echo '// of an administrator' >>"+page)
	p.call("call")
	end := p.watchDoor()
	p.apply("another domain", nil)
	end()
	p.works("another domain")
	must(t, p.host, "! grep -rs --exclude="+old+"-config.js "+old+" /etc/jitsi /etc/turnserver.conf /etc/nginx/sites-enabled/ /etc/prosody/conf.d/")
	must(t, p.host, "tail -n 1 "+page+" | grep -q administrator")
	p.settled("another domain")
	p.call("meet")
	p.apply("the first domain returns", nil)
	p.works("the first domain returns")
	must(t, p.host, "tail -n 1 "+page+" | grep -q administrator")
	p.settled("the first domain returns")

	p.vars["token_app_id"], p.vars["token_secret"], p.vars["turn_secret"] = "", "", ""
	p.apply("no tokens and no TURN any more", nil)
	p.works("no tokens and no TURN any more")
	must(t, p.host, `! systemctl is-active -q coturn && ! systemctl is-enabled -q coturn && ! dpkg -s jitsi-meet-turnserver | grep -q '^Status: .* installed'
! grep -E '^ *[{] type = "(stun|turns?)"' /etc/prosody/conf.d/`+p.domain+`.cfg.lua`)
	p.settled("no tokens and no TURN any more")
}

// keptSecrets ends the lookout, which must have seen no secret.
func (p *meet) keptSecrets() {
	p.t.Helper()
	p.look.enough()
	secrets := map[string]string{}
	for _, name := range meetSecrets {
		secrets[name] = p.vars[name]
	}
	p.look.search(`"step":"calls/jitsi.meet/bridge-conf"`, secrets)
	p.look = nil
}

// refusesKeys wants keys that are not the plan's, or not valid, to be refused before apt sees them.
func (p *meet) refusesKeys() {
	p.t.Helper()
	if p.mirror.Vendor {
		p.t.Log("the vendor has no repository that is to be refused")
		return
	}
	refused := p.mirror.Jitsi.Refused
	for _, r := range []struct {
		what        string
		repository  mirror.JitsiRepository
		fingerprint string
		says        string
	}{
		{"another key", refused.Other, p.mirror.Jitsi.Fingerprint, refused.Other.Fingerprint},
		{"an expired key", refused.Expired, refused.Expired.Fingerprint, "expired"},
		{"a revoked key", refused.Revoked, refused.Revoked.Fingerprint, "revoked"},
	} {
		p.repository(r.repository, r.fingerprint)
		run := p.run(1, "apply")
		if !strings.Contains(run.Stdout+run.Stderr, r.says) {
			p.t.Errorf("%s: the error doesn't say %q:\n%v", r.what, r.says, run)
		}
		must(p.t, p.host, "! ls /etc/apt/sources.list.d/rcprov-jitsi* /etc/apt/keyrings/rcprov-jitsi* 2>/dev/null; ! dpkg -s jicofo 2>/dev/null")
	}
	maps.Copy(p.vars, p.mirror.JitsiVariables())
}

// killed is what a jitsi-meet-prosody leaves whose script was killed when it had written prosody's configuration.
const killed = `
rm -rf /var/lib/prosody/$domain.* /var/lib/prosody/auth.$domain.* /var/lib/prosody/auth%2e*
rm -f /etc/prosody/conf.avail/$domain.cfg.lua /etc/prosody/conf.d/$domain.cfg.lua
sed -i '/^Package: jitsi-meet-prosody$/,/^$/s/ installed$/ half-configured/' /var/lib/dpkg/status
setsid dpkg --configure -a --force-confold >/dev/null 2>&1 & dpkg=$!
until [ -e /etc/prosody/conf.d/$domain.cfg.lua ]; do sleep 0.01; done
kill -9 -$dpkg
sleep 0.2
! test -e /var/lib/prosody/auth.$domain.crt
`

// rosterAsks is a roster as mod_roster_command leaves it when it is killed half way.
const rosterAsks = `
printf 'return {\n\t[false] = {\n\t\t["version"] = 1;\n\t\t["pending"] = {\n\t\t\t["focus.%s"] = true;\n\t\t};\n\t};\n};\n' "$domain" >/tmp/roster
cat /tmp/roster >"$(ls /var/lib/prosody/auth%2e*/roster/focus.dat)"
rm /tmp/roster
`

// drifts makes drifts and wants each repaired alone, with the restarts that it needs.
func (p *meet) drifts() {
	p.t.Helper()
	const step = "calls/jitsi.meet/"
	lua := "/etc/prosody/conf.avail/$domain.cfg.lua"
	prosodyAnew := []string{step + "prosody", step + "prosody-settings", step + "prosody-access", step + "account-focus", step + "account-bridge", step + "prosody-service"}
	for _, drift := range []struct {
		name, script string
		changes      []string
		restarts     []string
	}{
		{"site removed", "rm /etc/nginx/sites-available/$domain.conf /etc/nginx/sites-enabled/$domain.conf; systemctl reload nginx", []string{step + "site", step + "site-service"}, nil},
		{
			"not linked", "rm /etc/nginx/sites-enabled/$domain.conf /etc/prosody/conf.d/$domain.cfg.lua; systemctl reload nginx; systemctl restart prosody",
			[]string{step + "prosody-link", step + "prosody-service", step + "site-link", step + "site-service"},
			[]string{"prosody"},
		},
		{"certificate line", "sed -i 's|ssl_certificate .*;|ssl_certificate /etc/ssl/x.crt;|' /etc/nginx/sites-available/$domain.conf", []string{step + "site"}, nil}, // put back as nginx read it
		{"page names another domain", "sed -i s/$domain/x.lab.test/ /etc/jitsi/meet/$domain-config.js", []string{step + "site"}, nil},
		{"secret in jvb.conf", "sed -i s/hunter2-bridge-1/hunter2-bridge-x/ /etc/jitsi/videobridge/jvb.conf", []string{step + "bridge-conf"}, nil},
		{"secret in jvb.conf, and restarted", "sed -i s/hunter2-bridge-1/hunter2-bridge-x/ /etc/jitsi/videobridge/jvb.conf; systemctl restart jitsi-videobridge2", []string{step + "bridge-conf", step + "bridge-service"}, []string{"jitsi-videobridge2"}},
		{"focus without health", "sed -i s/true/false/ /etc/jitsi/jicofo/jicofo.conf; systemctl restart jicofo", []string{step + "focus-conf", step + "focus-service"}, []string{"jicofo"}},
		{"account removed", "rm /var/lib/prosody/auth%2e*/accounts/jvb.dat; systemctl restart jitsi-videobridge2", []string{step + "account-bridge"}, nil},
		{"account of the focus deleted", "prosodyctl deluser focus@auth.$domain >/dev/null 2>&1", []string{step + "account-focus", step + "roster", step + "prosody-service"}, []string{"prosody"}},
		{"roster of the focus removed", "rm /var/lib/prosody/auth%2e*/roster/focus.dat", []string{step + "roster", step + "prosody-service"}, []string{"prosody"}},
		{"roster of the focus only asks", rosterAsks, []string{step + "roster", step + "prosody-service"}, []string{"prosody"}},
		{"links to certificates removed", "rm /etc/prosody/certs/*$domain.*; systemctl restart prosody", []string{step + "prosody-certificates", step + "prosody-service"}, []string{"prosody"}},
		{"guard removed", "rm /etc/systemd/system/prosody.service.d/rcprov-tokens.conf; systemctl daemon-reload", []string{step + "prosody-guard"}, nil},
		{"focus removed", "apt-mark unhold jitsi-meet jicofo >/dev/null; DEBIAN_FRONTEND=noninteractive apt-get -qq -y remove jicofo </dev/null >/dev/null", []string{step + "packages", step + "focus-script", step + "focus-service"}, []string{"jicofo"}},
		{"focus not started at boot", "update-rc.d jicofo disable", []string{step + "focus-script"}, nil},
		{"account's password", "printf 'xxxxxx\\nxxxxxx\\n' | prosodyctl passwd focus@auth.$domain >/dev/null 2>&1", []string{step + "account-focus"}, nil},
		{"application's secret", "sed -i s/hunter2-token-01/hunter2-token-0x/ " + lua + "; systemctl restart prosody", []string{step + "prosody-settings", step + "prosody-service"}, []string{"prosody"}},
		{"tokens turned off", "sed -i 's/authentication = \"token\" --/authentication = \"jitsi-anonymous\" --/' " + lua, []string{step + "prosody-settings"}, nil},
		{"Lua's module gone", "rm /usr/local/share/lua/5.4/basexx.lua; systemctl restart prosody", []string{step + "lua-basexx", step + "prosody-service"}, []string{"prosody"}},
		{"prosody's configuration readable", "chmod 644 " + lua, []string{step + "prosody-access"}, nil},
		{"prosody's configuration removed", "rm " + lua, prosodyAnew, []string{"prosody", "jicofo", "jitsi-videobridge2"}},
		{"certificate of auth not trusted", "rm /usr/local/share/ca-certificates/auth.$domain.crt", prosodyAnew, []string{"prosody", "jicofo", "jitsi-videobridge2"}},
		{"postinst killed", killed, append([]string{step + "packages"}, prosodyAnew...), []string{"prosody", "jicofo", "jitsi-videobridge2"}},
		{"focus stopped", "systemctl stop jicofo", []string{step + "focus-service"}, []string{"jicofo"}},
		{"bridge stopped", "systemctl stop jitsi-videobridge2", []string{step + "bridge-service"}, []string{"jitsi-videobridge2"}},
		{"prosody stopped", "systemctl stop prosody", []string{step + "prosody-service"}, []string{"prosody"}},
		{"secret of TURN readable", "chmod 644 /etc/turnserver.conf", []string{step + "turn-conf"}, nil},
		{"secret of TURN", "sed -i s/hunter2-turn/hunter2-x/ /etc/turnserver.conf; systemctl restart coturn", []string{step + "turn-conf", step + "turn-service"}, []string{"coturn"}},
		{"another answer", "echo 'jitsi-meet-web-config jitsi-meet/cert-choice select no such choice' | debconf-set-selections", []string{step + "answers-web"}, nil},
		{"no longer held", "apt-mark unhold jicofo >/dev/null", []string{step + "packages"}, nil},
	} {
		units := []string{"prosody", "jicofo", "jitsi-videobridge2", "coturn", "nginx"}
		state := p.snapshot()
		must(p.t, p.host, "domain="+p.domain+"\n"+drift.script)
		before := map[string]string{}
		for _, unit := range units {
			before[unit] = p.starts(unit)
		}
		p.run(2, "plan")
		end := p.watchDoor()
		p.apply(drift.name, drift.changes)
		end()
		for _, unit := range units {
			if restarted := p.starts(unit) != before[unit]; restarted != slices.Contains(drift.restarts, unit) {
				p.t.Errorf("%s: %s was restarted: %v", drift.name, unit, restarted)
			}
		}
		p.same(drift.name, state)
		p.apply(drift.name+", again", []string{})
	}
	p.works("after all drifts")
}

// otherVersion has somebody install another version of all packages: prosody, which their scripts don't restart, gets its plugins.
func (p *meet) otherVersion() {
	p.t.Helper()
	if p.mirror.Vendor {
		p.t.Log("nobody knows which versions the vendor has")
		return
	}
	must(p.t, p.host, `export DEBIAN_FRONTEND=noninteractive
apt-get -y -q install --allow-downgrades --allow-change-held-packages -o Dpkg::Options::=--force-confold `+strings.Join(p.mirror.Jitsi.Previous, " ")+` </dev/null >/dev/null`)
	before := p.starts("prosody")
	p.apply("another version", []string{"calls/jitsi.meet/packages", "calls/jitsi.meet/prosody-service"})
	if p.starts("prosody") == before {
		p.t.Error("another version: prosody still runs with the plugins of the first one")
	}
	p.works("another version")
}

// renewed wants a certificate that is about to expire to be renewed, and each user of it to take it up once: nginx by a
// reload, coturn, to which systemd hands it, by a restart.
func (p *meet) renewed() {
	p.t.Helper()
	expiresSoon(p.t, p.host, p.domain)
	must(p.t, p.host, "systemctl restart coturn")
	count := func() map[string]int {
		taken := map[string]int{"nginx": logged(p.t, p.host, "nginx", "Reloaded")}
		for _, unit := range []string{"nginx", "prosody", "jicofo", "jitsi-videobridge2", "coturn"} {
			taken[unit] += logged(p.t, p.host, unit, "Started")
		}
		return taken
	}
	want := count()
	want["nginx"]++
	want["coturn"]++
	p.apply("certificate about to expire", []string{"calls/certificate/acme_certificate.site/certificate", "calls/jitsi.meet/turn-service", "calls/jitsi.meet/site-service"})
	if diff := cmp.Diff(want, count()); diff != "" {
		p.t.Errorf("certificate about to expire: reloads and starts (-want +got):\n%s", diff)
	}
	p.works("certificate about to expire")
	p.settled("certificate about to expire")
}

// begin starts to apply the plan, and returns when a line of its output has all of texts, or when it has ended without.
// stop kills it.
func (p *meet) begin(texts ...string) (stop func()) {
	p.t.Helper()
	cmd := p.laptop.Command(p.t.Context(), p.args("apply")...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(lines.Text(), text) }) {
			return func() {
				_ = cmd.Process.Kill() // it may have ended
				_, _ = io.Copy(io.Discard, out)
				_ = cmd.Wait()
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		p.t.Fatalf("apply: %v\n%s", err, strings.Join(said, "\n"))
	}
	p.t.Logf("apply ended before %q: nothing to change there", texts)
	return func() {}
}

// killAt kills rcprov some time after it began to change what a step is for.
func (p *meet) killAt(step string, after time.Duration) {
	p.t.Helper()
	stop := p.begin(`"step":"calls/jitsi.meet/`+step+`"`, `"text":"changing"`)
	time.Sleep(after)
	stop()
}

// cutAt cuts the host's power when a path is there.
func (p *meet) cutAt(path string) {
	p.t.Helper()
	stop := p.begin(`"text":"changing"`)
	must(p.t, p.host, "for i in $(seq 6000); do if [ -e "+path+" ]; then exit 0; fi; sleep 0.02; done; exit 1")
	if err := p.host.Kill(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	stop()
	if err := p.host.Start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// TestJitsiKilled cuts the host's power while Jitsi's packages are configured, and kills apply again and again, on the
// way from a bare host and on the way to another domain with other secrets.
func TestJitsiKilled(t *testing.T) {
	t.Parallel()
	p := launchMeet(t, labtest.Images(t)[0], "")
	p.vars["token_app_id"], p.vars["token_secret"], p.vars["turn_secret"] = "rocketchat", "hunter2-token-01", "hunter2-turn-001"
	kill := func(step string, after time.Duration) func() { return func() { p.killAt(step, after) } }
	cut := func(path string) func() { return func() { p.cutAt(path) } }
	try := func(what string, disturb ...func()) {
		t.Helper()
		for _, f := range disturb {
			f()
		}
		p.apply(what, nil)
		p.works(what)
		p.settled(what)
	}
	try("bare host",
		kill("repository", 0), kill("packages", time.Second), cut("/etc/prosody/conf.d/"+p.domain+".cfg.lua"),
		kill("prosody", 2*time.Second), kill("prosody-service", 0), kill("focus-conf", 0), kill("focus-service", time.Second/2))
	old := p.domain
	p.call("call")
	for _, name := range meetSecrets {
		if p.vars[name] != "" {
			p.vars[name] += "-rotated"
		}
	}
	end := p.watchDoor()
	try("another domain",
		kill("answers-web", 0), kill("prosody", 0), kill("prosody", 2*time.Second), cut("/etc/prosody/conf.d/"+p.domain+".cfg.lua"),
		kill("bridge-conf", 0), kill("focus-service", 0), kill("site", time.Second))
	end()
	must(t, p.host, "! grep -rs --exclude="+old+"-config.js "+old+" /etc/jitsi /etc/turnserver.conf /etc/nginx/sites-enabled/ /etc/prosody/conf.d/")
}

// TestJitsiBesideAnotherSite has nginx serve another site with a certificate of its own.
func TestJitsiBesideAnotherSite(t *testing.T) {
	t.Parallel()
	p := launchMeet(t, labtest.Images(t)[0], `
play "chat" {
  hosts = [host.meet]
  acme_certificate "chat" {
    source = "self_signed"
    names  = ["chat.lab.test"]
  }
  nginx_site "chat" {
    names       = ["chat.lab.test"]
    certificate = acme_certificate.chat.certificate
    key         = acme_certificate.chat.key
    location "/" {
      config = "return 200 chat;"
    }
  }
}
`)
	p.apply("bare host", nil)
	p.works("beside another site")
	must(t, p.host, `test "$(curl -fsk --resolve chat.lab.test:443:127.0.0.1 https://chat.lab.test/)" = chat
test "$(curl -so /dev/null -w %{http_code} --resolve `+p.domain+`:80:127.0.0.1 http://`+p.domain+`/room)" = 301
systemctl restart nginx`)
	p.works("after a restart of nginx")
	p.settled("beside another site")

	// The certificate is renewed through the site's own port 80, and every user of it takes it up.
	must(t, p.host, "rm /var/lib/lego/certificates/"+p.domain+".*")
	p.apply("certificate lost", nil)
	p.works("certificate lost")
}
