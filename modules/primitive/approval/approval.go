package approval

import (
	"context"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Module is the module approval.
func Module() modules.Module { return modules.Primitive("approval", source, New) }

// Step is a question to a person.
type Step struct{ Text string }

var (
	_ modules.Approval  = (*Step)(nil)
	_ modules.Bystander = (*Step)(nil)
)

// New checks args.
func New(args Args, _ modules.Env) (modules.Step, error) {
	s := &Step{Text: strings.TrimSpace(args.Text)}
	if s.Text == "" {
		return s, modules.Argf("text", "is empty: who is to approve should know what")
	}
	return s, nil
}

// Question implements [modules.Approval].
func (s *Step) Question() string { return s.Text }

// Observe implements [modules.Step]: there is nothing to ask of the host.
func (*Step) Observe(*observe.Query) {}

// Diff implements [modules.Step]: the host has no say.
func (*Step) Diff(*observe.Snapshot) (modules.Change, error) { return modules.Change{}, nil }

// Apply implements [modules.Step].
func (*Step) Apply(context.Context, modules.Host, modules.Change) error { return nil }

// Toward implements [modules.Bystander]: what has been changed is in effect when a person looks at it.
func (*Step) Toward(string) modules.Standing { return modules.NeedsEffect }
