package acmecertificate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-acme/lego/v4/challenge"
	"github.com/go-acme/lego/v4/challenge/dns01"
	"github.com/miekg/dns"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/preflight"
)

// A solver answers DNS-01 challenges with a provider of lego. It sets the records of all names before it waits for the first one,
// also with rfc2136 and exec, for which lego takes one name after another and waits a minute in between. What lego guards against
// there is that these providers keep one value for a record, and that DNS servers remember it for a while; and that matters only
// to names with the same record, such as `example.com` and `*.example.com`. The solver makes those wait for one another.
type solver struct {
	ctx      context.Context
	provider challenge.Provider
	name     string // of the provider
	names    int    // how many have challenges
	wait     time.Duration
	resolver resolver

	set    map[string]value   // by record: what it has now
	later  map[string][]value // by record: what waits for that
	last   time.Time          // when a record was set last
	count  int
	broken error // the provider's last error: what it refuses for one name it refuses for all
}

func newSolver(ctx context.Context, i *Issue, p challenge.Provider) *solver {
	return &solver{
		ctx: ctx, provider: p, name: i.DNSProvider, names: len(i.Names), wait: i.DNSWait, resolver: i.resolver(),
		set: map[string]value{}, later: map[string][]value{},
	}
}

// A value is a challenge of a name, and what its record must have.
type value struct{ domain, token, answer, text string }

// terms are how long a provider needs.
type terms struct {
	timeout, interval time.Duration // until DNS servers have a record, and between two looks
	pause             time.Duration // between two values of one record; 0: it keeps several
}

func termsOf(p challenge.Provider) terms {
	t := terms{timeout: dns01.DefaultPropagationTimeout, interval: dns01.DefaultPollingInterval}
	if slow, ok := p.(challenge.ProviderTimeout); ok {
		t.timeout, t.interval = slow.Timeout()
	}
	if one, ok := p.(interface{ Sequential() time.Duration }); ok {
		t.pause = one.Sequential()
	}
	return t
}

// limit returns how long an exchange about names may take: that of a CA, and the provider's times for the names.
func (t terms) limit(names []string, wait time.Duration) time.Duration {
	const validation = 30 * time.Second
	records := map[string]bool{}
	for _, name := range names {
		records[strings.TrimPrefix(name, "*.")] = true
	}
	shared := time.Duration(len(names) - len(records))
	if t.pause == 0 {
		shared = 0
	}
	n := time.Duration(len(names))
	return acmeLimit + max(t.timeout, wait) + n*(t.interval+validation) + shared*(t.pause+max(t.timeout, wait))
}

// providerError is what a DNS provider refused, or the program or server that it stands for.
type providerError struct {
	provider string
	err      error
}

func (e *providerError) Error() string { return e.err.Error() }

func (e *providerError) Unwrap() error { return e.err }

// Timeout implements [challenge.ProviderTimeout].
func (s *solver) Timeout() (timeout, interval time.Duration) {
	t := termsOf(s.provider)
	return max(t.timeout, s.wait) + t.pause, t.interval
}

// Present sets the record of a challenge, unless one of another name has to be met first.
func (s *solver) Present(domain, token, answer string) error {
	info := dns01.GetChallengeInfo(domain, answer)
	v := value{domain, token, answer, info.Value}
	s.count++
	if _, taken := s.set[info.EffectiveFQDN]; taken && termsOf(s.provider).pause > 0 {
		s.later[info.EffectiveFQDN] = append(s.later[info.EffectiveFQDN], v)
		return nil
	}
	modules.Progress(s.ctx, "setting the DNS record of %s (%d of %d)", domain, s.count, s.names)
	return s.put(info.EffectiveFQDN, v)
}

func (s *solver) put(record string, v value) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if s.broken != nil {
		return s.broken
	}
	if err := s.provider.Present(v.domain, v.token, v.answer); err != nil {
		s.broken = &providerError{s.name, fmt.Errorf("set the DNS record of %s: %w", v.domain, err)}
		return s.broken
	}
	s.set[record], s.last = v, time.Now()
	return nil
}

