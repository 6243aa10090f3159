package deadman

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// fakes stand in for the two programs of systemd that the scripts call; they refuse what they don't know. Real systemd
// is e2e's business: killed controllers, reboots. A timer is the file timer, with its seconds and its script; the lab
// keeps the time.
const fakes = `
case $0 in
*systemctl)
	case "$*" in
	"--no-block stop rcprov-deadman-a.timer" | "stop rcprov-deadman-a.timer rcprov-deadman-a.service") rm -f "$STATE/timer" ;;
	"reset-failed rcprov-deadman-a.service" | daemon-reload) ;;
	*) echo "fake systemctl: $*" >&2; exit 99 ;;
	esac ;;
*systemd-run)
	case "$*" in
	"--quiet --unit=rcprov-deadman-a --description=rcprov: undo the change of a back --on-active="*"s --timer-property=AccuracySec=100ms --property=Restart=on-failure --property=RestartSec=5 --property=StartLimitIntervalSec=0 /bin/sh -eu $STATE/"*"deadman/a/restore") ;;
	*) echo "fake systemd-run: $*" >&2; exit 99 ;;
	esac
	for script; do :; done
	echo "${4#--on-active=} $script" >"$STATE/timer" ;;
*systemd-cat)
	case "$*" in "-t rcprov echo a: "*) echo "$4" >>"$STATE/journal" ;; *) exit 99 ;; esac ;;
esac
`

// lab is a host with fake systemd programs, a file that is changed, and the running state that follows it.
type lab struct {
	*moduletest.Host
	t             *testing.T
	outside       outside
	at            place
	file, running string

	login func(ctx context.Context) error // what a new login meets first; nil: success
	old   func(ctx context.Context) error // what the second command over the old connection meets; nil: success
	hang  bool                            // the old connection gives no answer
	slow  time.Duration                   // how long the change is held where it reads the fifo held; 0: it doesn't
	runs  int
}

// test runs f in a bubble of testing/synctest, whose clock stands still while a command runs and leaps when everybody
// waits. So it doesn't matter how slow the machine is, and the seconds that the tests speak of take no time.
func test(t *testing.T, f func(t *testing.T, l *lab)) {
	t.Helper()
	t.Parallel()
	o := outside{ctx: t.Context(), work: make(chan func(context.Context) applied), ended: make(chan applied)}
	defer close(o.work)
	go o.serve()
	synctest.Test(t, func(t *testing.T) { f(t, newLab(t, o)) })
}

// outside is a goroutine that the clock of the bubble doesn't wait for.
type outside struct {
	ctx   context.Context
	work  chan func(context.Context) applied
	ended chan applied
}

func (o outside) serve() {
	for f := range o.work {
		o.ended <- f(o.ctx)
	}
}

func newLab(t *testing.T, o outside) *lab {
	t.Helper()
	dir := t.TempDir()
	l := &lab{
		t: t, outside: o,
		at:   place{state: dir + "/deadman", run: dir + "/run", units: dir + "/units", booted: dir},
		file: dir + "/etc/conf", running: dir + "/running",
	}
	l.write(t, "systemctl", "#!/bin/sh\n"+fakes)
	l.write(t, "systemd-run", "#!/bin/sh\n"+fakes)
	l.write(t, "systemd-cat", "#!/bin/sh\n"+fakes)
	l.write(t, "shell", "#!/bin/sh\nexport STATE="+dir+" PATH="+dir+":$PATH\nexec sh \"$@\"\n")
	l.write(t, "etc/conf", "before")
	l.write(t, "running", "before")
	l.Host = &moduletest.Host{Shell: dir + "/shell"}
	if _, err := l.Host.Run(t.Context(), modules.Command{Argv: []string{"mkfifo", l.path("held"), l.path("alive")}}); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) path(name string) string { return filepath.Join(filepath.Dir(l.running), name) }

