//go:build linux

// Package conformance proves the seven laws for every module on real hosts. Modules bring a table of cases; README.md in the
// directory above has the laws, law.go what a case that breaks one says. Law 7 is in race.go.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
	"github.com/rcprov/rcprov/e2e/internal/writes"
	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/modules/shell"
)

// A subject is a fresh host on which a case's plan is tried.
type subject struct {
	host   *lab.Host
	laptop *rcprov.Laptop
	plan   string   // path
	apply  []string // the command, with all of its arguments
	check  string
	alive  []string
	waits  []string
	spoils bool // the files that the case reads are spoiled at the end

	fresh *writes.Snapshot // after setup; nil for virtual machines, whose writes nobody sees
	last  *writes.Snapshot // the latest
}

// newSubject prepares a host for a case, with dir as the laptop's home. locals are a part of the plan.
func newSubject(ctx context.Context, h *lab.Host, c Case, locals, dir string) (*subject, error) {
	if _, err := h.Must(ctx, "set -e\n"+c.Setup); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	laptop, err := rcprov.NewLaptop(dir, h)
	if err != nil {
		return nil, err
	}
	plan, err := laptop.WriteFile("plan.hcl", locals+rcprov.HostBlock(h, "h1")+"\nplay \"case\" {\n  hosts = [host.h1]\n"+c.Plan+"}\n")
	if err != nil {
		return nil, err
	}
	files := exec.CommandContext(ctx, "sh", "-euc", c.Laptop)
	files.Dir = filepath.Dir(plan)
	if out, err := files.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("laptop: %w: %s", err, out)
	}
	s := &subject{host: h, laptop: laptop, plan: plan, check: c.Check, alive: c.Alive, waits: c.Waits}
	s.apply = []string{"apply", plan, "--json", "--no-color"}
	for _, step := range c.Approve {
		s.apply = append(s.apply, "--approve", step)
	}
	s.fresh, err = s.snapshot()
	return s, err
}

// undisturbed proves the laws that need no kill, and returns the state after the first apply and how long that took.
func undisturbed(ctx context.Context, s *subject, c Case) (state *writes.Snapshot, took time.Duration, err error) {
	out, err := s.host.Exec(ctx, c.Check)
	if err != nil {
		return nil, 0, err
	}
	if out.Status == 0 {
		return nil, 0, theCase.broken("check fails on the fresh host, so that it proves something after apply", "it passes")
	}
	plan, err := s.planWritesNothing(ctx, 2, honest, "plan finds something to do on the fresh host, where check fails")
	if err != nil {
		return nil, 0, fmt.Errorf("before the first apply: %w", err)
	}
	r, err := s.applies(ctx, theCase, "apply brings the fresh host to the plan's state")
	if err == nil {
		err = tellsTheTruth(plan, r)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("first apply: %w", err)
	}
	if state, err = s.snapshot(); err != nil {
		return nil, 0, err
	}
	if err := s.settled(ctx); err != nil {
		return nil, 0, fmt.Errorf("after the first apply: %w", err)
	}
	var errs []error
	for _, d := range c.Drifts {
		if err := s.repairs(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("drift %q: %w", d.Name, err))
		}
	}
	if len(errs) == 0 && s.spoils && len(c.Reads) > 0 {
		errs = append(errs, s.spoiled(ctx, c.Reads))
	}
	return state, r.Duration, errors.Join(errs...)
}

// spoilers are what happens to the files that a case reads.
var spoilers = []struct{ name, script string }{
	{"exist but are empty", `for f; do [ -f "$f" ] || { echo "$f is no file"; exit 1; }; : >"$f"; done`},
	{"are somebody else's", `for f; do [ -f "$f" ] || { echo "$f is no file"; exit 1; }; chown -h games:games -- "$f"; done`},
}

