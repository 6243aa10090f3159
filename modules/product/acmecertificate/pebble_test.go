package acmecertificate

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-acme/lego/v4/challenge/http01"
	"github.com/go-jose/go-jose/v4"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// lab is a CA (Pebble), the DNS that it asks, and a web server that it finds there.
type lab struct {
	directory, dns, port, webroot string
	roots                         []byte
	store                         *db.MemoryStore
	asked                         *atomic.Int32 // how often for renewal information
	fault                         *atomic.Pointer[faulty]
}

// newLab starts the CA, which asks the DNS server at an address; empty: one of the test, for which see [startDNS]. knobs are settings
// of Pebble, NAME=VALUE.
func newLab(t *testing.T, dnsServer string, knobs ...string) lab {
	for name, value := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"} {
		t.Setenv(name, value)
	}
	for _, knob := range knobs {
		name, value, _ := strings.Cut(knob, "=")
		t.Setenv(name, value)
	}
	quiet := log.New(io.Discard, "", 0)
	l := lab{webroot: t.TempDir(), dns: dnsServer}
	if dnsServer == "" {
		l.dns = startDNS(t, map[string]string{"away.example.com.": "127.0.0.77"})
	}

	web := httptest.NewServer(http.FileServer(http.Dir(l.webroot)))
	t.Cleanup(web.Close)
	u, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	l.port = u.Port()
	port, err := strconv.Atoi(l.port)
	if err != nil {
		t.Fatal(err)
	}

	store := db.NewMemoryStore()
	l.store, l.asked, l.fault = store, new(atomic.Int32), new(atomic.Pointer[faulty])
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: uint64(quarter / time.Second)}})
	validation := va.New(quiet, port, 1, true, l.dns, store)
	front := wfe.New(quiet, store, validation, authority, []string{"pebble.letsencrypt.org"}, true, false, 1, 1)
	handler := front.Handler()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "renewalInfo") {
			l.asked.Add(1)
		}
		if l.fault.Load().hits(w, r) {
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	l.directory = server.URL + wfe.DirectoryPath
	l.roots = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return l
}

// startDNS starts a name server for the test and returns its address. A name that has no address of its own resolves to 127.0.0.1.
func startDNS(t *testing.T, elsewhere map[string]string) string {
	t.Helper()
	listener, packets := listenBoth(t)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		reply := new(dns.Msg).SetReply(question)
		if q := question.Question[0]; q.Qtype == dns.TypeA {
			address := "127.0.0.1"
			if other, ok := elsewhere[q.Name]; ok {
				address = other
			}
			reply.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(address)}}
		}
		_ = w.WriteMsg(reply) // a lost reply is asked for again
	})
	for _, server := range []*dns.Server{{Listener: listener, Handler: handler}, {PacketConn: packets, Handler: handler}} {
		go func() { _ = server.ActivateAndServe() }() // until the end of the test
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return listener.Addr().String()
}

// listenBoth takes a port of TCP, which Pebble asks, that is free for UDP as well, which rcprov asks.
func listenBoth(t *testing.T) (net.Listener, net.PacketConn) {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if packets, err := net.ListenPacket("udp", listener.Addr().String()); err == nil {
			return listener, packets
		}
		_ = listener.Close()
	}
	t.Fatal("no port is free for both TCP and UDP")
	return nil, nil
}

// steps returns the placeholder and the certificate for names, with lego's directory at dir.
func (l lab) steps(t *testing.T, dir string, names ...string) (*SelfSigned, *Issue) {
	t.Helper()
	args := defaults(fromACME)
	args.Names, args.Directory, args.Webroot, args.Nameservers, args.CAFile = names, l.directory, l.webroot, []string{l.dns}, "ca.pem"
	e := env()
	e.ReadFile = func(string) ([]byte, error) { return l.roots, nil }
	parts, _, err := New(args, e)
	if err != nil {
		t.Fatal(err)
	}
	held, issue := parts[0].Step.(*SelfSigned), parts[1].Step.(*Issue)
	issue.Lego, issue.port, issue.cache, issue.pause = dir, l.port, t.TempDir(), time.Millisecond
	issue.Pair = Pair{dir + "/certificates/" + names[0] + ".crt", dir + "/certificates/" + names[0] + ".key"}
	held.Pair = issue.Pair
	return held, issue
}

