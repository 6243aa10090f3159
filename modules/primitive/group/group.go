package group

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// Module is the module group.
func Module() modules.Module { return modules.Primitive("group", source, New) }

// Step is a group that a host should have, or not.
type Step struct {
	Name   string
	GID    *int // nil: any
	System bool
	Absent bool

	Members []string // users who are in it, beside others
}

var _ modules.Scripted = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Name: args.Name, GID: args.GID, System: args.System, Absent: args.State == "absent", Members: args.Members}
	var errs []error
	if err := observe.CheckAccountName(args.Name); err != nil {
		errs = append(errs, modules.Argf("name", "%w", err))
	}
	if args.GID != nil && (*args.GID < 0 || *args.GID >= 1<<32-1) { // (gid_t)-1 means "unchanged" to chown(2)
		errs = append(errs, modules.Argf("gid", "must be from 0 to 4294967294, not %d", *args.GID))
	}
	for _, member := range args.Members {
		if err := observe.CheckAccountName(member); err != nil {
			errs = append(errs, modules.Argf("members", "%w", err))
		}
	}
	if s.Absent && len(args.Members) > 0 {
		errs = append(errs, modules.Argf("members", "conflicts with state = \"absent\""))
	}
	if args.Name == "root" && s.Absent {
		errs = append(errs, modules.Argf("name", "the group root can't be removed"))
	}
	return s, errors.Join(errs...)
}

func (s *Step) question() observe.GroupQuestion {
	return observe.GroupQuestion{Name: s.Name, PrimaryOf: s.Absent}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) {
	observe.Group.Ask(q, s.question())
	for _, member := range s.Members {
		observe.User.Ask(q, member)
	}
}

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.Group.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, err
	}
	w := work{group: s}
	for _, member := range s.Members {
		if err := modules.NeedsAccount(snapshot, member, ""); err != nil {
			return modules.Change{}, err
		}
		user, err := observe.User.Get(snapshot, member)
		if err != nil {
			return modules.Change{}, err
		}
		if user.Group != s.Name && !slices.Contains(is.Members, member) && !slices.Contains(w.join, member) {
			w.join = append(w.join, member)
		}
	}
	w.from = is.Members
	switch {
	case s.Absent && !is.Exists:
		return modules.Change{}, nil
	case s.Absent && len(is.PrimaryOf) > 0:
		// Not an error: an earlier step may remove these users, or give them another group.
		return modules.NewChange(work{group: s, remove: true},
			"it can be removed only when it is no longer the primary group of "+strings.Join(is.PrimaryOf, ", ")), nil
	case s.Absent:
		return modules.NewChange(work{group: s, remove: true}), nil
	case !is.Exists:
		w.create = true
		return modules.NewChange(w), nil
	case s.GID != nil && *s.GID != is.GID:
		w.renumber = &renumbering{is.GID, *s.GID}
		return modules.NewChange(w, fmt.Sprintf("its files keep the gid %d", is.GID)), nil
	}
	if len(w.join) == 0 {
		return modules.Change{}, nil
	}
	return modules.NewChange(w), nil
}

// work is what Apply does to a group.
type work struct {
	group          *Step
	create, remove bool
	renumber       *renumbering // nil: its number stays
	from           []string     // who is in it
	join           []string     // who joins them
}

// renumbering is a gid before and after.
type renumbering struct{ from, to int }

// Edits implements [modules.Work].
func (w work) Edits() []modules.Edit {
	e := modules.Edit{Subject: "group " + w.group.Name}
	switch {
	case w.remove:
		e.Action = modules.Remove
		return []modules.Edit{e}
	case w.create:
		e.Action = modules.Create
		var with []string
		if w.group.GID != nil {
			with = append(with, fmt.Sprintf("gid %d", *w.group.GID))
		}
		if len(w.join) > 0 {
			with = append(with, "members "+strings.Join(w.join, ", "))
		}
		e.To = strings.Join(with, ", ")
		return []modules.Edit{e}
	}
	var edits []modules.Edit
	if w.renumber != nil {
		e.Action, e.Field, e.From, e.To = modules.Update, "gid", observe.ShowID(w.renumber.from), strconv.Itoa(w.renumber.to)
		edits = append(edits, e)
	}
	if len(w.join) > 0 {
		e.Action, e.Field, e.From, e.To = modules.Update, "members", strings.Join(w.from, ", "), strings.Join(slices.Concat(w.from, w.join), ", ")
		edits = append(edits, e)
	}
	return edits
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	w, _ := c.Work.(work)
	for _, member := range w.join {
		if user, err := observe.User.Get(snapshot, member); err == nil {
			user.Groups = slices.Sorted(slices.Values(slices.Concat(user.Groups, []string{s.Name})))
			observe.User.Foresee(snapshot, member, user)
		}
	}
	a := observe.Account{Group: true, Name: s.Name, Joins: w.join, Gone: s.Absent, Was: observe.NoID, ID: observe.NoID}
	if is, err := observe.Group.Get(snapshot, s.question()); err == nil && is.Exists {
		a.Was = is.GID
		if !s.Absent {
			a.ID = is.GID
		}
	}
	if s.GID != nil && !s.Absent {
		a.ID = *s.GID
	}
	snapshot.Forecast().Account(a)
}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	return s.script(c).Run(ctx, h)
}

// Script implements [modules.Scripted]: for a new group, or members. What another number, or none, makes of files is foreseen
// by nobody.
func (s *Step) Script(c modules.Change) (modules.Script, bool) {
	w, _ := c.Work.(work)
	return s.script(c), !w.remove && w.renumber == nil
}

func (s *Step) script(c modules.Change) modules.Script {
	w, _ := c.Work.(work)
	var lines []string
	run := func(argv ...string) { lines = append(lines, shell.QuoteAll(argv)) }
	switch {
	case w.remove:
		run("groupdel", s.Name)
	case w.create:
		argv := []string{"groupadd"}
		if s.System {
			argv = append(argv, "--system")
		}
		if s.GID != nil {
			argv = append(argv, "--gid", strconv.Itoa(*s.GID))
		}
		run(append(argv, s.Name)...)
	case w.renumber != nil:
		run("groupmod", "--gid", strconv.Itoa(w.renumber.to), s.Name)
	}
	for _, member := range w.join { // one by one, as --members would write those of a directory service to /etc/group, too
		run("gpasswd", "--add", member, s.Name)
	}
	return modules.Script{Command: modules.Command{Script: "set -e\n" + strings.Join(lines, " >/dev/null\n") + " >/dev/null\n"}, Explain: s.explain}
}

// explain adds a hint to common failures, by the exit statuses of groupadd(8), groupmod(8) and
// groupdel(8).
func (s *Step) explain(err error) error {
	var failed *modules.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	switch failed.Result.Status {
	case 4: // number in use
		return modules.WithHint(err, "`getent group %d` shows which group has this gid; choose another one.", *s.GID)
	case 8: // primary group of a user
		return modules.WithHint(err, "The group was not changed. Remove the user, or give it another `group`, in an earlier step.")
	}
	return err
}
