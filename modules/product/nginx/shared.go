package nginx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
)

var (
	_ modules.Deferrable = Running{}
	_ modules.Foreseer   = Running{}
	_ modules.Bystander  = (*Configuration)(nil)
)

// Reloading is the effect that the sites of a play share: nginx reads all of its files at once.
var Reloading = systemdunit.Reloading(Unit)

// Effect implements [modules.Deferrable].
func (r Running) Effect() string { return Reloading }

// IsEffect implements [modules.Deferrable].
func (r Running) IsEffect(c modules.Change) bool {
	w, ok := c.Work.(systemdunit.Work)
	return ok && w.Reload != "" && len(c.Edits) == 1
}

// Join implements [modules.Deferrable].
func (r Running) Join(earlier []modules.Step) modules.Step {
	for _, s := range earlier {
		r.with = append(slices.Clip(r.with), s.(Running).Step)
	}
	return r
}

// Toward implements [modules.Bystander]: files are tested and written in the same way, whatever nginx has read.
func (c *Configuration) Toward(effect string) modules.Standing {
	if effect == Reloading && !c.Main {
		return modules.IgnoresEffect
	}
	return modules.ChangesAfter
}

// Observe implements [modules.Step].
func (r Running) Observe(q *observe.Query) {
	r.Step.Observe(q)
	for _, s := range r.with {
		s.Observe(q)
	}
}

// Diff implements [modules.Step].
func (r Running) Diff(s *observe.Snapshot) (modules.Change, error) {
	c, err := r.Step.Diff(s)
	if r.Enabled == nil && r.Step.Running == nil {
		c.Notes = nil // that there is no such unit yet
	}
	if err != nil || !c.Empty() && !r.IsEffect(c) {
		return c, err
	}
	w, _ := c.Work.(systemdunit.Work)
	var reasons []string
	for _, other := range r.with {
		c, err := other.Diff(s)
		if err != nil {
			return c, err
		}
		if w, _ := c.Work.(systemdunit.Work); r.IsEffect(c) {
			reasons = append(reasons, w.Reload)
		}
	}
	if w.Reload = summary(append(reasons, w.Reload)); w.Reload == "" {
		return c, nil
	}
	w.Unit = r.Step
	return modules.NewChange(w, c.Notes...), nil
}

// mostReasons is how many reasons for a reload are shown.
const mostReasons = 5

// summary returns reasons as one, each once.
func summary(reasons []string) string {
	var all []string
	for _, reason := range strings.Split(strings.Join(reasons, "; "), "; ") {
		if reason != "" && !slices.Contains(all, reason) {
			all = append(all, reason)
		}
	}
	if more := len(all) - mostReasons; more > 1 {
		all = append(all[:mostReasons], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, "; ")
}

// Foresee implements [modules.Foreseer].
func (r Running) Foresee(s *observe.Snapshot, c modules.Change) {
	r.Step.Foresee(s, c)
	if !r.IsEffect(c) {
		return
	}
	for _, other := range r.with {
		other.Foresee(s, c)
	}
}

// whole is the step with everything that it and those of with watch.
func (r Running) whole() *systemdunit.Step {
	s := *r.Step
	s.ReloadOn = slices.Clone(s.ReloadOn)
	for _, other := range r.with {
		for _, path := range other.ReloadOn {
			if !slices.Contains(s.ReloadOn, path) {
				s.ReloadOn = append(s.ReloadOn, path)
			}
		}
	}
	return &s
}
