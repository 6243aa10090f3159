package engine

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// PreflightFinding is a requirement of a step that a host doesn't meet, or that could not be checked.
type PreflightFinding struct {
	Play  string
	Step  string
	Range hcl.Range // of the step, or of the argument that caused it
	Check modules.Topic
	Level modules.Level // LevelError or LevelWarn
	Err   error

	// Included are the places of the includes that the step comes from, the innermost first.
	Included []hcl.Range
}

// PreflightError is the error of a host that doesn't meet the requirements of its steps.
type PreflightError struct {
	Findings []*PreflightFinding // of LevelError, in the order of the plan
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

// preflight holds the findings about a host before the run changes anything.
type preflight struct {
	findings []*PreflightFinding // in the order of the plan
	reported bool
}

// newPreflight tests the requirements of the steps that differ against s. It leaves out a finding that says the same as that
// of an earlier step.
func newPreflight(p *plan.Plan, steps []*step, s *observe.Snapshot) preflight {
	type text struct {
		check modules.Topic
		level modules.Level
		text  string
	}
	known := make(map[text]bool)
	var found []*PreflightFinding
	var before []modules.Need
	for _, step := range steps {
		for _, r := range step.Requires {
			if step.differs {
				if f := test(p, step, r, s, before); f != nil && !known[text{f.Check, f.Level, f.Err.Error()}] {
					known[text{f.Check, f.Level, f.Err.Error()}] = true
					found = append(found, f)
				}
			}
			before = append(before, modules.Need{Requirement: r, Pending: step.differs})
		}
	}
	return preflight{findings: found}
}

// test tests requirement r of step, which comes after those of before. It returns nil when the host meets it.
func test(p *plan.Plan, step *step, r modules.Requirement, s *observe.Snapshot, before []modules.Need) *PreflightFinding {
	f := r.Test(s, before)
	if f == nil {
		return nil
	}
	return &PreflightFinding{
		Play: p.Plays[step.play].Name, Step: step.Address, Range: *blame(step, f.Err), Included: step.Included,
		Check: r.Topic(), Level: cmp.Or(step.Levels[r.Topic()], f.Level), Err: f.Err,
	}
}

// report reports the findings, the first time that it is called.
func (p *preflight) report(report func(Event)) {
	if p.reported {
		return
	}
	p.reported = true
	for i, f := range p.findings {
		report(Event{Type: Found, Play: f.Play, Step: f.Step, Index: i + 1, Total: len(p.findings), Finding: f})
	}
}

// err returns a *PreflightError with the findings that are errors; nil if there are none.
func (p *preflight) err() error {
	var e PreflightError
	for _, f := range p.findings {
		if f.Level == modules.LevelError {
			e.Findings = append(e.Findings, f)
		}
	}
	if len(e.Findings) == 0 {
		return nil
	}
	return &e
}

// requirePreflight ends the host's part of an apply, before its first change, if a requirement is not met. A plan still
// shows all changes: see endPreflight.
func (h *host) requirePreflight() {
	h.preflight.report(h.report)
	if err := h.preflight.err(); err != nil {
		h.fail(&Failure{Err: err, Left: len(h.steps), Early: true})
	}
}

// endPreflight makes a plan fail on the host where apply would, once it has shown all changes.
func (h *host) endPreflight() {
	err := h.preflight.err()
	if err == nil || h.run.Mode != Plan || h.failure != nil {
		return
	}
	h.outcome.fail(&Failure{Host: h.Name, Address: h.link.address(h.Address), Err: err, Left: len(h.steps)})
}
