package line

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module line.
func Module() modules.Module { return modules.Primitive("line", source, New) }

// Step is a line that a file should have, or not.
type Step struct {
	Path      string
	Desired   desired
	Create    bool
	Mode      fs.FileMode // of a new file, as Owner and Group
	Owner     string
	Group     string
	Validate  []string
	Backup    bool
	Sensitive bool
	Secret    bool // the line is sensitive, not only what is beside it
}

var _ modules.Scripted = (*Step)(nil)

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{
		Path: args.Path, Create: args.Create, Owner: args.Owner, Group: args.Group,
		Validate: args.Validate, Backup: args.Backup, Sensitive: args.Sensitive || env.Sensitive("line"), Secret: env.Sensitive("line"),
		Desired: desired{line: args.Line, absent: args.State == "absent"},
	}
	mode, err := modules.ReadFileArgs(args.Path, args.Mode, args.Owner, args.Group)
	s.Mode = mode
	errs := []error{err}
	if len(args.Validate) > 0 && !strings.Contains(strings.Join(args.Validate, " "), "%s") {
		errs = append(errs, &modules.ArgError{
			Arg: "validate", Err: errors.New("must contain %s, the path of the new file"),
			Hint: "Write %s where the command expects the path. It runs before the new file takes the place of the old one.",
		})
	}
	if env.Sensitive("line") && args.Create && err == nil && mode&0o004 != 0 {
		errs = append(errs, &modules.ArgError{
			Arg: "mode", Err: fmt.Errorf("is %s, and the line is sensitive: every user could read it", args.Mode),
			Hint: "Write `mode = \"0600\"`, or \"0640\" with the group of those who may read it.",
		})
	}
	return s, errors.Join(append(errs, s.Desired.read(args)...)...)
}

// read compiles the expressions of args and returns all mistakes.
func (d *desired) read(args Args) (errs []error) {
	for _, e := range []struct {
		arg  string
		text *string
		to   **regexp.Regexp
	}{{"regexp", args.Regexp, &d.regexp}, {"after", args.After, &d.after}, {"before", args.Before, &d.before}} {
		if e.text == nil {
			continue
		}
		if *e.text == "" {
			errs = append(errs, &modules.ArgError{
				Arg: e.arg, Err: errors.New("is empty, and an empty expression matches every line"), Hint: "Leave it out, or write what to look for.",
			})
			continue
		}
		compiled, err := regexp.Compile(*e.text)
		if err != nil {
			errs = append(errs, modules.Argf(e.arg, "%w", err))
			continue
		}
		*e.to = compiled
	}
	switch {
	case args.Line == "" && !d.absent:
		errs = append(errs, modules.Argf("line", "is required"))
	case args.Line == "" && args.Regexp == nil:
		errs = append(errs, modules.Argf("line", "is required, unless regexp is given"))
	case strings.ContainsAny(args.Line, "\r\n\x00"):
		errs = append(errs, &modules.ArgError{
			Arg: "line", Err: errors.New("must be one line"), Hint: "Use a step for each line, or a `file` step for the whole file.",
		})
	case d.regexp != nil && !d.absent && !d.regexp.MatchString(args.Line):
		errs = append(errs, &modules.ArgError{
			Arg: "regexp", Err: fmt.Errorf("doesn't match the line %q itself", args.Line),
			Hint: "The next run would not find the line and add it again: widen the expression (`^#?Port ` finds `#Port 22` and `Port 2222`).",
		})
	}
	if args.After != nil && args.Before != nil {
		errs = append(errs, modules.Argf("before", "conflicts with after"))
	}
	if d.absent && (args.After != nil || args.Before != nil) {
		errs = append(errs, modules.Argf("state", "is absent, which conflicts with after and before"))
	}
	return errs
}