// CleanUp removes the record of a challenge.
func (s *solver) CleanUp(domain, token, answer string) error {
	info := dns01.GetChallengeInfo(domain, answer)
	if termsOf(s.provider).pause > 0 && s.set[info.EffectiveFQDN].text != info.Value {
		return nil // it never was there, or another one has its place
	}
	delete(s.set, info.EffectiveFQDN)
	return s.provider.CleanUp(domain, token, answer)
}

// ready reports whether the record of a name has its value, on all servers of the domain. An error with true is final.
func (s *solver) ready(name, record, text string, _ dns01.PreCheckFunc) (bool, error) {
	if err := s.ctx.Err(); err != nil {
		return true, err
	}
	if i := slices.IndexFunc(s.later[record], func(v value) bool { return v.text == text }); i >= 0 {
		v, before := s.later[record][i], s.set[record]
		s.later[record] = slices.Delete(s.later[record], i, i+1)
		if before.text != "" {
			if err := s.provider.CleanUp(before.domain, before.token, before.answer); err != nil {
				return true, &providerError{s.name, fmt.Errorf("remove the DNS record of %s: %w", before.domain, err)}
			}
			delete(s.set, record)
		}
		pause := termsOf(s.provider).pause
		modules.Progress(s.ctx, "%s waits %s: its DNS record %s had the value for another name", name, modules.Span(pause), strings.TrimSuffix(record, "."))
		if err := sleep(s.ctx, pause); err != nil {
			return true, err
		}
		if err := s.put(record, v); err != nil {
			return true, err
		}
	}
	if s.wait > 0 {
		modules.Progress(s.ctx, "%s waits %s for the DNS, as dns_wait says", name, modules.Span(s.wait))
		return true, sleep(s.ctx, time.Until(s.last.Add(s.wait)))
	}
	modules.Progress(s.ctx, "%s waits until the DNS servers of its domain have the record", name)
	if err := s.resolver.have(s.ctx, record, text); err != nil {
		return s.ctx.Err() != nil, err
	}
	modules.Progress(s.ctx, "the CA validates %s", name)
	return true, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A resolver asks DNS servers. lego's own check asks the system's resolver for the addresses of the domain's servers.
type resolver struct {
	servers []string // host:port; those that the plan names, or the system's
	given   bool     // the plan names them
	port    string   // of the domain's servers; tests have no 53
}

// resolver returns the resolver for the name servers of the plan.
func (i *Issue) resolver() resolver {
	r := resolver{servers: nameservers(i.Nameservers), given: len(i.Nameservers) > 0, port: i.dnsPort}
	if r.given {
		return r
	}
	if system, err := dns.ClientConfigFromFile("/etc/resolv.conf"); err == nil {
		r.servers = nameservers(system.Servers)
	}
	if len(r.servers) == 0 {
		r.servers = []string{"8.8.8.8:53", "1.1.1.1:53"} // as lego does where there is no such file
	}
	return r
}

// have reports, by no error, whether all servers of a record's zone have a text there.
func (r resolver) have(ctx context.Context, record, text string) error {
	zone, err := dns01.FindZoneByFqdnCustom(record, r.servers)
	if err != nil {
		return fmt.Errorf("find the zone of %s: %w", record, err)
	}
	reply, err := r.ask(ctx, zone, dns.TypeNS, true, r.servers)
	if err != nil {
		return fmt.Errorf("find the DNS servers of %s: %w", zone, err)
	}
	found := 0
	for _, rr := range reply.Answer {
		if ns, ok := rr.(*dns.NS); ok {
			found++
			if err := r.has(ctx, strings.ToLower(ns.Ns), record, text); err != nil {
				return err
			}
		}
	}
	if found == 0 {
		return fmt.Errorf("the DNS names no servers of %s", zone)
	}
	return nil
}

// has reports, by no error, whether the server with a name has a text at a record.
func (r resolver) has(ctx context.Context, server, record, text string) error {
	first := ""
	if r.given {
		first = r.servers[0]
	}
	addresses, err := preflight.Lookup(ctx, server, first)
	if err != nil {
		return fmt.Errorf("the DNS server %s of the domain: %w", server, err)
	}
	var ends []string
	for _, a := range addresses {
		ends = append(ends, net.JoinHostPort(a.String(), r.port))
	}
	reply, err := r.ask(ctx, record, dns.TypeTXT, false, ends)
	if err != nil {
		return fmt.Errorf("the DNS server %s of the domain: %w", server, err)
	}
	for _, rr := range reply.Answer {
		if txt, ok := rr.(*dns.TXT); ok && strings.Join(txt.Txt, "") == text {
			return nil
		}
	}
	return fmt.Errorf("the DNS server %s does not have the record %s yet", strings.TrimSuffix(server, "."), strings.TrimSuffix(record, "."))
}

// ask asks servers one after another until one answers.
func (r resolver) ask(ctx context.Context, name string, kind uint16, recursive bool, servers []string) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(name, kind)
	question.RecursionDesired = recursive
	question.SetEdns0(1232, false)
	if len(servers) == 0 {
		return nil, errors.New("it has no address")
	}
	var errs []error
	for _, server := range servers {
		reply, _, err := (&dns.Client{Timeout: 5 * time.Second}).ExchangeContext(ctx, question, server)
		if err == nil && reply.Truncated {
			reply, _, err = (&dns.Client{Net: "tcp", Timeout: 5 * time.Second}).ExchangeContext(ctx, question, server)
		}
		if err == nil {
			return reply, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", server, modules.Network(err)))
	}
	return nil, errors.Join(errs...)
}

// lego asks the name servers of a variable of its own, which the whole process shares, for CNAMEs of records. turns lets
// exchanges with different ones wait for one another.
var turns = turn{free: make(chan struct{})}

type turn struct {
	mu      sync.Mutex
	servers string
	users   int
	free    chan struct{} // closed when there are no more users
}

// take waits until lego asks the servers, and returns what ends that.
func (t *turn) take(ctx context.Context, servers []string) (release func(), err error) {
	wanted := strings.Join(servers, " ")
	for {
		t.mu.Lock()
		if t.users == 0 {
			t.servers = wanted
			if err := dns01.AddRecursiveNameservers(servers)(nil); err != nil {
				t.mu.Unlock()
				return nil, err
			}
		}
		if t.servers == wanted {
			t.users++
			t.mu.Unlock()
			return t.release, nil
		}
		free := t.free
		t.mu.Unlock()
		modules.Progress(ctx, "waiting for a certificate with other nameservers")
		select {
		case <-free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *turn) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.users--; t.users == 0 {
		close(t.free)
		t.free = make(chan struct{})
	}
}

// providerHint is the advice about an error of a DNS provider.
func providerHint(provider, text string) string {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(text), w) })
	}
	manual := fmt.Sprintf("https://go-acme.github.io/lego/dns/%s/", provider)
	switch {
	case provider == "rfc2136" && has("bad time", "badtime"):
		return "The clocks of this machine and of the DNS server differ by more than five minutes: correct the wrong one."
	case provider == "rfc2136" && has("bad auth", "bad sig", "bad key", "badkey", "badsig", "notauth"):
		return "The DNS server doesn't accept the TSIG key. In `dns_credentials`, RFC2136_TSIG_KEY must be the key's name on that server, RFC2136_TSIG_SECRET " +
			"its secret in base64, and RFC2136_TSIG_ALGORITHM its algorithm (`hmac-sha256.`; `hmac-sha1.` when left out)."
	case provider == "rfc2136" && has("refused", "notzone") && !has("connection refused"):
		return "The DNS server takes no such update with this key: it needs a rule that allows TXT records of _acme-challenge (`update-policy` or `allow-update` with bind9, `acl` with knot)."
	case provider == "rfc2136":
		return "Check RFC2136_NAMESERVER in `dns_credentials`, and that this machine can reach port 53 of it by UDP and TCP."
	case provider == "exec":
		return "The program of EXEC_PATH failed. Run it by hand: `PROGRAM present _acme-challenge.example.com. TEXT`."
	case has("401", "403", "unauthorized", "forbidden", "authentication", "invalid token", "permission", "access denied", "credentials"):
		return "The provider doesn't accept what `dns_credentials` says, or that may not change this domain: " + manual + " names the rights that it needs."
	}
	return "Check `dns_credentials` (" + manual + "), and whether the provider has trouble of its own."
}
