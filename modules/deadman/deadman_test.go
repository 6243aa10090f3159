package deadman

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// fakes stand in for the two programs of systemd that the scripts call; they refuse what they don't know. Real systemd
// is e2e's business: killed controllers, reboots.
const fakes = `
case $0 in
*systemctl)
	case "$*" in
	"--no-block stop rcprov-deadman-a.timer" | "stop rcprov-deadman-a.timer rcprov-deadman-a.service")
		if [ -e "$STATE/timer" ]; then kill "$(cat "$STATE/timer")" 2>/dev/null; rm -f "$STATE/timer"; fi ;;
	"reset-failed rcprov-deadman-a.service" | daemon-reload) ;;
	*) echo "fake systemctl: $*" >&2; exit 99 ;;
	esac ;;
*systemd-run)
	case "$*" in
	"--quiet --unit=rcprov-deadman-a --description=rcprov: put the state of before the change of a back --on-active="*"s --timer-property=AccuracySec=100ms /bin/sh -eu $STATE/deadman/a/restore") ;;
	*) echo "fake systemd-run: $*" >&2; exit 99 ;;
	esac
	seconds=${4#--on-active=}
	setsid sh -c 'echo $$ >"$STATE/timer"; sleep "$1"; rm -f "$STATE/timer"; exec sh -eu "$2"' sh "${seconds%s}" "$8" </dev/null >/dev/null 2>&1 &
	;;
esac
`

// lab is a host with fake systemd programs, a file that is changed, and the running state that follows it.
type lab struct {
	*moduletest.Host
	at            place
	file, running string

	knock func(ctx context.Context) error // what a new login meets first; nil: success
	old   func(ctx context.Context) error // what the second command over the old connection meets; nil: success
	hang  bool                            // the old connection gives no answer
	runs  int
}

func newLab(t *testing.T) *lab {
	t.Helper()
	dir := t.TempDir()
	l := &lab{
		at:   place{state: dir + "/deadman", run: dir + "/run", units: dir + "/units", booted: dir},
		file: dir + "/etc/conf", running: dir + "/running",
	}
	l.write(t, "systemctl", "#!/bin/sh\n"+fakes)
	l.write(t, "systemd-run", "#!/bin/sh\n"+fakes)
	l.write(t, "shell", "#!/bin/sh\nexport STATE="+dir+" PATH="+dir+":$PATH\nexec sh \"$@\"\n")
	l.write(t, "etc/conf", "before")
	l.write(t, "running", "before")
	l.Host = &moduletest.Host{Shell: dir + "/shell"}
	return l
}

func (l *lab) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(filepath.Dir(l.running), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) Run(ctx context.Context, c modules.Command) (modules.Result, error) {
	if l.runs++; l.runs > 1 && l.old != nil {
		if err := l.old(ctx); err != nil {
			return modules.Result{}, err
		}
	}
	result, err := l.Host.Run(ctx, c)
	if l.hang {
		<-ctx.Done()
		return modules.Result{}, ctx.Err()
	}
	return result, err
}

func (l *lab) Reconnect(ctx context.Context, port int) (modules.Connection, error) {
	if l.knock != nil {
		if err := l.knock(ctx); err != nil {
			return nil, err
		}
	}
	return l.Host.Reconnect(ctx, port)
}

func (l *lab) change(apply string, within time.Duration) Switch {
	return Switch{
		Name: "a", Files: []string{l.file, l.file + ".new"}, Save: "cp " + l.running + " was", Apply: apply, Within: within,
		Reload: "cmp -s was " + l.file + "; cp was " + l.running, Hint: "Look there.",
	}
}

const works = `printf after >%[1]s; echo new >%[1]s.new; printf after >%[2]s; echo done`

func (l *lab) works() string {
	return strings.NewReplacer("%[1]s", l.file, "%[2]s", l.running).Replace(works)
}

// is fails the test unless file and running state are as wanted, and no trace of the switch is left where systemd looks.
func (l *lab) is(t *testing.T, want string, state State) {
	t.Helper()
	for _, path := range []string{l.file, l.running} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
	if _, err := os.Stat(l.file + ".new"); (err == nil) != (want == "after") {
		t.Errorf("the new file: %v", err)
	}
	if _, err := os.Stat(l.at.state + "/a/" + string(state)); err != nil {
		t.Error(err)
	}
	for _, pattern := range []string{l.at.units + "/*.service", l.at.units + "/*/*", l.at.run + "/*"} {
		if left, err := filepath.Glob(pattern); left != nil || err != nil {
			t.Errorf("left: %q, %v", left, err)
		}
	}
}

func (l *lab) try(t *testing.T, s Switch) (modules.Result, error) {
	t.Helper()
	return change(t.Context(), l, s, l.at, waits{knock: time.Second, settle: 5 * time.Second, pause: 100 * time.Millisecond})
}

var errShut = errors.New("connect to test:22: i/o timeout")

