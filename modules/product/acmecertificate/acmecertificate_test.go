//go:debug rsa1024min=0

package acmecertificate

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/certcrypto"
	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// authority signs certificates of tests; a nil one lets them sign themselves.
type authority struct {
	certificate *x509.Certificate
	key         any
	pem         string
}

// issue makes a certificate that began age ago and lasts for life.
func issue(t *testing.T, by *authority, name string, age, life time.Duration, change func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := certcrypto.GeneratePrivateKey(certcrypto.EC256)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-age), NotAfter: now.Add(life - age),
		DNSNames: []string{name}, BasicConstraintsValid: true, SubjectKeyId: []byte(name),
	}
	if strings.HasSuffix(name, " CA") {
		template.IsCA, template.KeyUsage, template.DNSNames = true, x509.KeyUsageCertSign, nil
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	public, err := parseKey(certcrypto.PEMEncode(key))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(nil, template, parent, public.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{c, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

func (a *authority) keyPEM() string { return string(certcrypto.PEMEncode(a.key)) }

const quarter = 90 * 24 * time.Hour

func defaults(source string) Args {
	args := Args{Names: []string{"chat.example.com"}, Source: source, SelfCheck: true}
	modules.Defaults(&args)
	return args
}

func env() modules.Env {
	return modules.Env{
		Sensitive: func(string) bool { return false },
		ReadFile:  func(path string) ([]byte, error) { return nil, errors.New("open " + path + ": no such file") },
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		source string
		change func(*Args)
		want   string
	}{
		{fromACME, func(a *Args) { a.Names = nil }, "names: must name at least one host"},
		{fromACME, func(a *Args) { a.Names = []string{"x.de", "x.de"} }, `names: has "x.de" twice`},
		{fromACME, func(a *Args) { a.Names = []string{"10.0.0.1"} }, `names: "10.0.0.1" is an address, and certificates of this module are for names`},
		{fromACME, func(a *Args) { a.Names = []string{"https://x.de"} }, `names: "https://x.de" is not a lowercase host name, such as "chat.example.com"`},
		{fromACME, func(a *Args) { a.Names = []string{"*.x.de"} }, `names: "*.x.de" can't be validated by http-01`},
		{fromACME, func(a *Args) { a.Challenge = "tls-alpn-01" }, "challenge: can't be tls-alpn-01: it needs port 443, which nginx has"},
		{fromACME, func(a *Args) { a.Directory = "prod" }, `directory: must be "production", "staging" or an https URL, not "prod"`},
		{fromACME, func(a *Args) { a.Email = "me" }, `email: "me" is not an address`},
		{fromACME, func(a *Args) { a.RenewTimer = true }, "email: must be given with renew_timer: the distributions' lego needs one"},
		{fromACME, func(a *Args) { a.EABKeyID = "x" }, "eab_kid: must be given together with eab_hmac"},
		{fromACME, func(a *Args) { a.CAFile = "no.pem" }, "ca_file: open no.pem: no such file"},
		{fromACME, func(a *Args) { a.Challenge, a.DNSProvider = "dns-01", "cloudfare" }, `dns_provider: must be one of acme-dns, cloudflare, desec, digitalocean, exec, gandiv5, hetzner, httpreq, ionos, netcup, ovh, rfc2136, not "cloudfare"`},
		{fromACME, func(a *Args) { a.DNSWait = "2 min" }, `dns_wait: must be a duration such as "2m", not "2 min"`},
		{fromACME, func(a *Args) { a.DNSProvider = "ovh" }, `dns_provider: requires challenge = "dns-01"`},
		{fromACME, func(a *Args) { a.Reload = []string{"nginx; rm"} }, `reload: "nginx; rm" is not a unit such as "nginx.service"`},
		{fromACME, func(a *Args) { a.ServedAt = []string{"127.0.0.1:70000"} }, `served_at: "127.0.0.1:70000" is not an address such as "127.0.0.1:443"`},
		{fromACME, func(a *Args) { a.Names = []string{strings.Repeat("a", 64) + ".com"} }, `names: "` + strings.Repeat("a", 64) + `.com" is not a lowercase host name, such as "chat.example.com"`},
		{fromACME, func(a *Args) { a.ServedAt = []string{"443"} }, `served_at: "443" is not an address such as "127.0.0.1:443"`},
		{fromACME, func(a *Args) { a.CertificatePEM = "x" }, `source: must be "files" if certificate_pem or key_pem is given`},
		{"self_signed", func(a *Args) { a.RenewTimer = true }, `renew_timer: requires source = "acme", not "self_signed"`},
		{fromFiles, func(*Args) {}, `certificate_pem: must be given with source = "files"`},
		{fromFiles, func(a *Args) { a.CertificatePEM = "x" }, `key_pem: must be given with source = "files"`},
	} {
		args := defaults(test.source)
		test.change(&args)
		_, _, err := New(args, env())
		if err == nil || err.Error() != test.want {
			t.Errorf("error %q\n want %q", err, test.want)
		}
	}
}

func TestOwnCertificates(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, "Root CA", 0, 10*quarter, nil)
	middle := issue(t, root, "Middle CA", 0, 5*quarter, nil)
	site := issue(t, middle, "chat.example.com", 0, quarter, nil)
	other := issue(t, middle, "other.example.com", 0, quarter, nil)
	own := issue(t, nil, "chat.example.com", 0, quarter, nil)
	older := issue(t, middle, "chat.example.com", quarter/2, quarter, nil)
	ended := issue(t, middle, "chat.example.com", quarter, quarter/2, nil)
	small := issueSmall(t, root)
	const sitePath = "CN=chat.example.com"
	for _, test := range []struct {
		name  string
		pem   string
		key   string
		roots string
		want  string
	}{
		{name: "chain to a CA of one's own", pem: site.pem + middle.pem, key: site.keyPEM(), roots: root.pem},
		{name: "with the root", pem: site.pem + middle.pem + root.pem, key: site.keyPEM()},
		{name: "self-signed", pem: own.pem, key: own.keyPEM()},
		{
			name: "no intermediate", pem: site.pem, key: site.keyPEM(), roots: root.pem,
			want: "certificate_pem: is incomplete: it ends with " + sitePath + ", signed by CN=Middle CA, which is not a trusted root",
		},
		{
			name: "unknown CA", pem: site.pem + middle.pem, key: site.keyPEM(),
			want: "certificate_pem: is incomplete: it ends with CN=Middle CA, signed by CN=Root CA, which is not a trusted root",
		},
		{
			name: "wrong order", pem: middle.pem + site.pem, key: site.keyPEM(), roots: root.pem,
			want: "key_pem: is the key of certificate 2; the site's own certificate must be the first (CN=Middle CA)\n" +
				"certificate_pem: is not for chat.example.com, but for no host\n" +
				"certificate_pem: certificate 1 (CN=Middle CA) is not signed by the next one (" + sitePath + ")",
		},
		{
			name: "something in between", pem: site.pem + other.pem + middle.pem, key: site.keyPEM(), roots: root.pem,
			want: "certificate_pem: certificate 1 (" + sitePath + ") is not signed by the next one (CN=other.example.com)",
		},
		{
			name: "another key", pem: site.pem + middle.pem, key: other.keyPEM(), roots: root.pem,
			want: "key_pem: is not the key of the first certificate (" + sitePath + ")",
		},
		{
			name: "another name", pem: other.pem + middle.pem, key: other.keyPEM(), roots: root.pem,
			want: "certificate_pem: is not for chat.example.com, but for other.example.com",
		},
		{name: "an intermediate and a root that were issued anew", pem: older.pem + middle.pem, key: older.keyPEM(), roots: root.pem},
		{
			name: "ended before the intermediate was issued", pem: ended.pem + middle.pem, key: ended.keyPEM(), roots: root.pem,
			want: "certificate_pem: is accepted by clients at no time: " + sitePath + " expires on " + day(ended.certificate.NotAfter) + ", before all of the others are valid",
		},
		{
			name: "twice", pem: site.pem + site.pem + middle.pem, key: site.keyPEM(), roots: root.pem,
			want: "certificate_pem: has the same certificate twice (" + sitePath + ")",
		},
		{
			name: "cut off", pem: site.pem + middle.pem[:200] + "\n", key: site.keyPEM(), roots: middle.pem,
			want: "certificate_pem: is damaged: what is behind certificate 1 begins with -----BEGIN and can't be read to its end",
		},
		{
			name: "no line break between", pem: strings.TrimSuffix(site.pem, "\n") + middle.pem, key: site.keyPEM(), roots: root.pem,
			want: "certificate_pem: lacks a line break between -----END CERTIFICATE----- and -----BEGIN CERTIFICATE-----",
		},
		{
			name: "indented", pem: "  " + strings.ReplaceAll(site.pem, "\n", "\n  "), key: site.keyPEM(), roots: middle.pem,
			want: "certificate_pem: has blanks before -----BEGIN: its lines must not be indented (in a heredoc, <<- removes what all lines begin with)",
		},
		{
			name: "joined files with a byte order mark", pem: site.pem + "\ufeff" + middle.pem, key: site.keyPEM(), roots: root.pem,
			want: fmt.Sprintf("certificate_pem: has a byte order mark (EF BB BF) in line %d, which no server reads: save the files that it was made of as UTF-8 without one",
				1+strings.Count(site.pem, "\n")),
		},
		{
			name: "a key that OpenSSL refuses", pem: small.pem, key: small.key, roots: root.pem,
			want: "certificate_pem: has an RSA key of 1024 bits; OpenSSL on Debian and Ubuntu wants 2048, and nginx doesn't start with less",
		},
		{name: "no certificate", pem: "x", key: site.keyPEM(), want: "certificate_pem: has no certificate in PEM form"},
		{name: "key among the certificates", pem: site.pem + site.keyPEM(), key: site.keyPEM(), want: "certificate_pem: has a ec private key, where only certificates may be"},
		{
			name: "key with a byte order mark", pem: site.pem, key: "\ufeff" + site.keyPEM(),
			want: "key_pem: begins with a byte order mark (EF BB BF), which no server reads: save it as UTF-8 without one",
		},
		{
			name: "chain with a byte order mark", pem: "\ufeff" + site.pem + middle.pem, key: site.keyPEM(),
			want: "certificate_pem: begins with a byte order mark (EF BB BF), which no server reads: save it as UTF-8 without one",
		},
		{name: "no key", pem: site.pem, key: "geheim", want: "key_pem: has no private key in PEM form"},
		{
			name: "encrypted key", pem: site.pem, key: "-----BEGIN ENCRYPTED PRIVATE KEY-----\nYWJj\n-----END ENCRYPTED PRIVATE KEY-----\n",
			want: "key_pem: is encrypted, which no server can read at its start: `openssl pkey -in FILE` writes it without its passphrase",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := defaults(fromFiles)
			args.CertificatePEM, args.KeyPEM = test.pem, modules.Secret(test.key)
			e := env()
			if test.roots != "" {
				args.CAFile = "ca.pem"
				e.ReadFile = func(string) ([]byte, error) { return []byte(test.roots), nil }
			}
			parts, _, err := New(args, e)
			if got := fmt.Sprint(err); test.want != "" && got != test.want || test.want == "" && err != nil {
				t.Errorf("error %q\n want %q", got, test.want)
			}
			for _, p := range parts {
				if pair, ok := p.Step.(*OwnPair); ok && !pair.Key.Sensitive {
					t.Error("the key is shown in diffs")
				}
			}
		})
	}
}

// TestOwnPairDiff is about what is replaced together: content, and not what only has other rights.
func TestOwnPairDiff(t *testing.T) {
	t.Parallel()
	pair := &OwnPair{
		Key:         &file.Step{Path: "/k", Content: []byte("key"), Mode: keyMode, Owner: "root", Group: "root", Sensitive: true},
		Certificate: &file.Step{Path: "/c", Content: []byte("certificate"), Mode: 0o644, Owner: "root", Group: "root"},
	}
	is := func(content string, mode fs.FileMode) observe.FileInfo {
		return observe.FileInfo{
			Type: observe.Regular, Mode: mode, Owner: "root", Group: "root", Content: []byte(content), SHA256: observe.Fingerprint([]byte(content)),
		}
	}
	for _, test := range []struct {
		name             string
		key, certificate observe.FileInfo
		replaced, others string // paths
	}{
		{name: "converged", key: is("key", 0o600), certificate: is("certificate", 0o644)},
		{name: "absent", replaced: "/k/c"},
		{name: "another pair", key: is("x", 0o600), certificate: is("y", 0o644), replaced: "/k/c"},
		{name: "key of another", key: is("x", 0o600), certificate: is("certificate", 0o644), replaced: "/k"},
		{name: "key readable by all", key: is("key", 0o644), certificate: is("certificate", 0o644), others: "/k"},
		{name: "key readable by all, other certificate", key: is("key", 0o644), certificate: is("y", 0o644), others: "/k", replaced: "/c"},
	} {
		s := observe.NewSnapshot()
		for path, f := range map[string]observe.FileInfo{"/k": test.key, "/c": test.certificate} {
			want := map[string]string{"/k": "key", "/c": "certificate"}[path]
			q := observe.FileQuestion{Path: path, Content: true, UnlessSHA256: observe.Fingerprint([]byte(want))}
			observe.File.Put(s, q, f, nil)
		}
		c, err := pair.Diff(s)
		if err != nil {
			t.Fatal(err)
		}
		w, _ := c.Work.(pairWork)
		replaced, others := "", ""
		for _, f := range w {
			if f.replaces() {
				replaced += f.File.Path
			} else {
				others += f.File.Path
			}
		}
		if replaced != test.replaced || others != test.others {
			t.Errorf("%s: replaces %q, and changes the rights of %q; want %q and %q", test.name, replaced, others, test.replaced, test.others)
		}
		if strings.Contains(fmt.Sprint(c.Edits), "key}") {
			t.Errorf("%s: the key is shown: %v", test.name, c.Edits)
		}
	}
}

// small is a certificate with a short key, in PEM form.
type small struct{ pem, key string }

func issueSmall(t *testing.T, by *authority) small {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(quarter), DNSNames: []string{"chat.example.com"}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, by.certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	return small{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(certcrypto.PEMEncode(key))}
}

// A chain lapses with the first of its certificates.
func TestLifetime(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, "Root CA", quarter, 2*quarter, nil)
	ending := issue(t, root, "Ending CA", quarter, quarter+quarter/10, nil)
	site := issue(t, ending, "x.de", quarter/2, quarter, nil)
	v := newValidity("x.de", []*x509.Certificate{site.certificate, ending.certificate, root.certificate})
	for at, want := range map[time.Time]string{
		now:                   "the certificate of CN=Ending CA, which the one for x.de needs, expires on " + day(ending.certificate.NotAfter),
		now.Add(quarter / 5):  "the certificate of CN=Ending CA, which the one for x.de needs, expired on " + day(ending.certificate.NotAfter),
		now.Add(-quarter / 3): "",
		now.Add(-quarter):     "the certificate for x.de is not valid before " + day(site.certificate.NotBefore),
	} {
		s := observe.NewSnapshot()
		observe.Clock.Put(s, struct{}{}, at, nil)
		c, err := v.Diff(s)
		got := strings.Join(c.Notes, "")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("on %s: %q, want %q", day(at), got, want)
		}
	}
}

