package link

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
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

var _ modules.Step = (*Step)(nil)

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
func (s *Step) Observe(q *observe.Query) { observe.File.Ask(q, observe.FileQuestion{Path: s.Path}) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.Path})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	var e modules.Edit
	switch {
	case is.Type == observe.Absent && s.Absent:
		return modules.Change{}, nil
	case is.Type == observe.Symlink && s.Absent:
		e = modules.Edit{Action: modules.Remove, From: is.Target}
	case is.Type == observe.Symlink && is.Target == s.Target:
		return modules.Change{}, nil
	case is.Type == observe.Symlink:
		e = modules.Edit{Action: modules.Update, Field: "target", From: is.Target, To: s.Target}
	case is.Type == observe.Absent:
		e = modules.Edit{Action: modules.Create, To: s.Target}
	case is.Type == observe.Regular && s.Force && !s.Absent:
		e = modules.Edit{Action: modules.Update, Field: "target", From: fmt.Sprintf("a file of %d bytes", is.Size), To: s.Target}
	case is.Type == observe.Regular && !s.Absent:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is a file, not a symbolic link", s.Path),
			"Move it away, or set force = true to replace it.")
	default:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a symbolic link", s.Path, is.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	}
	e.Subject = s.Path
	return modules.Change{Edits: []modules.Edit{e}}, nil
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, _ modules.Change) {
	if s.Absent {
		snapshot.Forecast().Remove(s.Path)
		return
	}
	snapshot.Forecast().Link(s.Path, s.Target)
}

//go:embed replace.sh
var replaceScript string

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	cmd := modules.Command{Argv: []string{"rm", "-f", "--", s.Path}}
	if !s.Absent {
		tmp := path.Join(path.Dir(s.Path), "."+path.Base(s.Path)+".rcprov")
		cmd = modules.Command{Script: shell.Script(replaceScript, shell.Vars{"path": s.Path, "target": s.Target, "tmp": tmp})}
	}
	_, err := h.Run(ctx, cmd)
	return modules.FileHint(err, s.Path)
}