func TestChange(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	result, err := l.try(t, l.change(l.works(), 0))
	if err != nil || string(result.Stdout) != "done\n" {
		t.Errorf("%q, %v", result.Stdout, err)
	}
	l.is(t, "after", Confirmed)
	if left, _ := filepath.Glob(l.at.state + "/a/*"); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

func TestShutOut(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.knock = func(context.Context) error {
		if got, _ := os.ReadFile(l.running); string(got) == "after" {
			return errShut
		}
		return nil
	}
	_, err := l.try(t, l.change(l.works(), 0))
	const want = "after the change the host did not let rcprov in anew (tried N times in 1s): connect to test:22: i/o timeout; " +
		"the state of before is back, and a new login works again"
	if got := regexp.MustCompile(`tried [2-9] times in 1[.0-9]*s`).ReplaceAllString(errorText(err), "tried N times in 1s"); got != want {
		t.Errorf("error %q\nwant  %q", got, want)
	}
	var hint *modules.HintError
	if !errors.As(err, &hint) || hint.Hint != "Look there." {
		t.Errorf("hint %+v", hint)
	}
	l.is(t, "before", Restored)
}

// TestOldConnectionHangs: the timer alone restores.
func TestOldConnectionHangs(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.knock = func(context.Context) error {
		if got, _ := os.ReadFile(l.running); string(got) == "after" {
			return errShut
		}
		return nil
	}
	l.old = func(context.Context) error { return errors.New("hangs") }
	_, err := l.try(t, l.change(l.works(), 2*time.Second))
	var reverted *RevertedError
	if !errors.As(err, &reverted) || reverted.Outcome != Restored || reverted.Now != nil {
		t.Errorf("error %v", err)
	}
	l.is(t, "before", Restored)
}

// TestCutOff: the connection that makes the change gives no answer any more, but the host lets us in.
func TestCutOff(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.hang = true
	if _, err := l.try(t, l.change(l.works(), 4*time.Second)); err != nil {
		t.Error(err)
	}
	l.is(t, "after", Confirmed)
}

// TestHangs: neither does it let us in.
func TestHangs(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.hang = true
	l.knock = func(ctx context.Context) error {
		if got, _ := os.ReadFile(l.running); string(got) == "after" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	_, err := l.try(t, l.change(l.works(), 2*time.Second))
	const want = "after the change the host did not let rcprov in anew (tried once in 1s): no answer; the state of before is back, and a new login works again"
	if got := errorText(err); got != want {
		t.Errorf("error %q\nwant  %q", got, want)
	}
	l.is(t, "before", Restored)
}

// TestSlow: while the change is being made, a login that works proves nothing.
func TestSlow(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.change("sleep 5; "+l.works(), 8*time.Second)
	if _, err := l.try(t, s); err != nil { // who knocks after 4 s
		t.Error(err)
	}
	l.is(t, "after", Confirmed)

	l = newLab(t)
	a := attempt{Switch: l.change("sleep 1; "+l.works(), time.Minute), host: l, at: l.at, wait: patience, token: "x", began: time.Now()}
	go func() { _, _ = a.apply(t.Context()) }()
	for _, err := os.Stat(l.at.state + "/a/pid"); err != nil; _, err = os.Stat(l.at.state + "/a/pid") {
		time.Sleep(10 * time.Millisecond)
	}
	if err := a.confirm(t.Context(), false); !errors.Is(err, errEarly) {
		t.Errorf("before it is made: %v", err)
	}
	for _, err := os.Stat(l.at.state + "/a/applied"); err != nil; _, err = os.Stat(l.at.state + "/a/applied") {
		time.Sleep(10 * time.Millisecond)
	}
	if err := a.confirm(t.Context(), false); !errors.Is(err, errMade) {
		t.Errorf("by a login that may be older: %v", err)
	}
	if err := a.confirm(t.Context(), true); err != nil {
		t.Error(err)
	}
}

func TestNeverReachable(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.knock = func(context.Context) error { return errShut }
	l.old = func(context.Context) error { return errors.New("hangs") }
	_, err := l.try(t, l.change(l.works(), time.Second))
	const want = "; whether the host has put the state of before back can't be seen from here: connect to test:22: i/o timeout"
	if !strings.HasSuffix(errorText(err), want) {
		t.Errorf("error %q, want it to end with %q", errorText(err), want)
	}
	l.is(t, "before", Restored)
}

func TestApplyFails(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, err := l.try(t, l.change(l.works()+"; echo no good >&2; exit 3", 0))
	var failed *modules.CommandError
	if !errors.As(err, &failed) || failed.Result.Status != 3 || errorText(err) != "no good (exit status 3); the state of before is back" {
		t.Errorf("error %v", err)
	}
	l.is(t, "before", Restored)
}

// TestPutBack: a directory is as it was, and what was not touched is not.
func TestPutBack(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	dir := filepath.Dir(l.file)
	script := strings.NewReplacer("DIR", dir)
	setup := script.Replace("cd DIR; echo 1 >same; echo 1 >changed; echo 1 >gone; mkdir -p d/e; echo 1 >d/e/f; ln -s same link; ln -s none dangling; mkdir x; echo 1 >file; chmod 750 d")
	look := modules.Command{Script: script.Replace(`find DIR -printf '%P %y %m %i %C@ %l\n' | grep -v '^ \|^x\|^d \|^d/e ' | sort; cat DIR/changed DIR/gone DIR/d/e/f DIR/file; stat -c %a DIR/d`)}
	change := script.Replace(`cd DIR; echo 2 >changed; rm gone; rm -r d/e; echo new >d/new; chmod 700 d; rmdir x; echo x >x; rm file; mkdir file; echo >file/deep; ln -sf other link; false`)
	if _, err := l.Host.Run(t.Context(), modules.Command{Script: setup}); err != nil {
		t.Fatal(err)
	}
	before, err := l.Host.Run(t.Context(), look)
	if err != nil {
		t.Fatal(err)
	}
	s := l.change(change, 0)
	s.Files, s.Reload, s.Save = []string{dir}, "", ""
	if _, err := l.try(t, s); !strings.Contains(errorText(err), "the state of before is back") {
		t.Fatal(err)
	}
	after, err := l.Host.Run(t.Context(), look)
	if err != nil {
		t.Fatal(err)
	}
	kept := func(text []byte) string { // inode and time of change differ where something was put back
		return regexp.MustCompile(`(?m)^(changed|gone|d/e/f|link|file)( . \d+) \d+ [0-9.]+`).ReplaceAllString(string(text), "$1$2")
	}
	if kept(before.Stdout) != kept(after.Stdout) {
		t.Errorf("before:\n%safter:\n%s", before.Stdout, after.Stdout)
	}
	if info, err := os.Stat(dir + "/x"); err != nil || !info.IsDir() {
		t.Errorf("x: %v", err)
	}
}

// TestTooLong: the time is over while the change is being made; it is ended, with all that it started.
func TestTooLong(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, err := l.try(t, l.change(l.works()+"; (sleep 3; echo late >"+l.file+") & sleep 3", time.Second))
	if want := "the change was not made within 1s; the state of before is back"; errorText(err) != want {
		t.Errorf("error %v", err)
	}
	time.Sleep(3 * time.Second)
	l.is(t, "before", Restored)
}

// TestKilled: rcprov dies before it confirms. The timer restores, and who comes too late can't confirm any more.
func TestKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var late error
	a := attempt{Switch: l.change(l.works(), time.Second), host: l, at: l.at, wait: patience, token: "x", began: time.Now()}
	if _, err := a.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		time.Sleep(50 * time.Millisecond)
		if _, err := os.Stat(l.at.run + "/rcprov-deadman-a"); err != nil { // the last that goes
			break
		}
	}
	l.is(t, "before", Restored)
	if late = a.confirm(t.Context(), true); !errors.Is(late, errLate) {
		t.Errorf("late: %v", late)
	}
}