func (l *lab) write(t *testing.T, name, content string) {
	t.Helper()
	path := l.path(name)
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
	if l.runs == 1 && l.slow != 0 {
		return l.runSlowly(c)
	}
	result, err := l.Host.Run(ctx, c)
	l.startTimer()
	if l.hang {
		<-ctx.Done()
		return modules.Result{}, ctx.Err()
	}
	return result, err
}

// runSlowly lets time go by while the command is held.
func (l *lab) runSlowly(c modules.Command) (modules.Result, error) {
	l.outside.work <- func(ctx context.Context) applied {
		result, err := l.Host.Run(ctx, c)
		return applied{result, err}
	}
	held, err := os.OpenFile(l.path("held"), os.O_WRONLY, 0) // when the command opens it
	if err != nil {
		l.t.Error(err)
	}
	l.startTimer()
	time.Sleep(l.slow)
	_ = held.Close()
	done := <-l.outside.ended
	l.startTimer() // if it was held before
	return done.result, done.err
}

// startTimer starts the timer that systemd-run was told of.
func (l *lab) startTimer() {
	timer, err := os.ReadFile(l.path("timer"))
	if err != nil {
		return
	}
	seconds, script, _ := strings.Cut(strings.TrimSpace(string(timer)), " ")
	d, err := time.ParseDuration(seconds)
	if err != nil {
		l.t.Error(err)
	}
	time.AfterFunc(d, func() {
		if err := os.Remove(l.path("timer")); err != nil { // it was stopped
			return
		}
		if _, err := l.Host.Run(l.t.Context(), modules.Command{Argv: []string{"/bin/sh", "-eu", script}}); err != nil {
			l.t.Errorf("restore: %v", err)
		}
	})
}

func (l *lab) Reconnect(ctx context.Context, port int) (modules.Connection, error) {
	if l.login != nil {
		if err := l.login(ctx); err != nil {
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

// held is shell that stays there for l.slow.
func (l *lab) held() string { return "read _ <" + l.path("held") + " || :; " }

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
	for _, pattern := range []string{l.at.units + "/*.service", l.at.units + "/*/*", l.at.run + "/*", l.path("timer")} {
		if left, err := filepath.Glob(pattern); left != nil || err != nil {
			t.Errorf("left: %q, %v", left, err)
		}
	}
}

func (l *lab) try(t *testing.T, s Switch) (modules.Result, error) {
	t.Helper()
	return change(t.Context(), l, s, l.at, waits{login: time.Second, settle: 5 * time.Second, pause: 100 * time.Millisecond})
}

var errShut = errors.New("connect to test:22: i/o timeout")

func TestChange(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		result, err := l.try(t, l.change(l.works(), 0))
		if err != nil || string(result.Stdout) != "done\n" {
			t.Errorf("%q, %v", result.Stdout, err)
		}
		l.is(t, "after", Confirmed)
		if left, _ := filepath.Glob(l.at.state + "/a/*"); len(left) != 1 {
			t.Errorf("left: %q", left)
		}
	})
}

func TestShutOut(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.login = func(context.Context) error {
			if got, _ := os.ReadFile(l.running); string(got) == "after" {
				return errShut
			}
			return nil
		}
		_, err := l.try(t, l.change(l.works(), 0))
		const want = "after the change the host did not let rcprov in anew (tried 4 times in 1s): connect to test:22: i/o timeout; " +
			"the previous state is back, and a new login works again"
		if got := moduletest.ErrorText(err); got != want {
			t.Errorf("error %q\nwant  %q", got, want)
		}
		var hint *modules.HintError
		if !errors.As(err, &hint) || hint.Hint != "Look there." {
			t.Errorf("hint %+v", hint)
		}
		if !errors.Is(err, modules.ErrSettled) {
			t.Error("it could be made again")
		}
		l.is(t, "before", Restored)
	})
}

// TestOldConnectionHangs: the timer alone restores.
func TestOldConnectionHangs(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.login = func(context.Context) error {
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
	})
}

