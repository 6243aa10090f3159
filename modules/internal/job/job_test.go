package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// fakes stand in for the two programs of systemd that the script calls; they refuse what they don't know. Real
// systemd is e2e's business: killed controllers, reboots.
const fakes = `
start() {
	echo run >>"$STATE/runs"
	setsid sh "$1" </dev/null >/dev/null 2>&1 &
	echo $! >"$STATE/pid"
}
systemctl() {
	case "$*" in
	"show -p ActiveState --value -- rcprov-"*.service)
		if [ -e "$STATE/pid" ] && kill -0 "$(cat "$STATE/pid")" 2>/dev/null; then echo active; else echo inactive; fi ;;
	"reset-failed -- rcprov-"*.service) ;;
	"show -p LoadState --value -- rcprov-"*.service)
		if [ -e "$STATE/loaded" ]; then echo loaded; else echo not-found; fi ;;
	"kill --signal=KILL -- rcprov-a.service") kill -KILL "-$(cat "$STATE/pid")" ;;
	"start -- rcprov-a.service") start "$STATE/jobs/a/script" ;;
	*) echo "fake systemctl: $*" >&2; return 99 ;;
	esac
}
case $0 in
*systemctl) systemctl "$@" ;;
*systemd-run)
	case "$*" in *"--service-type=exec --property=KillMode=process --property=TimeoutStopSec=900 /bin/sh "*) ;;
	*) echo "fake systemd-run: $*" >&2; exit 99 ;;
	esac
	if [ -e "$STATE/loaded" ]; then echo "Unit was already loaded" >&2; exit 1; fi
	for file; do :; done
	start "$file" ;;
esac
`

// lab is a host with fake systemd programs.
type lab struct {
	*moduletest.Host
	at    place
	state string
}

func newLab(t *testing.T) lab {
	t.Helper()
	dir := t.TempDir()
	l := lab{at: place{jobs: filepath.Join(dir, "jobs"), booted: dir}, state: dir}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"systemctl", "systemd-run"} {
		write(name, "#!/bin/sh\n"+fakes)
	}
	write("shell", "#!/bin/sh\nexport STATE="+dir+" PATH="+dir+":$PATH\nexec sh \"$@\"\n")
	l.Host = &moduletest.Host{Shell: filepath.Join(dir, "shell")}
	return l
}

// runs returns how many jobs were started.
func (l lab) runs(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.state, "runs"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "run\n")
}

