package deadman

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// guard runs work, which is shell, under the switch s.
func (l *lab) guard(t *testing.T, s Switch, work string) error {
	t.Helper()
	return guard(t.Context(), l, s, func(ctx context.Context) error {
		_, err := l.Host.Run(ctx, modules.Command{Script: work})
		return err
	}, l.at, waits{login: time.Second, settle: 5 * time.Second, pause: 100 * time.Millisecond})
}

// shutOut lets nobody in while the change is there.
func (l *lab) shutOut() {
	l.login = func(context.Context) error {
		if got, _ := os.ReadFile(l.running); string(got) == "after" {
			return errShut
		}
		return nil
	}
}

func TestGuard(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		if err := l.guard(t, l.change("", 0), l.works()); err != nil {
			t.Error(err)
		}
		l.is(t, "after", Confirmed)
	})
}

func TestGuardShutOut(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.shutOut()
		err := l.guard(t, l.change("", 0), l.works())
		const want = "after the change the host did not let rcprov in anew (tried 4 times in 1s): connect to test:22: i/o timeout; " +
			"the previous state is back, and a new login works again"
		if got := moduletest.ErrorText(err); got != want {
			t.Errorf("error %q\nwant  %q", got, want)
		}
		l.is(t, "before", Restored)
		journal, _ := os.ReadFile(l.path("journal"))
		for _, want := range []string{
			"a: put " + l.file + " back\n", "a: removed " + l.file + ".new\n", "a: the previous state is back: no new login confirmed the change in time\n",
		} {
			if !strings.Contains(string(journal), want) {
				t.Errorf("the journal lacks %q:\n%s", want, journal)
			}
		}
	})
}

// TestGuardWorkFails: what failed work left stays if it lets us in.
func TestGuardWorkFails(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		err := l.guard(t, l.change("", 0), l.works()+"; echo no good >&2; exit 3")
		if got := moduletest.ErrorText(err); got != "no good (exit status 3)" {
			t.Errorf("error %q", got)
		}
		l.is(t, "after", Confirmed)
	})
}

func TestGuardWorkFailsAndShutsOut(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.shutOut()
		err := l.guard(t, l.change("", 0), l.works()+"; echo no good >&2; exit 3")
		if got := moduletest.ErrorText(err); !strings.HasPrefix(got, "no good (exit status 3)\nafter the change the host did not let rcprov in anew") {
			t.Errorf("error %q", got)
		}
		l.is(t, "before", Restored)
	})
}

// TestGuardConnectionLost: nobody knows how far work got, or whether it goes on: the timer decides.
func TestGuardConnectionLost(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		broken := errors.New("the connection was lost")
		err := guard(t.Context(), l, l.change("", 2*time.Second), func(ctx context.Context) error {
			if _, err := l.Host.Run(ctx, modules.Command{Script: l.works()}); err != nil {
				t.Error(err)
			}
			return broken
		}, l.at, patience)
		if !errors.Is(err, broken) || errors.Is(err, modules.ErrSettled) {
			t.Errorf("error %v", err)
		}
		l.is(t, "before", Restored)
	})
}

func TestGuardNotArmed(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		if err := os.WriteFile(l.at.run, nil, 0o600); err != nil { // where a directory shall be
			t.Fatal(err)
		}
		err := l.guard(t, l.change("", 0), l.works())
		if !strings.HasPrefix(moduletest.ErrorText(err), "arm the switch that would take the change back: mkdir: ") {
			t.Errorf("error %v", err)
		}
		if got, _ := os.ReadFile(l.file); string(got) != "before" {
			t.Errorf("changed: %q", got)
		}
	})
}

// TestRights: the owner and the mode of a directory come back, and what is in it stays.
func TestRights(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.shutOut()
		dir := l.path("home")
		if err := os.Mkdir(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		s := l.change("", 0)
		s.Rights = []string{dir, l.path("missing")}
		if err := l.guard(t, s, l.works()+"; chmod 777 "+dir+"; touch "+dir+"/new"); err == nil {
			t.Error("no error")
		}
		l.is(t, "before", Restored)
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if _, err := os.Stat(dir + "/new"); err != nil {
			t.Error(err)
		}
	})
}

// TestOwn: so does a file of a user.
func TestOwn(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.shutOut()
		l.write(t, "home/.ssh/authorized_keys", "key\n")
		keys := l.path("home/.ssh/authorized_keys")
		if err := errors.Join(os.Chmod(keys, 0o600), os.Chmod(l.path("home/.ssh"), 0o700)); err != nil {
			t.Fatal(err)
		}
		s := l.change("", 0)
		s.Own = []Own{{UID: 0, GID: 0, Path: keys}, {UID: 0, GID: 0, Path: l.path("home/.ssh/missing")}}
		if err := l.guard(t, s, l.works()+"; rm "+keys+"; chmod 777 "+l.path("home/.ssh")); err == nil {
			t.Error("no error")
		}
		l.is(t, "before", Restored)
		got, err := os.ReadFile(keys)
		if err != nil || string(got) != "key\n" {
			t.Errorf("%q, %v", got, err)
		}
		for path, want := range map[string]os.FileMode{keys: 0o600, l.path("home/.ssh"): 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
	})
}
