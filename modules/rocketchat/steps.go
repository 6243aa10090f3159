package rocketchat

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/httpcheck"
	"github.com/rcprov/rcprov/modules/link"
	"github.com/rcprov/rcprov/modules/observe"
)

// requirements is what must be so before anything is changed. It changes nothing itself.
type requirements struct {
	Link    string // to the release that is installed
	Version version
}

var _ modules.Step = (*requirements)(nil)

// Observe implements [modules.Step].
func (r *requirements) Observe(q *observe.Query) {
	observe.File.Ask(q, observe.FileQuestion{Path: r.Link})
}

// Diff implements [modules.Step].
func (r *requirements) Diff(s *observe.Snapshot) (modules.Change, error) {
	is, err := observe.File.Get(s, observe.FileQuestion{Path: r.Link})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look at %s: %w", r.Link, err)
	}
	if is.Type != observe.Symlink {
		return modules.Change{}, nil // nothing is installed, or the step of the link says what is in its place
	}
	from, ok := parseExact(path.Base(is.Target))
	if !ok {
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s leads to %s, which doesn't tell the release that is installed", r.Link, is.Target),
			"Let it lead to releases/VERSION, the release that used the database last.")
	}
	return modules.Change{}, checkUpgrade(from, r.Version)
}

// Apply implements [modules.Step].
func (r *requirements) Apply(context.Context, modules.Host, modules.Change) error {
	return errors.New("bug: requirements change nothing")
}

// current is the link to the release that runs. Before it moves, several instances are stopped: the first one that
// starts with another release migrates the database, under the feet of the others.
type current struct {
	*link.Step
	Units []string // of all instances
}

var _ modules.Step = (*current)(nil)

// Diff implements [modules.Step].
func (c *current) Diff(s *observe.Snapshot) (modules.Change, error) {
	change, err := c.Step.Diff(s)
	if e, moves := change.Find("target"); err != nil || !moves || len(c.Units) < 2 {
		return change, err
	} else if e.Action == modules.Update {
		stop := modules.Edit{Action: modules.Run, Subject: "systemctl stop " + strings.Join(c.Units, " ")}
		change.Edits = append([]modules.Edit{stop}, change.Edits...)
	}
	return change, nil
}

// Apply implements [modules.Step].
func (c *current) Apply(ctx context.Context, h modules.Host, change modules.Change) error {
	if first := change.Edits[0]; first.Action == modules.Run {
		modules.Progress(ctx, "stopping all instances")
		// Units that are not there yet are no error: the plan may add an instance and change the release.
		const script = `
for unit do
	if [ "$(systemctl show -P LoadState -- "$unit")" != not-found ]; then systemctl stop -- "$unit"; fi
done
`
		if _, err := h.Run(ctx, modules.Command{Argv: append([]string{"sh", "-euc", script, "rocketchat"}, c.Units...)}); err != nil {
			return fmt.Errorf("stop the instances: %w", err)
		}
	}
	return c.Step.Apply(ctx, h, change)
}

// ready waits until an instance answers that it is ready, and says what its journal does when that doesn't happen.
type ready struct {
	*httpcheck.Step
	Unit string
}

var _ modules.Step = (*ready)(nil)

// Apply implements [modules.Step].
func (r *ready) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	err := r.Step.Apply(ctx, h, c)
	if err == nil || ctx.Err() != nil {
		return err
	}
	journal, journalErr := h.Run(ctx, modules.Command{Argv: []string{"journalctl", "--quiet", "--boot", "--lines=15", "--output=cat", "--unit=" + r.Unit}})
	if journalErr != nil {
		return errors.Join(err, fmt.Errorf("read the journal of %s: %w", r.Unit, journalErr))
	}
	err = fmt.Errorf("%w\nthe last lines of its journal:\n%s", err, strings.TrimSpace(string(journal.Stdout)))
	return modules.WithHint(err, "The server goes on trying to start; `journalctl -u %s` on the host says more. Migrations of a large database take long: see `deadline`.", r.Unit)
}