// TestPebble gets certificates from a real ACME server, which validates for real.
func TestPebble(t *testing.T) {
	l := newLab(t, "")
	dir := t.TempDir() + "/lego"
	host := &moduletest.Host{}
	held, step := l.steps(t, dir, "chat.example.com")

	serial := func() string {
		t.Helper()
		text, err := os.ReadFile(step.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		chain, err := parseChain(text)
		if err != nil || len(chain) != 2 {
			t.Fatalf("%d certificates, %v", len(chain), err)
		}
		return chain[0].SerialNumber.Text(16)
	}
	moduletest.Converge(t, host, held)
	moduletest.Converge(t, host, step)
	first := serial()
	if left, err := filepath.Glob(l.webroot + "/*"); err != nil || len(left) > 0 {
		t.Errorf("left in the webroot: %v %v", left, err)
	}
	account, err := os.ReadFile(step.accountDir() + "/account.json")
	if err != nil || !strings.Contains(string(account), `"uri"`) {
		t.Errorf("account: %s %v", account, err)
	}

	// The account is lost; then only what the CA says of its key is.
	registered := &Registered{step}
	for _, lost := range []string{step.Lego + "/accounts", step.accountText()} {
		if err := os.RemoveAll(lost); err != nil {
			t.Fatal(err)
		}
		moduletest.Converge(t, host, registered)
	}

	// The host says that the account is elsewhere: nobody asks there.
	elsewhere := regexp.MustCompile(`"uri": *"[^"]*"`).ReplaceAll(account, []byte(`"uri": "http://127.0.0.1:1/account"`))
	if err := os.WriteFile(step.accountText(), elsewhere, 0o600); err != nil {
		t.Fatal(err)
	}

	// The moment to renew has come.
	text, err := os.ReadFile(step.originPath())
	if err != nil {
		t.Fatal(err)
	}
	note := origin{}
	if err := json.Unmarshal(text, &note); err != nil || note.RenewAt.Before(time.Now().Add(quarter/2)) {
		t.Errorf("noted is %s (%v)", text, err)
	}
	note.RenewAt = time.Now().Add(-time.Minute)
	if text, err = json.Marshal(note); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(step.originPath(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	// An earlier run was killed while the CA validated; somebody else has a challenge as well.
	left := "token." + thumbprint(t, step)
	l.leave(t, map[string]string{"token": left, "rcprov-x": "probe", "other": "other.thumbprint"})
	c := moduletest.Converge(t, host, step)
	if there, err := filepath.Glob(l.webroot + http01.PathPrefix + "*"); err != nil || len(there) != 1 || filepath.Base(there[0]) != "other" {
		t.Errorf("challenges left: %v %v", there, err)
	}
	if e, ok := c.Find("renew"); !ok || serial() == first {
		t.Errorf("not renewed: %+v", e)
	}
	if text, err := os.ReadFile(step.accountText()); err != nil || strings.Contains(string(text), "127.0.0.1:1/account") {
		t.Errorf("the account is still elsewhere: %s %v", text, err)
	}

	t.Run("the CA is going to revoke it", func(t *testing.T) {
		l.revocation(t, host, step)
	})
	t.Run("a renewal that fails is no error", func(t *testing.T) {
		note.Serial, note.RenewAt = serial(), time.Now().Add(-time.Minute)
		text, err := json.Marshal(note)
		if err == nil {
			err = os.WriteFile(step.originPath(), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		wrong := *step
		wrong.Webroot = t.TempDir()
		before := serial()
		moduletest.Converge(t, host, &wrong)
		c := moduletest.Diff(t, host, &wrong)
		if len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "the CA was not asked, because it could not reach the host") || serial() != before {
			t.Errorf("notes %q", c.Notes)
		}
		wrong.FailBelow = 2 * quarter
		change := moduletest.Diff(t, host, &wrong)
		if err := wrong.Apply(t.Context(), host, change); err == nil || !strings.HasPrefix(err.Error(), "the CA was not asked") {
			t.Errorf("with little left: %v", err)
		}
	})
	t.Run("name that leads elsewhere", func(t *testing.T) {
		_, away := l.steps(t, dir, "away.example.com") // 127.0.0.77; the web server has only 127.0.0.1
		l.refused(t, host, away, "the CA was not asked, because it could not reach the host: away.example.com resolves to 127.0.0.77:"+l.port+", where nothing answers: connection refused")
	})
	t.Run("another webroot", func(t *testing.T) {
		_, wrong := l.steps(t, dir, "chat.example.com")
		wrong.Webroot = t.TempDir()
		l.refused(t, host, wrong, `the CA was not asked, because it could not reach the host: chat.example.com resolves to 127.0.0.1:`+l.port+`, which is another host or does not serve `+wrong.Webroot+`: it answers "404 Not Found"`)
		// A name without an authorization: Pebble takes an old one once in a hundred times.
		_, wrong = l.steps(t, dir, "new.example.com")
		wrong.Webroot, wrong.SelfCheck = t.TempDir(), false
		l.refused(t, host, wrong, "the CA refuses: ")
	})
}

// revocation lets the CA suggest to renew at once, and makes sure that a look finds out as soon as what is known has become too
// old, asks once, and that the certificate is renewed.
func (l lab) revocation(t *testing.T, host *moduletest.Host, step *Issue) {
	t.Helper()
	text, err := os.ReadFile(step.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := parseChain(text)
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	if err := l.store.SetARIResponse(chain[0].SerialNumber, `{"suggestedWindow": {"start": "`+past+`", "end": "`+past+`"}}`); err != nil {
		t.Fatal(err)
	}
	before := l.asked.Load()
	if c := moduletest.Diff(t, host, step); !c.Empty() || l.asked.Load() != before {
		t.Errorf("the CA was asked though its answer is fresh: %v", c.Edits)
	}
	note := origin{Serial: chain[0].SerialNumber.Text(16), Directory: step.Directory, RenewAt: time.Now().Add(quarter / 2)}
	if text, err = json.Marshal(note); err == nil {
		err = os.WriteFile(step.originPath(), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if e, ok := moduletest.Diff(t, host, step).Find("renew"); !ok || !strings.HasPrefix(e.To, "the CA suggests so") {
			t.Errorf("not to be renewed: %+v", e)
		}
	}
	if n := l.asked.Load() - before; n != 1 {
		t.Errorf("the CA was asked %d times, want once", n)
	}
	moduletest.Converge(t, host, step)
	if text, err := os.ReadFile(step.originPath()); err != nil || json.Unmarshal(text, &note) != nil || note.Serial == chain[0].SerialNumber.Text(16) || !note.AskAt.After(time.Now().Add(5*time.Hour)) {
		t.Errorf("not renewed: %s %v", text, err)
	}
	// A CA that is not there holds nobody up.
	away := *step
	away.Directory = "https://127.0.0.1:1/dir"
	note.Directory, note.AskAt = away.Directory, time.Time{}
	if text, err = json.Marshal(note); err == nil {
		err = os.WriteFile(step.originPath(), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if c := moduletest.Diff(t, host, &away); !c.Empty() {
		t.Errorf("a CA that is not there: %v", c.Edits)
	}
}

// leave puts files where challenges are answered.
func (l lab) leave(t *testing.T, files map[string]string) {
	t.Helper()
	dir := l.webroot + http01.PathPrefix
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(dir+name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// thumbprint is that of the account's key (RFC 7638).
func thumbprint(t *testing.T, i *Issue) string {
	t.Helper()
	text, err := os.ReadFile(i.accountKey())
	if err != nil {
		t.Fatal(err)
	}
	key, err := parseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// refused applies step, which must end with an error that begins with want.
func (l lab) refused(t *testing.T, host modules.Host, step *Issue, want string) {
	t.Helper()
	err := step.Apply(t.Context(), host, modules.NewChange(issueWork{Certificate: step.Certificate, Names: step.Names, Directory: step.Directory, Why: noPair}))
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %q\n want %q", err, want)
	}
}