func (s *Step) question() observe.FileQuestion {
	return observe.FileQuestion{Path: s.Path, Content: true}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, s.question())
	observe.AskParents(q, s.Path)
	if s.Create {
		observe.AskAccounts(q, s.Owner, s.Group)
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	r := rights.Rights{Mode: s.Mode, Owner: s.Owner, Group: s.Group}
	switch {
	case is.Type == observe.Absent && s.Desired.absent:
		return modules.Change{}, nil
	case is.Type == observe.Absent && !s.Create:
		w := work{Action: modules.Update, Path: s.Path, NoFile: true, New: s.Desired.line, Sensitive: s.Sensitive}
		then := modules.NewChange(w, s.Path+" does not exist yet: an earlier step must create it, or set create = true")
		return modules.Change{}, modules.Later(s.noFile(), &then)
	case is.Type == observe.Absent && r.Allowed(is) != nil:
		return modules.Change{}, r.Allowed(is)
	case is.Type == observe.Absent:
		return s.create(snapshot)
	case is.Type == observe.Symlink:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is a symbolic link to %s, not a file", s.Path, is.Target),
			"Give the path of its target.")
	case is.Type != observe.Regular:
		return modules.Change{}, fmt.Errorf("%s is %s, not a file", s.Path, is.Type)
	case s.Secret && !s.Desired.absent && is.Mode&0o004 != 0:
		return modules.Change{}, modules.WithHint(
			fmt.Errorf("%s has the mode %04o, and the line is sensitive: every user could read it", s.Path, is.Mode.Perm()),
			"Give it `mode = \"0600\"` in a `file` step before this one.")
	case is.Content == nil:
		return modules.Change{}, modules.WithHint(
			fmt.Errorf("%s has %d bytes, too many to edit (at most %d)", s.Path, is.Size, observe.MaxContent),
			"Use a `command` step.")
	case strings.Contains(string(is.Content), "\x00"):
		return modules.Change{}, fmt.Errorf("%s is not a text file: it contains a NUL byte", s.Path)
	}
	old := string(is.Content)
	text, notes := newContent(old, s.Desired)
	if text == old {
		return modules.Change{}, nil
	}
	if is.Stranger != nil && is.Stranger.UID >= 0 && is.Stranger.UID != is.UID {
		return modules.Change{}, modules.RefuseKeep(s.Path)
	}
	w := work{Action: modules.Update, Path: s.Path, Old: old, New: text, Sensitive: s.Sensitive, Private: is.Mode != 0 && is.Mode&0o004 == 0}
	return modules.NewChange(w, notes...), nil
}

// create returns the change that creates the file.
func (s *Step) create(snapshot *observe.Snapshot) (modules.Change, error) {
	notes, err := modules.NeedsParent(snapshot, s.Path)
	if err == nil {
		err = modules.NeedsAccount(snapshot, s.Owner, s.Group)
	}
	if err != nil {
		return modules.Change{}, err
	}
	return modules.NewChange(work{
		Action: modules.Create, Path: s.Path, New: s.Desired.line + "\n", Sensitive: s.Sensitive,
		Rights: rights.Rights{Mode: s.Mode, Owner: s.Owner, Group: s.Group},
	}, notes...), nil
}

// noFile is the error if the file is missing and the step may not create it.
func (s *Step) noFile() error {
	return modules.WithHint(fmt.Errorf("%s does not exist", s.Path), "Correct the path, create the file in an earlier step, or set create = true.")
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	w := c.Work.(work)
	switch f := snapshot.Forecast(); {
	case w.NoFile:
	case w.Action == modules.Create:
		f.Write(s.Path, observe.KnownContent([]byte(w.New)), w.Rights.Foreseen())
	default:
		f.Write(s.Path, observe.KnownContent([]byte(w.New)), nil)
	}
}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if w.NoFile {
		return s.noFile()
	}
	return modules.WriteFile(ctx, h, s.file(w))
}

// Script implements [modules.Scripted].
func (s *Step) Script(c modules.Change) (modules.Script, bool) {
	w := c.Work.(work)
	if w.NoFile {
		return modules.Script{}, false
	}
	return s.file(w).Script()
}

// file is the file with its lines as w wants them.
func (s *Step) file(w work) modules.File {
	f := modules.File{
		Path: s.Path, Content: []byte(w.New), Keep: true, Old: []byte(w.Old), Mode: s.Mode, Owner: s.Owner, Group: s.Group, Validate: s.Validate,
	}
	if s.Backup {
		f.Backup = modules.BackupPath(s.Path)
	}
	return f
}
