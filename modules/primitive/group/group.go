package group

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module group.
func Module() modules.Module { return modules.Primitive("group", source, New) }

// Step is a group that a host should have, or not.
type Step struct {
	Name   string
	GID    *int // nil: any
	System bool
	Absent bool
}

var _ modules.Step = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Name: args.Name, GID: args.GID, System: args.System, Absent: args.State == "absent"}
	var errs []error
	if err := observe.CheckAccountName(args.Name); err != nil {
		errs = append(errs, modules.Argf("name", "%w", err))
	}
	if args.GID != nil && (*args.GID < 0 || *args.GID >= 1<<32-1) { // (gid_t)-1 means "unchanged" to chown(2)
		errs = append(errs, modules.Argf("gid", "must be from 0 to 4294967294, not %d", *args.GID))
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
func (s *Step) Observe(q *observe.Query) { observe.Group.Ask(q, s.question()) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := observe.Group.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, err
	}
	subject := "group " + s.Name
	var c modules.Change
	switch {
	case s.Absent && !is.Exists:
	case s.Absent:
		c.Edits = append(c.Edits, modules.Edit{Action: modules.Remove, Subject: subject})
		if len(is.PrimaryOf) > 0 {
			// Not an error: an earlier step may remove these users, or give them another group.
			c.Notes = append(c.Notes, "it can be removed only when it is no longer the primary group of "+strings.Join(is.PrimaryOf, ", "))
		}
	case !is.Exists:
		e := modules.Edit{Action: modules.Create, Subject: subject}
		if s.GID != nil {
			e.To = fmt.Sprintf("gid %d", *s.GID)
		}
		c.Edits = append(c.Edits, e)
	case s.GID != nil && *s.GID != is.GID:
		c.Edits = append(c.Edits, modules.Edit{
			Action: modules.Update, Subject: subject, Field: "gid", From: strconv.Itoa(is.GID), To: strconv.Itoa(*s.GID),
		})
		c.Notes = append(c.Notes, fmt.Sprintf("its files keep the gid %d", is.GID))
	}
	return c, nil
}

// Foresee implements [modules.Foreseer].
func (s *Step) Foresee(snapshot *observe.Snapshot, _ modules.Change) {
	if !s.Absent {
		snapshot.Forecast().Account(s.Name)
	}
}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	for _, e := range c.Edits {
		var argv []string
		switch e.Action {
		case modules.Remove:
			argv = []string{"groupdel"}
		case modules.Create:
			argv = []string{"groupadd"}
			if s.System {
				argv = append(argv, "--system")
			}
			if s.GID != nil {
				argv = append(argv, "--gid", strconv.Itoa(*s.GID))
			}
		default:
			argv = []string{"groupmod", "--gid", e.To}
		}
		if _, err := h.Run(ctx, modules.Command{Argv: append(argv, s.Name)}); err != nil {
			return s.explain(err)
		}
	}
	return nil
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
