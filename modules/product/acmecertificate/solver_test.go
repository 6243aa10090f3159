package acmecertificate

import (
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// zone is a DNS server for example.com that takes updates signed with a key (RFC 2136, RFC 8945).
type zone struct {
	mu      sync.Mutex
	texts   map[string][]string
	most    int // records that were set at the same time
	updates int
}

// startZone starts a server of a zone and returns its address. The name of the server itself is one that only it knows.
func startZone(t *testing.T, secret string) (*zone, string) {
	t.Helper()
	z := &zone{texts: map[string][]string{}}
	listener, packets := listenBoth(t)
	for _, server := range []*dns.Server{{Listener: listener}, {PacketConn: packets}} {
		server.Handler, server.TsigSecret = z, map[string]string{"rcprov.": secret}
		server.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept } // the default refuses updates
		go func() { _ = server.ActivateAndServe() }()                                        // until the end of the test
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return z, listener.Addr().String()
}

// ServeDNS implements [dns.Handler].
func (z *zone) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	reply := new(dns.Msg).SetReply(request)
	name := strings.ToLower(request.Question[0].Name)
	header := dns.RR_Header{Name: request.Question[0].Name, Rrtype: request.Question[0].Qtype, Class: dns.ClassINET, Ttl: 1}
	switch signature := request.IsTsig(); {
	case request.Opcode == dns.OpcodeUpdate && (signature == nil || w.TsigStatus() != nil):
		reply.Rcode = dns.RcodeNotAuth
	case request.Opcode == dns.OpcodeUpdate:
		z.updates++
		for _, rr := range request.Ns {
			z.update(rr)
		}
		reply.SetTsig(signature.Hdr.Name, signature.Algorithm, 300, time.Now().Unix())
	case header.Rrtype == dns.TypeSOA && name == "example.com.":
		reply.Answer = []dns.RR{&dns.SOA{Hdr: header, Ns: "ns.hidden.example.com.", Mbox: "x.example.com.", Refresh: 3600}}
	case header.Rrtype == dns.TypeNS && name == "example.com.":
		reply.Answer = []dns.RR{&dns.NS{Hdr: header, Ns: "ns.hidden.example.com."}}
	case header.Rrtype == dns.TypeA:
		reply.Answer = []dns.RR{&dns.A{Hdr: header, A: net.ParseIP("127.0.0.1")}}
	case header.Rrtype == dns.TypeTXT:
		for _, text := range z.texts[name] {
			reply.Answer = append(reply.Answer, &dns.TXT{Hdr: header, Txt: []string{text}})
		}
	}
	_ = w.WriteMsg(reply) // a lost reply is asked for again
}

func (z *zone) update(rr dns.RR) {
	name := strings.ToLower(rr.Header().Name)
	text, _ := rr.(*dns.TXT)
	switch {
	case rr.Header().Class == dns.ClassANY:
		delete(z.texts, name)
	case rr.Header().Class == dns.ClassNONE:
		z.texts[name] = slices.DeleteFunc(z.texts[name], func(s string) bool { return s == strings.Join(text.Txt, "") })
	default:
		z.texts[name] = append(z.texts[name], strings.Join(text.Txt, ""))
	}
	set := 0
	for _, texts := range z.texts {
		set += len(texts)
	}
	z.most = max(z.most, set)
}

