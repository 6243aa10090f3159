package authorizedkey

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/internal/publickey"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module authorized_key.
func Module() modules.Module { return modules.Primitive("authorized_key", source, New) }

// Step is a key that a user's authorized_keys file should have, or not.
type Step struct {
	User      string
	Key       ssh.PublicKey
	Comment   *string // nil: any
	Options   []string
	Exclusive bool
	Path      string // empty: ~/.ssh/authorized_keys
	Absent    bool
	Sensitive bool // of the options
}

var _ modules.Step = (*Step)(nil)

// New checks args.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{
		User: args.User, Comment: args.Comment, Options: args.Options, Exclusive: args.Exclusive, Path: args.Path,
		Absent: args.State == "absent", Sensitive: env.Sensitive("options"),
	}
	var errs []error
	if err := observe.CheckAccountName(args.User); err != nil {
		errs = append(errs, modules.Argf("user", "%w", err))
	}
	key, comment, err := publickey.Parse(args.Key)
	if errors.Is(err, publickey.ErrOptions) {
		err = errors.New("has options before the key; give them in `options`")
	}
	if err != nil {
		errs = append(errs, modules.Argf("key", "%w", err))
	} else if err := checkOptions(args.Options, key); err != nil {
		errs = append(errs, modules.Argf("options", "%w", err))
	}
	s.Key = key
	if s.Comment == nil && comment != "" {
		s.Comment = &comment
	}
	if s.Comment != nil && strings.ContainsAny(*s.Comment, "\r\n") {
		errs = append(errs, modules.Argf("comment", "must be one line"))
	}
	if args.Path != "" {
		if err := modules.CheckPath(args.Path); err != nil {
			errs = append(errs, modules.Argf("path", "%w", err))
		}
	}
	if s.Absent && s.Exclusive {
		errs = append(errs, modules.Argf("exclusive", "conflicts with state = \"absent\""))
	}
	return s, errors.Join(errs...)
}

func (s *Step) question() question { return question{User: s.User, Path: s.Path} }

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { keyFiles.Ask(q, s.question()) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := keyFiles.Get(snapshot, s.question())
	var unreadable *unreadableError
	if errors.As(err, &unreadable) {
		return modules.Change{}, modules.WithHint(err, "`namei -l %s` on the host shows who owns each part of the path.", unreadable.Path)
	}
	if err != nil {
		return modules.Change{}, err
	}
	if is.File.Exists && !is.File.regular() {
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s is not a file", is.Path), "rcprov doesn't replace it: move it away.")
	}
	w := s.compare(parseLines(is.Content))
	var notes []string
	switch {
	case s.Absent:
		return modules.NewChange(w), nil
	case !is.UserExists:
		then := modules.NewChange(w, fmt.Sprintf("there is no user %s yet", s.User))
		return modules.Change{}, modules.Later(s.noUser(), &then)
	}
	// A key in a file that StrictModes refuses lets nobody in.
	if !is.File.strict(is.UID) {
		w.File = &refused{Path: is.Path, Seen: is.File}
	}
	if !is.Dir.strict(is.UID) {
		w.Dir = &refused{Path: is.Path[:strings.LastIndexByte(is.Path, '/')], Seen: is.Dir}
	}
	if !is.Home.strict(is.UID) {
		notes = append(notes, fmt.Sprintf("sshd accepts no key of %s while others may write to its home (StrictModes)", s.User))
	}
	return modules.NewChange(w, notes...), nil
}

// compare returns what is done to the lines of the file.
func (s *Step) compare(lines []line) work {
	w := work{User: s.User, Absent: s.Absent, Sensitive: s.Sensitive}
	for i, l := range lines {
		switch {
		case l.Entry != nil && l.Entry.is(s.Key):
			w.Seen = append(w.Seen, *l.Entry)
		case s.Exclusive && !l.blank():
			w.Others = append(w.Others, other{Number: i + 1, Entry: l.Entry})
		}
	}
	w.Want = s.entry(w.Seen)
	return w
}

// entry returns the desired line of the key; same are the lines that it has now.
func (s *Step) entry(same []entry) entry {
	e := entry{Key: s.Key, Options: s.Options}
	switch {
	case s.Comment != nil:
		e.Comment = *s.Comment
	case len(same) > 0:
		e.Comment = same[0].Comment
	}
	return e
}

// rewrite returns the desired content of a file with content: only the lines that compare names differ.
func (s *Step) rewrite(content []byte) []byte {
	lines := parseLines(content)
	var same []entry
	for _, l := range lines {
		if l.Entry != nil && l.Entry.is(s.Key) {
			same = append(same, *l.Entry)
		}
	}
	want, placed := s.entry(same), s.Absent
	var b strings.Builder
	for _, l := range lines {
		switch {
		case l.Entry != nil && l.Entry.is(s.Key):
			if placed {
				continue
			}
			placed = true
			if slices.Equal(l.Entry.Options, want.Options) && l.Entry.Comment == want.Comment {
				b.WriteString(l.Text + "\n")
			} else {
				b.WriteString(want.String() + "\n")
			}
		case s.Exclusive && !l.blank():
		default:
			b.WriteString(l.Text + "\n")
		}
	}
	if !placed {
		b.WriteString(want.String() + "\n")
	}
	return []byte(b.String())
}

func (s *Step) noUser() error {
	return modules.WithHint(fmt.Errorf("there is no user %s", s.User), "Add a `user` step before this one.")
}

var (
	//go:embed write.sh
	writeScript string

	//go:embed replace.sh
	replaceScript string
)

// Apply implements [modules.Step]. It reads the file anew and keeps what others have added since.
func (s *Step) Apply(ctx context.Context, h modules.Host, _ modules.Change) error {
	q := []question{s.question()}
	result, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-c", keyFiles.Script(q)}})
	if err != nil {
		return fmt.Errorf("read the keys of %s: %w", s.User, err)
	}
	is := keyFiles.Parse(q, observe.Reply{Stdout: result.Stdout, Stderr: result.Stderr})[s.question()]
	switch {
	case is.Err != nil:
		return is.Err
	case !is.Value.UserExists:
		return s.noUser()
	}
	_, err = h.Run(ctx, modules.Command{
		Script: hostfile.Script(shell.Script(accountFunctions, nil)+shell.Script(writeScript, nil), shell.Vars{"user": s.User, "file": s.Path},
			shell.Vars{"replace": replaceScript, "maker": hostfile.Maker}),
		Stdin: s.rewrite(is.Value.Content),
	})
	if err == nil {
		return nil
	}
	err = modules.DoorError(err, is.Value.Path)
	if refused := (*modules.RefusedError)(nil); errors.As(err, &refused) {
		return err
	}
	err = fmt.Errorf("write %s: %w", is.Value.Path, err)
	var failed *modules.CommandError
	switch errors.As(err, &failed); {
	case failed == nil:
		return err
	case strings.Contains(string(failed.Result.Stderr), "rcprov-no-home"):
		return modules.WithHint(fmt.Errorf("%s has no home directory", s.User), "Let its `user` step create one (create_home), or give `path`.")
	case strings.Contains(string(failed.Result.Stderr), "No such file or directory"):
		return modules.WithHint(fmt.Errorf("the directory of %s is not there", is.Value.Path), "Add a `directory` step for it before this one.")
	case strings.Contains(string(failed.Result.Stderr), "Permission denied"), strings.Contains(string(failed.Result.Stderr), "Operation not permitted"):
		return modules.WithHint(err, "It is written with the rights of %s, who must own the directory: set the owner of %s to %s in an earlier `directory` step.",
			s.User, path.Dir(is.Value.Path), s.User)
	}
	return err
}
