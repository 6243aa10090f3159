package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
)

// approve returns what asks for approvals, but for those that are given already.
func (a *app) approve(given []engine.Only, suspend func(func())) func(context.Context, engine.Question) error {
	return func(ctx context.Context, q engine.Question) error {
		if slices.ContainsFunc(given, func(o engine.Only) bool { return o.Includes(q.Play, q.Step) }) {
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
