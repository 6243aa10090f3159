package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module file.
func Module() modules.Module { return modules.Primitive("file", source, New) }

// Step is a regular file that shall be on a host.
type Step struct {
	Path      string
	Absent    bool
	Content   []byte // nil: whatever is there; empty when nothing is
	Mode      fs.FileMode
	Owner     string
	Group     string
	Validate  []string
	Backup    bool
	Sensitive bool
}

var _ modules.Step = (*Step)(nil)

// New checks args and reads the content on the controller.
func New(args Args, env modules.Env) (modules.Step, error) {
	s := &Step{
		Path: args.Path, Absent: args.State == "absent",
		Owner: args.Owner, Group: args.Group,
		Validate: args.Validate, Backup: args.Backup,
		Sensitive: args.Sensitive || env.Sensitive("content") || env.Sensitive("vars"),
	}
	var errs []error
	if err := modules.CheckPath(args.Path); err != nil {
		errs = append(errs, modules.Argf("path", "%w", err))
	}
	mode, err := modules.ParseMode(args.Mode)
	if err != nil {
		errs = append(errs, modules.Argf("mode", "%w", err))
	}
	s.Mode = mode

	given := 0
	if args.Content != nil {
		given++
		s.Content = []byte(*args.Content)
	}
	if args.Source != "" {
		given++
		content, err := env.ReadFile(args.Source)
		if err != nil {
			errs = append(errs, modules.Argf("source", "%w", err))
		}
		s.Content = content
	}
	if args.Template != "" {
		given++
		content, err := env.Render(args.Template, args.Vars)
		if err != nil {
			errs = append(errs, modules.Argf("template", "%w", err))
		}
		s.Content = []byte(content)
	}
	if given > 1 {
		errs = append(errs, modules.Argf("path", "has more than one of content, source and template"))
	}
	if given == 1 && s.Content == nil {
		s.Content = []byte{}
	}
	return s, errors.Join(errs...)
}

func (s *Step) question() observe.FileQuestion {
	q := observe.FileQuestion{Path: s.Path}
	if s.Content != nil && !s.Absent {
		sum := sha256.Sum256(s.Content)
		q.Content, q.UnlessSHA256 = true, hex.EncodeToString(sum[:])
	}
	return q
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { observe.File.Ask(q, s.question()) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	question := s.question()
	is, err := observe.File.Get(snapshot, question)
	if err != nil {
		return modules.Change{}, err
	}
	var c modules.Change
	edit := func(action modules.Action, field, from, to string) {
		c.Edits = append(c.Edits, modules.Edit{Action: action, Subject: s.Path, Field: field, From: from, To: to})
	}
	switch {
	case is.Type == observe.Absent && s.Absent:
		return c, nil
	case is.Type != observe.Absent && is.Type != observe.Regular:
		return c, modules.WithHint(fmt.Errorf("%s is %s, not a file", s.Path, is.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	case s.Absent:
		edit(modules.Remove, "", "", "")
		return c, nil
	case is.Type == observe.Absent:
		c.Edits = append(c.Edits, modules.Edit{
			Action: modules.Create, Subject: s.Path, To: s.describe(),
			Text: &modules.Text{New: string(s.Content)}, Sensitive: s.Sensitive,
		})
		return c, nil
	}
	if question.Content && is.SHA256 != question.UnlessSHA256 {
		c.Edits = append(c.Edits, modules.Edit{
			Action: modules.Update, Subject: s.Path, Field: "content",
			Text: &modules.Text{Old: string(is.Content), New: string(s.Content)}, Sensitive: s.Sensitive,
		})
	}
	if is.Mode != s.Mode {
		edit(modules.Update, "mode", modules.OctalMode(is.Mode), modules.OctalMode(s.Mode))
	}
	if s.Owner != is.Owner && s.Owner != strconv.Itoa(is.UID) {
		edit(modules.Update, "owner", is.Owner, s.Owner)
	}
	if s.Group != is.Group && s.Group != strconv.Itoa(is.GID) {
		edit(modules.Update, "group", is.Group, s.Group)
	}
	return c, nil
}

func (s *Step) describe() string {
	return fmt.Sprintf("%s %s:%s", modules.OctalMode(s.Mode), s.Owner, s.Group)
}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	var script strings.Builder
	for _, e := range c.Edits {
		switch {
		case e.Action == modules.Remove:
			script.WriteString("rm -f -- \"$1\"\n")
		case e.Action == modules.Create, e.Field == "content":
			return s.write(ctx, h) // sets mode and owner as well
		case e.Field == "mode":
			// After chown, which clears the set-user-ID bits.
		case e.Field == "owner":
			fmt.Fprintf(&script, "chown -h -- %s \"$1\"\n", observe.Quote(e.To))
		case e.Field == "group":
			fmt.Fprintf(&script, "chgrp -h -- %s \"$1\"\n", observe.Quote(e.To))
		}
	}
	if !s.Absent {
		fmt.Fprintf(&script, "chmod -- %s \"$1\"\n", modules.OctalMode(s.Mode))
	}
	_, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-euc", script.String(), "file", s.Path}})
	return err
}

func (s *Step) write(ctx context.Context, h modules.Host) error {
	f := modules.File{
		Path: s.Path, Content: s.Content, Mode: s.Mode, Owner: s.Owner, Group: s.Group, Validate: s.Validate,
	}
	if s.Backup {
		f.Backup = modules.BackupPath(s.Path)
	}
	err := modules.WriteFile(ctx, h, f)
	var refused *modules.ValidateError
	if errors.As(err, &refused) {
		return modules.WithHint(err, "%s is as it was. Correct the content, then run the same command again.", s.Path)
	}
	if err != nil && strings.Contains(err.Error(), "No such file or directory") {
		return modules.WithHint(err, "Add a `directory` step for %s before this one.", path.Dir(s.Path))
	}
	return err
}