// spoiled proves that no module takes a file that it reads, and that is there, for one with something in it, or of root's: plan
// says what apply then does, and apply succeeds and converges. What was in the files is lost, so this comes last on a host.
func (s *subject) spoiled(ctx context.Context, files []string) error {
	s.check = "true" // it may be about lines that are lost
	for _, spoil := range spoilers {
		if _, err := s.host.Must(ctx, "set -e -- "+shell.QuoteAll(files)+"\n"+spoil.script); err != nil {
			return err
		}
		plan, err := s.laptop.Run(ctx, "plan", s.plan, "--json", "--no-color")
		if err != nil {
			return err
		}
		r, err := s.applies(ctx, repairs, "apply copes with such files")
		if err == nil {
			err = tellsTheTruth(plan, r)
		}
		if err == nil {
			err = s.settled(ctx)
		}
		if err != nil {
			return fmt.Errorf("files that %s (%q): %w", spoil.name, files, err)
		}
	}
	return nil
}

// killed proves law 4 on a host of its own: apply is killed at moments spread over the time that it took undisturbed,
// again and again on the same host, and then left alone.
func killed(ctx context.Context, s *subject, moments []time.Duration, freshThere, stateThere *writes.Snapshot) error {
	var history strings.Builder
	for _, after := range moments {
		r, err := s.laptop.RunAndKill(ctx, after, s.apply...)
		if err != nil {
			return err
		}
		fmt.Fprintf(&history, "\nkilled after %s: %v", after.Round(time.Millisecond), r)
		if r.Exit == 1 {
			return resumes.broken("apply after a kill goes on", "%s%s", exit(r), &history)
		}
		// The run may have died while it had sshd restarted, by a command that goes on without it. That may cut this
		// connection, too.
		if err := s.host.Listening(ctx); err != nil {
			return err
		}
		if err := s.goneDown(ctx); err != nil {
			return err
		}
		_, _ = s.host.Exec(ctx, `for busy in /run/rcprov/busy.*; do if [ -e "$busy" ]; then flock -w 60 "$busy" true; fi; done`)
		if err := s.host.Listening(ctx); err != nil {
			return err
		}
	}
	if _, err := s.applies(ctx, resumes, "apply after kills succeeds"); err != nil {
		return fmt.Errorf("%w%s", err, &history)
	}
	state, err := s.snapshot()
	if err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return fmt.Errorf("after kills: %w%s", err, &history)
	}
	if state == nil {
		return nil
	}
	changed, err := writes.Changed(stateThere.Since(freshThere), state.Since(s.fresh))
	if err != nil || changed == nil {
		return err
	}
	return resumes.broken("the state that an undisturbed apply leaves", "what differs from it (that -> this):\n%s%s", strings.Join(changed, "\n"), &history)
}

