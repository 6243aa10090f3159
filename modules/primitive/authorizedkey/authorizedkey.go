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
	key, comment, err := parseKey(args.Key)
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
	c := modules.Change{Edits: s.keyEdits(parseLines(is.Content))}
	switch {
	case s.Absent:
		return c, nil
	case !is.UserExists:
		c.Notes = append(c.Notes, fmt.Sprintf("there is no user %s yet", s.User))
		return c, nil
	}
	// A key in a file that StrictModes refuses lets nobody in.
	update := func(path, from, to string) {
		c.Edits = append(c.Edits, modules.Edit{Action: modules.Update, Subject: path, Field: "mode", From: from, To: to})
	}
	if !is.File.strict(is.UID) {
		update(is.Path, fmt.Sprintf("%04o, user %d", is.File.Raw&0o7777, is.File.UID), "0600, user "+s.User)
	}
	if !is.Dir.strict(is.UID) {
		update(is.Path[:strings.LastIndexByte(is.Path, '/')], fmt.Sprintf("%04o", is.Dir.Raw&0o7777), fmt.Sprintf("%04o", is.Dir.Raw&0o7755))
	}
	if !is.Home.strict(is.UID) {
		c.Notes = append(c.Notes, fmt.Sprintf("sshd accepts no key of %s while others may write to its home (StrictModes)", s.User))
	}
	return c, nil
}

// keyEdits compares the keys of the file.
func (s *Step) keyEdits(lines []line) []modules.Edit {
	var edits []modules.Edit
	var same []entry
	for i, l := range lines {
		switch {
		case l.Entry != nil && l.Entry.is(s.Key):
			same = append(same, *l.Entry)
		case s.Exclusive && l.Entry != nil:
			edits = append(edits, modules.Edit{Action: modules.Remove, Subject: s.subject(*l.Entry), From: l.Entry.Comment})
		case s.Exclusive && !l.blank():
			edits = append(edits, modules.Edit{Action: modules.Remove, Subject: fmt.Sprintf("line %d of %s's authorized keys, which is not a key", i+1, s.User)})
		}
	}
	want := s.entry(same)
	subject := s.subject(want)
	switch {
	case s.Absent && len(same) == 0:
		return edits
	case s.Absent:
		return append(edits, modules.Edit{Action: modules.Remove, Subject: subject, From: same[0].Comment})
	case len(same) == 0:
		to := strings.TrimSpace(want.Key.Type() + " " + want.Comment)
		return append(edits, modules.Edit{Action: modules.Create, Subject: subject, To: to})
	}
	update := func(field, from, to string, sensitive bool) {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: subject, Field: field, From: from, To: to, Sensitive: sensitive})
	}
	if len(same) > 1 {
		update("key", fmt.Sprintf("on %d lines", len(same)), "on one line", false)
	}
	if !slices.Equal(same[0].Options, want.Options) {
		update("options", strings.Join(same[0].Options, ","), strings.Join(want.Options, ","), s.Sensitive)
	}
	if same[0].Comment != want.Comment {
		update("comment", same[0].Comment, want.Comment, false)
	}
	return edits
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

func (s *Step) subject(e entry) string { return fmt.Sprintf("%s's key %s", s.User, e.name()) }

// rewrite returns the desired content of a file with content: only the lines that keyEdits names differ.
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

var (
	//go:embed write.sh
	writeScript string

	//go:embed replace.sh
	replaceScript string
)

// Apply implements [modules.Step].
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
		return modules.WithHint(fmt.Errorf("there is no user %s", s.User), "Add a `user` step before this one.")
	}
	_, err = h.Run(ctx, modules.Command{
		Script: shell.Script(accountFunctions+writeScript, shell.Vars{
			"user": s.User, "file": s.Path, "replace": shell.Script(replaceScript, nil),
		}),
		Stdin: s.rewrite(is.Value.Content),
	})
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write %s: %w", is.Value.Path, err)
	var failed *modules.CommandError
	switch errors.As(err, &failed); {
	case failed == nil:
		return err
	case strings.Contains(string(failed.Result.Stderr), "rcprov-no-home"):
		return modules.WithHint(fmt.Errorf("%s has no home directory", s.User), "Let its `user` step create one (create_home), or give `path`.")
	case strings.Contains(string(failed.Result.Stderr), "rcprov-no-directory"):
		return modules.WithHint(fmt.Errorf("the directory of %s is not there", is.Value.Path), "Add a `directory` step for it before this one.")
	case strings.Contains(string(failed.Result.Stderr), "Permission denied"), strings.Contains(string(failed.Result.Stderr), "Operation not permitted"):
		return modules.WithHint(err, "It is written with the rights of %s, who must own the directory: set the owner of %s to %s in an earlier `directory` step.",
			s.User, path.Dir(is.Value.Path), s.User)
	}
	return err
}
