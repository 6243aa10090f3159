package rocketchat

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// former is that no instance runs for a port that was taken off the list. Left alone, it would go on with the release it
// was started from, on a database that the next release migrates.
type former struct {
	Units []string // of the instances that stay
}

var _ modules.Step = (*former)(nil)

// unitDir is where the units of instances are.
const unitDir = "/etc/systemd/system/"

// instances answers which unit files of [builder.unit] there are.
var instances = observe.NewLines("instances of Rocket.Chat",
	`grep -lsx -e 'Description=Rocket\.Chat on port [0-9]*' `+unitDir+`rocketchat-[0-9]*.service || [ $? -le 2 ]`)

// Observe implements [modules.Step].
func (f *former) Observe(q *observe.Query) { instances.Ask(q, struct{}{}) }

// Diff implements [modules.Step].
func (f *former) Diff(s *observe.Snapshot) (modules.Change, error) {
	paths, err := instances.Get(s, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look for instances of Rocket.Chat: %w", err)
	}
	var c modules.Change
	for _, path := range slices.Sorted(slices.Values(paths)) {
		if unit := strings.TrimPrefix(path, unitDir); !slices.Contains(f.Units, unit) {
			c.Edits = append(c.Edits, modules.Edit{Action: modules.Remove, Subject: unit, From: "not one of ports"})
		}
	}
	return c, nil
}

// Foresee implements [modules.Foreseer].
func (f *former) Foresee(s *observe.Snapshot, c modules.Change) {
	for _, e := range c.Edits {
		s.ForeseeStop(e.Subject)
		s.ForeseeFile(unitDir+e.Subject, "absent")
	}
}

// Apply implements [modules.Step]. The files go last: as long as they are there, a run after one that was killed sees them.
func (f *former) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	const script = `
systemctl --quiet disable --now -- "$@"
for unit do rm -f -- "/etc/systemd/system/$unit"; done
systemctl daemon-reload
`
	argv := []string{"sh", "-euc", script, "former"}
	for _, e := range c.Edits {
		argv = append(argv, e.Subject)
	}
	modules.Progress(ctx, "stopping %s", strings.Join(argv[4:], " "))
	if _, err := h.Run(ctx, modules.Command{Argv: argv}); err != nil {
		return fmt.Errorf("remove instances: %w", err)
	}
	return nil
}