// goneDown waits while the host is going down: a run may have died when it had told the host to reboot.
func (s *subject) goneDown(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("the host is still going down, or does not boot"))
	defer cancel()
	for ctx.Err() == nil {
		out, err := s.host.Exec(ctx, "systemctl is-system-running --wait") // before, only root may log in
		if err == nil && strings.TrimSpace(out.Stdout) != "stopping" {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return context.Cause(ctx)
}

// moments returns n moments within a duration, one at random in each n-th of it.
func moments(random *rand.Rand, n int, within time.Duration) []time.Duration {
	var all []time.Duration
	for i := range n {
		all = append(all, time.Duration((float64(i)+random.Float64())/float64(n)*float64(within)))
	}
	return all
}

// repairs proves law 3 for one drift, and the others around it.
func (s *subject) repairs(ctx context.Context, d Drift) error {
	before, err := s.snapshot()
	if err != nil {
		return err
	}
	if _, err := s.host.Must(ctx, "set -e\n"+d.Run); err != nil {
		return err
	}
	s.calmDown(ctx)
	plan, err := s.planWritesNothing(ctx, 2, repairs, "plan sees the drift and announces its repair")
	if err != nil {
		return err
	}
	r, err := s.applies(ctx, repairs, "apply repairs the drift")
	if err != nil {
		return err
	}
	if err := tellsTheTruth(plan, r); err != nil {
		return err
	}
	changed, err := r.Steps("step_changed")
	if err != nil {
		return err
	}
	changed = slices.DeleteFunc(changed, func(step string) bool { return slices.Contains(s.waits, step) })
	if d.Changes != nil && !slices.Equal(changed, d.Changes) {
		return repairs.broken(fmt.Sprintf("the repair changes the steps %q, as the drift's changes say", d.Changes), "it changed %q\n%v", changed, r)
	}
	after, err := s.snapshot()
	if err != nil {
		return err
	}
	if before != nil {
		changed, err := writes.Changed(before, after)
		if err != nil {
			return err
		}
		if changed != nil {
			return repairs.broken("the state that the host had before the drift", "what differs from it (before the drift -> after the repair):\n%s\n%v", strings.Join(changed, "\n"), r)
		}
	}
	return s.settled(ctx)
}

// settled proves laws 5, 2 and 1 on a host to which the plan was applied.
func (s *subject) settled(ctx context.Context) error {
	if _, err := s.planWritesNothing(ctx, 0, idempotent, "plan finds nothing to do after an apply"); err != nil {
		return err
	}
	out, err := s.host.Exec(ctx, s.check)
	if err != nil {
		return err
	}
	if out.Status != 0 {
		return honest.broken("check passes, since plan finds nothing to do", "check: exit status %d: %s%s", out.Status, out.Stdout, out.Stderr)
	}
	before, err := s.snapshot()
	if err != nil {
		return err
	}
	r, err := s.applies(ctx, idempotent, "the second apply succeeds")
	if err != nil {
		return err
	}
	if changed, err := r.Steps("step_changed"); err != nil || changed != nil {
		return errors.Join(idempotent.broken("the second apply changes no step", "it changed %q\n%v", changed, r), err)
	}
	return s.nothingWritten(before, idempotent, "the second apply writes nothing on the host")
}

// planWritesNothing runs plan, which must exit with a status, as a law wants it, and proves law 1.
func (s *subject) planWritesNothing(ctx context.Context, status int, l law, want string) (rcprov.Run, error) {
	before, err := s.snapshot()
	if err != nil {
		return rcprov.Run{}, err
	}
	r, err := s.laptop.Run(ctx, "plan", s.plan, "--json", "--no-color")
	if err != nil {
		return rcprov.Run{}, err
	}
	if r.Exit != status {
		return r, l.broken(want, "plan: %s\n%v", exit(r), r)
	}
	planned, err := r.Steps("step_planned")
	if err != nil {
		return rcprov.Run{}, err
	}
	if (len(planned) > 0) != (status == 2) {
		return r, l.broken(want, "plan: %s, with the planned steps %q\n%v", exit(r), planned, r)
	}
	return r, s.nothingWritten(before, harmless, "plan writes nothing on the host")
}

// tellsTheTruth proves law 6.
func tellsTheTruth(plan, apply rcprov.Run) error {
	lies, err := rcprov.Lies(plan, apply)
	if err != nil || lies == nil {
		return err
	}
	return announced.broken("apply makes the edits that plan announced", "%s\n%v%v", strings.Join(lies, "\n"), plan, apply)
}

// applies runs apply, which must succeed, as a law wants it.
func (s *subject) applies(ctx context.Context, l law, want string) (rcprov.Run, error) {
	r, err := s.laptop.Run(ctx, s.apply...)
	if err == nil && r.Exit != 0 {
		err = l.broken(want, "apply: %s\n%v", exit(r), r)
	}
	s.calmDown(ctx)
	return r, err
}

// calmDown waits until services that were started run. To systemd they do so (Type=simple) before its child has made their namespaces,
// for which it makes directories in /tmp and removes them; that child has its name in parentheses. After a reboot it is also what
// finds out that the lab's connection has ended.
func (s *subject) calmDown(ctx context.Context) {
	_, _ = s.host.Exec(ctx, `for _ in $(seq 100); do
	grep -hs '^(' /proc/[0-9]*/comm | grep -qvxF -e '(sd-pam)' -e '(udev-worker)' || break
	sleep 0.05
done`)
}

// snapshot returns what was written on the host so far, or nil for virtual machines.
func (s *subject) snapshot() (*writes.Snapshot, error) {
	if s.host.Layers == nil {
		return nil, nil
	}
	now, err := writes.Take(s.host.Layers, s.last, s.alive...)
	s.last = now
	return now, err
}

// nothingWritten returns an error that lists what was written since a snapshot, where a law wants nothing to be.
func (s *subject) nothingWritten(before *writes.Snapshot, l law, want string) error {
	if before == nil {
		return nil
	}
	after, err := s.snapshot()
	if err != nil {
		return err
	}
	if touched := writes.Touched(before, after); touched != nil {
		return l.broken(want, "written were\n%s", strings.Join(touched, "\n"))
	}
	return nil
}