func TestValidityDiff(t *testing.T) {
	t.Parallel()
	v := &Validity{Name: "x.de", NotBefore: now.Add(-quarter / 2), NotAfter: now.Add(quarter / 2), Lifetime: quarter}
	for _, test := range []struct {
		at    time.Time
		err   error
		want  string
		notes int
	}{
		{at: now},
		{at: now.Add(quarter / 4), notes: 1},
		{at: now.Add(quarter), want: "the certificate for x.de expired on 2027-01-05"},
		{at: now.Add(-quarter), want: "the certificate for x.de is not valid before 2026-10-07"},
		{err: errors.New("no date"), want: "ask for the host's time: no date"},
	} {
		s := observe.NewSnapshot()
		observe.Clock.Put(s, struct{}{}, test.at, test.err)
		c, err := v.Diff(s)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if said != test.want || !c.Empty() || len(c.Notes) != test.notes {
			t.Errorf("at %s: error %q, want %q; %+v", test.at, said, test.want, c)
		}
	}
}

// world is what a host has of a pair.
type world struct {
	certificate, key, origin string // contents; empty: not there
	timer                    string // what the host's timer keeps of the CA's suggestion
	asked                    suggestion
	open                     bool // others can read the key
	err                      error
}

// issueSnapshot is what an Issue asks for.
func (w world) issueSnapshot(i *Issue) *observe.Snapshot {
	s := w.snapshot(i.Pair, i.originPath())
	info := observe.FileInfo{}
	if w.timer != "" {
		info = observe.FileInfo{Type: observe.Regular, Mode: 0o644, Content: []byte(w.timer)}
	}
	observe.File.Put(s, observe.FileQuestion{Path: i.timerCache(), Content: true}, info, nil)
	suggestions.Put(s, i.inquiry(), w.asked, nil)
	return s
}

