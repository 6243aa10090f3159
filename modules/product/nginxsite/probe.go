package nginxsite

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/modules/internal/preflight"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/product/nginx"
)

// loopback is where each name of a site is asked first, as seen from the host.
const loopback = "127.0.0.1"

// The bounds of one look at a site.
const (
	mostAddresses = 8   // of the host that are asked
	mostQuestions = 64  // names at addresses; with more names, the last addresses are left out
	atOnce        = 16  // connections
	firstBytes    = 512 // of an answer on port 80

	answerTimeout = 10 * time.Second // for one answer at the loopback address
	otherTimeout  = 3 * time.Second  // at another address
	lookupTimeout = 2 * time.Second  // for all names that are served with something else somewhere
)

// A place is what one look asks: all names of a site, at the loopback address and at addresses.
type place struct {
	names, addresses string // with spaces between them
	plain            bool   // port 80 as well
	port             int    // 0: 443
}

// pairs are the names and addresses to ask, the loopback address of all names first.
func (p place) pairs() (all []answer) {
	for _, address := range append([]string{loopback}, strings.Fields(p.addresses)...) {
		for _, name := range strings.Fields(p.names) {
			if len(all) < mostQuestions {
				all = append(all, answer{Name: name, Address: address, Port: p.port})
			}
		}
	}
	return all
}

// An answer is what a client gets that asks for a name at an address.
type answer struct {
	Name, Address string
	Port          int    // 0: 443
	Fingerprint   string // SHA-256 of the first certificate, lowercase hex; empty if there is none
	Unfit         string // why a client refuses that certificate, whoever issued it; empty if it doesn't
	Failure       string // why there is none
	Plain         string // what port 80 does instead of a redirect to https; empty if it redirects, or was not asked

	// Elsewhere says that the DNS leads the name's clients to other addresses of the host, and not to this one.
	Elsewhere bool
}

// at is where the name is asked: "127.0.0.1:443".
func (a answer) at() string { return net.JoinHostPort(a.Address, strconv.Itoa(cmp.Or(a.Port, 443))) }

// url is the address of the name.
func (a answer) url() string {
	if a.Port == 0 || a.Port == 443 {
		return "https://" + a.Name
	}
	return fmt.Sprintf("https://%s:%d", a.Name, a.Port)
}

// tlsProbe asks which certificates a site's clients get at the loopback address.
var tlsProbe = &observe.Probe[place, []answer]{Name: "tls", Run: ask, Future: future}

// otherProbe asks at the other addresses as well, but only where nginx may have a site for one of them alone: all others answer as the
// loopback address does. No answers: it didn't ask.
var otherProbe = &observe.Probe[place, []answer]{
	Name: "tls at other addresses", Future: future,
	After: func(ctx context.Context, dial observe.Dial, p place, seen *observe.Snapshot) ([]answer, error) {
		if one, err := nginx.OneAddress(seen); err != nil || !one {
			return nil, err
		}
		return ask(ctx, dial, p)
	},
}

func future(f *observe.Forecast, _ place, seen []answer) observe.Outlook[[]answer] {
	o := observe.Outlook[[]answer]{Answer: observe.Answer[[]answer]{Value: seen}}
	if f.Knows(nginx.Unit) || slices.ContainsFunc(seen, func(a answer) bool { return a.Failure != "" }) {
		const clause = nginx.Unit + " serves it by then"
		o.Or = append(o.Or, observe.Alternative[[]answer]{Answer: observe.Unknown[[]answer](clause), If: clause})
	}
	return o
}

// ask asks for all pairs of p at once. The DNS is asked only where an address gives a name another certificate than the loopback
// address does: a site of somebody else on an address to which the DNS does not lead is not in the way.
func ask(ctx context.Context, dial observe.Dial, p place) ([]answer, error) {
	all := p.pairs()
	var group errgroup.Group // never fails
	group.SetLimit(atOnce)
	for i := range all {
		a := &all[i]
		group.Go(func() error {
			a.certificate(ctx, dial)
			return nil
		})
		if p.plain {
			group.Go(func() error {
				a.Plain = plain(ctx, dial, a.Name, a.Address)
				return nil
			})
		}
	}
	_ = group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	leads(ctx, all, func(ctx context.Context, name string) ([]netip.Addr, error) { return preflight.Lookup(ctx, name, "") })
	return all, ctx.Err()
}

