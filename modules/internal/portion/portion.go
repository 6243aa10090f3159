// Package portion is the kit for steps that decide a part of a text file which others have a say in too: a line, a block, the
// names of an address. What the module brings is a pure function from the file's text to the desired one.
package portion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
)

// Step is a part of a text file that a host should have, or not. Modules return it as their step, or use it for one of their
// step's files.
type Step struct {
	Path  string
	Field string // what the part is, by the argument's name: "line"

	// Text returns the file's text with the part as desired, which is old itself if it has converged, and notes for people. The
	// error says why the part can't be found in old. It is pure; "" is the text of a new file.
	Text func(old string) (text string, notes []string, err error)

	Absent bool   // a missing file is as good
	Brief  string // the part for people, shown while there is no file yet
	Create bool   // whether a missing file is created; otherwise it is an error

	Mode  fs.FileMode // of a new file, as Owner and Group
	Owner string
	Group string

	Validate  []string
	Backup    bool
	Sensitive bool // diffs don't show the text
	Secret    bool // the part is sensitive, not only what is beside it
}

var (
	_ modules.Foreseer     = (*Step)(nil)
	_ modules.Scripted     = (*Step)(nil)
	_ modules.Claimer      = (*Step)(nil)
	_ modules.SecretKeeper = (*Step)(nil)
)

// Check returns what is wrong with the arguments validate and mode.
func (s *Step) Check() (errs []error) {
	if len(s.Validate) > 0 && !strings.Contains(strings.Join(s.Validate, " "), "%s") {
		errs = append(errs, &modules.ArgError{
			Arg: "validate", Err: errors.New("must contain %s, the path of the new file"),
			Hint: "Write %s where the command expects the path. It runs before the new file takes the place of the old one.",
		})
	}
	if s.Secret && s.Create && s.Mode&0o004 != 0 {
		errs = append(errs, &modules.ArgError{
			Arg: "mode", Err: fmt.Errorf("is %s, and the %s is sensitive: every user could read it", modules.OctalMode(s.Mode), s.Field),
			Hint: "Write `mode = \"0600\"`, or \"0640\" with the group of those who may read it.",
		})
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
	case is.Type == observe.Absent && s.Absent:
		return modules.Change{}, nil
	case is.Type == observe.Absent && !s.Create:
		w := Work{Action: modules.Update, Path: s.Path, Field: s.Field, NoFile: true, New: s.Brief, Sensitive: s.Sensitive}
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
	case s.Secret && !s.Absent && is.Mode&0o004 != 0:
		return modules.Change{}, modules.WithHint(
			fmt.Errorf("%s has the mode %04o, and the %s is sensitive: every user could read it", s.Path, is.Mode.Perm(), s.Field),
			"Give it `mode = \"0600\"` in a `file` step before this one.")
	case is.Content == nil:
		return modules.Change{}, modules.WithHint(
			fmt.Errorf("%s has %d bytes, too many to edit (at most %d)", s.Path, is.Size, observe.MaxContent),
			"Use a `command` step.")
	case strings.Contains(string(is.Content), "\x00"):
		return modules.Change{}, fmt.Errorf("%s is not a text file: it contains a NUL byte", s.Path)
	}
	old := string(is.Content)
	text, notes, err := s.Text(old)
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("%s: %w", s.Path, err)
	case text == old:
		return modules.Change{}, nil
	}
	if is.Stranger != nil && is.Stranger.UID >= 0 && is.Stranger.UID != is.UID {
		return modules.Change{}, modules.RefuseKeep(s.Path)
	}
	w := Work{
		Action: modules.Update, Path: s.Path, Field: s.Field, Old: old, New: text,
		Sensitive: s.Sensitive, Private: is.Mode != 0 && is.Mode&0o004 == 0,
	}
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
	text, _, err := s.Text("")
	if err != nil {
		return modules.Change{}, err
	}
	return modules.NewChange(Work{
		Action: modules.Create, Path: s.Path, Field: s.Field, New: text, Sensitive: s.Sensitive,
		Rights: rights.Rights{Mode: s.Mode, Owner: s.Owner, Group: s.Group},
	}, notes...), nil
}

// noFile is the error if the file is missing and the step may not create it.
func (s *Step) noFile() error {
	return modules.WithHint(fmt.Errorf("%s does not exist", s.Path), "Correct the path, create the file in an earlier step, or set create = true.")
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	w := c.Work.(Work)
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
	return s.Write(ctx, h, c.Work.(Work))
}

// Write does the work of a Diff, for a module whose step does more than that.
func (s *Step) Write(ctx context.Context, h modules.Host, w Work) error {
	if w.NoFile {
		return s.noFile()
	}
	return modules.WriteFile(ctx, h, s.file(w))
}

// Script implements [modules.Scripted].
func (s *Step) Script(c modules.Change) (modules.Script, bool) {
	w := c.Work.(Work)
	if w.NoFile {
		return modules.Script{}, false
	}
	return s.file(w).Script()
}

// file is the file with its part as w wants it.
func (s *Step) file(w Work) modules.File {
	f := modules.File{
		Path: s.Path, Content: []byte(w.New), Keep: true, Old: []byte(w.Old), Mode: s.Mode, Owner: s.Owner, Group: s.Group, Validate: s.Validate,
	}
	if s.Backup {
		f.Backup = modules.BackupPath(s.Path)
	}
	return f
}

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	is := modules.PathClaim(s.Path, modules.AFile)
	part := is.Hidden("content", modules.Portion(func(old string) string {
		text, _, err := s.Text(old)
		if err != nil {
			return old
		}
		return text
	}))
	if s.Absent {
		return []modules.Claim{part} // a missing file is as good
	}
	return []modules.Claim{is, part}
}

// SecretFiles implements [modules.SecretKeeper].
func (s *Step) SecretFiles() []string {
	if s.Sensitive && !s.Absent {
		return []string{s.Path}
	}
	return nil
}
