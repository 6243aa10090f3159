package rocketchat

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// previousInstances removes the instances for ports that were taken off the list. They would go on with the release that they
// were started with, on a database that the next release migrates.
type previousInstances struct {
	Units []string // of the instances that stay
}

var _ modules.Step = (*previousInstances)(nil)

// unitDir is where the units of instances are.
const unitDir = "/etc/systemd/system/"

// instances lists the unit files of [builder.unit].
var instances = observe.NewLines("instances of Rocket.Chat",
	`grep -lsx -e 'Description=Rocket\.Chat on port [0-9]*' `+unitDir+`rocketchat-[0-9]*.service || [ $? -le 2 ]`)

// Observe implements [modules.Step].
func (p *previousInstances) Observe(q *observe.Query) { instances.Ask(q, struct{}{}) }

// Diff implements [modules.Step].
func (p *previousInstances) Diff(s *observe.Snapshot) (modules.Change, error) {
	paths, err := instances.Get(s, struct{}{})
	if err != nil {
		return modules.Change{}, fmt.Errorf("look for instances of Rocket.Chat: %w", err)
	}
	var w removal
	for _, path := range slices.Sorted(slices.Values(paths)) {
		if unit := strings.TrimPrefix(path, unitDir); !slices.Contains(p.Units, unit) {
			w = append(w, unit)
		}
	}
	return modules.NewChange(w), nil
}

// removal is the units to stop and to remove.
type removal []string

// Edits implements [modules.Work].
func (w removal) Edits() []modules.Edit {
	var edits []modules.Edit
	for _, unit := range w {
		edits = append(edits, modules.Edit{Action: modules.Remove, Subject: unit, From: "not in ports"})
	}
	return edits
}

// Foresee implements [modules.Foreseer].
func (p *previousInstances) Foresee(s *observe.Snapshot, c modules.Change) {
	w, _ := c.Work.(removal)
	for _, unit := range w {
		s.Forecast().Stop(s, unit)
		s.Forecast().Remove(unitDir + unit)
	}
}

// Apply implements [modules.Step]. It removes the files last, so that the run after a killed one still sees them.
func (p *previousInstances) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	const script = `
systemctl --quiet disable --now -- "$@"
for unit do rm -f -- "/etc/systemd/system/$unit"; done
systemctl daemon-reload
`
	w, _ := c.Work.(removal)
	modules.Progress(ctx, "stopping %s", strings.Join(w, " "))
	argv := append([]string{"sh", "-euc", script, "previous-instances"}, w...)
	if _, err := h.Run(ctx, modules.Command{Argv: argv}); err != nil {
		return fmt.Errorf("remove instances: %w", err)
	}
	return nil
}