// patience limits the time of one answer.
func patience(ctx context.Context, address string) (context.Context, context.CancelFunc) {
	if address == loopback {
		return context.WithTimeout(ctx, answerTimeout)
	}
	return context.WithTimeout(ctx, otherTimeout)
}

// certificate sets what a client gets on the site's port.
func (a *answer) certificate(ctx context.Context, dial observe.Dial) {
	ctx, cancel := patience(ctx, a.Address)
	defer cancel()
	conn, err := dial(ctx, "tcp", a.at())
	if err == nil {
		defer func() { _ = conn.Close() }()
		// Any certificate is an answer: Diff compares it with the file.
		client := tls.Client(conn, &tls.Config{ServerName: a.Name, InsecureSkipVerify: true})
		if err = client.HandshakeContext(ctx); err == nil {
			leaf := client.ConnectionState().PeerCertificates[0]
			a.Fingerprint, a.Unfit = observe.Fingerprint(leaf.Raw), unfit(leaf, a.Name, time.Now())
			return
		}
	}
	a.Failure = err.Error()
}

// unfit returns why clients refuse certificate c for name, whoever issued it.
func unfit(c *x509.Certificate, name string, now time.Time) string {
	switch {
	case c.VerifyHostname(name) != nil && len(c.DNSNames) == 0:
		return "is for no name"
	case c.VerifyHostname(name) != nil:
		return "is for " + strings.Join(c.DNSNames, ", ")
	case now.After(c.NotAfter):
		return "expired on " + c.NotAfter.UTC().Format(time.DateOnly)
	}
	return ""
}

// plainPath is what is asked for on port 80: the nginx block's server does not log it, because a look writes nothing.
const plainPath = "/.well-known/rcprov"

// plain returns what port 80 does instead of a redirect to https.
func plain(ctx context.Context, dial observe.Dial, name, address string) string {
	ctx, cancel := patience(ctx, address)
	defer cancel()
	conn, err := dial(ctx, "tcp", net.JoinHostPort(address, "80"))
	if err != nil {
		return "nothing: " + err.Error()
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: rcprov\r\nConnection: close\r\n\r\n", plainPath, name); err != nil {
		return "nothing: " + err.Error()
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(io.LimitReader(conn, 8*firstBytes), firstBytes), nil)
	if err != nil {
		return "nothing: " + err.Error()
	}
	_ = response.Body.Close()
	switch to := response.Header.Get("Location"); {
	case response.StatusCode/100 == 3 && strings.HasPrefix(to, "https://"):
		return ""
	case response.StatusCode/100 == 3:
		return "a redirect to " + to
	}
	return response.Status
}

// leads sets Elsewhere of the answers that differ from those of the loopback address. Where the DNS leads to no address of the
// host, as behind a router, clients come to its first one.
func leads(ctx context.Context, all []answer, lookup func(context.Context, string) ([]netip.Addr, error)) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	first := make(map[string]string) // of each name: what the loopback address gives
	known := make(map[string][]netip.Addr)
	for i := range all {
		a := &all[i]
		if a.Address == loopback {
			first[a.Name] = a.Fingerprint
			continue
		}
		if a.Fingerprint == first[a.Name] || a.Failure != "" {
			continue
		}
		if _, asked := known[a.Name]; !asked {
			to, _ := lookup(ctx, a.Name)
			known[a.Name] = slices.DeleteFunc(to, func(to netip.Addr) bool {
				return !slices.ContainsFunc(all, func(own answer) bool { return own.Address == to.String() && own.Address != loopback })
			})
		}
		if to := known[a.Name]; len(to) > 0 {
			a.Elsewhere = !slices.ContainsFunc(to, func(to netip.Addr) bool { return to.String() == a.Address })
		} else {
			a.Elsewhere = a.Address != firstLike(all, a.Address)
		}
	}
}

// firstLike returns the host's first address of the same kind, IPv4 or IPv6.
func firstLike(all []answer, address string) string {
	six := strings.Contains(address, ":")
	i := slices.IndexFunc(all, func(a answer) bool { return a.Address != loopback && strings.Contains(a.Address, ":") == six })
	return all[i].Address
}