func (w world) snapshot(p Pair, originPath string) *observe.Snapshot {
	s := observe.NewSnapshot()
	observe.Clock.Put(s, struct{}{}, now, nil)
	put := func(path, content string, open bool) {
		info := observe.FileInfo{}
		if content != "" {
			info = observe.FileInfo{Type: observe.Regular, Mode: keyMode, Content: []byte(content)}
			if open {
				info.Mode = keyMode | 0o044
			}
		}
		observe.File.Put(s, observe.FileQuestion{Path: path, Content: true}, info, w.err)
	}
	put(p.Certificate, w.certificate, false)
	put(p.Key, w.key, w.open)
	put(originPath, w.origin, false)
	return s
}

func TestIssueDiff(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, "Some CA", 0, 10*quarter, nil)
	fresh := issue(t, ca, "chat.example.com", 0, quarter, nil)
	aged := issue(t, ca, "chat.example.com", quarter*3/4, quarter, nil)
	expired := issue(t, ca, "chat.example.com", 2*quarter, quarter, nil)
	held := issue(t, nil, "chat.example.com", 0, quarter, func(c *x509.Certificate) { c.Subject.Organization = []string{placeholder} })
	note := func(o origin) string {
		if o.Serial == "" {
			o.Serial = "abc"
		}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const production = "https://acme-v02.api.letsencrypt.org/directory"
	work := func(why reason, is view) issueWork {
		return issueWork{
			Certificate: "/var/lib/lego/certificates/chat.example.com.crt", Names: []string{"chat.example.com"}, KeyType: certcrypto.EC256,
			Directory: production, Seen: is, Why: why,
		}
	}
	staged := viewOf(seen{leaf: fresh.certificate})
	staged.Directory = "https://staging"
	failed := func(retry time.Duration) *failure {
		return &failure{At: now, Why: "the CA refuses: oops", RetryAt: now.Add(retry)}
	}
	renewal := func(is *authority, least time.Duration) issueWork {
		seen := viewOf(seen{leaf: is.certificate})
		seen.Directory = production
		w := work(endsSoon, seen)
		w.Grace = is.certificate.NotAfter.Add(-least)
		return w
	}
	timer := func(is *authority, at time.Time) string {
		return fmt.Sprintf("%s %d %d\n", strings.ToUpper(fingerprintOf(is.certificate)), at.Unix(), now.Add(6*time.Hour).Unix())
	}
	for _, test := range []struct {
		name   string
		change func(*Args)
		is     world
		want   []string
		notes  string
		work   modules.Work // nil: not compared
		err    string
	}{
		{name: "converged", is: world{certificate: fresh.pem, key: fresh.keyPEM(), origin: note(origin{Directory: production, RenewAt: now.Add(time.Hour)})}},
		{
			name: "a renewal that failed, and is not due again", notes: "its renewal failed on 2026-11-21: the CA refuses: oops; it is valid for 22 more days, and the CA is asked again from 2026-11-21 13:00 UTC on",
			is: world{certificate: aged.pem, key: aged.keyPEM(), origin: note(origin{Directory: production, Failed: failed(time.Hour)})},
		},
		{
			name: "a renewal that failed, and is due again", is: world{certificate: aged.pem, key: aged.keyPEM(), origin: note(origin{Directory: production, Failed: failed(-time.Hour)})},
			want: []string{"run renew > less than a third of its lifetime remains: it expires on 2026-12-14"},
			work: renewal(aged, quarter/10),
		},
		{
			name: "a renewal that failed, with little left", change: func(a *Args) { a.FailBelowDays = 30 },
			is:   world{certificate: aged.pem, key: aged.keyPEM(), origin: note(origin{Directory: production, Failed: failed(time.Hour)})},
			want: []string{"run renew > less than a third of its lifetime remains: it expires on 2026-12-14"},
			work: renewal(aged, 30*24*time.Hour),
		},
		{name: "made by lego alone", is: world{certificate: fresh.pem, key: fresh.keyPEM()}},
		{
			name: "absent", want: []string{"create /var/lib/lego/certificates/chat.example.com.crt is not there > for chat.example.com, from " + production},
			work: work(noPair, view{Wrong: "/var/lib/lego/certificates/chat.example.com.crt is not there"}),
		},
		{name: "placeholder", is: world{certificate: held.pem, key: held.keyPEM()}, want: []string{"update self-signed placeholder > for chat.example.com, from " + production}},
		{name: "no key", is: world{certificate: fresh.pem}, want: []string{"create /var/lib/lego/certificates/chat.example.com.key is not there > for chat.example.com, from " + production}},
		{
			name: "another key", is: world{certificate: fresh.pem, key: aged.keyPEM()},
			want: []string{"create /var/lib/lego/certificates/chat.example.com.key is not the key of the certificate > for chat.example.com, from " + production},
		},
		{
			name: "rubbish", is: world{certificate: "x", key: aged.keyPEM()},
			want: []string{"create /var/lib/lego/certificates/chat.example.com.crt has no certificate in PEM form > for chat.example.com, from " + production},
		},
		{
			name: "key open", is: world{certificate: fresh.pem, key: fresh.keyPEM(), open: true}, want: []string{"update mode 0644 > 0600"},
			work: keyWork{Key: "/var/lib/lego/certificates/chat.example.com.key", Mode: 0o644},
		},
		{
			name: "another name", change: func(a *Args) { a.Names = append(a.Names, "www.example.com") }, is: world{certificate: fresh.pem, key: fresh.keyPEM()},
			want: []string{"update names chat.example.com > chat.example.com, www.example.com"},
		},
		{
			name: "another key type", change: func(a *Args) { a.KeyType = "rsa4096" }, is: world{certificate: fresh.pem, key: fresh.keyPEM()},
			want: []string{"update key_type ec256 > rsa4096"},
		},
		{
			name: "from staging", is: world{certificate: fresh.pem, key: fresh.keyPEM(), origin: note(origin{Directory: "https://staging"})},
			want: []string{"update directory https://staging > " + production},
			work: work(otherDirectory, staged),
		},
		{
			name: "a third remains", is: world{certificate: aged.pem, key: aged.keyPEM()},
			want: []string{"run renew > less than a third of its lifetime remains: it expires on 2026-12-14"},
			work: func() issueWork { w := renewal(aged, quarter/10); w.Seen.Directory = ""; return w }(),
		},
		{
			name: "a third remains, but the CA has time", is: world{certificate: aged.pem, key: aged.keyPEM(), origin: note(origin{Directory: production, RenewAt: now.Add(time.Hour)})},
		},
		{
			name: "the CA's moment has come", is: world{certificate: fresh.pem, key: fresh.keyPEM(), origin: note(origin{Directory: production, RenewAt: now})},
			want: []string{"run renew > the CA suggests so; it expires on 2027-02-19"},
		},
		{
			name: "the note is about an older one", is: world{certificate: fresh.pem, key: fresh.keyPEM(), origin: note(origin{Serial: "1", Directory: "https://staging", RenewAt: now})},
		},
		{
			name: "expired", is: world{certificate: expired.pem, key: expired.keyPEM(), origin: note(origin{RenewAt: now.Add(time.Hour)})},
			want: []string{"run renew > expired on 2026-08-23"},
		},
		{
			name: "to be revoked, says the CA", is: world{
				certificate: fresh.pem, key: fresh.keyPEM(), origin: note(origin{Directory: production, RenewAt: now.Add(time.Hour)}),
				asked: suggestion{Fingerprint: fingerprintOf(fresh.certificate), RenewAt: now.Add(-time.Hour)},
			},
			want: []string{"run renew > the CA suggests so; it expires on 2027-02-19"},
		},
		{
			name: "to be revoked, says the host's timer", is: world{
				certificate: fresh.pem, key: fresh.keyPEM(), origin: note(origin{Directory: production, RenewAt: now.Add(time.Hour)}),
				timer: timer(fresh, now.Add(-time.Hour)),
			},
			want: []string{"run renew > the CA suggests so; it expires on 2027-02-19"},
		},
		{name: "another was to be revoked", is: world{
			certificate: fresh.pem, key: fresh.keyPEM(), timer: timer(aged, now.Add(-time.Hour)),
			asked: suggestion{Fingerprint: fingerprintOf(aged.certificate), RenewAt: now.Add(-time.Hour)},
		}},
		{
			name: "a suggestion that comes too late", is: world{
				certificate: aged.pem, key: aged.keyPEM(), origin: note(origin{Directory: production, RenewAt: now.Add(quarter)}),
			},
			want: []string{"run renew > less than a third of its lifetime remains: it expires on 2026-12-14"},
		},
		{name: "could not tell", is: world{err: errors.New("Input/output error")}, err: "look at /var/lib/lego/certificates/chat.example.com.crt: Input/output error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := defaults(fromACME)
			if test.change != nil {
				test.change(&args)
			}
			parts, _, err := New(args, env())
			if err != nil {
				t.Fatal(err)
			}
			step := parts[1].Step.(*Issue)
			c, err := step.Diff(test.is.issueSnapshot(step))
			said := ""
			if err != nil {
				said = err.Error()
			}
			moduletest.WantWork(t, test.work, c)
			if diff := cmp.Diff(test.want, moduletest.Lines(c.Edits, step.Certificate, step.Key)); diff != "" || said != test.err {
				t.Errorf("error %q, want %q; edits (-want +got):\n%s", said, test.err, diff)
			}
			if notes := strings.Join(c.Notes, "; "); notes != test.notes {
				t.Errorf("notes %q, want %q", notes, test.notes)
			}
		})
	}
}

