package acmecertificate

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/go-acme/lego/v4/challenge/http01"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/preflight"
)

// checkReachable fetches a file of the host by each name, at each address of the name, as the CA will do. CAs count failed
// validations: after five of them a name is refused for an hour.
func (i *Issue) checkReachable(ctx context.Context, h modules.Host) error {
	modules.Progress(ctx, "fetching a file by each name")
	path, content := http01.ChallengePath("rcprov-"+rand.Text()), rand.Text()
	w := &webroot{ctx: ctx, h: h, dir: i.Webroot}
	if err := w.put(path, content); err != nil {
		return err
	}
	var errs []error
	for _, name := range i.Names {
		errs = append(errs, i.fetch(ctx, name, path, content))
	}
	err := errors.Join(append(errs, w.remove(path))...)
	if err == nil {
		return nil
	}
	host := "the host"
	if len(i.Addresses) > 0 {
		host += " (" + strings.Join(i.Addresses, ", ") + ")"
	}
	return modules.WithHint(fmt.Errorf("the CA was not asked, because it could not reach the host: %w", err),
		"Each name must resolve to %s, where port 80 must be open and serve %s (an `nginx` block before this one does that). "+
			"If the names resolve to something else only on this machine, set `self_check = false`.", host, i.Webroot)
}

// fetch gets path by name and compares it.
func (i *Issue) fetch(ctx context.Context, name, path, content string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	addresses, err := preflight.Lookup(ctx, name, i.nameserver())
	if unresolved := (*net.DNSError)(nil); errors.As(err, &unresolved) {
		return fmt.Errorf("%s does not resolve: %s", name, unresolved.Err)
	}
	if err != nil {
		return fmt.Errorf("%s does not resolve: %w", name, err)
	}
	for _, address := range addresses {
		at := net.JoinHostPort(address.String(), i.port)
		got, err := i.get80(ctx, name, address, path)
		var led *redirectError
		switch {
		case errors.As(err, &led):
			return fmt.Errorf("%s resolves to %s, which leads on to %s, where a CA doesn't follow: %s", name, at, led.to, led.why)
		case errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) && address.Is6():
			continue // this machine has no IPv6; the CA has
		case err != nil:
			return fmt.Errorf("%s resolves to %s, where nothing answers: %s", name, at, strings.TrimPrefix(modules.Network(err).Error(), at+": "))
		case got != content:
			return fmt.Errorf("%s resolves to %s, which is another host or does not serve %s: it answers %s", name, at, i.Webroot, first(got))
		}
	}
	return nil
}

// A redirectError is a redirect that CAs don't follow.
type redirectError struct{ to, why string }

func (e *redirectError) Error() string { return e.why }

// followed returns the error of a redirect that a CA doesn't follow: the rules are those of the CA/Browser Forum (Baseline
// Requirements, 3.2.2.4.19) and of Boulder (va/http.go).
func (i *Issue) followed(r *http.Request, via []*http.Request) error {
	refuse := func(why string) error { return &redirectError{to: r.URL.Scheme + "://" + r.URL.Host, why: why} }
	const most = 10
	port := r.URL.Port()
	switch _, err := netip.ParseAddr(strings.Trim(r.URL.Hostname(), "[]")); {
	case len(via) > most:
		return refuse("it was led on more than 10 times")
	case r.Response != nil && r.Response.StatusCode == http.StatusSeeOther:
		return refuse("the status is 303, and must be 301, 302, 307 or 308")
	case r.URL.Scheme != "http" && r.URL.Scheme != "https":
		return refuse("the scheme must be http or https")
	case err == nil:
		return refuse("it must be a name, not an address")
	case port != "" && port != i.port && port != i.tlsPort:
		return refuse("the port must be 80 or 443")
	}
	return nil
}

// get80 asks address for path of name, on port 80, and follows redirects as CAs do: whatever the certificate is, and with the
// name servers of the plan. It returns the body, or the status if that is not 200.
func (i *Issue) get80(ctx context.Context, name string, address netip.Addr, path string) (string, error) {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, wanted string) (net.Conn, error) {
			return i.dial(ctx, name, address, network, wanted)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // there may be none yet; CAs don't look (Boulder's va/http.go)
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+strings.TrimSuffix(net.JoinHostPort(name, i.port), ":80")+path, nil)
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{Transport: transport, CheckRedirect: i.followed}).Do(request)
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		return "", failed.Err // without the URL, whose token says nothing
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return response.Status, nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	return string(text), err
}

// dial connects to wanted (HOST:PORT): to address if that is name, else to the first of its addresses that answers.
func (i *Issue) dial(ctx context.Context, name string, address netip.Addr, network, wanted string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(wanted)
	if err != nil {
		return nil, err
	}
	if port == "443" {
		port = i.tlsPort
	}
	addresses := []netip.Addr{address}
	if host != name {
		if addresses, err = preflight.Lookup(ctx, host, i.nameserver()); err != nil {
			return nil, err
		}
	}
	var errs []error
	for _, a := range addresses {
		conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// nameserver is the name server to ask; empty: this machine's.
func (i *Issue) nameserver() string {
	if servers := nameservers(i.Nameservers); len(servers) > 0 {
		return servers[0]
	}
	return ""
}

// first returns the beginning of an answer, quoted for an error.
func first(answer string) string {
	answer, _, _ = strings.Cut(strings.TrimSpace(answer), "\n")
	const short = 60
	if len(answer) > short {
		answer = answer[:short] + "..."
	}
	return fmt.Sprintf("%q", answer)
}
