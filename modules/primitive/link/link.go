package link

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module link.
func Module() modules.Module { return modules.Primitive("link", source, New) }

// Step is a symbolic link that a host should have, or not.
type Step struct {
	Path   string
	Target string
	Absent bool
	Force  bool // replace a file
}

var _ modules.Scripted = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Path: args.Path, Target: args.Target, Absent: args.State == "absent", Force: args.Force}
	var errs []error
	if err := modules.CheckPath(args.Path); err != nil {
		errs = append(errs, modules.Argf("path", "%w", err))
	}
	switch {
	case args.Target == "" && !s.Absent:
		errs = append(errs, modules.Argf("target", "is required"))
	case strings.ContainsAny(args.Target, "\n\x00"):
		errs = append(errs, modules.Argf("target", "must not contain a newline: %q", args.Target))
	case args.Target == args.Path && !s.Absent:
		errs = append(errs, modules.Argf("target", "must not be the link itself: %q", args.Target))
	}
	return s, errors.Join(errs...)
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: s.Path})
	observe.AskParents(q, s.Path)
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Path})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	w := work{Action: modules.Update, Path: s.Path, Seen: is, Target: s.Target}
	var notes []string
	switch {
	case is.Type == observe.Absent && s.Absent:
		return modules.Change{}, nil
	case is.Type == observe.Symlink && s.Absent:
		w.Action = modules.Remove
	case is.Type == observe.Symlink && is.Target == s.Target:
		return modules.Change{}, nil
	case is.Type == observe.Symlink:
	case is.Type == observe.Absent:
		if notes, err = modules.NeedsParent(snapshot, s.Path); err != nil {
			return modules.Change{}, err
		}
		w.Action = modules.Create
	case is.Type == observe.Regular && s.Force && !s.Absent:
	case is.Type == observe.Regular && !s.Absent:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is a file, not a symbolic link", s.Path),
			"Move it away, or set force = true to replace it.")
	case s.Absent:
		return modules.Change{}, s.keeps(is.Type)
	default:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a symbolic link", s.Path, is.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	}
	return modules.NewChange(w, notes...), nil
}

// keeps returns the error about what a step that removes a link finds in its place.
func (s *Step) keeps(is observe.FileType) error {
	remove := ""
	switch is {
	case observe.Regular:
		remove = "; a `file` step with state = \"absent\" removes the file"
	case observe.Directory:
		remove = "; a `directory` step with state = \"absent\" removes the directory"
	}
	return modules.WithHint(fmt.Errorf("%s is %s, not a symbolic link", s.Path, is),
		"It stays, because this step removes links only. Remove the step from the plan%s.", remove)
}

// Moves reports whether c makes what is there lead to another target. It is for products.
func (*Step) Moves(c modules.Change) bool {
	w, ok := c.Work.(work)
	return ok && w.Action == modules.Update
}

// Foresee implements [modules.Foreseer].
func (*Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	w := c.Work.(work)
	if w.Action == modules.Remove {
		snapshot.Forecast().Remove(w.Path)
		return
	}
	snapshot.Forecast().Link(w.Path, w.Target)
}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	script, _ := s.Script(c)
	return script.Run(ctx, h)
}

// Script implements [modules.Scripted].
func (*Step) Script(c modules.Change) (modules.Script, bool) {
	w := c.Work.(work)
	if w.Action == modules.Remove {
		return modules.RemovalScript(w.Path, modules.RemoveFile, ""), true
	}
	return modules.LinkScript(w.Path, w.Target), true
}