// TestCutOff: the connection that makes the change gives no answer any more, but the host lets us in.
func TestCutOff(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.hang = true
		if _, err := l.try(t, l.change(l.works(), 4*time.Second)); err != nil {
			t.Error(err)
		}
		l.is(t, "after", Confirmed)
	})
}

// TestHangs: neither does it let us in.
func TestHangs(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.hang = true
		l.login = func(ctx context.Context) error {
			if got, _ := os.ReadFile(l.running); string(got) == "after" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		_, err := l.try(t, l.change(l.works(), 2*time.Second))
		const want = "after the change the host did not let rcprov in anew (tried once in 1s): no answer; the previous state is back, and a new login works again"
		if got := moduletest.ErrorText(err); got != want {
			t.Errorf("error %q\nwant  %q", got, want)
		}
		l.is(t, "before", Restored)
	})
}

// TestSlow: while the change is being made, a login that works proves nothing.
func TestSlow(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.slow = 5 * time.Second
		if _, err := l.try(t, l.change(l.held()+l.works(), 8*time.Second)); err != nil { // who knocks after 4 s
			t.Error(err)
		}
		l.is(t, "after", Confirmed)
	})
}

// TestSlowArming: while what the switch needs is being prepared, it is neither late nor for others to take away.
func TestSlowArming(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.slow = 5 * time.Second
		s := l.change(l.works(), 8*time.Second)
		s.Save = l.held() + s.Save
		if _, err := l.try(t, s); err != nil { // who knocks after 4 s
			t.Error(err)
		}
		l.is(t, "after", Confirmed)
	})
}

// TestNotArmedInTime: who gives up sees to it that the change is not made later.
func TestNotArmedInTime(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.slow = 20 * time.Second
		s := l.change(l.works(), 2*time.Second)
		s.Save = l.held() + s.Save
		_, err := l.try(t, s)
		var reverted *RevertedError
		if !errors.As(err, &reverted) || reverted.Outcome != Restored || reverted.Now != nil || !errors.Is(err, errEarly) || errors.Is(err, modules.ErrSettled) {
			t.Errorf("error %v", err)
		}
		time.Sleep(l.slow)
		l.is(t, "before", Restored)
	})
}

// TestNotBegun: the connection is broken already, and an earlier change was confirmed, which says nothing about this one.
func TestNotBegun(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		if _, err := l.try(t, l.change(l.works(), 0)); err != nil {
			t.Fatal(err)
		}
		l.old = func(context.Context) error { return errors.New("the host closed it") }
		_, err := l.try(t, l.change("false", 0))
		var reverted *RevertedError
		if !errors.As(err, &reverted) || reverted.Outcome != Restored || reverted.Now != nil || !errors.Is(err, errGone) || errors.Is(err, modules.ErrSettled) {
			t.Errorf("error %v", err)
		}
		l.is(t, "after", Confirmed)
	})
}

// TestConfirm: only a login that is newer than the change confirms.
func TestConfirm(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.slow = 5 * time.Second
		a := attempt{Switch: l.change(l.held()+l.works(), time.Minute), host: l, at: l.at, wait: patience, token: "x", began: time.Now()}
		go func() { _, _ = a.apply(t.Context()) }()
		time.Sleep(4 * time.Second)
		if err := a.confirm(t.Context(), false); !errors.Is(err, errEarly) {
			t.Errorf("before it is made: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := a.confirm(t.Context(), false); !errors.Is(err, errMade) {
			t.Errorf("by a login that may be older: %v", err)
		}
		if err := a.confirm(t.Context(), true); err != nil {
			t.Error(err)
		}
		l.is(t, "after", Confirmed)
	})
}

func TestNeverReachable(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.login = func(context.Context) error { return errShut }
		l.old = func(context.Context) error { return errors.New("hangs") }
		_, err := l.try(t, l.change(l.works(), time.Second))
		const want = "; whether the host has put the previous state back is unknown: connect to test:22: i/o timeout"
		if !strings.HasSuffix(moduletest.ErrorText(err), want) {
			t.Errorf("error %q, want it to end with %q", moduletest.ErrorText(err), want)
		}
		l.is(t, "before", Restored)
	})
}

