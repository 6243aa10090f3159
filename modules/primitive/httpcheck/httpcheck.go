package httpcheck

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module http_check.
func Module() modules.Module { return modules.Primitive("http_check", source, New) }

// Step is a server that must answer.
type Step struct {
	Request  *request
	Interval time.Duration
	Deadline time.Duration
}

var _ modules.Step = (*Step)(nil)

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// New checks args, and reads the certificates on the controller.
func New(args Args, env modules.Env) (modules.Step, error) {
	r := &request{
		FromController: args.From == "controller", Method: args.Method, Headers: args.Headers, Status: args.Status,
		BodyContains: args.BodyContains, Insecure: args.Insecure, ConnectTo: args.ConnectTo,
		FollowRedirects: args.FollowRedirects,
		Sensitive:       env.Sensitive("url") || env.Sensitive("body_contains") || env.Sensitive("body_regexp"),
	}
	s := &Step{Request: r}
	var errs []error
	wrong := func(arg string, err error) {
		if err != nil {
			errs = append(errs, modules.Argf(arg, "%w", err))
		}
	}
	var err error
	r.URL, err = parseURL(args.URL)
	wrong("url", err)
	if err == nil && r.websocket() {
		wrong("url", s.checkWebSocket(args))
	}
	if len(r.Status) == 0 {
		r.Status = []int{200}
	}
	for _, status := range r.Status {
		if status < 100 || status > 599 {
			wrong("status", fmt.Errorf("must be from 100 to 599, not %d", status))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(args.Headers)) {
		if !headerName.MatchString(name) || strings.ContainsAny(args.Headers[name], "\r\n\x00") {
			wrong("headers", fmt.Errorf("has %q, which is not a valid header", name))
		}
	}
	if args.BodyRegexp != "" {
		r.BodyRegexp, err = regexp.Compile(args.BodyRegexp)
		wrong("body_regexp", err)
	}
	if args.CAFile != "" {
		r.CAs, err = readCAs(env, args.CAFile)
		wrong("ca_file", err)
	}
	if args.ConnectTo != "" {
		if _, port, err := net.SplitHostPort(args.ConnectTo); err != nil || port == "" {
			wrong("connect_to", fmt.Errorf("must be HOST:PORT, not %q", args.ConnectTo))
		}
	}
	s.Interval, err = parseDuration(args.Interval)
	wrong("interval", err)
	s.Deadline, err = parseDuration(args.Deadline)
	wrong("deadline", err)
	return s, errors.Join(errs...)
}

// checkWebSocket returns an error if args expect what a websocket does not have.
func (s *Step) checkWebSocket(args Args) error {
	if args.Method != http.MethodGet || len(args.Status) > 0 || args.BodyContains != "" || args.BodyRegexp != "" {
		return errors.New("opens a websocket: leave out method, status, body_contains and body_regexp")
	}
	s.Request.Status = []int{http.StatusSwitchingProtocols}
	return nil
}

// parseURL reads an http, https, ws or wss URL. Its errors don't repeat the URL, which may hold a token.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	var wrong *url.Error
	if errors.As(err, &wrong) {
		return nil, fmt.Errorf("is not a URL: %w", wrong.Err)
	}
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) || u.Hostname() == "":
		return nil, errors.New("must be an http, https, ws or wss URL, such as \"http://127.0.0.1:3000/\"")
	case u.User != nil:
		return nil, errors.New("must not contain a user or password; give an Authorization header in headers")
	}
	return u, nil
}

func readCAs(env modules.Env, path string) (*x509.CertPool, error) {
	pem, err := env.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM format", path)
	}
	return pool, nil
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("must be a duration such as \"90s\" or \"5m\", not %q", text)
	}
	return d, nil
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { answers.Ask(q, s.Request) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := answers.Get(snapshot, s.Request)
	if err != nil {
		return modules.Change{}, err
	}
	return modules.NewChange(work{Step: s, Seen: is}), nil
}

// subject is the request as people see it.
func (s *Step) subject() string {
	text := s.Request.Method + " " + s.Request.URL.String()
	if s.Request.Sensitive {
		text = s.Request.Method + " " + s.Request.URL.Scheme + "://" + s.Request.URL.Host
	}
	if s.Request.ConnectTo != "" {
		text += " at " + s.Request.ConnectTo
	}
	return text
}

// wanted is the expected answer.
func (s *Step) wanted() string {
	statuses := make([]string, len(s.Request.Status))
	for i, status := range s.Request.Status {
		statuses[i] = strconv.Itoa(status)
	}
	text := "status " + strings.Join(statuses, " or ")
	switch {
	case s.Request.Sensitive:
	case s.Request.BodyContains != "":
		text += fmt.Sprintf(" and %q in the body", s.Request.BodyContains)
	case s.Request.BodyRegexp != nil:
		text += fmt.Sprintf(" and a body that matches %q", s.Request.BodyRegexp)
	}
	return text
}

// Apply implements [modules.Step]: it asks until the expected answer comes.
func (s *Step) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	var last answer
	err := wait.Until(ctx, wait.Pace{Every: s.Interval, Limit: s.Deadline, For: s.subject()}, func() (missing string, err error) {
		if last, err = s.Request.ask(ctx, h.Dial); err != nil || last.AsWanted {
			return "", err
		}
		return last.Text, nil
	})
	if late := (*wait.TimeoutError)(nil); errors.As(err, &late) {
		return modules.WithHint(
			fmt.Errorf("%s did not answer as expected within %s: %s; expected %s", s.subject(), modules.Span(s.Deadline), late.Missing, s.wanted()),
			"%s", s.advice(last))
	}
	return err
}

// advice returns a hint for an unexpected answer.
func (s *Step) advice(is answer) string {
	where := "on the host"
	if s.Request.FromController {
		where = "on this machine"
	}
	port := s.Request.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[s.Request.URL.Scheme]
	}
	if s.Request.ConnectTo != "" {
		_, port, _ = net.SplitHostPort(s.Request.ConnectTo)
	}
	switch {
	case strings.Contains(is.Text, "refused"):
		return fmt.Sprintf("Nothing listens there: `ss -ltnp 'sport = :%s'` on the server shows what does, `journalctl -e` why a service does not.", port)
	case strings.Contains(is.Text, "x509:"):
		return "Set ca_file if an authority of your own signed the certificate."
	case s.Request.Sensitive:
		return "See the server's log."
	}
	return fmt.Sprintf("See the server's log, and run `curl -v %s` %s.", shell.Quote(s.Request.URL.String()), where)
}
