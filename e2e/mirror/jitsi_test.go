package mirror_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// TestJitsi installs Jitsi's packages by hand, and runs into their traps.
func TestJitsi(t *testing.T) {
	m := require(t).Jitsi
	for _, image := range []string{"debian-12", "debian-13"} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			h := labtest.Launch(t, image)
			for _, test := range []struct { // each needs the host as the previous one left it
				name string
				run  func(*testing.T, *lab.Host)
			}{
				{"keys", func(t *testing.T, h *lab.Host) { testJitsiKeys(t, m, h) }},
				{"install", testJitsiInstall},
				{"secrets", testJitsiSecrets},
				{"tokens", testJitsiTokens},
				{"host name", testJitsiHostName},
				{"misleading answers", testJitsiMisleadingAnswers},
				{"interrupted", testJitsiInterrupted},
			} {
				if !t.Run(test.name, func(t *testing.T) { test.run(t, h) }) {
					return
				}
			}
		})
	}
}

// testJitsiKeys checks that apt refuses all repositories except the good one, which it leaves on the host.
func testJitsiKeys(t *testing.T, m mirror.Jitsi, h *lab.Host) {
	update := func(keyURL, uri string) lab.Output {
		out, err := h.Exec(t.Context(), fmt.Sprintf(`set -e
install -d /etc/apt/keyrings
rm -f /etc/apt/keyrings/jitsi.asc # apt-helper keeps a file unless the server's is newer, in whole seconds
/usr/lib/apt/apt-helper -q download-file %s /etc/apt/keyrings/jitsi.asc >&2
chmod 644 /etc/apt/keyrings/jitsi.asc
cat >/etc/apt/sources.list.d/jitsi.sources <<'END'
Types: deb
URIs: %s
Suites: %s
Signed-By: /etc/apt/keyrings/jitsi.asc
END
apt-get -q --error-on=any update -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/jitsi.sources -o Dir::Etc::sourceparts=- 2>&1`, keyURL, uri, m.Suite))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, bad := range []struct{ name, keyURL, uri, says string }{
		{"signed by another key", m.KeyURL, m.Refused.Other.URI, "NO_PUBKEY|Missing key"},
		{"expired", m.Refused.Expired.KeyURL, m.Refused.Expired.URI, "EXPKEYSIG|Expired on"},
		{"revoked", m.Refused.Revoked.KeyURL, m.Refused.Revoked.URI, "REVKEYSIG|certificate is revoked"},
	} {
		if out := update(bad.keyURL, bad.uri); out.Status != 100 || !regexp.MustCompile(bad.says).MatchString(out.Stdout) {
			t.Errorf("%s: status %d: %s", bad.name, out.Status, out.Stdout)
		}
	}
	if out := update(m.KeyURL, m.URI); out.Status != 0 || strings.Contains(out.Stdout, "\nW:") {
		t.Fatalf("the good repository: %+v", out)
	}
	must(t, h, "apt-get -q --error-on=any update 2>&1")
}

const (
	jitsiHost     = "meet.lab.test"
	jitsiPackages = "jitsi-videobridge2 jicofo jitsi-meet-prosody jitsi-meet-web-config jitsi-meet-turnserver" // those with questions
)

// The services' health. The focus answers 200 when a bridge has joined and both secrets are right.
const (
	focusHealthy = "curl -fs http://127.0.0.1:8888/about/health"
	focusSick    = "curl -s -w '%{http_code}' http://127.0.0.1:8888/about/health | grep 500"
	bridgeUp     = "curl -fs http://127.0.0.1:8080/about/health"
	askHealth    = "hocon -f /etc/jitsi/jicofo/jicofo.conf set jicofo.health.enabled true; systemctl restart jicofo"
)

// presetJitsi answers the questions for a host name, with extra answers last, and puts a certificate where they point.
func presetJitsi(t *testing.T, h *lab.Host, name string, extra ...string) {
	t.Helper()
	must(t, h, fmt.Sprintf(`set -e
mkdir -p /root/tls/%[1]s
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=%[1]s -keyout /root/tls/%[1]s/key.pem -out /root/tls/%[1]s/crt.pem 2>/dev/null
debconf-set-selections <<'END'
jitsi-videobridge2 jitsi-videobridge/jvb-hostname string %[1]s
jitsi-videobridge2 jitsi-videobridge/jvbsecret password the-secret-of-jvb
jitsi-meet-prosody jicofo/jicofo-authpassword password the-secret-of-focus
jitsi-meet-prosody jitsi-meet-prosody/turn-secret string the-secret-of-turn
jitsi-meet-web-config jitsi-meet/cert-choice select I want to use my own certificate
jitsi-meet-web-config jitsi-meet/cert-path-key string /root/tls/%[1]s/key.pem
jitsi-meet-web-config jitsi-meet/cert-path-crt string /root/tls/%[1]s/crt.pem
jitsi-meet-web-config jitsi-meet/email string
jitsi-meet-web-config jitsi-meet/jaas-choice boolean false
%[2]s
END`, name, strings.Join(extra, "\n")))
}

// tryApt runs apt-get as a provisioner does.
func tryApt(t *testing.T, h *lab.Host, args string) lab.Output {
	t.Helper()
	out, err := h.Exec(t.Context(), "LC_ALL=C DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical apt-get -q -y -o DPkg::Use-Pty=0 "+
		args+" 2>&1 </dev/null")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func apt(t *testing.T, h *lab.Host, args string) {
	t.Helper()
	if out := tryApt(t, h, args); out.Status != 0 {
		t.Fatalf("apt-get %s: status %d: %s", args, out.Status, out.Stdout)
	}
}

// reconfigureJitsi reads all answers again.
func reconfigureJitsi(t *testing.T, h *lab.Host) {
	t.Helper()
	must(t, h, "for p in "+jitsiPackages+"; do DEBIAN_FRONTEND=noninteractive dpkg-reconfigure $p 2>&1 </dev/null || exit; done")
}

func purgeJitsi(t *testing.T, h *lab.Host) {
	t.Helper()
	apt(t, h, "purge jitsi-meet jitsi-meet-web jitsi-meet-tokens "+jitsiPackages)
	if left := must(t, h, "ls -d /etc/jitsi/*/*.conf /var/lib/prosody/auth%2e* /etc/nginx/sites-enabled/*.lab.test.conf 2>/dev/null; getent passwd jvb jicofo; true"); left != "" {
		t.Errorf("left after purge: %s", left)
	}
}

// eventually waits until a script succeeds.
func eventually(t *testing.T, h *lab.Host, script string) {
	t.Helper()
	out := must(t, h, "for i in $(seq 75); do ("+script+") >/dev/null 2>&1 && exit 0; sleep .2; done; ("+script+") 2>&1; "+
		"echo FAILED; tail -n 5 /var/log/jitsi/*.log /var/log/prosody/prosody.log")
	if out != "" {
		t.Fatalf("never came true: %s\n%s", script, out)
	}
}

func testJitsiInstall(t *testing.T, h *lab.Host) {
	apt(t, h, "install openssl curl")
	presetJitsi(t, h, jitsiHost)
	start := time.Now()
	apt(t, h, "install jitsi-meet")
	t.Logf("installed in %s", time.Since(start).Round(time.Second))

	eventually(t, h, "grep 'added bridge' /var/log/jitsi/jicofo.log")
	eventually(t, h, bridgeUp)
	for _, unit := range []string{"nginx", "prosody", "coturn", "jicofo", "jitsi-videobridge2"} {
		must(t, h, "systemctl is-active "+unit+" && systemctl is-enabled "+unit+" 2>&1")
	}
	if got := must(t, h, "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8888/about/health"); got != "404" {
		t.Errorf("health of a focus that isn't told to have any: %s", got)
	}
	must(t, h, askHealth)
	eventually(t, h, focusHealthy)
	if got := must(t, h, "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' 'openjdk-*' | grep ^ii"); got != map[string]string{
		"debian-12": "ii  openjdk-17-jre-headless\n", "debian-13": "ii  openjdk-21-jre-headless\n",
	}[h.Image] {
		t.Errorf("Java on %s: %s", h.Image, got)
	}

	want := `/etc/jitsi/jicofo jicofo:jitsi 750
/etc/jitsi/jicofo/config jicofo:jitsi 644
/etc/jitsi/jicofo/jicofo.conf jicofo:jitsi 644
/etc/jitsi/meet/meet.lab.test-config.js root:root 644
/etc/jitsi/videobridge jvb:jitsi 750
/etc/jitsi/videobridge/jvb.conf jvb:jitsi 644
/etc/nginx/sites-available/meet.lab.test.conf root:root 644
/etc/prosody/conf.avail/meet.lab.test.cfg.lua root:root 644
/etc/turnserver.conf root:root 644
/var/lib/prosody/auth%2emeet%2elab%2etest/accounts/focus.dat prosody:prosody 640
/var/lib/prosody/auth%2emeet%2elab%2etest/accounts/jvb.dat prosody:prosody 640
/var/lib/prosody/auth.meet.lab.test.key prosody:prosody 400
`
	files := regexp.MustCompile(` .*\n`).ReplaceAllString(want, " ")
	if got := must(t, h, "stat -c '%n %U:%G %a' "+files); got != want {
		t.Errorf("files:\n%swant:\n%s", got, want)
	}
	must(t, h, "nginx -t; grep -q 'ssl_certificate /root/tls/meet.lab.test/crt.pem;' /etc/nginx/sites-available/meet.lab.test.conf")
	must(t, h, "grep -q '^static-auth-secret=the-secret-of-turn' /etc/turnserver.conf")
	if page := request(t, h, jitsiHost, "/some-room", ""); !strings.Contains(page, "config.js") {
		t.Errorf("page of a room: %s", page)
	}
	if js := request(t, h, jitsiHost, "/config.js", ""); !strings.Contains(js, "domain: 'meet.lab.test'") {
		t.Errorf("config.js: %s", js)
	}
	if got := saslOverBOSH(t, h, ""); got != "success" {
		t.Errorf("a guest over BOSH: %s", got)
	}
	must(t, h, `curl -sk --http1.1 -m 2 -i --resolve meet.lab.test:443:127.0.0.1 https://meet.lab.test/xmpp-websocket -H 'Upgrade: websocket' `+
		`-H 'Connection: upgrade' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' -H 'Sec-WebSocket-Protocol: xmpp' | grep -q '^HTTP/1.1 101'`)
}

// testJitsiSecrets changes secrets where it has no effect, and where it has one.
func testJitsiSecrets(t *testing.T, h *lab.Host) {
	const sums = "sha256sum /etc/jitsi/*/*.conf /etc/turnserver.conf /etc/prosody/conf.avail/* /var/lib/prosody/auth%2e*/accounts/*"
	before := must(t, h, sums)
	presetJitsi(t, h, jitsiHost, "jitsi-videobridge2 jitsi-videobridge/jvbsecret password changed",
		"jitsi-meet-prosody jicofo/jicofo-authpassword password changed", "jitsi-meet-prosody jitsi-meet-prosody/turn-secret string changed")
	apt(t, h, "install --reinstall "+jitsiPackages)
	reconfigureJitsi(t, h)
	if after := must(t, h, sums); after != before {
		t.Errorf("changed answers reached something:\n%s%s", before, after)
	}
	eventually(t, h, focusHealthy)

	must(t, h, "printf 'changed\nchanged\n' | prosodyctl passwd jvb@auth.meet.lab.test >/dev/null; systemctl restart jitsi-videobridge2")
	eventually(t, h, focusSick)
	eventually(t, h, bridgeUp)
	must(t, h, "hocon -f /etc/jitsi/videobridge/jvb.conf set videobridge.apis.xmpp-client.configs.shard.PASSWORD '\"changed\"'; systemctl restart jitsi-videobridge2")
	eventually(t, h, focusHealthy)
	must(t, h, "[ \"$(stat -c %U:%G:%a /etc/jitsi/videobridge/jvb.conf)\" = jvb:jitsi:644 ]")
}

// testJitsiTokens installs token authentication, which refuses everybody until Lua 5.4 finds its libraries.
func testJitsiTokens(t *testing.T, h *lab.Host) {
	must(t, h, `debconf-set-selections <<'END'
jitsi-meet-tokens jitsi-meet-tokens/appid string chat
jitsi-meet-tokens jitsi-meet-tokens/appsecret password hush
END`)
	apt(t, h, "install jitsi-meet-tokens")
	if got := saslOverBOSH(t, h, ""); got != "no mechanism" {
		t.Errorf("without the Lua libraries: %s", got)
	}
	must(t, h, `mkdir -p /usr/local/share/lua/5.4; cd /usr/local/share/lua/5.4
ln -s ../../../../share/lua/5.2/basexx.lua ../../../../share/lua/5.3/inspect.lua .
systemctl restart prosody`)
	hour := time.Now().Add(time.Hour).Unix()
	good := fmt.Sprintf(`{"iss":"chat","aud":"anything","room":"*","sub":"meet.lab.test","exp":%d}`, hour)
	for _, c := range []struct{ name, token, want string }{
		{"good", token("hush", good), "success"},
		{"none", "", "not-allowed"},
		{"forged", token("guess", good), "not-allowed"},
		{"of somebody else", token("hush", strings.Replace(good, "chat", "talk", 1)), "not-allowed"},
		{"without audience", token("hush", strings.Replace(good, "aud", "dua", 1)), "not-allowed"},
		{"expired", token("hush", strings.Replace(good, fmt.Sprint(hour), "1700000000", 1)), "not-allowed"},
	} {
		if got := saslOverBOSH(t, h, c.token); got != c.want {
			t.Errorf("token %s: %s", c.name, got)
		}
	}
	eventually(t, h, focusHealthy)

	must(t, h, "echo 'jitsi-meet-tokens jitsi-meet-tokens/appsecret password later' | debconf-set-selections")
	apt(t, h, "install --reinstall jitsi-meet-tokens")
	apt(t, h, "remove jitsi-meet-tokens")
	if got := saslOverBOSH(t, h, ""); got != "success" {
		t.Errorf("a guest after tokens were removed: %s", got)
	}
	apt(t, h, "install jitsi-meet-tokens")
	if got := saslOverBOSH(t, h, token("hush", good)); got != "success" {
		t.Errorf("with the first secret, after changes in debconf: %s", got)
	}
	must(t, h, "echo 'jitsi-meet-tokens jitsi-meet-tokens/appsecret password a/b' | debconf-set-selections")
	if out := tryApt(t, h, "install --reinstall jitsi-meet-tokens"); out.Status != 100 {
		t.Errorf("a secret with a slash: %+v; want 100", out)
	}
	apt(t, h, "purge jitsi-meet-tokens")
}

// testJitsiHostName changes the host name in the way that silently fails, then in the way that works.
func testJitsiHostName(t *testing.T, h *lab.Host) {
	const name = "video.lab.test"
	presetJitsi(t, h, name)
	reconfigureJitsi(t, h)
	must(t, h, "systemctl is-active jicofo jitsi-videobridge2 prosody nginx coturn")
	eventually(t, h, focusSick)
	eventually(t, h, bridgeUp)
	must(t, h, "grep -q meet.lab.test /etc/jitsi/videobridge/jvb.conf && grep -q focus.video.lab.test /etc/jitsi/jicofo/jicofo.conf && "+
		"grep -q '\"auth.meet.lab.test\"' /etc/jitsi/jicofo/jicofo.conf")
	if js := request(t, h, name, "/config.js", ""); !strings.Contains(js, name) {
		t.Errorf("config.js: %s", js)
	}

	presetJitsi(t, h, name)
	must(t, h, "rm /etc/jitsi/videobridge/jvb.conf /etc/jitsi/jicofo/jicofo.conf")
	reconfigureJitsi(t, h)
	must(t, h, askHealth)
	eventually(t, h, focusHealthy)
	must(t, h, "[ -e /etc/nginx/sites-available/meet.lab.test.conf ] && ! [ -e /etc/nginx/sites-enabled/meet.lab.test.conf ]")
	must(t, h, "rm -r /etc/nginx/sites-available/meet.lab.test.conf /etc/prosody/conf.avail/meet.lab.test.cfg.lua /var/lib/prosody/*meet*")
}

// testJitsiMisleadingAnswers installs again, with answers that don't do what they seem to.
func testJitsiMisleadingAnswers(t *testing.T, h *lab.Host) {
	const certificate = "grep -o 'ssl_certificate .*' /etc/nginx/sites-available/meet.lab.test.conf 2>/dev/null; true"
	const selfSigned = "ssl_certificate /etc/jitsi/meet/meet.lab.test.crt;\n"
	for _, c := range []struct{ name, answer, want, asked string }{
		{"wrong choice", "jitsi-meet/cert-choice select I want my own certificate", selfSigned, "0 I want my own certificate\n"},
		{"no choice", "jitsi-meet/cert-choice select", selfSigned, "0 Let's Encrypt certificates\n"},
		{"remembered name", "jitsi-meet/jvb-hostname string " + jitsiHost, "", "0 I want to use my own certificate\n"},
	} {
		purgeJitsi(t, h)
		presetJitsi(t, h, jitsiHost, "jitsi-meet-web-config "+c.answer)
		apt(t, h, "install jitsi-meet-web-config jitsi-videobridge2")
		if got := must(t, h, certificate); got != c.want {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
		if got := must(t, h, "echo GET jitsi-meet/cert-choice | debconf-communicate"); got != c.asked {
			t.Errorf("%s: debconf has %q; want %q", c.name, got, c.asked)
		}
	}
	purgeJitsi(t, h)
	if out := tryApt(t, h, "install jitsi-meet-prosody"); out.Status != 100 {
		t.Errorf("jitsi-meet-prosody alone, without answers: %+v; want 100", out)
	}
}

// testJitsiInterrupted kills the installation in the middle of the script of jitsi-meet-prosody, whose next run doesn't
// complete the work. When only the script is killed, debconf's frontend even reports success.
func testJitsiInterrupted(t *testing.T, h *lab.Host) {
	purgeJitsi(t, h)
	presetJitsi(t, h, jitsiHost)
	must(t, h, `mv /usr/bin/prosodyctl /root; printf '#!/bin/sh\npkill -9 -x "apt-get|dpkg|frontend|jitsi-meet-pros"\n' >/usr/bin/prosodyctl; chmod 755 /usr/bin/prosodyctl`)
	if out := tryApt(t, h, "install jitsi-meet"); out.Status != 137 {
		t.Fatalf("killed in the middle: %+v; want 137", out)
	}
	must(t, h, "mv /root/prosodyctl /usr/bin; DEBIAN_FRONTEND=noninteractive dpkg --configure -a 2>&1")
	must(t, h, "systemctl is-active jicofo jitsi-videobridge2; ! ls /var/lib/prosody/auth%2emeet%2elab%2etest/accounts/*.dat 2>/dev/null")

	must(t, h, `set -e
rm /etc/prosody/conf.avail/meet.lab.test.cfg.lua /etc/prosody/conf.d/meet.lab.test.cfg.lua
rm -rf /var/lib/prosody/meet.lab.test.* /var/lib/prosody/auth.meet.lab.test.* /var/lib/prosody/auth%2e*
DEBIAN_FRONTEND=noninteractive dpkg-reconfigure jitsi-meet-prosody 2>&1
systemctl restart jitsi-videobridge2`)
	must(t, h, askHealth)
	eventually(t, h, focusHealthy)
}

// request returns the answer of a site on the host, with any certificate; it is a POST if there is a body.
func request(t *testing.T, h *lab.Host, name, path, body string) string {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(h.Address, "443"))
		},
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true,
	}}
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+name+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read only
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s, %v", r.URL, response.Status, text, err)
	}
	return string(text)
}

