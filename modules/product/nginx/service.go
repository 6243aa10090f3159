package nginx

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/systemdunit"
	"github.com/rcprov/rcprov/modules/shell"
)

// Running is the step for nginx's unit. A reload ends when the workers with the old configuration accept no more connections.
type Running struct {
	*systemdunit.Step

	with []*systemdunit.Step // of earlier blocks, for which this step reloads nginx as well
}

// Service returns the step that keeps nginx running with the content of files and of nginx.conf: it is reloaded when one of
// them changed after nginx read it.
func Service(files ...string) Running {
	yes := true
	return Running{Step: &systemdunit.Step{Name: Unit, Enabled: &yes, Running: &yes, ReloadOn: append(slices.Clone(files), packageFile)}}
}

// Reread returns the step that reloads a running nginx when one of files, or what [Configuration] touches for a removed one, changed
// after nginx read it. It does not matter whether there is an nginx.
func Reread(files ...string) Running {
	return Running{Step: &systemdunit.Step{Name: Unit, ReloadOn: append(slices.Clone(files), mainFile)}}
}

// Log is where the packages of Debian, Ubuntu and nginx.org have nginx write errors.
const Log = "/var/log/nginx/error.log"

// stateScript prints the process of nginx's master, the size of its log, and the processes of its workers.
const stateScript = `
pid=$(systemctl show -p MainPID --value -- "$1")
echo "$pid $(stat -c %s -- "$2" 2>/dev/null || echo 0)"
cat "/proc/$pid/task/$pid/children" 2>/dev/null || true
`

// state is what a reload is compared with.
type state struct{ master, bytes, workers string }

func stateOf(ctx context.Context, h modules.Host) (s state, err error) {
	result, err := h.Run(ctx, modules.Command{Argv: []string{"sh", "-euc", stateScript, "state", Unit, Log}})
	if err != nil {
		return s, err
	}
	first, workers, _ := strings.Cut(string(result.Stdout), "\n")
	s.workers = workers
	s.master, s.bytes, _ = strings.Cut(first, " ")
	return s, nil
}

// LogSize returns how many bytes nginx has written to [Log].
func LogSize(ctx context.Context, h modules.Host) (bytes string, err error) {
	s, err := stateOf(ctx, h)
	return s.bytes, err
}

//go:embed leave.sh
var leaveScript string

// refusal matches what nginx writes to the journal before a reload that it refuses.
var refusal = regexp.MustCompile(`(?m)^\s*(?:nginx: |[0-9/]+ [0-9:]+ )?\[emerg\] .*$`)

// advised returns the error of a start or reload with nginx's own words first, and advice on them instead of the general one.
func advised(err error, verb string) error {
	if err == nil {
		return nil
	}
	said := strings.Join(refusal.FindAllString(err.Error(), -1), "\n")
	general := (*modules.HintError)(nil)
	if said == "" || !errors.As(err, &general) {
		return err
	}
	why := advice(said)
	hint := cmp.Or(why, general.Hint)
	text := "nginx doesn't start: "
	if verb == reload {
		text, hint = "nginx refuses to read its files again: ", goesOn+cmp.Or(why, "Correct that, then run the same command again.")
	}
	return modules.WithHint(errors.New(text+strings.Join(once([]byte(said)), "\n  ")), "%s", hint)
}

// once returns the messages in what nginx wrote, each once: it tries five times to get a port.
func once(said []byte) (all []string) {
	for line := range strings.Lines(messages(said)) {
		if line = strings.TrimSpace(line); !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	return all
}

const (
	reload = "reload"
	goesOn = "nginx goes on with what it read before. "
)

// Apply implements [modules.Step].
func (r Running) Apply(ctx context.Context, h modules.Host, c modules.Change) error {
	if w, _ := c.Work.(systemdunit.Work); w.Reload == "" {
		return advised(r.whole().Apply(ctx, h, c), "start")
	}
	before, err := stateOf(ctx, h)
	if err != nil {
		return err
	}
	if err := advised(r.whole().Apply(ctx, h, c), reload); err != nil {
		return err
	}
	left, err := h.Run(ctx, modules.Command{
		Script: shell.Script(leaveScript, shell.Vars{"workers": before.workers, "log": Log, "bytes": before.bytes}),
	})
	if err != nil {
		return err
	}
	if err := ignored(left.Stdout, before.master); err != nil {
		return errors.Join(err, r.forget(ctx, h))
	}
	return nil
}

// ignored returns the error for a reload that nginx accepted and could not make, by what it wrote to its log since: of that, the
// fatal errors of its master count.
func ignored(log []byte, master string) error {
	var fatal []string
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "[emerg] "+master+"#") {
			fatal = append(fatal, line)
		}
	}
	if len(fatal) == 0 {
		return nil
	}
	said := once([]byte(strings.Join(fatal, "")))
	return modules.WithHint(fmt.Errorf("nginx could not apply what it read: %s", strings.Join(said, "\n  ")),
		goesOn+"Correct that, then run the same command again. `ss -ltnp` shows which program has a port.")
}

// forget has the next run reload nginx once more: it removes the note of this reload, and touches what is watched.
func (r Running) forget(ctx context.Context, h modules.Host) error {
	if err := modules.RemovePath(ctx, h, observe.StampPath(Unit), modules.RemoveFile, ""); err != nil {
		return err
	}
	paths := []string{r.ReloadOn[0], mainFile}
	for _, other := range r.with {
		paths = append(paths, other.ReloadOn[0])
	}
	return touch(ctx, h, paths...)
}