func TestSelfSignedDiff(t *testing.T) {
	t.Parallel()
	ca := issue(t, nil, "Some CA", 0, 10*quarter, nil)
	signed := issue(t, ca, "chat.example.com", 0, quarter, nil)
	fresh := issue(t, nil, "chat.example.com", 0, quarter, nil)
	aged := issue(t, nil, "chat.example.com", quarter*3/4, quarter, nil)
	other := issue(t, nil, "other.example.com", 0, quarter, nil)
	const to = " > self-signed, for chat.example.com"
	work := func(why reason, is view) signWork {
		return signWork{Certificate: "/c", Names: []string{"chat.example.com"}, KeyType: certcrypto.EC256, Seen: is, Why: why}
	}
	for _, test := range []struct {
		name        string
		placeholder bool
		is          world
		want        []string
		work        modules.Work // nil: not compared
	}{
		{name: "converged", is: world{certificate: fresh.pem, key: fresh.keyPEM()}},
		{name: "absent", want: []string{"create /c is not there" + to}, work: work(noPair, view{Wrong: "/c is not there"})},
		{name: "no key", is: world{certificate: fresh.pem}, want: []string{"create /k is not there" + to}},
		{name: "another key", is: world{certificate: fresh.pem, key: aged.keyPEM()}, want: []string{"create /k is not the key of the certificate" + to}},
		{name: "signed by a CA", is: world{certificate: signed.pem, key: signed.keyPEM()}, want: []string{"update signed by CN=Some CA" + to}},
		{name: "another name", is: world{certificate: other.pem, key: other.keyPEM()}, want: []string{"update names other.example.com" + to}, work: work(otherNames, viewOf(seen{leaf: other.certificate}))},
		{name: "soon to expire", is: world{certificate: aged.pem, key: aged.keyPEM()}, want: []string{"update expires on 2026-12-14" + to}},
		{
			name: "key open", is: world{certificate: fresh.pem, key: fresh.keyPEM(), open: true}, want: []string{"update mode 0644 > 0600"},
			work: keyWork{Key: "/k", Mode: 0o644},
		},
		{name: "place held by a CA's", placeholder: true, is: world{certificate: signed.pem, key: signed.keyPEM(), open: true}},
		{name: "place held by an old one", placeholder: true, is: world{certificate: aged.pem, key: aged.keyPEM()}},
		{name: "place empty", placeholder: true, want: []string{"create /c is not there" + to}},
	} {
		step := &SelfSigned{Pair: Pair{"/c", "/k"}, Names: []string{"chat.example.com"}, KeyType: certcrypto.EC256, Placeholder: test.placeholder}
		c, err := step.Diff(test.is.snapshot(step.Pair, "/o"))
		if diff := cmp.Diff(test.want, moduletest.Lines(c.Edits, "/c", "/k")); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
		t.Run(test.name, func(t *testing.T) { moduletest.WantWork(t, test.work, c) })
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	refused := func(status int, kind, detail string) *acme.ProblemDetails {
		return &acme.ProblemDetails{HTTPStatus: status, Type: "urn:ietf:params:acme:error:" + kind, Detail: detail}
	}
	limited := &acme.RateLimitedError{ProblemDetails: refused(429, "rateLimited", "too many certificates (5) already issued"), RetryAfter: "3600"}
	for _, test := range []struct {
		err  error
		want string
		hint string
		live bool // a certificate of the CA's is replaced
	}{
		{limited, "the CA refuses: too many certificates (5) already issued (rateLimited)", "Retry-After 3600. Use `directory", false},
		{limited, "the CA refuses: too many certificates (5) already issued (rateLimited)", "Retry-After 3600.", true},
		{refused(500, "serverInternal", "oops"), "the CA refuses: oops (serverInternal)", "The CA has trouble of its own", true},
		{
			fmt.Errorf("error: one or more domains had a problem:\n%w", errors.Join(
				fmt.Errorf("a.example.com: %w", refused(403, "unauthorized", "404 for http://a")),
				fmt.Errorf("b.example.com: %w", refused(400, "connection", "refused")))),
			"the CA refuses: a.example.com: 404 for http://a (unauthorized); b.example.com: refused (connection)", "several places on the Internet", true,
		},
		{refused(http.StatusForbidden, "externalAccountRequired", "bind it"), "the CA refuses: bind it (externalAccountRequired)", "eab_kid", false},
		{
			fmt.Errorf("error: one or more domains had a problem:\n%w", errors.New("[a.de] propagation: time limit exceeded\n[b.de] propagation: x")),
			"get a certificate from https://ca/dir: [a.de] propagation: time limit exceeded; [b.de] propagation: x", "`dns_wait`", false,
		},
		{errors.New("connection refused"), "get a certificate from https://ca/dir: connection refused", "ca_file", true},
		{&acme.ProblemDetails{HTTPStatus: 503, Detail: "503 Service Unavailable: Maintenance"}, "the CA refuses: 503 Service Unavailable: Maintenance", "trouble of its own", true},
		{
			fmt.Errorf("read: %w", modules.WithHint(errors.New("the key has no private key in PEM form"), "Restore it.")),
			"get a certificate from https://ca/dir: read: the key has no private key in PEM form", "Restore it.", false,
		},
	} {
		i := &Issue{Directory: "https://ca/dir", Challenge: "http-01"}
		err := i.explain(test.err, test.live)
		var advice *modules.HintError
		if err.Error() != test.want || !errors.As(err, &advice) || !strings.Contains(advice.Hint, test.hint) {
			t.Errorf("error %q\n want %q with %q", err, test.want, test.hint)
		}
		if test.live && strings.Contains(advice.Hint, "staging") {
			t.Errorf("%s: advice for a live site: %s", test.want, advice.Hint)
		}
	}
}

// TestRefusesSuccessor is about orders that are placed once more without the certificate that they replace.
func TestRefusesSuccessor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&acme.ProblemDetails{Type: acme.AlreadyReplacedErr, HTTPStatus: 409}, true},
		{&acme.ProblemDetails{Type: "urn:ietf:params:acme:error:malformed", HTTPStatus: 404, Method: "POST"}, true},
		{&acme.ProblemDetails{Type: "urn:ietf:params:acme:error:unauthorized", HTTPStatus: 403, Method: "POST"}, true},
		{&acme.ProblemDetails{Type: "urn:ietf:params:acme:error:invalidReplaces", HTTPStatus: 400, Method: "POST"}, true},
		{&acme.ProblemDetails{Type: "urn:ietf:params:acme:error:unauthorized", HTTPStatus: 403}, false},
		{&acme.RateLimitedError{ProblemDetails: &acme.ProblemDetails{HTTPStatus: 429, Method: "POST"}}, false},
		{&acme.ProblemDetails{HTTPStatus: 500, Method: "POST"}, false},
		{errors.New("connection refused"), false},
	} {
		if got := refusesSuccessor(test.err); got != test.want {
			t.Errorf("%v: %t", test.err, got)
		}
	}
}

