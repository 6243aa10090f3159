package nginx

import (
	"context"
	"errors"
	"regexp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/systemdunit"
)

// Running is nginx's unit, of which a reload counts as done when the workers with the old configuration take no more
// connections.
type Running struct {
	*systemdunit.Step
}

var _ modules.Step = Running{}

// Service returns the step that keeps nginx running with what is in files: it is reloaded when one of them changed
// since it read them.
func Service(files ...string) Running {
	yes := true
	return Running{&systemdunit.Step{Name: Unit, Enabled: &yes, Running: &yes, ReloadOn: files}}
}

// workersScript prints the processes of nginx's workers.
const workersScript = `
pid=$(systemctl show -p MainPID --value -- "$1")
cat "/proc/$pid/task/$pid/children" 2>/dev/null || true
`

// leaveScript waits until the workers in its arguments are gone or only end what they have begun. nginx says so in the
// process title. If they stay, nginx could not do what it read; whether that matters is found by who asks it.
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

// Apply implements [modules.Step].
func (r Running) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if _, reloads := c.Find("reload"); !reloads {
		return certificateHint(r.Step.Apply(ctx, h, c))
	}
	workers, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-euc", workersScript, "workers", Unit}})
	if err != nil {
		return err
	}
	if err := r.Step.Apply(ctx, h, c); err != nil {
		return err
	}
	_, err = h.Run(ctx, modules.Command{Script: "set -- " + string(workers.Stdout) + "\n" + leaveScript})
	return err
}

var refusedCertificate = regexp.MustCompile(`cannot load certificate(?: key)? "(/[^"]+)"`)

// certificateHint tells the way out when nginx doesn't start because a site's certificate was lost: the step that makes a
// new one comes later, and needs nginx.
func certificateHint(err error) error {
	var hint *modules.HintError
	if !errors.As(err, &hint) {
		return err
	}
	said := refusedCertificate.FindStringSubmatch(hint.Err.Error())
	if said == nil {
		return err
	}
	return modules.WithHint(hint.Err, "A site names a certificate that nginx can't load; a later step may make it, but not without nginx. "+
		"`grep -Rl %s /etc/nginx/conf.d /etc/nginx/sites-enabled` on the host names the site's file: move it out of there, "+
		"then run the same command again, which brings back what is in the plan.", said[1])
}