func TestApplyFails(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		_, err := l.try(t, l.change(l.works()+"; echo no good >&2; exit 3", 0))
		var failed *modules.CommandError
		if !errors.As(err, &failed) || failed.Result.Status != 3 || moduletest.ErrorText(err) != "no good (exit status 3); the previous state is back" {
			t.Errorf("error %v", err)
		}
		l.is(t, "before", Restored)
	})
}

// TestPutBack: a directory is as it was, and what was not touched is not.
func TestPutBack(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
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
		if _, err := l.try(t, s); !strings.Contains(moduletest.ErrorText(err), "the previous state is back") {
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
	})
}

// TestTooLong: the time is over while the change is being made; it is ended, with all that it started.
func TestTooLong(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.slow = 1500 * time.Millisecond
		// Who is alive still when it is let go writes to the file, and has the fifo alive open until then.
		_, err := l.try(t, l.change(l.works()+"; exec 8<>"+l.path("alive")+" 9<"+l.path("held")+
			"; (read _ <&9 || :; echo late >"+l.file+") & read _ <&9 || :", time.Second))
		if want := "the change was not made within 1s; the previous state is back"; moduletest.ErrorText(err) != want {
			t.Errorf("error %v", err)
		}
		alive, err := os.OpenFile(l.path("alive"), os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = alive.Close() }()
		if _, err := io.Copy(io.Discard, alive); err != nil { // ends when nobody has it open
			t.Error(err)
		}
		l.is(t, "before", Restored)
	})
}

// TestKilled: rcprov dies before it confirms. The timer restores, and who comes too late can't confirm any more.
func TestKilled(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		a := attempt{Switch: l.change(l.works(), time.Second), host: l, at: l.at, wait: patience, token: "x", began: time.Now()}
		if _, err := a.apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(900 * time.Millisecond)
		if got, _ := os.ReadFile(l.running); string(got) != "after" {
			t.Errorf("before the time is over: %q", got)
		}
		time.Sleep(200 * time.Millisecond)
		l.is(t, "before", Restored)
		if err := a.confirm(t.Context(), true); !errors.Is(err, errLate) {
			t.Errorf("late: %v", err)
		}
	})
}

// TestNextRun meets a switch that is armed still.
func TestNextRun(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		dead := attempt{Switch: l.change(l.works(), time.Minute), host: l, at: l.at, wait: patience, token: "x"}
		if _, err := dead.apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := l.try(t, l.change(l.works(), 0))
		if want := "a change of a that an earlier run made and nobody confirmed was just taken back"; moduletest.ErrorText(err) != want {
			t.Errorf("error %v, want %s", err, want)
		}
		l.is(t, "before", Restored)
		if _, err := l.try(t, l.change(l.works(), 0)); err != nil {
			t.Error(err)
		}
		l.is(t, "after", Confirmed)
		if err := dead.confirm(t.Context(), true); !errors.Is(err, errGone) {
			t.Errorf("the dead run: %v", err)
		}
	})
}

// TestBoot runs what the unit on disk does: the files only.
func TestBoot(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
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
	})
}

func TestNoSystemd(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.at.booted = "/nonexistent"
		_, err := l.try(t, l.change(l.works(), 0))
		if !errors.Is(err, ErrNoSystemd) || moduletest.ErrorText(err) != "can't make a change that could lock us out: systemd is not running on the host" {
			t.Errorf("error %v", err)
		}
	})
}

func TestNotArmed(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		if err := os.WriteFile(l.at.run, nil, 0o600); err != nil { // where a directory shall be
			t.Fatal(err)
		}
		_, err := l.try(t, l.change(l.works(), 0))
		if !strings.HasPrefix(moduletest.ErrorText(err), "arm the switch that would take the change back: mkdir: ") {
			t.Errorf("error %v", err)
		}
		if got, _ := os.ReadFile(l.file); string(got) != "before" {
			t.Errorf("changed: %q", got)
		}
	})
}