// TestNextRun meets a switch that is armed still.
func TestNextRun(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	dead := attempt{Switch: l.change(l.works(), time.Minute), host: l, at: l.at, wait: patience, token: "x"}
	if _, err := dead.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := l.try(t, l.change(l.works(), 0))
	if want := "a change of a that an earlier run made and nobody confirmed was just taken back"; errorText(err) != want {
		t.Errorf("error %v, want %s", err, want)
	}
	l.is(t, "before", Restored)
	if _, err := l.try(t, l.change(l.works(), 0)); err != nil {
		t.Error(err)
	}
	l.is(t, "after", Confirmed)
	if err := dead.confirm(t.Context(), true); !errors.Is(err, errLate) {
		t.Errorf("the dead run: %v", err)
	}
}

// TestBoot runs what the unit on disk does: the files only.
func TestBoot(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := attempt{Switch: l.change(l.works(), time.Minute), host: l, at: l.at, wait: patience, token: "x"}
	if _, err := a.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile(l.at.units + "/sysinit.target.wants/rcprov-deadman-a-boot.service")
	if err != nil || !strings.Contains(string(unit), "ExecStart=/bin/sh -eu "+l.at.state+"/a/restore boot\n") {
		t.Errorf("unit %q, %v", unit, err)
	}
	for range 2 { // nothing is left to do the second time
		if _, err := l.Host.Run(t.Context(), modules.Command{Argv: []string{"sh", "-eu", l.at.state + "/a/restore", "boot"}}); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(l.running); string(got) != "after" {
			t.Errorf("reloaded at boot: %q", got)
		}
	}
	l.write(t, "running", "before")
	l.is(t, "before", Restored)
}

func TestNoSystemd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.at.booted = "/nonexistent"
	_, err := l.try(t, l.change(l.works(), 0))
	if !errors.Is(err, ErrNoSystemd) || errorText(err) != "can't make a change that could lock us out: systemd is not running on the host" {
		t.Errorf("error %v", err)
	}
}

func TestNotArmed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := os.WriteFile(l.at.run, nil, 0o600); err != nil { // where a directory shall be
		t.Fatal(err)
	}
	_, err := l.try(t, l.change(l.works(), 0))
	if !strings.HasPrefix(errorText(err), "arm the switch that would take the change back: mkdir: ") {
		t.Errorf("error %v", err)
	}
	if got, _ := os.ReadFile(l.file); string(got) != "before" {
		t.Errorf("changed: %q", got)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
