package check

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/inspect"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module check.
func Module() modules.Module { return modules.Primitive("check", source, New) }

// Step is a program that must succeed.
type Step struct {
	Program  *inspect.Program
	Name     string // the program as people see it, on one line
	Contains []string
	Matches  *regexp.Regexp // nil: not asked
	Secret   bool           // whether the expected output is sensitive
	Interval time.Duration
	Deadline time.Duration
}

var _ modules.Step = (*Step)(nil)

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	said := inspect.Args{Argv: args.Argv, Shell: args.Shell, Dir: args.Dir, User: args.User, Env: args.Env}
	s := &Step{
		Program:  &inspect.Program{Argv: args.Argv, Dir: args.Dir, User: said.Account(), Env: said.Environ(), Output: true, Awaited: true},
		Name:     said.Name(),
		Contains: args.Contains,
		Secret:   env.Sensitive("contains") || env.Sensitive("matches"),
	}
	if args.Shell != "" {
		s.Program.Argv = []string{"sh", "-euc", args.Shell}
	}
	errs := append(said.Check(), inspect.WithSecret(env, "env", "argv", "shell")...)
	wrong := func(arg string, err error) {
		if err != nil {
			errs = append(errs, modules.Argf(arg, "%w", err))
		}
	}
	if slices.Contains(args.Contains, "") {
		wrong("contains", errors.New("has an empty text, which everything contains"))
	}
	var err error
	if args.Matches != "" {
		s.Matches, err = regexp.Compile(args.Matches)
		wrong("matches", err)
	}
	s.Interval, err = parseDuration(args.Interval)
	wrong("interval", err)
	s.Deadline, err = parseDuration(args.Deadline)
	wrong("deadline", err)
	return s, errors.Join(errs...)
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("must be a duration such as \"500ms\" or \"1m\", not %q", text)
	}
	return d, nil
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { inspect.Programs.Ask(q, s.Program) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := inspect.Programs.Get(snapshot, s.Program)
	if err != nil {
		return modules.Change{}, fmt.Errorf("%s: %w", s.Name, err)
	}
	var notes []string
	if is.Missing != "" {
		notes = append(notes, fmt.Sprintf("needs %s, which an earlier step must provide", is.Missing))
	}
	return modules.NewChange(work{Step: s, Seen: is}, notes...), nil
}

// judge returns what is wrong with an outcome; "" if nothing is.
func (s *Step) judge(is inspect.Outcome) string {
	switch {
	case is.Missing != "":
		return "there is no " + is.Missing
	case is.Status != 0:
		return fmt.Sprintf("exits with %d", is.Status)
	}
	for _, text := range s.Contains {
		if !strings.Contains(is.Output, text) {
			return "does not print " + s.shown(text)
		}
	}
	if s.Matches != nil && !s.Matches.MatchString(is.Output) {
		return "does not print a match for " + s.shown(s.Matches.String())
	}
	return ""
}

func (s *Step) shown(text string) string {
	if s.Secret {
		return "the expected text"
	}
	return fmt.Sprintf("%q", text)
}

// Apply implements [modules.Step]: it tries until the program succeeds.
func (s *Step) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	var last inspect.Outcome
	err := wait.Until(ctx, wait.Pace{Every: s.Interval, Limit: s.Deadline, For: s.Name}, func() (missing string, err error) {
		if last, err = inspect.Run(ctx, h, s.Program); err != nil {
			return "", fmt.Errorf("%s: %w", s.Name, err)
		}
		return s.judge(last), nil
	})
	if late := (*wait.TimeoutError)(nil); errors.As(err, &late) {
		return modules.WithHint(s.failed(late.Missing, last.Output), "It was tried for %s (`deadline`). Run it on the host as %s to see its output.", modules.Span(s.Deadline), s.user())
	}
	return err
}

func (s *Step) user() string {
	if s.Program.User == "" {
		return "root"
	}
	return s.Program.User
}

// failed is the error for a wrong outcome, with the end of the output.
func (s *Step) failed(wrong, output string) error {
	err := fmt.Errorf("%s %s", s.Name, wrong)
	if s.Secret {
		return err
	}
	return inspect.WithOutput(err, output, 1)
}
