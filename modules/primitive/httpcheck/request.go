package httpcheck

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules/internal/reach"
	"github.com/rcprov/rcprov/modules/observe"
)

// request is a request with its expected answer. As a question it is identified by its address: its headers may be secret,
// and must not become part of a question's name.
type request struct {
	URL             *url.URL
	FromController  bool
	Method          string
	Headers         map[string]string
	Status          []int
	BodyContains    string
	BodyRegexp      *regexp.Regexp // nil: any body
	CAs             *x509.CertPool // nil: the controller's own
	Insecure        bool
	ConnectTo       string // empty: where the URL says
	FollowRedirects bool
	Sensitive       bool   // URL and body must not be shown
	Unit            string // that of the server, where it is known; empty otherwise
}

const (
	requestTimeout = 5 * time.Second
	bodyLimit      = 1 << 20 // bytes
	snippetLength  = 120     // characters of a body that a message shows
)

// answer is what came of a request.
type answer struct {
	AsWanted bool
	Text     string // what it was, for people: "connection refused", "status 502: Bad Gateway"
}

// answers asks once. No answer, or an unexpected one, is an answer too; "could not tell" is only a request that could not
// be sent.
var answers = &observe.Probe[*request, answer]{
	Name: "http answer",
	Run: func(ctx context.Context, dial observe.Dial, r *request) (answer, error) {
		return r.ask(ctx, dial)
	},
	Future: observe.ProgramOf(
		func(r *request) string { return r.Unit }, answer{Text: "no answer"}, func(a answer) bool { return !a.AsWanted },
	),
}

func (r *request) ask(ctx context.Context, dial observe.Dial) (answer, error) {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(asking, r.Method, r.URL.String(), nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("User-Agent", "rcprov")
	if r.websocket() {
		offerWebSocket(req)
	}
	for name, value := range r.Headers {
		if http.CanonicalHeaderKey(name) == "Host" {
			req.Host = value
		} else {
			req.Header.Set(name, value)
		}
	}
	client := r.client(dial)
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err == nil {
		defer func() { _ = resp.Body.Close() }() // it was only read
		if r.websocket() && resp.StatusCode == http.StatusSwitchingProtocols {
			return judgeWebSocket(req, resp), nil
		}
		var body []byte
		if body, err = io.ReadAll(io.LimitReader(resp.Body, bodyLimit)); err == nil {
			return r.judge(resp, body), nil
		}
	}
	// The run was stopped, which says nothing about the server; its own timeout does.
	if ctx.Err() != nil {
		return answer{}, ctx.Err()
	}
	if forbidden := reach.Forbidden(err); forbidden != nil {
		return answer{}, forbidden
	}
	return answer{Text: r.problem(err)}, nil
}

func (r *request) client(dial observe.Dial) *http.Client {
	if r.FromController {
		dial = new(net.Dialer).DialContext
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if r.ConnectTo != "" {
				address = r.ConnectTo
			}
			return dial(ctx, network, address)
		},
		TLSClientConfig:   &tls.Config{RootCAs: r.CAs, InsecureSkipVerify: r.Insecure},
		DisableKeepAlives: true,
	}}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if r.FollowRedirects {
		client.CheckRedirect = r.follow
	}
	return client
}

// maxRedirects is how many redirects are followed, as net/http does.
const maxRedirects = 10

// follow drops the plan's headers, which may be secret, from a request to another origin (RFC 6454) than the plan's: the server
// decides where that is. net/http itself drops only Authorization and Cookie, and only for another domain.
func (r *request) follow(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if origin(req.URL) == origin(r.URL) {
		return nil
	}
	for name := range r.Headers {
		req.Header.Del(name)
	}
	return nil
}

func origin(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https" || u.Scheme == "wss":
		port = "443"
	default:
		port = "80"
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// judge compares an answer with the expected one.
func (r *request) judge(resp *http.Response, body []byte) answer {
	status := fmt.Sprintf("status %d", resp.StatusCode)
	if !slices.Contains(r.Status, resp.StatusCode) {
		switch to := resp.Header.Get("Location"); {
		case r.Sensitive:
		case to != "":
			status += " to " + to
		default:
			if first := firstLine(body); first != "" {
				status += ": " + first
			}
		}
		return answer{Text: status}
	}
	wanted := ""
	if !bytes.Contains(body, []byte(r.BodyContains)) {
		wanted = fmt.Sprintf(" a body without %q", r.BodyContains)
	} else if r.BodyRegexp != nil && !r.BodyRegexp.Match(body) {
		wanted = fmt.Sprintf(" a body that does not match %q", r.BodyRegexp)
	}
	switch {
	case wanted == "":
		return answer{AsWanted: true, Text: status}
	case r.Sensitive:
		return answer{Text: status + " and a body without the expected text"}
	}
	if first := firstLine(body); first != "" {
		wanted += ", which begins " + fmt.Sprintf("%q", first)
	}
	return answer{Text: status + " and" + wanted}
}

func firstLine(body []byte) string {
	first, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	runes := []rune(strings.ToValidUTF8(strings.TrimSpace(first), "?"))
	if len(runes) > snippetLength {
		return string(runes[:snippetLength]) + "..."
	}
	return string(runes)
}

// problem returns why there was no answer, without the URL that net/http puts before it.
func (r *request) problem(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed without an answer"
	}
	return reach.Why(err, requestTimeout)
}
