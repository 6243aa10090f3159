package engine

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Finding is a requirement of a step that a host doesn't meet.
type Finding struct {
	Play  string
	Step  string
	Range hcl.Range // of the step, or of the argument to blame
	Check modules.Check
	Level modules.Level // LevelError or LevelWarn
	Err   error
}

// PreflightError says that a host doesn't meet requirements of its steps, all of them.
type PreflightError struct {
	Findings []*Finding // of LevelError, in the order of the plan
}

func (e *PreflightError) Error() string {
	lines := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		lines[i] = fmt.Sprintf("%s: %v", f.Step, f.Err)
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%d requirements are not met\n%s", len(lines), strings.Join(lines, "\n"))
}

// observeRequirements asks what decides the requirements of all steps.
func (h *host) observeRequirements(q *observe.Query) {
	for _, s := range h.steps {
		for _, r := range s.Requires {
			r.Observe(q)
		}
	}
}

// test tests the requirements of the steps that differ.
func (h *host) test() []*Finding {
	type text struct {
		check modules.Check
		level modules.Level
		text  string
	}
	told := make(map[text]bool) // by an earlier step, which is enough
	var found []*Finding
	var before []modules.Need
	for _, s := range h.steps {
		for _, r := range s.Requires {
			if f := h.finding(s, r, before); f != nil && !told[text{f.Check, f.Level, f.Err.Error()}] {
				told[text{f.Check, f.Level, f.Err.Error()}] = true
				found = append(found, f)
			}
			before = append(before, modules.Need{Requirement: r, Pending: s.differs})
		}
	}
	return found
}

// finding tests a requirement of a step.
func (h *host) finding(s *step, r modules.Requirement, before []modules.Need) *Finding {
	if !s.differs {
		return nil
	}
	f := r.Test(h.seen.snapshot, before)
	if f == nil {
		return nil
	}
	return &Finding{
		Play: h.run.Options.Plan.Plays[s.play].Name, Step: s.Address, Range: *blame(s, f.Err),
		Check: r.Check(), Level: cmp.Or(s.Levels[r.Check()], f.Level), Err: f.Err,
	}
}

// tell reports what the requirements found, once.
func (h *host) tell() {
	if h.told {
		return
	}
	h.told = true
	for i, f := range h.findings {
		h.report(Event{Type: Found, Play: f.Play, Step: f.Step, Index: i + 1, Total: len(h.findings), Finding: f})
	}
}

// preflight ends the host's part of an apply, before its first change, if it doesn't meet what its steps require.
// Plans show all the same what would be changed: see endPreflight.
func (h *host) preflight() {
	h.tell()
	if f := h.unmet(); f != nil {
		h.fail(f)
	}
}

// endPreflight makes a plan fail on the host where apply would, once all that it would change is shown.
func (h *host) endPreflight() {
	if f := h.unmet(); f != nil && h.run.Mode == Plan && h.failure == nil {
		f.Host, f.Address = h.Name, h.conn.Address()
		h.failure = f
		h.counts.Failed++
	}
}

// unmet is the failure of a host that doesn't meet requirements, nil if it meets all that matter.
func (h *host) unmet() *Failure {
	var e PreflightError
	for _, f := range h.findings {
		if f.Level == modules.LevelError {
			e.Findings = append(e.Findings, f)
		}
	}
	if len(e.Findings) == 0 {
		return nil
	}
	return &Failure{Err: &e, Left: len(h.steps)}
}
