package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module file.
func Module() modules.Module { return modules.Primitive("file", source, New) }

// Step is a regular file that a host should have, or not.
type Step struct {
	Path      string
	Absent    bool
	Content   []byte          // nil: an existing file keeps its content, a new one is empty
	Source    *modules.Source // instead of Content, of a large file of the controller
	Mode      fs.FileMode
	Owner     string
	Group     string
	Validate  []string
	Backup    bool
	Sensitive bool

	sum      string // of Content, in lowercase hex, where New read it: a large file takes a while
	ownPlace bool   // the plan chooses the directory, and no product that makes it
}

var _ modules.Scripted = (*Step)(nil)

// New checks args and reads the content on the controller.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{
		Path: args.Path, Absent: args.State == "absent", ownPlace: true,
		Owner: args.Owner, Group: args.Group,
		Validate: args.Validate, Backup: args.Backup,
		Sensitive: args.Sensitive || env.Sensitive("content") || env.Sensitive("vars"),
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
	if secret := env.Sensitive("content") || env.Sensitive("vars"); secret && err == nil && mode&0o004 != 0 && !s.Absent {
		errs = append(errs, &modules.ArgError{
			Arg: "mode", Err: fmt.Errorf("is %s, and the content is sensitive: every user could read it", args.Mode),
			Hint: "Write `mode = \"0600\"`, or \"0640\" with the group of those who may read it.",
		})
	}
	return s, errors.Join(append(errs, s.readContent(args, env)...)...)
}

// rights are the desired mode, owner and group.
func (s *Step) rights() rights.Rights {
	return rights.Rights{Mode: s.Mode, Owner: s.Owner, Group: s.Group}
}

// readContent sets s.Content from the one argument that gives it.
func (s *Step) readContent(args Args, env modules.Env) (errs []error) {
	var given []string
	if args.Content != nil {
		given = append(given, "content")
		s.Content = []byte(*args.Content)
	}
	if args.Source != "" {
		given = append(given, "source")
		if env.Large != nil && !s.Sensitive {
			s.Source = env.Large(args.Source)
		}
	}
	if args.Source != "" && s.Source == nil {
		content, err := env.ReadFile(args.Source)
		if err != nil {
			errs = append(errs, modules.Argf("source", "%w", err))
		}
		s.Content = content
	}
	if args.Template != "" {
		given = append(given, "template")
		content, err := env.Render(args.Template, args.Vars)
		if err != nil {
			errs = append(errs, modules.Argf("template", "%w", err))
		}
		s.Content = []byte(content)
	} else if args.Vars != cty.NilVal && !args.Vars.IsNull() {
		errs = append(errs, modules.Argf("vars", "needs a template"))
	}
	if len(given) > 1 {
		errs = append(errs, modules.Argf(given[1], "conflicts with %s", given[0]))
	}
	if len(given) > 0 && s.Content == nil && s.Source == nil {
		s.Content = []byte{}
	}
	if s.Content != nil {
		s.sum = observe.Fingerprint(s.Content)
	}
	return errs
}

func (s *Step) question() observe.FileQuestion {
	q := observe.FileQuestion{Path: s.Path}
	switch {
	case s.Absent:
	case s.Source != nil: // its sum may not be known yet; a content that is sent is another one: it is not large
		q.Content = true
	case s.Content != nil:
		q.Content, q.UnlessSHA256 = true, s.sum
		if s.sum == "" {
			q.UnlessSHA256 = observe.Fingerprint(s.Content)
		}
	}
	return q
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, s.question())
	if !s.Absent {
		s.rights().Ask(q)
	}
	if s.ownPlace {
		observe.AskParents(q, s.Path)
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	if err := s.rights().Allowed(is); err != nil && !s.Absent {
		return modules.Change{}, err
	}
	w := work{Action: modules.Update, Path: s.Path, Seen: is, Sensitive: s.Sensitive}
	var notes []string
	switch {
	case is.Type == observe.Absent && s.Absent:
		return modules.Change{}, nil
	case (is.Type == observe.Regular || is.Type == observe.Symlink) && s.Absent:
		w.Action = modules.Remove
	case is.Type == observe.Symlink:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is a symbolic link to %s, not a file", s.Path, is.Target),
			"Give the path of its target, or remove the link on the host: `rm %s`.", s.Path)
	case is.Type != observe.Absent && is.Type != observe.Regular:
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is %s, not a file", s.Path, is.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	case is.Type == observe.Absent:
		if s.ownPlace {
			if notes, err = modules.NeedsParent(snapshot, s.Path); err != nil {
				return modules.Change{}, err
			}
		}
		w.Action, w.Rights = modules.Create, s.rights()
		if _, err := s.fill(&w); err != nil {
			return modules.Change{}, err
		}
	default:
		sum, err := s.fill(&w)
		if err != nil {
			return modules.Change{}, err
		}
		if sum == is.SHA256 {
			w.Content, w.Source, w.sum = nil, nil, ""
		}
		w.Drift = s.rights().Compare(s.Path, is)
		if w.writes() && w.Drift.Owner { // writer.sh: the previous owner may have given rights to others, or to himself
			notes = append(notes, s.Path+" gets another owner with its content, so an access control list and extended attributes, if it has any, are dropped")
		}
	}
	if !s.Absent {
		err = s.rights().Possible(snapshot, w.Action == modules.Create, w.Drift)
	}
	if err != nil {
		return modules.Change{}, err
	}
	return modules.NewChange(w, notes...), nil
}

// fill sets what is to be written, and returns its SHA-256.
func (s *Step) fill(w *work) (sum string, err error) {
	if s.Source == nil {
		w.Content = s.Content
		return s.question().UnlessSHA256, nil
	}
	w.Source = s.Source
	if w.sum, err = s.Source.SHA256(); err != nil {
		return "", modules.WithHint(fmt.Errorf("read what %s is to contain: %w", s.Path, err), "The file of the controller was there when the run began.")
	}
	return w.sum, nil
}

// Foresee implements [modules.Foreseer]: the content is known also where it isn't shown.
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f, rights := snapshot.Forecast(), s.rights().Foreseen()
	switch w := c.Work.(work); {
	case w.Action == modules.Remove:
		f.Remove(s.Path)
	case w.writes():
		content := observe.KnownContent(s.Content)
		if s.Source != nil {
			content = observe.KnownSum(w.sum)
		}
		f.Write(s.Path, content, rights)
	default:
		f.Touch(s.Path, rights)
	}
}

// Script implements [modules.Scripted].
func (s *Step) Script(c modules.Change) (modules.Script, bool) {
	w := c.Work.(work)
	owner, group := "", ""
	switch {
	case w.Action == modules.Remove:
		return modules.RemovalScript(s.Path, modules.RemoveFile, s.backup()), true
	case w.writes():
		return s.file().Script() // sets mode and owner as well
	case w.Drift.Ownership():
		owner, group = s.Owner, s.Group
	}
	return modules.RightsScript(s.Path, s.rights().OctalMode(), owner, group), true
}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if script, ok := s.Script(c); ok {
		return script.Run(ctx, h)
	}
	return modules.WriteFile(ctx, h, s.file())
}

func (s *Step) file() modules.File {
	return modules.File{
		Path: s.Path, Content: s.Content, Source: s.Source, Mode: s.Mode, Owner: s.Owner, Group: s.Group,
		Validate: s.Validate, Backup: s.backup(),
	}
}

// backup returns where a file that is replaced or removed is copied to first; empty: nowhere.
func (s *Step) backup() string {
	if !s.Backup {
		return ""
	}
	return modules.BackupPath(s.Path)
}
