package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
)

func (a *app) validateCommand() *cobra.Command {
	var vars varFlags
	command := &cobra.Command{
		Use:     "validate PLAN",
		GroupID: groupPlans,
		Short:   "Find mistakes in a plan, without connecting to a host",
		Long: "Find mistakes in a plan and show all of them, each with its line. No host is contacted. Values that depend on the\n" +
			"facts of a host are only checked for their type, as are those of sensitive variables without a value." + exitHelp,
		Example:           "  rcprov validate prod.hcl\n  rcprov validate --var domain=chat.example.com plans/prod",
		Args:              planArg,
		ValidArgsFunction: completePlan,
		RunE:              func(_ *cobra.Command, args []string) error { return a.validate(args[0], vars) },
	}
	vars.add(command)
	return command
}

func (a *app) validate(path string, vars varFlags) error {
	p, err := a.load(path, vars, plan.UnsetSecrets)
	if err != nil {
		return err
	}
	hosts := make([]string, len(p.Hosts))
	for i, h := range p.Hosts {
		hosts[i] = h.Name
	}
	plays := make([]string, len(p.Plays))
	for i, play := range p.Plays {
		plays[i] = play.Name
	}
	if a.json {
		return json.NewEncoder(a.Stdout).Encode(struct {
			Version int      `json:"version"`
			Type    string   `json:"type"`
			Plan    string   `json:"plan"`
			Hosts   []string `json:"hosts"`
			Plays   []string `json:"plays"`
			Unset   []string `json:"unset,omitempty"` // sensitive variables without a value
		}{1, "valid", path, hosts, plays, p.Unset})
	}
	if _, err := fmt.Fprintf(a.Stdout, "%s is valid: %s, %s.\n", path, modules.Counted(len(plays), "play"), modules.Counted(len(hosts), "host")); err != nil {
		return err
	}
	if len(p.Unset) > 0 {
		_, err = fmt.Fprintf(a.Stdout, "Plan and apply also need a value of %s.\n", strings.Join(p.Unset, ", "))
	}
	return err
}
