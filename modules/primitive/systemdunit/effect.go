package systemdunit

import "github.com/rcprov/rcprov/modules"

var _ modules.Bystander = (*Step)(nil)

// Reloading returns the name of the effect ([modules.Deferrable]) that a unit reads its files again.
func Reloading(name string) string { return "reload of " + name }

// Toward implements [modules.Bystander]: what systemd knows of a unit has nothing to do with what another one has read.
func (s *Step) Toward(effect string) modules.Standing {
	if effect == Reloading(s.Name) {
		return modules.NeedsEffect
	}
	return modules.ChangesAfter
}
