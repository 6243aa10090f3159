// Package engine makes hosts be what a plan says: observe, diff, apply, verify.
//
// Each host is connected to and asked everything about all of its steps at once, in one script, while the others are.
// The same question also asks what steps require of the host (preflight): what it lacks stops it before its first change.
// Then the plays run one after another, in each the hosts side by side, and on each host the steps in order. As long
// as nothing changed, what was observed at the start holds, so that a run without changes costs one question. After
// a change, the question that verifies it also observes the steps behind it again, up to the next one that is
// expected to differ: a run with n changes asks n+1 times, and each step is decided by what was seen since the last
// change before it.
//
// Steps may have a part of their work done ahead (modules.Preparer), beside the steps before them. That changes nothing
// that a step sees, so it is no change for the journal or the report.
//
// A connection that breaks doesn't end a run: see link.go.
package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Conn is a connection to a host.
type Conn interface {
	modules.Host
	// Ask runs scripts one after another in a root shell that lives as long as the connection: what a script opens
	// (the lock) stays open.
	Ask(ctx context.Context, script string) (stdout, stderr []byte, err error)
	Address() string // for people, with user and port
	// Lost says why the connection has ended, as far as that can be seen already; nil while it stands. When something
	// failed because it ended, it can be seen. What Reconnect returns is a Conn, too.
	Lost() error
	Close() error
}

// Options are what a run needs. All fields without "optional" must be set.
type Options struct {
	Mode     Mode
	Plan     *plan.Plan
	Connect  func(context.Context, *plan.Host) (Conn, error)
	Reporter Reporter
	Redact   func(string) string // hides secrets; for what is written to hosts' journals
	By       string              // who runs it, for locks and journals: "alice@laptop"

	Parallel int           // hosts at a time; optional: 32
	LockWait time.Duration // how long to wait for another run to release a host; optional
	// ReconnectFor is how long to try to reach a host again after its connection broke; optional: 2 minutes.
	ReconnectFor time.Duration
	Limit        []string // names of hosts and groups to act on; optional: all
	Tags         []string // steps to act on; optional: all
	Now          func() time.Time
}

// observeTimeout bounds one question to a host; what takes longer hangs (a dead NFS server under a path, say).
const observeTimeout = 2 * time.Minute

// ErrStopped is in the error of a run whose context was cancelled before all was done.
var ErrStopped = errors.New("stopped before all steps were done; run the same command again to go on")

// Summary is how a run ended.
type Summary struct {
	Counts   Counts
	PerHost  []HostCounts
	Failures []*Failure
}

// Run runs the plan on its hosts and returns how it ended. The error holds a [*Failure] for each host that failed
// (go-multierror), in the plan's order, and [ErrStopped] when the run was stopped: when ctx is cancelled, changes
// under way are finished and verified, looking at hosts ends at once, and nothing further begins.
func Run(ctx context.Context, o Options) (*Summary, error) {
	r := &run{
		Options: o, id: rand.Text()[:8], slots: make(chan struct{}, cmp.Or(o.Parallel, 32)), started: o.Now(),
		failed: make(map[*plan.Play]bool), stopping: ctx.Done(),
	}
	r.selectHosts()
	r.report(Event{Type: RunStarted, Hosts: names(r.hosts)})

	defer r.close()
	defer context.AfterFunc(ctx, func() { r.report(Event{Type: RunStopping}) })()
	for _, h := range r.hosts {
		go h.open(ctx)
	}
	for i, p := range o.Plan.Plays {
		r.play(ctx, i, p)
	}
	return r.finish()
}

// run is one run of a plan.
type run struct {
	Options
	id      string
	started time.Time
	hosts   []*host             // those that some play acts on, in the plan's order
	failed  map[*plan.Play]bool // plays that a host has not got through
	slots   chan struct{}       // held by hosts that are being worked on

	stopping <-chan struct{} // closed when the run is being stopped

	reporting sync.Mutex

	mu      sync.Mutex
	changes int // how often something was applied so far, on any host
}

func names(hosts []*host) []string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		out[i] = h.Name
	}
	return out
}

// report hands e to the reporter, one event at a time.
func (r *run) report(e Event) {
	r.reporting.Lock()
	defer r.reporting.Unlock()
	e.Time, e.Run, e.Mode, e.Plan = r.Now(), r.id, r.Mode, r.Options.Plan.Path
	r.Reporter.Report(e)
}

// selectHosts makes the list of hosts that the run acts on.
func (r *run) selectHosts() {
	for _, ph := range r.Options.Plan.Hosts {
		if !selected(r.Limit, ph) {
			continue
		}
		h := &host{Host: ph, run: r, opened: make(chan struct{})}
		for i, p := range r.Options.Plan.Plays {
			if slices.Contains(p.Hosts, ph) {
				h.plays = append(h.plays, i)
			}
		}
		if len(h.plays) > 0 {
			r.hosts = append(r.hosts, h)
		}
	}
}