// TestPassing is about errors after which a CA is asked once more at once.
func TestPassing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&acme.ProblemDetails{HTTPStatus: 503, Detail: "maintenance"}, true},
		{&acme.ProblemDetails{HTTPStatus: 429}, false},
		{&acme.ProblemDetails{HTTPStatus: 403}, false},
		{fmt.Errorf("post: %w", io.ErrUnexpectedEOF), true},
		{errors.New("x509: certificate signed by unknown authority"), false},
	} {
		if got := passing(test.err); got != test.want {
			t.Errorf("%v: %t", test.err, got)
		}
	}
	for after, want := range map[string]time.Duration{"7200": 2 * time.Hour, "-1": 0, "x": 0, "999999": 24 * time.Hour} {
		if got := retryAfter(&acme.RateLimitedError{ProblemDetails: &acme.ProblemDetails{}, RetryAfter: after}); got != want {
			t.Errorf("Retry-After %s: %s, want %s", after, got, want)
		}
	}
}

func TestRegisteredDiff(t *testing.T) {
	t.Parallel()
	args := defaults(fromACME)
	args.Email = "admin@example.com"
	const dir = "/var/lib/lego/accounts/acme-v02.api.letsencrypt.org/admin@example.com"
	step := &Registered{newIssue(args, Pair{}, nil)}
	missing := []string{"create > account of admin@example.com with https://acme-v02.api.letsencrypt.org/directory"}
	key := observe.FileInfo{Type: observe.Regular, Content: []byte(issue(t, nil, "x", 0, quarter, nil).keyPEM())}
	text := func(content string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Regular, Content: []byte(content)}
	}
	for _, test := range []struct {
		name      string
		key, text observe.FileInfo
		err       error
		want      []string
		fails     string
	}{
		{name: "converged", key: key, text: text(`{"registration": {"uri": "https://ca/acct/1"}}`)},
		{name: "bare", want: missing},
		{name: "as lego leaves it", key: key, want: missing},
		{name: "no key", text: text(`{"registration": {"uri": "https://ca/acct/1"}}`), want: missing},
		{name: "half", key: key, text: text(`{"email": "admin@example.com"}`), want: missing},
		{name: "broken", key: key, text: text(`{`), want: missing},
		{
			name: "garbled key", key: text("-----BEGIN EC"), text: text(`{"registration": {"uri": "https://ca/acct/1"}}`),
			fails: "the key of the account with the CA, " + dir + "/keys/admin@example.com.key, has no private key in PEM form",
		},
		{name: "could not tell", err: errors.New("stale file handle"), fails: "look at " + dir + "/keys/admin@example.com.key: stale file handle"},
	} {
		s := observe.NewSnapshot()
		observe.File.Put(s, observe.FileQuestion{Path: dir + "/keys/admin@example.com.key", Content: true}, test.key, test.err)
		observe.File.Put(s, observe.FileQuestion{Path: dir + "/account.json", Content: true}, test.text, nil)
		c, err := step.Diff(s)
		var want modules.Work
		if test.want != nil {
			want = accountWork{Dir: dir, Name: "admin@example.com", Directory: "https://acme-v02.api.letsencrypt.org/directory"}
		}
		t.Run(test.name, func(t *testing.T) { moduletest.WantWork(t, want, c) })
		if diff := cmp.Diff(test.want, moduletest.Lines(c.Edits, dir)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if (err == nil) != (test.fails == "") || err != nil && err.Error() != test.fails {
			t.Errorf("%s: error %v, want %q", test.name, err, test.fails)
		}
	}
}

