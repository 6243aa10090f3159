package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module file.
func Module() modules.Module { return modules.Primitive("file", source, New) }

// Step is a regular file that a host should have, or not.
type Step struct {
	Path      string
	Absent    bool
	Content   []byte // nil: an existing file keeps its content, a new one is empty
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
	mode, err := modules.ReadFileArgs(args.Path, args.Mode, args.Owner, args.Group)
	s.Mode = mode
	errs := []error{err}
	if len(args.Validate) > 0 && !strings.Contains(strings.Join(args.Validate, " "), "%s") {
		errs = append(errs, &modules.ArgError{
			Arg: "validate", Err: errors.New("must contain %s, the path of the new file"),
			Hint: "Write %s where the command expects the path. It runs before the new file takes the place of the old one.",
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
	if len(given) > 0 && s.Content == nil {
		s.Content = []byte{}
	}
	return errs
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
	is, err := observe.File.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.Path, err)
	}
	var c modules.Change
	switch {
	case is.Type == observe.Absent && s.Absent:
		return c, nil
	case is.Type == observe.Regular && s.Absent:
		c.Edits = append(c.Edits, modules.Edit{Action: modules.Remove, Subject: s.Path})
		return c, nil
	case is.Type == observe.Symlink && s.Absent:
		c.Edits = append(c.Edits, modules.Edit{Action: modules.Remove, Subject: s.Path, From: "link to " + is.Target})
		return c, nil
	case is.Type == observe.Symlink:
		return c, modules.WithHint(fmt.Errorf("%s is a symbolic link to %s, not a file", s.Path, is.Target),
			"Give the path of its target, or remove the link first (a `link` step with state = \"absent\").")
	case is.Type != observe.Absent && is.Type != observe.Regular:
		return c, modules.WithHint(fmt.Errorf("%s is %s, not a file", s.Path, is.Type),
			"rcprov doesn't replace it: move it away, or name another path.")
	case is.Type == observe.Absent:
		e := modules.Edit{Action: modules.Create, Subject: s.Path, To: s.rights().String(), Sensitive: s.Sensitive}
		if s.Content != nil && !s.Sensitive {
			showContent(&e, observe.FileInfo{Content: []byte{}}, s.Content)
		}
		c.Edits = append(c.Edits, e)
		return c, nil
	}
	c.Edits = s.compare(is)
	return c, nil
}

// Foresee implements [modules.Foreseer]: the content is known also where it isn't shown.
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f, rights := snapshot.Forecast(), s.rights().Foreseen()
	for _, e := range c.Edits {
		switch {
		case e.Action == modules.Remove:
			f.Remove(s.Path)
		case e.Action == modules.Create || e.Field == "content":
			f.Write(s.Path, observe.KnownContent(s.Content), rights)
			return
		default:
			f.Touch(s.Path, rights)
		}
	}
}

// compare returns the edits for a file that exists.
func (s *Step) compare(is observe.FileInfo) (edits []modules.Edit) {
	if q := s.question(); q.Content && is.SHA256 != q.UnlessSHA256 {
		e := modules.Edit{Action: modules.Update, Subject: s.Path, Field: "content", Sensitive: s.Sensitive}
		if !s.Sensitive {
			showContent(&e, is, s.Content)
		}
		edits = append(edits, e)
	}
	return append(edits, s.rights().Edits(s.Path, is)...)
}

// showContent adds the old and the new content to e if both are text, else their sizes.
func showContent(e *modules.Edit, old observe.FileInfo, content []byte) {
	if old.Content != nil && isText(old.Content) && isText(content) {
		e.Text = &modules.Text{Old: string(old.Content), New: string(content)}
		return
	}
	size := func(b []byte, n int64) string {
		if b != nil && !isText(b) {
			return fmt.Sprintf("binary, %d bytes", n)
		}
		return fmt.Sprintf("%d bytes", n)
	}
	if e.Action == modules.Create {
		e.To += ", " + size(content, int64(len(content)))
		return
	}
	e.From, e.To = size(old.Content, old.Size), size(content, int64(len(content)))
}

// isText reports whether a diff of content is readable. Hosts do not send larger content.
func isText(content []byte) bool {
	return len(content) <= observe.MaxContent && utf8.Valid(content) && !bytes.ContainsRune(content, 0)
}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	var owner string
	for _, e := range c.Edits {
		switch {
		case e.Action == modules.Remove:
			return s.remove(ctx, h)
		case e.Action == modules.Create, e.Field == "content":
			return s.write(ctx, h) // sets mode and owner as well
		case e.Field == "owner" || e.Field == "group":
			owner = s.rights().Ownership()
		}
	}
	const script = `
if [ -n "$owner" ]; then chown -h -- "$owner" "$path"; fi
chmod -- "$mode" "$path" # after chown, which clears the set-user-ID bit
`
	_, err := h.Run(ctx, modules.Command{Script: shell.Script(script, shell.Vars{
		"path": s.Path, "mode": s.rights().OctalMode(), "owner": owner,
	})})
	return modules.FileHint(err, s.Path)
}

//go:embed remove.sh
var removeScript string

func (s *Step) remove(ctx context.Context, h modules.Host) error {
	script := shell.Script(removeScript, shell.Vars{"path": s.Path, "backup": s.backup()})
	_, err := h.Run(ctx, modules.Command{Script: script})
	return modules.FileHint(err, s.Path)
}

func (s *Step) write(ctx context.Context, h modules.Host) error {
	return modules.WriteFile(ctx, h, modules.File{
		Path: s.Path, Content: s.Content, Mode: s.Mode, Owner: s.Owner, Group: s.Group,
		Validate: s.Validate, Backup: s.backup(),
	})
}

// backup returns where a file that is replaced or removed is copied to first; empty: nowhere.
func (s *Step) backup() string {
	if !s.Backup {
		return ""
	}
	return modules.BackupPath(s.Path)
}
