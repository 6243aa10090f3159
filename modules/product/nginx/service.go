package nginx

import (
	"context"
	_ "embed"
	"errors"
	"slices"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
	"github.com/rcprov/rcprov/modules/shell"
)

// Running is the step for nginx's unit. A reload ends when the workers with the old configuration accept no more connections.
type Running struct {
	*systemdunit.Step
}

var _ modules.Step = Running{}

// Service returns the step that keeps nginx running with the content of files and of nginx.conf: it is reloaded when one of
// them changed after nginx read it.
func Service(files ...string) Running {
	yes := true
	return Running{&systemdunit.Step{Name: Unit, Enabled: &yes, Running: &yes, ReloadOn: append(slices.Clone(files), packageFile)}}
}

// Reread returns the step that reloads a running nginx when one of files, or what [Configuration] touches for a removed one, changed
// after nginx read it. It does not matter whether there is an nginx.
func Reread(files ...string) Running {
	return Running{&systemdunit.Step{Name: Unit, ReloadOn: append(slices.Clone(files), mainFile)}}
}

// Diff implements [modules.Step].
func (r Running) Diff(s *observe.Snapshot) (modules.Change, error) {
	c, err := r.Step.Diff(s)
	if r.Enabled == nil && r.Step.Running == nil {
		c.Notes = nil // that there is no such unit yet
	}
	return c, err
}

// workersScript prints the processes of nginx's workers.
const workersScript = `
pid=$(systemctl show -p MainPID --value -- "$1")
cat "/proc/$pid/task/$pid/children" 2>/dev/null || true
`

//go:embed leave.sh
var leaveScript string

// advised returns the error of a start or reload with advice on what nginx wrote to the journal, instead of the general one.
func advised(err error) error {
	if err == nil {
		return nil
	}
	why := advice(err.Error())
	if why == "" {
		return err
	}
	if general := (*modules.HintError)(nil); errors.As(err, &general) {
		err = general.Err
	}
	return modules.WithHint(err, "%s", why)
}

// Apply implements [modules.Step].
func (r Running) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if w, _ := c.Work.(systemdunit.Work); w.Reload == "" {
		return advised(r.Step.Apply(ctx, h, c))
	}
	workers, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-euc", workersScript, "workers", Unit}})
	if err != nil {
		return err
	}
	if err := advised(r.Step.Apply(ctx, h, c)); err != nil {
		return err
	}
	_, err = h.Run(ctx, modules.Command{Script: shell.Script(leaveScript, shell.Vars{"workers": string(workers.Stdout)})})
	return err
}
