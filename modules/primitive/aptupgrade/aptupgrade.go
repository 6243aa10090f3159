package aptupgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/apt"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module apt_upgrade.
func Module() modules.Module { return modules.Primitive("apt_upgrade", source, New) }

// Step is a host whose packages are upgraded.
type Step struct {
	Security bool
	Full     bool
	ListAge  time.Duration
}

var _ modules.Opaque = (*Step)(nil)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	age, err := time.ParseDuration(args.UpdateCache)
	if err != nil || age < time.Minute {
		err = modules.Argf("update_cache", "must be a duration of at least a minute such as \"24h\" or \"30m\", not %q", args.UpdateCache)
	}
	if args.Security && args.Full {
		err = errors.Join(err, modules.Argf("full", "conflicts with security"))
	}
	return &Step{Security: args.Security, Full: args.Full, ListAge: age}, err
}

func (s *Step) question() question {
	return question{Full: s.Full, Minutes: int(s.ListAge / time.Minute)}
}

// Observe implements [modules.Step].
func (s *Step) Observe(q *observe.Query) { available.Ask(q, s.question()) }

// Diff implements [modules.Step].
func (s *Step) Diff(snapshot *observe.Snapshot) (modules.Change, error) {
	is, err := available.Get(snapshot, s.question())
	if err != nil {
		return modules.Change{}, modules.WithHint(fmt.Errorf("ask apt what can be upgraded: %w", err),
			"`apt-get -s upgrade` on the host shows all of it; an interrupted dpkg is ended by `dpkg --configure -a`.")
	}
	w := work{Fetch: is.Stale}
	if !s.Security {
		w.Remove = is.Remove
	}
	for _, p := range is.Packages {
		if !s.Security || p.Security && p.Old != "" {
			w.Packages = append(w.Packages, p)
		}
	}
	var notes []string
	if len(is.KeptBack) > 0 {
		notes = append(notes, "held back: "+strings.Join(is.KeptBack, ", "))
	}
	return modules.NewChange(w, notes...), nil
}

// Foresee implements [modules.Foreseer]: what new versions bring, and what their scripts do, shows only then.
func (*Step) Foresee(snapshot *observe.Snapshot, c modules.Change) {
	f, w := snapshot.Forecast(), c.Work.(work)
	for _, p := range w.Packages {
		f.May(observe.Cause{Name: "package " + p.Name, Brings: true})
	}
	for _, name := range w.Remove {
		f.May(observe.Cause{Name: "package " + name, Removes: true})
	}
	if w.Fetch {
		f.May(observe.Cause{Name: "an upgrade", Brings: true})
	}
}

// Opaque implements [modules.Opaque]: with new lists, other packages are upgraded than those that were observed.
func (*Step) Opaque() {}

// Apply implements [modules.Step].
func (s *Step) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	w := c.Work.(work)
	if w.Fetch {
		if _, _, err := apt.UpdateIfOlder(ctx, h, s.ListAge); err != nil {
			return modules.WithHint(fmt.Errorf("fetch the package lists: %w", err), "Nothing was upgraded. `apt-get update` on the host shows it.")
		}
		snapshot, err := s.look(ctx, h)
		if err != nil {
			return err
		}
		after, err := s.Diff(snapshot)
		if err != nil || after.Empty() {
			return err
		}
		w = after.Work.(work)
	}
	var args []string
	switch {
	case s.Full:
		args = []string{"dist-upgrade"}
	case s.Security:
		args = []string{"--no-remove", "--only-upgrade", "install"}
		for _, p := range w.Packages {
			args = append(args, p.Name+"="+p.New)
		}
	default:
		args = []string{"upgrade"}
	}
	if len(w.Packages)+len(w.Remove) == 0 {
		return nil
	}
	modules.Progress(ctx, "upgrading packages: %d", len(w.Packages))
	err := apt.Get(ctx, h, args...)
	return modules.WithHint(err, "What was upgraded before the error stays; run the same command again to continue.")
}

// look asks again, after the lists were fetched.
func (s *Step) look(ctx context.Context, h modules.Host) (*observe.Snapshot, error) {
	q := s.question()
	r, err := h.Run(ctx, modules.Command{Script: available.Script([]question{q})})
	if err != nil {
		return nil, err
	}
	answer := available.Parse([]question{q}, observe.Reply{Stdout: r.Stdout})[q]
	snapshot := observe.NewSnapshot()
	available.Put(snapshot, q, answer.Value, answer.Err)
	return snapshot, nil
}