// TestDNS gets a certificate for several names by DNS-01 from a server that wants signed updates: the records of all names are set
// at once, but not the two of one name; and the name servers of the plan are asked for everything.
func TestDNS(t *testing.T) {
	const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
	z, address := startZone(t, secret)
	l := newLab(t, address)
	settings := func(secret string) map[string]modules.Secret {
		return map[string]modules.Secret{
			"RFC2136_NAMESERVER": modules.Secret(address), "RFC2136_TSIG_KEY": "rcprov.", "RFC2136_TSIG_ALGORITHM": "hmac-sha256.",
			"RFC2136_TSIG_SECRET": modules.Secret(secret), "RFC2136_SEQUENCE_INTERVAL": "1", "RFC2136_POLLING_INTERVAL": "1",
		}
	}
	dir := t.TempDir() + "/lego"
	held, step := l.steps(t, dir, "example.com", "a.example.com", "b.example.com")
	step.Names = append(step.Names, "*.example.com")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	step.Challenge, step.DNSProvider, step.DNSCredentials, step.dnsPort = "dns-01", "rfc2136", settings(secret), port
	host := &moduletest.Host{}
	moduletest.Converge(t, host, held)

	var mu sync.Mutex
	var said []string
	ctx := modules.WithProgress(t.Context(), func(doing string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, doing)
	})
	if err := step.Apply(ctx, host, moduletest.Diff(t, host, step)); err != nil {
		t.Fatal(err)
	}
	if c := moduletest.Diff(t, host, step); !c.Empty() {
		t.Errorf("not converged: %v", c.Edits)
	}
	// Three records, and no more: the second value of example.com's comes after the first one.
	if z.most != 3 || len(z.texts["_acme-challenge.example.com."]) != 0 {
		t.Errorf("%d records at the same time; left are %v", z.most, z.texts)
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{
		"setting the DNS record of a.example.com (", " waits until the DNS servers of its domain have the record", "the CA validates b.example.com",
		" waits 1s: its DNS record _acme-challenge.example.com had the value for another name",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("progress lacks %q:\n%s", want, all)
		}
	}

	wrong := *step
	wrong.DNSCredentials = settings("d3Jvbmctd3Jvbmctd3Jvbmc=")
	updates := z.updates
	err = wrong.Apply(t.Context(), host, modules.NewChange(issueWork{Certificate: step.Certificate, Names: step.Names, Directory: step.Directory, Why: noPair}))
	var advice *modules.HintError
	if !errors.As(err, &advice) || !strings.HasPrefix(err.Error(), "set the DNS record of ") || !strings.Contains(advice.Hint, "RFC2136_TSIG_SECRET") || z.updates != updates {
		t.Errorf("with a wrong key: %v", err)
	}
}

// TestTerms: how long an exchange may take grows with the names, and with what one name waits for another.
func TestTerms(t *testing.T) {
	t.Parallel()
	rfc := terms{timeout: time.Minute, interval: 2 * time.Second, pause: time.Minute}
	many := make([]string, 0, 40)
	for _, letter := range strings.Split("abcdefghijklmnopqrst", "") {
		many = append(many, letter+".example.com", "*."+letter+".example.com")
	}
	for _, test := range []struct {
		terms terms
		names []string
		wait  time.Duration
		want  time.Duration
	}{
		{rfc, []string{"example.com"}, 0, acmeLimit + time.Minute + 32*time.Second},
		{rfc, []string{"example.com", "*.example.com"}, 0, acmeLimit + time.Minute + 64*time.Second + 2*time.Minute},
		{rfc, many, 0, acmeLimit + time.Minute + 40*32*time.Second + 20*2*time.Minute},
		{terms{timeout: time.Minute, interval: 2 * time.Second}, many, 5 * time.Minute, acmeLimit + 5*time.Minute + 40*32*time.Second},
	} {
		if got := test.terms.limit(test.names, test.wait); got != test.want {
			t.Errorf("%d names: %s, want %s", len(test.names), got, test.want)
		}
	}
}

// TestProviderHint: what a provider says leads to advice about it.
func TestProviderHint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ provider, text, want string }{
		{"rfc2136", "dnsupdate: failed to insert: DNS update failed: dns: bad authentication", "doesn't accept the TSIG key"},
		{"rfc2136", "DNS update failed: server 10.0.0.1:53 replied NOTAUTH for INSERT example.com.", "doesn't accept the TSIG key"},
		{"rfc2136", "DNS update failed: dns: bad time", "clocks"},
		{"rfc2136", "DNS update failed: server 10.0.0.1:53 replied REFUSED for INSERT example.com.", "update-policy"},
		{"rfc2136", "DNS call error: read udp: connection refused", "RFC2136_NAMESERVER"},
		{"exec", "exec: exit status 1", "EXEC_PATH"},
		{"cloudflare", "cloudflare: 403 Forbidden", "may not change this domain: https://go-acme.github.io/lego/dns/cloudflare/"},
		{"hetzner", "hetzner: 500", "trouble of its own"},
	} {
		if got := providerHint(test.provider, test.text); !strings.Contains(got, test.want) {
			t.Errorf("%s, %s: %s", test.provider, test.text, got)
		}
	}
}
