package rcprov

import (
	"fmt"
	"slices"
	"strings"
)

// Lies compares what a plan announced with what the apply after it did, step by step and edit by edit, and returns what
// differs. An edit with a condition may be made or not; where plan called a step unknown and gave no edits, apply
// may do anything. Where plan creates a file, apply may find one that a package of an earlier step brought, and update it.
// Whether there is something to wait for is left out: a program may answer, or no longer, between the two.
func Lies(plan, apply Run) ([]string, error) {
	planned, err := plan.decisions()
	if err != nil {
		return nil, err
	}
	applied, err := apply.decisions()
	if err != nil {
		return nil, err
	}
	var lies []string
	for step, did := range applied {
		said, known := planned[step]
		if known && said.anything {
			continue
		}
		for _, e := range did.edits {
			if !e.waits() && !slices.ContainsFunc(said.edits, func(s Edit) bool { return s.announces(e) }) {
				lies = append(lies, fmt.Sprintf("%s: apply made %q, which plan didn't announce", step, e))
			}
		}
		for _, s := range said.edits {
			if !s.conditional() && !s.waits() && !slices.ContainsFunc(did.edits, s.announces) {
				lies = append(lies, fmt.Sprintf("%s: plan announced %q, which apply didn't make", step, s))
			}
		}
	}
	slices.Sort(lies)
	return lies, nil
}

// announces reports whether e, an edit of a plan, is what apply said it did.
func (e Edit) announces(did Edit) bool {
	if e.Action == "create" && e.Field == "" && did.Action == "update" && (e.conditional() || e.Or != "") {
		return e.Subject == did.Subject // something else may bring it, and then it is changed
	}
	return e.Action == did.Action && e.Subject == did.Subject && e.Field == did.Field
}

// conditional reports whether e may not be made.
func (e Edit) conditional() bool { return e.If != "" || e.Unless != "" }

// waits reports whether e changes nothing, and only waits for an answer.
func (e Edit) waits() bool {
	return e.Action == "run" && (e.Field == "wait" || strings.HasPrefix(e.Subject, "wait for "))
}

func (e Edit) String() string {
	return strings.TrimSpace(strings.Join([]string{e.Action, e.Subject, e.Field}, " "))
}

// decision is what a run said about a step on a host.
type decision struct {
	anything bool
	edits    []Edit
}

// decisions returns what a run said, by host and step.
func (r Run) decisions() (map[string]decision, error) {
	events, err := r.Events()
	all := make(map[string]decision)
	for _, e := range events {
		switch e.Type {
		case "step_ok", "step_planned", "step_changed", "step_unknown":
			anything := e.Type == "step_unknown" && len(e.Change.Edits) == 0
			all[e.Host+" "+e.Step] = decision{anything, e.Change.Edits}
		}
	}
	return all, err
}
