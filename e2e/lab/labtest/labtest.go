// Package labtest gives tests their hosts.
package labtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

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

// Launch boots a host from image that is removed when the test ends; of a test that failed the end of the host's journal is shown.
// All such hosts call themselves "host".
func Launch(t testing.TB, image string) *lab.Host {
	t.Helper()
	return LaunchAll(t, image)[0]
}

// LaunchAll boots a host from each image as Launch does, up to four at once, and returns them in the order of images.
func LaunchAll(t testing.TB, images ...string) []*lab.Host {
	t.Helper()
	b := Require(t)
	launched := make([]*lab.Host, len(images))
	var group errgroup.Group
	group.SetLimit(4)
	for i, image := range images {
		group.Go(func() error {
			h, err := b.Launch(t.Context(), lab.Spec{Name: newName(), Image: image, Hostname: "host"})
			if err != nil {
				return err
			}
			launched[i] = h
			removeAfter(t, h)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return launched
}

// newName returns a name that no other host of this machine has.
func newName() string {
	hosts.Lock()
	defer hosts.Unlock()
	hosts.last++
	return fmt.Sprintf("t%d-%d", os.Getpid(), hosts.last)
}

// removeAfter removes a host when the test ends.
func removeAfter(t testing.TB, h *lab.Host) {
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
			showJournal(t, h)
		}
		if err := remove(h); err != nil {
			t.Error(err)
		}
	})
}

// showJournal shows the end of what a host's services said, and says in which file all of it is. That logins and sudo fill a journal
// is of no interest.
func showJournal(t testing.TB, h *lab.Host) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended
	defer cancel()
	out, err := h.Exec(ctx, "journalctl -q -b -o short-precise --no-hostname")
	if err != nil {
		t.Logf("no journal of %s: %v", h.Name, err)
		return
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(out.Stdout+out.Stderr), "\n"), noise.MatchString)
	most := 15
	if os.Getenv("CI") == "true" { // whose machine is gone afterwards
		most = 60
	}
	lines = lines[max(0, len(lines)-most):]
	where, err := keepJournal(t.Name()+h.Name[strings.LastIndexByte(h.Name, '-'):], out.Stdout)
	if err != nil {
		where = err.Error()
	}
	t.Logf("the end of the journal of %s (all of it: %s):\n%s", h.Name, where, strings.Join(lines, "\n"))
}

// noise matches lines of a journal about logins, sudo and rcprov's own records.
var noise = regexp.MustCompile(` (sshd|sshd-session|sudo|rcprov|systemd-logind)(\[[0-9]+\])?: | systemd\[([2-9]|[0-9]{2,})\]: | (Started|Starting|Finished) .*(session-|user@)| session-[0-9]+\.scope: `)

// keepJournal writes a journal to a file in the lab's directory, and returns its path.
func keepJournal(name, journal string) (string, error) {
	config, err := lab.ConfigFromEnv()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(config.Dir, "journals")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, strings.Map(func(r rune) rune {
		if strings.ContainsRune("/'\" ", r) {
			return '_'
		}
		return r
	}, name)+".log")
	return path, os.WriteFile(path, []byte(journal), 0o644)
}

// Last lets a test say how it failed when all else is said, the journals of its hosts among that. The test calls it before it boots
// them, and the function that it returns with each error; nil is none.
func Last(t testing.TB) (fail func(error)) {
	t.Helper()
	var failures []error
	t.Cleanup(func() {
		for _, err := range failures {
			t.Error(err)
		}
	})
	return func(err error) {
		if err != nil {
			failures = append(failures, err)
			t.Fail()
		}
	}
}

// remove removes a host at the end, when the test's own context has ended.
func remove(h *lab.Host) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return h.Close(ctx)
}

// Counts fails a test that -run names when the rest of -run matches none of its subtests: it would pass without having
// tried anything. Each subtest calls the function that Counts returns.
func Counts(t *testing.T) (ran func()) {
	t.Helper()
	var count atomic.Int32
	t.Cleanup(func() {
		if filter := flag.Lookup("test.run").Value.String(); count.Load() == 0 && names(filter, t.Name()) {
			t.Errorf("-run %s matches no case of %s", filter, t.Name())
		}
	})
	return func() { count.Add(1) }
}

// names reports whether a filter of -run asks for subtests of a test by its name.
func names(filter, test string) bool {
	for alternative := range strings.SplitSeq(filter, "|") {
		name, _, subtests := strings.Cut(alternative, "/")
		if matches, err := regexp.MatchString(name, test); subtests && name != "" && matches && err == nil {
			return true
		}
	}
	return false
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