var sidPattern = regexp.MustCompile(`sid=['"]([^'"]+)`)

// saslOverBOSH logs in through the web site, with the token if there is one (XEP-0124, RFC 6120 section 6). It returns
// "success", the condition of the failure, or "no mechanism" if the server offers none.
func saslOverBOSH(t *testing.T, h *lab.Host, token string) string {
	t.Helper()
	eventually(t, h, "bash -c '</dev/tcp/127.0.0.1/5280'") // prosody may just be starting
	path := "/http-bind"
	if token != "" {
		path += "?token=" + url.QueryEscape(token)
	}
	features := request(t, h, jitsiHost, path, `<body rid='1' to='meet.lab.test' wait='5' hold='1' ver='1.6' xml:lang='en' xmpp:version='1.0' `+
		`xmlns:xmpp='urn:xmpp:xbosh' xmlns='http://jabber.org/protocol/httpbind'/>`)
	sid := sidPattern.FindStringSubmatch(features)
	if sid == nil || !strings.Contains(features, "<mechanism>ANONYMOUS</mechanism>") {
		return "no mechanism"
	}
	answer := request(t, h, jitsiHost, path, `<body rid='2' sid='`+sid[1]+`' xmlns='http://jabber.org/protocol/httpbind'>`+
		`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/></body>`)
	for _, word := range []string{"success", "not-allowed"} {
		if strings.Contains(answer, "<"+word) {
			return word
		}
	}
	return answer
}

// token returns a JSON Web Token signed with HS256 (RFC 7519).
func token(secret, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	signature := hmac.New(sha256.New, []byte(secret))
	signature.Write([]byte(text))
	return text + "." + encode(signature.Sum(nil))
}