// selected reports whether limit, names of hosts and groups, includes h. No limit includes all.
func selected(limit []string, h *plan.Host) bool {
	if len(limit) == 0 || slices.Contains(limit, h.Name) {
		return true
	}
	return slices.ContainsFunc(h.Groups, func(group string) bool { return slices.Contains(limit, group) })
}

// play runs play i, in batches if it is serial.
func (r *run) play(ctx context.Context, i int, p *plan.Play) {
	var hosts []*host
	for _, h := range r.hosts {
		if slices.Contains(h.plays, i) {
			hosts = append(hosts, h)
		}
	}
	if len(hosts) == 0 {
		return
	}
	if need := slices.IndexFunc(p.DependsOn, func(need *plan.Play) bool { return r.failed[need] }); need >= 0 && r.Mode == Apply {
		r.failed[p] = true
		r.leave(i, hosts, fmt.Sprintf("play %q, on which it depends, failed", p.DependsOn[need].Name))
		return
	}
	r.report(Event{Type: PlayStarted, Play: p.Name, Hosts: names(hosts)})
	batch := cmp.Or(p.Serial, len(hosts))
	if r.Mode == Plan {
		batch = len(hosts) // looking disturbs nobody
	}
	failed := func(h *host) bool { return h.failure != nil }
	for begin := 0; begin < len(hosts); begin += batch {
		// Hosts take turns where not many of them may be disturbed: one that failed already is.
		if before := slices.IndexFunc(hosts[:begin], failed); before >= 0 {
			r.leave(i, hosts[begin:], fmt.Sprintf("it is serial, and %s failed", hosts[before].Name))
			break
		}
		var group errgroup.Group
		for _, h := range hosts[begin:min(begin+batch, len(hosts))] {
			group.Go(func() error {
				h.runPlay(ctx, i, p)
				return nil
			})
		}
		_ = group.Wait() // hosts keep their failures themselves
	}
	r.failed[p] = slices.ContainsFunc(hosts, failed)
}

// leave reports that play i is not begun on hosts.
func (r *run) leave(i int, hosts []*host, why string) {
	for _, h := range hosts {
		<-h.opened
		h.outcome.leave(h.stepsOf(i))
	}
	r.report(Event{Type: PlaySkipped, Play: r.Options.Plan.Plays[i].Name, Hosts: names(hosts), Text: why})
}

// countChange notes that something was applied somewhere.
func (r *run) countChange() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
}

func (r *run) changeCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// close ends all connections.
func (r *run) close() {
	var group errgroup.Group // never fails
	for _, h := range r.hosts {
		group.Go(func() error {
			h.close()
			return nil
		})
	}
	_ = group.Wait()
}

// finish adds up the run.
func (r *run) finish() (*Summary, error) {
	s := &Summary{}
	var result *multierror.Error
	stopped := false
	for _, h := range r.hosts {
		h.endPreflight()
		if h.lock.held() {
			h.lock.journal.pending.Wait() // it may have a failure to report
		}
		s.PerHost = append(s.PerHost, HostCounts{Host: h.Name, Counts: h.counts})
		s.Counts.add(h.counts)
		stopped = stopped || h.stopped
		if h.failure != nil {
			s.Failures = append(s.Failures, h.failure)
			result = multierror.Append(result, h.failure)
		}
	}
	if stopped {
		result = multierror.Append(result, ErrStopped)
	}
	outputs, diags := r.outputs()
	if diags.HasErrors() {
		result = multierror.Append(result, diags)
	}
	r.report(Event{
		Type: RunFinished, Counts: s.Counts, PerHost: s.PerHost, Failures: s.Failures, Outputs: outputs, Stopped: stopped,
		Duration: r.Now().Sub(r.started),
	})
	return s, result.ErrorOrNil()
}

// outputs evaluates the plan's outputs with what the run learned.
func (r *run) outputs() (map[string]any, hcl.Diagnostics) {
	facts := make(map[string]*observe.Facts)
	for _, h := range r.hosts {
		if h.facts != nil {
			facts[h.Name] = h.facts
		}
	}
	all, diags := r.Options.Plan.Outputs(facts)
	values := make(map[string]any)
	for _, o := range all {
		if o.Known {
			values[o.Name] = o.Value
		}
	}
	return values, diags
}

func (c *Counts) add(other Counts) {
	c.OK += other.OK
	c.Planned += other.Planned
	c.Changed += other.Changed
	c.Skipped += other.Skipped
	c.Unknown += other.Unknown
	c.Failed += other.Failed
	c.Left += other.Left
}

var _ observe.Host = Conn(nil)