func TestTimer(t *testing.T) {
	t.Parallel()
	args := defaults(fromACME)
	args.RenewTimer, args.Email, args.Directory = true, "a%b@example.com", "staging"
	if _, _, err := New(args, env()); err == nil {
		t.Error("an address with a percent sign is accepted")
	}
	args.Email = "admin@example.com"
	parts, _, err := New(args, env())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range parts {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"placeholder", "account", "certificate", "lego", "renew-script", "renew", "timer"}, names); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	unit, script := parts[5].Step.(*systemdunit.Step).Files[0].Text, string(parts[4].Step.(*file.Step).Content)
	if want := "ExecStart=/usr/local/sbin/rcprov-renew-chat.example.com\n"; !strings.HasSuffix(unit, want) {
		t.Errorf("the unit is:\n%s", unit)
	}
	want := `lego='/usr/bin/lego --accept-tos --path /var/lib/lego --server https://acme-staging-v02.api.letsencrypt.org/directory ` +
		`--email admin@example.com --key-type ec256 --domains chat.example.com --http --http.webroot /var/www/acme renew --days 36500 ` +
		`--no-random-sleep'` + "\n"
	if !strings.Contains(script, want) || !strings.Contains(script, "\nserved=127.0.0.1:443\n") || !strings.Contains(script, "\nunits=nginx.service\n") {
		t.Errorf("the script is:\n%s", script)
	}

	old := env()
	old.Facts = &observe.Facts{OS: observe.OS{ID: "ubuntu", Version: "22.04"}} // lego 4.1
	args.Reload = []string{"postfix.service"}
	if parts, _, err = New(args, old); err != nil {
		t.Fatal(err)
	}
	if script := string(parts[4].Step.(*file.Step).Content); strings.Contains(script, "--no-random-sleep") || !strings.Contains(script, "\nserved=''\n") {
		t.Errorf("the script of Ubuntu 22.04, for postfix, is:\n%s", script)
	}
}

