package timezone

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module timezone.
func Module() modules.Module { return modules.Primitive("timezone", source, New) }

// The files, as localtime(5) and Debian have them.
const (
	zones = "/usr/share/zoneinfo/"
	link  = "/etc/localtime"
	file  = "/etc/timezone"
)

// Step is the time zone of a host.
type Step struct{ Name string }

var _ modules.Claimer = (*Step)(nil)

var validName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z][A-Za-z0-9+_-]*)*$`)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	if !validName.MatchString(args.Name) {
		return nil, &modules.ArgError{
			Arg: "name", Err: fmt.Errorf("must be the name of a time zone, not %q", args.Name), Hint: "Such as `Europe/Berlin` or `Etc/UTC`.",
		}
	}
	return &Step{Name: args.Name}, nil
}

func (s *Step) zone() string { return zones + s.Name }

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: link})
	observe.File.Ask(q, observe.FileQuestion{Path: file, Content: true})
	observe.File.Ask(q, observe.FileQuestion{Path: s.zone()})
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	w := work{Zone: s.Name}
	is, err := observe.File.Get(snapshot, observe.FileQuestion{Path: link})
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", link, err)
	case is.Type == observe.Directory || is.Type == observe.OtherType:
		return modules.Change{}, fmt.Errorf("%s is %s, not a link", link, is.Type)
	case is.Type == observe.Absent:
		w.Link = modules.Create
	case is.Type == observe.Regular:
		w.Link, w.Was = modules.Update, is.Type.String()
	default:
		if w.Was = is.Target; !path.IsAbs(w.Was) {
			w.Was = path.Join(path.Dir(link), w.Was)
		}
		if w.Was != s.zone() {
			w.Link = modules.Update
		}
		w.Was = strings.TrimPrefix(w.Was, zones)
	}
	text, err := observe.File.Get(snapshot, observe.FileQuestion{Path: file, Content: true})
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", file, err)
	case text.Type != observe.Absent && text.Type != observe.Regular:
		return modules.Change{}, fmt.Errorf("%s is %s, not a file", file, text.Type)
	case text.Type == observe.Regular && strings.TrimSpace(string(text.Content)) != s.Name:
		w.File, w.Old = true, string(text.Content)
	}
	c := modules.NewChange(w)
	zone, err := observe.File.Get(snapshot, observe.FileQuestion{Path: s.zone()})
	switch {
	case err != nil:
		return modules.Change{}, fmt.Errorf("look at %s: %w", s.zone(), err)
	case zone.Type == observe.Absent || zone.Type == observe.Directory:
		return modules.Change{}, modules.Later(modules.WithHint(fmt.Errorf("the host has no time zone %q", s.Name),
			"Correct the name (`timedatectl list-timezones`), or install the package tzdata in an earlier step; names of earlier times are in tzdata-legacy."), &c)
	}
	return c, nil
}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if w.Link != "" {
		if err := modules.MakeLink(ctx, h, link, s.zone()); err != nil {
			return err
		}
	}
	if w.File {
		return modules.WriteFile(ctx, h, modules.File{Path: file, Content: []byte(s.Name + "\n"), Keep: true, Mode: 0o644})
	}
	return nil
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	w := c.Work.(work)
	if w.Link != "" {
		snapshot.Forecast().Link(link, s.zone())
	}
	if w.File {
		snapshot.Forecast().Write(file, observe.KnownContent([]byte(s.Name+"\n")), nil)
	}
}

// Claims implements [modules.Claimer].
func (s *Step) Claims() []modules.Claim {
	zone := modules.Claim{Thing: modules.Thing{Kind: "time zone"}}
	is := modules.PathClaim(link, modules.ALink)
	return []modules.Claim{zone.With("name", s.Name), is, is.With("target", s.zone())}
}

// work is what is done about the zone.
type work struct {
	Zone string
	Link modules.Action // empty: the link stays
	Was  string         // where it leads, or what is there instead
	File bool           // whether timezone's text is written
	Old  string
}

// Edits implements [modules.Work].
func (w work) Edits() (edits []modules.Edit) {
	if w.Link != "" {
		e := modules.Edit{Action: w.Link, Subject: link, From: w.Was, To: w.Zone}
		if w.Link == modules.Update {
			e.Field = "name"
		}
		edits = append(edits, e)
	}
	if w.File {
		edits = append(edits, modules.Edit{Action: modules.Update, Subject: file, Field: "name", Text: &modules.Text{Old: w.Old, New: w.Zone + "\n"}})
	}
	return edits
}
