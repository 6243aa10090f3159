// Package labtest gives tests their hosts.
package labtest

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rcprov/rcprov/e2e/lab"
)

// backend is the lab of this process, found when it is first needed.
var backend = sync.OnceValues(lab.Detect)

// Require returns the lab, or skips the test where there can be none. In CI (CI=true) and with RCPROV_NO_SKIP=1
// nothing may be skipped: there it fails.
func Require(t testing.TB) lab.Backend {
	t.Helper()
	b, err := backend()
	if err != nil {
		Skip(t, err.Error())
	}
	return b
}

// Skip skips the test out loud; where nothing may be skipped it fails.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" || os.Getenv("RCPROV_NO_SKIP") == "1" {
		t.Fatalf("nothing may be skipped here, but: %s", reason)
	}
	t.Skipf("SKIPPED: %s", reason)
}

// Images returns the images that tests are to run on: all releases that containers can be made of, since they cost a
// second each; of virtual machines only the first, as on a laptop a person is waiting. RCPROV_IMAGES (separated by
// commas) overrides it.
func Images(t testing.TB) []string {
	t.Helper()
	if images := os.Getenv("RCPROV_IMAGES"); images != "" {
		return strings.Split(images, ",")
	}
	b := Require(t)
	if b.Name() == "nspawn" {
		prepared := func(image string) bool { return strings.Count(image, "-") > 1 }
		return slices.DeleteFunc(b.Images(), prepared)
	}
	return b.Images()[:1]
}

// hosts are those of this process.
var hosts struct {
	sync.Mutex
	last int // number of the host launched last
	open map[*lab.Host]bool
}

// Launch boots a host from image that is removed when the test ends; of a test that failed the host's journal is shown.
// All such hosts call themselves "host".
func Launch(t testing.TB, image string) *lab.Host {
	t.Helper()
	b := Require(t)
	hosts.Lock()
	hosts.last++
	name := fmt.Sprintf("t%d-%d", os.Getpid(), hosts.last)
	hosts.Unlock()
	h, err := b.Launch(t.Context(), lab.Spec{Name: name, Image: image, Hostname: "host"})
	if err != nil {
		t.Fatal(err)
	}
	hosts.Lock()
	defer hosts.Unlock()
	if hosts.open == nil {
		hosts.open = map[*lab.Host]bool{}
	}
	hosts.open[h] = true
	t.Cleanup(func() {
		hosts.Lock()
		delete(hosts.open, h)
		hosts.Unlock()
		if t.Failed() {
			t.Logf("the journal of %s:\n%s", h.Name, journal(h))
		}
		if err := remove(h); err != nil {
			t.Error(err)
		}
	})
	return h
}

// journal returns what a host's services said last. That logins and sudo fill a journal is of no interest.
func journal(h *lab.Host) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended
	defer cancel()
	out, err := h.Exec(ctx, "journalctl -q -b -o short-precise --no-hostname | grep -Ev ' (sshd|sshd-session|sudo|rcprov|systemd-logind)(\\[[0-9]+\\])?: | (Started|Starting|Finished) .*(session-|user@)' | tail -n 60")
	if err != nil {
		return err.Error()
	}
	return out.Stdout + out.Stderr
}

// remove removes a host at the end, when the test's own context has ended.
func remove(h *lab.Host) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return h.Close(ctx)
}

// Main runs the tests of a package and leaves no host behind, whether they end by themselves or by Ctrl-C. After a
// panic, a time-out or a kill the next use of the lab cleans up.
func Main(m *testing.M) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	ended := make(chan int)
	go func() { ended <- m.Run() }()
	code := 130
	select {
	case code = <-ended:
	case s := <-interrupted:
		fmt.Fprintf(os.Stderr, "%v: removing hosts\n", s)
		hosts.Lock()
		for h := range hosts.open {
			if err := remove(h); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
	os.Exit(code)
}
