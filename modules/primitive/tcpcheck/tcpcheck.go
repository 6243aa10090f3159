package tcpcheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/reach"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module tcp_check.
func Module() modules.Module { return modules.Primitive("tcp_check", source, New) }

// Step is a port that must be open, or closed.
type Step struct {
	target
	Closed             bool
	Interval, Deadline time.Duration
}

var _ modules.Step = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{
		target: target{net.JoinHostPort(strings.Trim(args.Host, "[]"), strconv.Itoa(args.Port)), args.From == "controller"},
		Closed: args.State == "closed",
	}
	var errs []error
	if args.Host == "" || strings.ContainsAny(args.Host, " \t\n/") {
		errs = append(errs, modules.Argf("host", "must be a name or an address, not %q", args.Host))
	}
	if args.Port < 1 || args.Port > 65535 {
		errs = append(errs, modules.Argf("port", "must be from 1 to 65535, not %d", args.Port))
	}
	for arg, text := range map[string]string{"interval": args.Interval, "deadline": args.Deadline} {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			errs = append(errs, modules.Argf(arg, "must be a duration such as \"90s\" or \"5m\", not %q", text))
		}
		if arg == "interval" {
			s.Interval = d
		} else {
			s.Deadline = d
		}
	}
	return s, errors.Join(errs...)
}

// target is what a connection is made to, and from where.
type target struct {
	Address        string // HOST:PORT
	FromController bool
}

// outcome is what came of a try.
type outcome struct {
	Open bool
	Why  string // it is not, in a few words
}

const tryTimeout = 5 * time.Second

// ports tries once. That there is no connection is an answer too; "could not tell" is only one that sshd may not make.
var ports = &observe.Probe[target, outcome]{
	Name: "TCP port",
	Run:  try,
	Future: observe.ProgramOf(
		func(target) string { return "" }, outcome{Why: "no answer"}, func(o outcome) bool { return !o.Open },
	),
}

func try(ctx context.Context, dial observe.Dial, t target) (outcome, error) {
	trying, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	if t.FromController {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(trying, "tcp", t.Address)
	switch {
	case err == nil:
		return outcome{Open: true}, conn.Close()
	case ctx.Err() != nil: // the run was stopped, which says nothing about the server
		return outcome{}, ctx.Err()
	}
	if forbidden := reach.Forbidden(err); forbidden != nil {
		return outcome{}, forbidden
	}
	return outcome{Why: reach.Why(err, tryTimeout)}, nil
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { ports.Ask(q, s.target) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := ports.Get(snapshot, s.target)
	if err != nil {
		return modules.Change{}, err
	}
	return modules.NewChange(work{Step: s, Seen: is}), nil
}

func (s *Step) missing(is outcome) string {
	switch {
	case is.Open && s.Closed:
		return "it is open"
	case !is.Open && (!s.Closed || unresolved(is.Why)):
		return is.Why
	}
	return ""
}

// unresolved reports whether a name led nowhere, which says nothing about a port: in the words of getaddrinfo(3), which sshd
// repeats, and of package net.
func unresolved(why string) bool {
	return slices.ContainsFunc([]string{"name or service not known", "name resolution", "no such host", "no address associated", "server misbehaving"},
		func(words string) bool { return strings.Contains(strings.ToLower(why), words) })
}

// wanted is the expected state.
func (s *Step) wanted() string {
	if s.Closed {
		return "closed"
	}
	return "open"
}

func (s *Step) subject() string {
	text := s.Address
	if s.FromController {
		text += " from the controller"
	}
	return text
}

// Apply implements [modules.Step]: it tries until the port is as expected.
func (s *Step) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	err := wait.Until(ctx, wait.Pace{Every: s.Interval, Limit: s.Deadline, For: s.subject()}, func() (missing string, err error) {
		is, err := try(ctx, h.Dial, s.target)
		return s.missing(is), err
	})
	late := (*wait.TimeoutError)(nil)
	if !errors.As(err, &late) {
		return err
	}
	err = fmt.Errorf("%s is not %s within %s: %s", s.subject(), s.wanted(), modules.Span(s.Deadline), late.Missing)
	_, port, _ := net.SplitHostPort(s.Address)
	switch {
	case unresolved(late.Missing):
		return modules.WithHint(err, "The name is looked up where the connection comes from: see `getent hosts NAME` there.")
	case s.Closed:
		return modules.WithHint(err, "See the firewall there (`ufw status`), and what listens: `ss -ltnp 'sport = :%s'`.", port)
	case strings.Contains(late.Missing, "refused"):
		return modules.WithHint(err, "Nothing listens there, or a firewall rejects it: see `ss -ltnp 'sport = :%s'` on the server.", port)
	}
	return modules.WithHint(err, "See that the name leads to the server, that it is up, and that its firewall lets this host in.")
}

// work is to wait until the port is as expected; there is none if it was.
type work struct {
	Step *Step
	Seen outcome
}

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	missing := w.Step.missing(w.Seen)
	if missing == "" {
		return nil
	}
	return []modules.Edit{{Action: modules.Run, Subject: "wait for " + w.Step.subject(), From: missing, To: w.Step.wanted()}}
}
