package command

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/inspect"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module command.
func Module() modules.Module { return modules.Primitive("command", source, New) }

// Step is a command that should have run.
type Step struct {
	Name        string // the command as people see it, on one line
	Command     modules.Command
	Trees       []string // paths that the command changes, with all below; with Units, all that it does
	Units       []string
	Creates     string // empty: not asked
	Removes     string // empty: not asked
	Unless      *inspect.Program
	ChangedWhen *inspect.Program
}

var _ modules.Opaque = (*Step)(nil)

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	said := inspect.Args{Argv: args.Argv, Shell: args.Shell, Dir: args.Dir, User: args.User, Env: args.Env}
	s := &Step{
		Name: said.Name(),
		Command: modules.Command{
			Argv: args.Argv, Script: args.Shell, Dir: args.Dir, Stdin: []byte(args.Stdin), User: said.Account(), Env: said.Environ(),
		},
		Creates: args.Creates, Removes: args.Removes,
	}
	s.Command.Live = !env.Sensitive("env") && !env.Sensitive("stdin")
	errs := said.Check()
	for _, c := range []struct{ arg, path string }{{"creates", args.Creates}, {"removes", args.Removes}} {
		if err := modules.CheckPath(c.path); err != nil && c.path != "" {
			errs = append(errs, modules.Argf(c.arg, "%w", err))
		}
	}
	for _, name := range args.Changes {
		switch {
		case modules.CheckPath(name) == nil:
			s.Trees = append(s.Trees, name)
		case unitName.MatchString(name):
			s.Units = append(s.Units, name)
		default:
			errs = append(errs, &modules.ArgError{
				Arg: "changes", Err: fmt.Errorf("has %q, which is neither an absolute path nor a unit", name),
				Hint: `Write paths like "/opt/app" and units like "app.service".`,
			})
		}
	}
	s.Unless, s.ChangedWhen = s.condition(args.Unless), s.condition(args.ChangedWhen)
	if s.Creates == "" && s.Removes == "" && s.Unless == nil && s.ChangedWhen == nil {
		errs = append(errs, &modules.ArgError{
			Arg: "argv", Err: errors.New("would run each time: nothing says when there is nothing to do"),
			Hint: "Give creates, removes, unless or changed_when.",
		})
	}
	errs = append(errs, inspect.WithSecret(env, "env or stdin", "argv", "shell", "unless", "changed_when")...)
	return s, errors.Join(errs...)
}

// condition returns argv as a condition, with the directory, user and environment of the command; nil for none.
func (s *Step) condition(argv []string) *inspect.Program {
	if len(argv) == 0 {
		return nil
	}
	return &inspect.Program{Argv: argv, Dir: s.Command.Dir, User: s.Command.User, Env: s.Command.Env}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	for _, path := range []string{s.Creates, s.Removes} {
		if path != "" {
			observe.File.Ask(q, observe.FileQuestion{Path: path})
		}
	}
	for _, c := range []*inspect.Program{s.Unless, s.ChangedWhen} {
		if c != nil {
			inspect.Programs.Ask(q, c)
		}
	}
	if s.Command.Dir != "/" {
		observe.File.Ask(q, observe.FileQuestion{Path: s.Command.Dir})
		observe.AskParents(q, s.Command.Dir)
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	w := work{Name: s.Name}
	var notes []string
	for _, c := range []struct {
		arg, path string
		want      bool
	}{{"creates", s.Creates, true}, {"removes", s.Removes, false}} {
		if c.path == "" {
			continue
		}
		is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: c.path})
		if err != nil {
			return modules.Change{}, err
		}
		there := is.Type != observe.Absent
		if there != c.want {
			w.Reasons = append(w.Reasons, reason{Arg: c.arg, Path: c.path})
		}
	}
	for _, c := range []struct {
		arg       string
		condition *inspect.Program
		zeroRuns  bool
	}{{"unless", s.Unless, false}, {"changed_when", s.ChangedWhen, true}} {
		if c.condition == nil {
			continue
		}
		is, err := inspect.Programs.Get(snapshot, c.condition)
		if err != nil {
			return modules.Change{}, modules.WithHint(fmt.Errorf("%s could not tell whether there is something to do: %w", c.arg, err),
				"Run `%s` on the host to see its output.", shell.QuoteAll(c.condition.Argv))
		}
		if is.Missing != "" {
			notes = append(notes, fmt.Sprintf("%s needs %s, which is not on the host", c.arg, is.Missing))
		}
		if is.Missing != "" || (is.Status == 0) == c.zeroRuns {
			w.Reasons = append(w.Reasons, reason{Arg: c.arg, Outcome: is})
		}
	}
	if len(w.Reasons) > 0 && s.Command.Dir != "/" {
		more, err := modules.NeedsParent(snapshot, s.Command.Dir+"/.")
		if err != nil {
			return modules.Change{}, err
		}
		notes = append(notes, more...)
	}
	return modules.NewChange(w, notes...), nil
}

// unitName is the name of a systemd unit.
var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+\.(service|socket|target|timer|path|mount|automount|swap|slice|scope|device)$`)

// Foresee implements [modules.Foreseer]: a command may do anything to what it changes, or to what it names if nobody says.
func (s *Step) Foresee(snapshot *observe.Snapshot, _ modules.Change) {
	f := snapshot.Forecast()
	text := strings.Join(append(s.Command.Argv, s.Command.Script, s.Command.Dir, string(s.Command.Stdin)), "\n")
	if s.Trees != nil || s.Units != nil {
		text = strings.Join(s.Units, "\n")
	}
	f.May(observe.Cause{Name: "a command", Bounded: true, Text: text, Trees: s.Trees, Brings: true})
	if s.Creates != "" {
		f.Make(s.Creates)
	}
	if s.Removes != "" {
		f.Remove(s.Removes)
	}
}

// Opaque implements [modules.Opaque]: what the program did before it failed is not observed.
func (*Step) Opaque() {}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	_, err := h.Run(ctx, s.Command)
	var failed *modules.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	output := failed.Result.Stderr
	if len(strings.TrimSpace(string(output))) == 0 {
		output = failed.Result.Stdout
	}
	return inspect.WithOutput(err, string(output), 2)
}
