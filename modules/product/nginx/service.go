package nginx

import (
	"context"
	"errors"
	"slices"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
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

// workersScript prints the processes of nginx's workers.
const workersScript = `
pid=$(systemctl show -p MainPID --value -- "$1")
cat "/proc/$pid/task/$pid/children" 2>/dev/null || true
`

// leaveScript waits until the workers in its arguments have ended or are shutting down, which nginx shows in the process
// title. If they stay, nginx could not apply what it read; whether that matters shows when the site is asked.
const leaveScript = `
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
	old=
	for pid do
		case $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" || true) in '' | *'shutting down'*) ;; *) old=yes ;; esac
	done
	[ -n "$old" ] || exit 0
	sleep 0.1
done
`

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
	_, err = h.Run(ctx, modules.Command{Script: "set -- " + string(workers.Stdout) + "\n" + leaveScript})
	return err
}
