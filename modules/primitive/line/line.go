package line

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/portion"
)

// Module is the module line.
func Module() modules.Module { return modules.Primitive("line", source, New) }

// New checks args. The step is a [*portion.Step].
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &portion.Step{
		Path: args.Path, Create: args.Create, Owner: args.Owner, Group: args.Group,
		Validate: args.Validate, Backup: args.Backup, Sensitive: args.Sensitive || env.Sensitive("line"), Secret: env.Sensitive("line"),
	}
	d := desired{line: args.Line, absent: args.State == "absent"}
	mode, err := modules.ReadFileArgs(args.Path, args.Mode, args.Owner, args.Group)
	s.Mode = mode
	errs := []error{err}
	errs = append(errs, d.read(args)...)
	d.on(s)
	return s, errors.Join(append(errs, s.Check()...)...)
}

// on lets s be about the desired line.
func (d desired) on(s *portion.Step) *portion.Step {
	s.Field, s.Absent, s.Brief = "line", d.absent, d.line
	s.Text = func(old string) (string, []string, error) {
		text, notes := newContent(old, d)
		return text, notes, nil
	}
	return s
}

// read compiles the expressions of args and returns all mistakes.
func (d *desired) read(args Args) (errs []error) {
	d.regexp = portion.Compile("regexp", args.Regexp, &errs)
	place, wrong := portion.ReadPlace(args.After, args.Before, d.absent)
	d.place = place
	switch {
	case args.Line == "" && !d.absent:
		errs = append(errs, modules.Argf("line", "is required"))
	case args.Line == "" && args.Regexp == nil:
		errs = append(errs, modules.Argf("line", "is required, unless regexp is given"))
	case strings.ContainsAny(args.Line, "\r\n\x00"):
		errs = append(errs, &modules.ArgError{
			Arg: "line", Err: errors.New("must be one line"), Hint: "Use `block` for several lines, or a `file` step for the whole file.",
		})
	case d.regexp != nil && !d.absent && !d.regexp.MatchString(args.Line):
		errs = append(errs, &modules.ArgError{
			Arg: "regexp", Err: fmt.Errorf("doesn't match the line %q itself", args.Line),
			Hint: "The next run would not find the line and add it again: widen the expression (`^#?Port ` finds `#Port 22` and `Port 2222`).",
		})
	}
	return append(errs, wrong...)
}