// left returns what is left in the directory of jobs.
func (l lab) left(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(l.at.jobs, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestRun(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	result, err := run(t.Context(), l, Job{Name: "a", Command: modules.Command{
		Script: `read -r line; printf '%s %s\n' "$line" "$SECRET"; echo complaint >&2`,
		Env:    []string{"SECRET=it's"}, Stdin: []byte("from stdin\n"),
	}}, l.at)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(result.Stdout)+string(result.Stderr), "from stdin it's\ncomplaint\n"; got != want {
		t.Errorf("output %q, want %q", got, want)
	}
	if left := l.left(t); left != nil {
		t.Errorf("left on the host: %q", left)
	}
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, err := run(t.Context(), l, Job{Name: "a", Command: modules.Command{Argv: []string{"sh", "-c", "echo E: no >&2; exit 100"}}}, l.at)
	var failed *modules.CommandError
	if !errors.As(err, &failed) || failed.Result.Status != 100 || err.Error() != "E: no (exit status 100)" {
		t.Errorf("error %v", err)
	}
	if left := l.left(t); left != nil {
		t.Errorf("left on the host: %q", left)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var said []string
	ctx := modules.WithProgress(t.Context(), func(doing string) { said = append(said, doing) })
	_, err := run(ctx, l, Job{
		Name:     "a",
		Command:  modules.Command{Script: "echo one; sleep 2; echo two >&2; sleep 2"},
		Progress: strings.ToUpper,
	}, l.at)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(said, ","); got != "ONE,TWO" {
		t.Errorf("progress %q", got)
	}
}

// TestKilledController cancels the first run, as a killed rcprov would, while its job is running.
func TestKilledController(t *testing.T) {
	t.Parallel()
	slow := Job{Name: "a", Command: modules.Command{Script: "echo started; sleep 3; echo done"}}
	other := Job{Name: "a", Command: modules.Command{Script: "echo other"}}
	for _, test := range []struct {
		name   string
		next   Job
		stdout string
		runs   int
	}{
		{"same command", slow, "started\ndone\n", 1},
		{"other command", other, "other\n", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			ctx, cancel := context.WithCancel(t.Context())
			ctx = modules.WithProgress(ctx, func(string) { cancel() }) // it has said "started"
			if _, err := run(ctx, l, slow, l.at); !errors.Is(err, context.Canceled) && err == nil {
				t.Fatalf("the interrupted run: %v", err)
			}
			begun := time.Now()
			result, err := run(t.Context(), l, test.next, l.at)
			if err != nil || string(result.Stdout) != test.stdout {
				t.Errorf("%q, %v; want %q", result.Stdout, err, test.stdout)
			}
			if waited := time.Since(begun); waited < time.Second {
				t.Errorf("did not wait for the running job: %v", waited)
			}
			if runs := l.runs(t); runs != test.runs {
				t.Errorf("%d jobs were started, want %d", runs, test.runs)
			}
		})
	}
}

// TestConnectionLost: Run returns at once, and the job goes on.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	broken := errors.New("the connection broke")
	ctx, cancel := context.WithCancelCause(t.Context())
	goOn := filepath.Join(l.state, "go-on")
	_, err := run(modules.WithProgress(ctx, func(string) { cancel(broken) }), l,
		Job{Name: "a", Command: modules.Command{Script: "echo started; until [ -e " + goOn + " ]; do sleep 0.05; done; echo done"}}, l.at)
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const hint = "It goes on without rcprov: the next run finds it and waits for it. `systemctl status rcprov-a.service` on the host shows it."
	var hinted *modules.HintError
	if !errors.Is(err, broken) || err.Error() != "follow rcprov-a.service on the host: the connection broke" || !errors.As(err, &hinted) || hinted.Hint != hint {
		t.Errorf("error %v, %+v", err, hinted)
	}
	status := filepath.Join(l.at.jobs, "a", "status")
	for range 600 {
		if text, err := os.ReadFile(status); err == nil {
			if string(text) != "0\n" {
				t.Errorf("status %q", text)
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("the job did not end")
}

func TestLost(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := modules.WithProgress(t.Context(), func(string) {
		pid, err := os.ReadFile(filepath.Join(l.state, "pid"))
		if err != nil {
			t.Error(err)
		}
		number, err := strconv.Atoi(strings.TrimSpace(string(pid)))
		if err != nil {
			t.Error(err)
		}
		process, err := os.FindProcess(number)
		if err != nil {
			t.Error(err)
		}
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
	})
	_, err := run(ctx, l, Job{Name: "a", Command: modules.Command{Script: "echo started; sleep 5"}}, l.at)
	if !errors.Is(err, ErrLost) {
		t.Errorf("error %v, want ErrLost", err)
	}
	if left := l.left(t); left != nil {
		t.Errorf("left on the host: %q", left)
	}
}

func TestFinishedJobIsNotAdopted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	j := Job{Name: "a", Command: modules.Command{Script: "date +%N"}}
	first, err := run(t.Context(), keep{l.Host}, j, l.at)
	if err != nil || len(l.left(t)) != 1 {
		t.Fatalf("%v, left: %q", err, l.left(t))
	}
	second, err := run(t.Context(), l, j, l.at)
	if err != nil || string(first.Stdout) == string(second.Stdout) {
		t.Errorf("%v, the output of both runs: %q %q", err, first.Stdout, second.Stdout)
	}
}

// TestOneAfterAnother: the first job has ended, and its unit not yet.
func TestOneAfterAnother(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ending := exec.Command("sleep", "1")
	if err := ending.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = ending.Wait() }() // or it would be a zombie, which is alive for the fake systemd
	if err := os.WriteFile(filepath.Join(l.state, "pid"), fmt.Append(nil, ending.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := run(t.Context(), l, Job{Name: "a", Command: modules.Command{Argv: []string{"echo", "hello"}}}, l.at)
	if err != nil || string(result.Stdout) != "hello\n" {
		t.Errorf("%q, %v", result.Stdout, err)
	}
}

// keep is a host on which nothing is removed: the controller was killed just before.
type keep struct{ *moduletest.Host }

func (k keep) Run(ctx context.Context, c modules.Command) (modules.Result, error) {
	if c.Script == "" {
		return modules.Result{}, nil
	}
	return k.Host.Run(ctx, c)
}

// TestUnitStillLoaded: a daemon that the last command left behind keeps the unit loaded, and systemd-run refuses.
func TestUnitStillLoaded(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := os.WriteFile(filepath.Join(l.state, "loaded"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := run(t.Context(), l, Job{Name: "a", Command: modules.Command{Argv: []string{"echo", "hello"}}}, l.at)
	if err != nil || string(result.Stdout) != "hello\n" {
		t.Errorf("%q, %v", result.Stdout, err)
	}
}

func TestNoSystemd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.at.booted = "/nonexistent"
	_, err := run(t.Context(), l, Job{Name: "a", Command: modules.Command{Argv: []string{"true"}}}, l.at)
	if !errors.Is(err, ErrNoSystemd) || err.Error() != "can't start rcprov-a.service: systemd is not running on the host" {
		t.Errorf("error %v", err)
	}
}