func TestNoTimer(t *testing.T) {
	t.Parallel()
	for _, source := range []string{fromACME, "self_signed"} {
		parts, _, err := New(defaults(source), env())
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"rcprov-renew-chat.example.com.timer", "rcprov-renew-chat.example.com.service"} {
			unit, ok := parts[len(parts)-3+i].Step.(*systemdunit.Step)
			if !ok || !unit.Absent || unit.Name != name {
				t.Errorf("%s without a timer: %+v, want that %s is absent", source, parts[len(parts)-3+i], name)
			}
		}
		script, ok := parts[len(parts)-1].Step.(*file.Step)
		if !ok || !script.Absent || script.Path != "/usr/local/sbin/rcprov-renew-chat.example.com" {
			t.Errorf("%s without a timer: %+v, want that the script is absent", source, parts[len(parts)-1])
		}
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	w := acme.Window{Start: now, End: now.Add(time.Hour)}
	seen := map[time.Time]bool{}
	for range 20 {
		leaf := issue(t, nil, "chat.example.com", 0, quarter, nil).certificate
		m := momentIn(w, leaf)
		if m.Before(w.Start) || m.After(w.End) || !m.Equal(momentIn(w, leaf)) {
			t.Fatalf("%s is not in the window, or not always the same", m)
		}
		seen[m] = true
	}
	if len(seen) < 10 {
		t.Errorf("%d moments for 20 certificates", len(seen))
	}
	if m := momentIn(acme.Window{Start: now, End: now}, issue(t, nil, "x", 0, quarter, nil).certificate); !m.Equal(now) {
		t.Errorf("%s", m)
	}
}
