package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// DNS is the requirement that a name leads to the host. The controller is asked, not the host, which often has its own name in
// /etc/hosts. What counts as the host are its own addresses and the one that the plan connects to: behind a router, only
// the latter is what the world sees.
type DNS struct {
	Name       string
	Nameserver string // host:port to ask; empty: the controller's
	Facts      *observe.Facts
	Address    string // of the host in the plan: an address, a name, or an alias of ssh_config
}

var _ modules.Requirement = DNS{}

// AddressOf is the address of the host that env is about, as in the plan.
func AddressOf(env modules.Env) string {
	for _, peer := range env.Peers {
		if peer.Name == env.Host {
			return peer.Address
		}
	}
	return ""
}

// Topic implements [modules.Requirement].
func (DNS) Topic() modules.Topic { return modules.TopicDNS }

// Observe implements [modules.Requirement].
func (d DNS) Observe(q *observe.Query) {
	records.Ask(q, record{d.Name, d.Nameserver})
	if _, err := netip.ParseAddr(d.Address); err != nil && d.Address != "" {
		records.Ask(q, record{d.Address, ""})
	}
}

// Test implements [modules.Requirement].
func (d DNS) Test(s *observe.Snapshot, _ []modules.Need) *modules.Finding {
	leads, err := records.Get(s, record{d.Name, d.Nameserver})
	if err != nil {
		return unknown("where "+d.Name+" leads", err)
	}
	own := d.own(s)
	where := "the host"
	if len(own) > 0 {
		where += " (" + join(own) + ")"
	}
	hint := "Its DNS records must lead to " + where + ". A new record may take as long as the old one's time to live."
	if len(leads) == 0 {
		return wrong(fmt.Errorf("%s has no address in the DNS", d.Name), "%s", hint)
	}
	i := slices.IndexFunc(leads, func(a netip.Addr) bool { return !slices.Contains(own, a) })
	if i < 0 {
		return nil
	}
	other := leads[i]
	if public(other) && !slices.ContainsFunc(own, public) {
		return unknown(fmt.Sprintf("whether %s leads to the host", d.Name),
			fmt.Errorf("it leads to %s, and only private addresses of the host are known (%s)", other, join(own)))
	}
	return wrong(fmt.Errorf("%s leads to %s, which is not %s", d.Name, other, where), "%s", hint)
}

// own are the addresses that are known as the host's.
func (d DNS) own(s *observe.Snapshot) []netip.Addr {
	var own []netip.Addr
	add := func(text string) {
		if a, err := netip.ParseAddr(text); err == nil && !slices.Contains(own, a.Unmap()) {
			own = append(own, a.Unmap())
		}
	}
	add(d.Address)
	// An alias of ssh_config is not a DNS name: where it leads is unknown then.
	if connected, err := records.Get(s, record{d.Address, ""}); err == nil {
		for _, a := range connected {
			add(a.String())
		}
	}
	for _, text := range d.Facts.Addresses {
		add(text)
	}
	return own
}

// shared is what routers of providers give to their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// public reports whether an address is one of the internet that a router may stand for: of IPv4, that is.
func public(a netip.Addr) bool {
	return a.Is4() && a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

func join(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// record is a question for the DNS.
type record struct{ name, nameserver string }

// patience bounds a question to name servers that don't answer.
const patience = 5 * time.Second

// records answers which addresses a name has. No address is an answer.
var records = &observe.Probe[record, []netip.Addr]{
	Name: "DNS",
	Run: func(ctx context.Context, _ observe.Dial, r record) ([]netip.Addr, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		addresses, err := Lookup(ctx, r.name, r.nameserver)
		var failed *net.DNSError
		switch {
		case errors.As(err, &failed) && failed.IsNotFound:
			return nil, nil
		case errors.As(err, &failed):
			return nil, errors.New(failed.Err)
		}
		return addresses, err
	},
}

// Lookup returns the addresses of a name. nameserver (host:port) is asked instead of the controller's, unless it is
// empty. Errors of the DNS are a [*net.DNSError].
func Lookup(ctx context.Context, name, nameserver string) ([]netip.Addr, error) {
	resolver := net.DefaultResolver
	if nameserver != "" {
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, nameserver)
		}}
	}
	addresses, err := resolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(name, ".")+".")
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	return addresses, err
}
