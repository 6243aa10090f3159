package acmecertificate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	server := ""
	if servers := nameservers(i.Nameservers); len(servers) > 0 {
		server = servers[0]
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	addresses, err := preflight.Lookup(ctx, name, server)
	if unresolved := (*net.DNSError)(nil); errors.As(err, &unresolved) {
		return fmt.Errorf("%s does not resolve: %s", name, unresolved.Err)
	}
	if err != nil {
		return fmt.Errorf("%s does not resolve: %w", name, err)
	}
	for _, address := range addresses {
		at := net.JoinHostPort(address.String(), i.port)
		got, err := get(ctx, net.JoinHostPort(name, i.port), at, path)
		switch {
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

// get asks address, instead of host (NAME:PORT), for path, and follows redirects as CAs do. It returns the body, or the
// status if that is not 200.
func get(ctx context.Context, host, address, path string) (string, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, wanted string) (net.Conn, error) {
		if wanted == host {
			wanted = address
		}
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, wanted)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+strings.TrimSuffix(host, ":80")+path, nil)
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
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

// first returns the beginning of an answer, quoted for an error.
func first(answer string) string {
	answer, _, _ = strings.Cut(strings.TrimSpace(answer), "\n")
	const short = 60
	if len(answer) > short {
		answer = answer[:short] + "..."
	}
	return fmt.Sprintf("%q", answer)
}
