package mirror_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/crypto/acme"

	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
	"github.com/rcprov/rcprov/e2e/mirror"
)

// TestACME gets certificates for a host with a real web server, and provokes refusals.
func TestACME(t *testing.T) {
	m := require(t).ACME
	h := labtest.Launch(t, "debian-12")
	must(t, h, "(apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install nginx-light) 2>&1; install -d /var/www/html/.well-known/acme-challenge")
	for _, name := range []string{"chat.lab.test", "empty.lab.test"} {
		m.Resolve(name, netip.MustParseAddr(h.Address))
	}
	client := acmeClient(t, m)

	t.Run("HTTP-01", func(t *testing.T) {
		leaf, err := order(t, m, client, "chat.lab.test", "http-01", func(c *acme.Challenge) { putHTTP01(t, client, h, c) })
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Until(leaf.NotAfter).Round(24 * time.Hour); got != 90*24*time.Hour {
			t.Errorf("valid for %s", got)
		}
		testRenewalInfo(t, m, client, leaf)
	})
	t.Run("DNS-01", func(t *testing.T) {
		_, err := order(t, m, client, "*.lab.test", "dns-01", func(c *acme.Challenge) { putDNS01(t, m, client, "_acme-challenge.lab.test.", c) })
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("no response on the host", func(t *testing.T) {
		// A name of its own: Pebble reuses an old authorization once in a hundred times.
		_, err := order(t, m, client, "empty.lab.test", "http-01", func(*acme.Challenge) {})
		if err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("unknown name", func(t *testing.T) {
		if _, err := order(t, m, client, "nowhere.lab.test", "http-01", func(*acme.Challenge) {}); err == nil {
			t.Error("validated")
		}
	})
	t.Run("limit", func(t *testing.T) {
		m.LimitOrders(time.Hour)
		defer m.LimitOrders(0)
		_, err := client.AuthorizeOrder(t.Context(), acme.DomainIDs("chat.lab.test"))
		if wait, ok := acme.RateLimit(err); !ok || wait != time.Hour {
			t.Errorf("got %v", err)
		}
	})
}

// acmeClient returns a client with an account at the mirror's server.
func acmeClient(t *testing.T, m *mirror.ACME) *acme.Client {
	t.Helper()
	trusted := x509.NewCertPool()
	authority, err := os.ReadFile(m.CAFile)
	if err != nil || !trusted.AppendCertsFromPEM(authority) {
		t.Fatalf("%s: %v", m.CAFile, err)
	}
	client := &acme.Client{
		Key: newKey(t), DirectoryURL: m.Directory,
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}},
		RetryBackoff: func(n int, _ *http.Request, response *http.Response) time.Duration {
			if n > 5 || response.StatusCode == http.StatusTooManyRequests {
				return 0 // no more
			}
			return 10 * time.Millisecond
		},
	}
	if _, err := client.Register(t.Context(), &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	return client
}

// order gets a certificate for a name; put prepares the response to a challenge.
func order(t *testing.T, m *mirror.ACME, client *acme.Client, name, challenge string, put func(*acme.Challenge)) (*x509.Certificate, error) {
	t.Helper()
	ctx := t.Context()
	o, err := client.AuthorizeOrder(ctx, acme.DomainIDs(name))
	if err != nil {
		return nil, err
	}
	for _, url := range o.AuthzURLs {
		authorization, err := client.GetAuthorization(ctx, url)
		if err != nil {
			return nil, err
		}
		for _, c := range authorization.Challenges {
			if c.Type != challenge {
				continue
			}
			put(c)
			if _, err := client.Accept(ctx, c); err != nil {
				return nil, err
			}
		}
		if _, err := client.WaitAuthorization(ctx, url); err != nil {
			return nil, err
		}
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{name}}, newKey(t))
	if err != nil {
		return nil, err
	}
	// The error is that Pebble's reply doesn't name the order to wait for; here it is known.
	_, _, _ = client.CreateOrderCert(ctx, o.FinalizeURL, request, true)
	o, err = client.WaitOrder(ctx, o.URI)
	if err != nil {
		return nil, err
	}
	chain, err := client.FetchCert(ctx, o.CertURL, true)
	if err != nil {
		return nil, err
	}
	return verify(m, chain, name)
}

// verify checks a chain against the mirror's root, and returns its leaf.
func verify(m *mirror.ACME, chain [][]byte, name string) (*x509.Certificate, error) {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	root, err := os.ReadFile(m.RootFile)
	if err != nil || !roots.AppendCertsFromPEM(root) {
		return nil, fmt.Errorf("no root: %w", err)
	}
	var parsed []*x509.Certificate
	for _, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, c)
		between.AddCert(c)
	}
	_, err = parsed[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: strings.Replace(name, "*", "any", 1)})
	return parsed[0], err
}

// putHTTP01 puts a response where the host's web server serves it.
func putHTTP01(t *testing.T, client *acme.Client, h *lab.Host, c *acme.Challenge) {
	t.Helper()
	response, err := client.HTTP01ChallengeResponse(c.Token)
	if err != nil {
		t.Fatal(err)
	}
	must(t, h, "printf %s '"+response+"' >/var/www/html"+client.HTTP01ChallengePath(c.Token))
}

// putDNS01 puts a response into the name server with a dynamic update.
func putDNS01(t *testing.T, m *mirror.ACME, client *acme.Client, name string, c *acme.Challenge) {
	t.Helper()
	response, err := client.DNS01ChallengeRecord(c.Token)
	if err != nil {
		t.Fatal(err)
	}
	update := new(dns.Msg).SetUpdate("lab.test.")
	header := dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 1}
	update.Insert([]dns.RR{&dns.TXT{Hdr: header, Txt: []string{response}}})
	reply, err := dns.Exchange(update, m.DNS)
	if err != nil || reply.Rcode != dns.RcodeSuccess {
		t.Fatalf("update: %v, %v", reply, err)
	}
}

// testRenewalInfo checks the server's suggestion when to renew (RFC 9773), by default and after SuggestRenewal.
func testRenewalInfo(t *testing.T, m *mirror.ACME, client *acme.Client, leaf *x509.Certificate) {
	t.Helper()
	from := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := m.SuggestRenewal(leaf, from, from.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var directory struct{ RenewalInfo string }
	getJSON(t, client.HTTPClient, m.Directory, &directory)
	encode := base64.RawURLEncoding.EncodeToString
	var info struct {
		SuggestedWindow struct{ Start, End time.Time }
	}
	getJSON(t, client.HTTPClient, directory.RenewalInfo+"/"+encode(leaf.AuthorityKeyId)+"."+encode(leaf.SerialNumber.Bytes()), &info)
	if got := info.SuggestedWindow; !got.Start.Equal(from) || got.End.Sub(got.Start) != time.Minute {
		t.Errorf("window %+v, want a minute from %s", got, from)
	}
}

func getJSON(t *testing.T, client *http.Client, url string, to any) {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read only
	if err := json.NewDecoder(response.Body).Decode(to); err != nil {
		t.Fatalf("GET %s: %s: %v", url, response.Status, err)
	}
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
