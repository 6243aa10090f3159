package cli

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/report"
	"github.com/rcprov/rcprov/modules"
)

// varFlags are the flags of all commands that read a plan: the values of its variables.
type varFlags struct {
	vars, files []string
	identities
}

func (v *varFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVar(&v.vars, "var", nil, "set a variable: `NAME=VALUE` (also RCPROV_VAR_NAME in the environment)")
	flags.StringArrayVar(&v.files, "var-file", nil, "read the values of variables from an HCL `FILE`, which may be encrypted with age; - is the standard input")
	v.identities.add(flags)
}

// load reads a plan, in which variables may have no value as unset says. From then on no output shows its secrets. It shows
// mistakes and warnings itself: after mistakes the error is an exit.
func (a *app) load(path string, vars varFlags, unset plan.Unset) (*plan.Plan, error) {
	return a.loadFor(path, vars, unset, nil)
}

// loadFor is load for a command that works on the hosts that limit names; see [plan.Options].
func (a *app) loadFor(path string, vars varFlags, unset plan.Unset, limit func(*plan.Plan) []string) (*plan.Plan, error) {
	if replaceable(path) == nil {
		if saved, _ := begins(path, savedBegin); saved {
			return nil, modules.WithHint(fmt.Errorf("%s is a saved plan", path), "`rcprov apply %s` applies it.", path)
		}
	}
	a.reading.Store(true)
	defer a.reading.Store(false)
	p, diags := plan.Load(path, plan.Options{
		Unset: unset, Limit: limit,
		Modules: a.Modules, Templates: a.Templates, Vars: vars.vars, VarFiles: vars.files, Environ: a.Environ,
		ReadVarFile: a.varFileReader(vars.identities),
		Hide:        a.secrets.Add,
	})
	a.secrets.Add(p.Secrets...)
	return p, a.showMistakes(p, diags)
}

// showMistakes shows mistakes and warnings about p. The error is nil if there are no mistakes.
func (a *app) showMistakes(p *plan.Plan, diags hcl.Diagnostics) error {
	if len(diags) > 0 {
		o := a.reportOptions()
		o.Files = p.Files
		closing := ""
		if mistakes := len(diags.Errs()); mistakes > 0 {
			closing = modules.Counted(mistakes, "mistake") + "; no host was contacted."
		}
		if err := report.Diagnostics(diags, closing, o); err != nil {
			return err
		}
	}
	if diags.HasErrors() {
		return exit(exitError)
	}
	return nil
}

// completePlan completes the name of a plan: a file or a directory.
func completePlan(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"hcl"}, cobra.ShellCompDirectiveFilterFileExt
}
