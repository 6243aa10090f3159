package rocketchat

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/wait"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/httpcheck"
	"github.com/rcprov/rcprov/modules/primitive/link"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
)

// requirements checks that the installed release can be upgraded to Version, before anything is changed. It changes nothing.
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
		return modules.Change{}, nil // nothing is installed; or there is no link, which the step for the link reports
	}
	from, ok := parseExact(path.Base(is.Target))
	if !ok {
		return modules.Change{}, modules.WithHint(fmt.Errorf("%s points to %s, which does not name the installed release", r.Link, is.Target),
			"Let it point to releases/VERSION, the release that last used the database.")
	}
	return modules.Change{}, checkUpgrade(from, r.Version)
}

// Apply implements [modules.Step].
func (r *requirements) Apply(context.Context, modules.Host, modules.Change) error {
	return errors.New("bug: requirements change nothing")
}

// current is the link to the release that runs. If there are several instances, they are stopped before it moves: the first
// one that starts with another release migrates the database, which the others still use.
type current struct {
	*link.Step
	Units []string // of all instances
}

var _ modules.Step = (*current)(nil)

// Diff implements [modules.Step].
func (c *current) Diff(s *observe.Snapshot) (modules.Change, error) {
	change, err := c.Step.Diff(s)
	if err != nil {
		return change, err
	}
	w := currentWork{Link: change}
	if c.Moves(change) && len(c.Units) > 1 {
		w.Stop = c.Units
	}
	return modules.NewChange(w, change.Notes...), nil
}

// currentWork is what is done to the link, and before that to the instances.
type currentWork struct {
	Stop []string       // units
	Link modules.Change // of the step for the link
}

// Edits implements [modules.Work].
func (w currentWork) Edits() []modules.Edit {
	if len(w.Stop) == 0 {
		return w.Link.Edits
	}
	stop := modules.Edit{Action: modules.Run, Subject: "systemctl stop " + strings.Join(w.Stop, " ")}
	return append([]modules.Edit{stop}, w.Link.Edits...)
}

// Foresee implements [modules.Foreseer].
func (c *current) Foresee(s *observe.Snapshot, change modules.Change) {
	w := change.Work.(currentWork)
	c.Step.Foresee(s, w.Link)
	if len(w.Stop) > 0 {
		s.Forecast().Stop(s, w.Stop...)
	}
}

// Script implements [modules.Scripted]: instances may have to stop first.
func (*current) Script(modules.Change) (modules.Script, bool) { return modules.Script{}, false }

// Apply implements [modules.Step].
func (c *current) Apply(ctx context.Context, h modules.Host, change modules.Change) error {
	w := change.Work.(currentWork)
	if len(w.Stop) > 0 {
		modules.Progress(ctx, "stopping all instances")
		// Missing units are no error: the plan may add an instance and change the release.
		const script = `
for unit do
	if [ "$(systemctl show -P LoadState -- "$unit")" != not-found ]; then systemctl stop -- "$unit"; fi
done
`
		if _, err := h.Run(ctx, modules.Command{Argv: append([]string{"sh", "-euc", script, "rocketchat"}, w.Stop...)}); err != nil {
			return fmt.Errorf("stop the instances: %w", err)
		}
	}
	return c.Step.Apply(ctx, h, w.Link)
}

// service is the step for the unit of an instance. If that ends within a second of its start, the step does not converge; the
// error then has the reason from its journal.
type service struct {
	*systemdunit.Step
	ready *httpcheck.Step
	data  string // directory
}

var _ modules.Foreseer = (*service)(nil)

func (s *service) question() dataOf { return dataOf{s.Name, s.data} }

// Observe implements [modules.Step].
func (s *service) Observe(q *observe.Query) {
	s.Step.Observe(q)
	lostData.Ask(q, s.question())
}

// Diff implements [modules.Step].
func (s *service) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	c, err := s.Step.Diff(snapshot)
	if err != nil {
		return c, err
	}
	lost, err := lostData.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, fmt.Errorf("check whether %s can write to %s: %w", s.Name, s.data, err)
	}
	w, _ := c.Work.(systemdunit.Work)
	if !lost || w.Starts() || w.Restart != "" {
		return c, nil
	}
	w.Unit, w.Restart, w.Reload = s.Step, s.data+" was removed since it started", ""
	return modules.NewChange(w, c.Notes...), nil
}

// Apply implements [modules.Step].
func (s *service) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if err := s.Step.Apply(ctx, h, c); err != nil {
		return err
	}
	second := *s.ready
	second.Interval, second.Deadline = 100*time.Millisecond, time.Second
	if second.Apply(modules.WithProgress(ctx, func(string) {}), h, modules.Change{}) == nil {
		return nil
	}
	result, err := h.Run(ctx, modules.Command{Argv: []string{"systemctl", "show", "-P", "SubState", "--", s.Name}})
	if err != nil {
		return fmt.Errorf("ask systemd about %s: %w", s.Name, err)
	}
	if state := strings.TrimSpace(string(result.Stdout)); state == "auto-restart" || state == "failed" {
		return withJournal(ctx, h, s.Name, fmt.Errorf("%s ended soon after its start", s.Name))
	}
	return nil
}

// withJournal adds the last lines of a unit's journal to an error, without stack traces.
func withJournal(ctx context.Context, h modules.Host, unit string, err error) error {
	journal, journalErr := h.Run(ctx, modules.Command{Argv: []string{"journalctl", "--quiet", "--boot", "--lines=40", "--output=cat", "--unit=" + unit}})
	if journalErr != nil {
		return errors.Join(err, fmt.Errorf("read the journal of %s: %w", unit, journalErr))
	}
	err = fmt.Errorf("%w\n%s", err, modules.LastLines(string(journal.Stdout), 10, noise))
	return modules.WithHint(err, "systemd keeps trying to start it; `journalctl -u %s` on the host says more. Migrating a large database takes long: see `deadline`.", unit)
}

// ready waits until an instance reports that it is ready; if it doesn't, the error has the last lines of its journal.
type ready struct {
	*httpcheck.Step // with its Unit
}

var _ modules.Step = (*ready)(nil)

// tooManyEnds is after how many ends of the server to give up: a database that is still starting causes one.
const tooManyEnds = 3

// Apply implements [modules.Step].
func (r *ready) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	waiting, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		cancel(r.watch(waiting, h))
	}()
	err := r.Step.Apply(waiting, h, c)
	if ended := context.Cause(waiting); err != nil && ended != nil {
		err = ended
	}
	cancel(nil)
	<-watched
	if err == nil || ctx.Err() != nil {
		return err
	}
	return withJournal(ctx, h, r.Request.Unit, err)
}

// watch returns an error when systemd has restarted the server too often, or can't be asked; nil when ctx is done.
func (r *ready) watch(ctx context.Context, h modules.Host) error {
	first := -1
	err := wait.Until(ctx, wait.Pace{Every: 2 * time.Second}, func() (missing string, err error) {
		result, err := h.Run(ctx, modules.Command{Argv: []string{"systemctl", "show", "-P", "NRestarts", r.Request.Unit}})
		if err != nil {
			return "", fmt.Errorf("ask systemd about %s: %w", r.Request.Unit, err)
		}
		restarts, err := strconv.Atoi(strings.TrimSpace(string(result.Stdout)))
		if err != nil {
			return "", fmt.Errorf("ask systemd how often it restarted %s: %w", r.Request.Unit, err)
		}
		if first < 0 {
			first = restarts
		}
		if restarts-first >= tooManyEnds {
			return "", fmt.Errorf("%s ended %d times soon after its start", r.Request.Unit, restarts-first)
		}
		return "its end", nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
