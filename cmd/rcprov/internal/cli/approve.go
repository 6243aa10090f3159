package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

// approvedSteps returns the approvals that --approve names, each as PLAY/STEP.
func approvedSteps(p *plan.Plan, names []string) ([]engine.Only, error) {
	var all []engine.Only
	for _, name := range names {
		one, err := onlyStep(p, name)
		if err != nil {
			return nil, fmt.Errorf("--approve: %w", err)
		}
		if !strings.HasPrefix(path.Base(keys.ReplaceAllString(one.Step, "")), "approval.") {
			return nil, modules.WithHint(fmt.Errorf("--approve: %s is not an approval", name), "The plan has %s.", cmp.Or(approvalsOf(p), "none"))
		}
		all = append(all, one)
	}
	return all, nil
}

// approvalsOf lists the approvals of p.
func approvalsOf(p *plan.Plan) string {
	var all []string
	for _, play := range p.Plays {
		for _, address := range play.Addresses() {
			if strings.HasPrefix(path.Base(address), "approval.") {
				all = append(all, play.Name+"/"+address)
			}
		}
	}
	return someOf(all)
}

// approve returns what asks for approvals, but for those that are given already.
func (a *app) approve(given []engine.Only, suspend func(func())) func(context.Context, engine.Question) error {
	return func(ctx context.Context, q engine.Question) error {
		if slices.ContainsFunc(given, func(o engine.Only) bool {
			return o.Play == q.Play && (o.Step == q.Step || o.Step == keys.ReplaceAllString(q.Step, ""))
		}) {
			return nil
		}
		person := a.person(suspend)
		if person == nil {
			return engine.ErrNobody
		}
		question := fmt.Sprintf("\n%s\n%s in play %q, on %s. Go on? (yes/no) ", a.secrets.String(q.Text), q.Step, q.Play, strings.Join(q.Hosts, ", "))
		for {
			answer, err := person.Ask(ctx, question)
			switch strings.ToLower(answer) {
			case "yes", "y":
				return nil
			case "no", "n":
				return engine.ErrRefused
			}
			if err != nil {
				return errors.Join(engine.ErrRefused, err)
			}
			question = "Please answer yes or no: "
		}
	}
}
