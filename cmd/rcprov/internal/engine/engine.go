// Package engine brings hosts to the state a plan describes: observe, diff, apply, verify.
//
// It connects to all hosts in parallel and observes all steps of a host at once, with one script. The same script also
// observes what steps require of the host (preflight): a host that doesn't meet a requirement fails before its first
// change. Then the plays run one after another: hosts in parallel, and on each host the steps in order.
//
// As long as nothing has changed, the first observation stays valid, so that a run without changes needs only that one.
// After a change, the observation that verifies it includes the steps after it, up to the next one that is expected to
// differ. So a run with n changes observes n+1 times, and each step is decided by an observation made after the last
// change before it. Changes that are scripts and don't depend on each other are made together, as one change: see group.go. A step whose
// change may not last (modules.Explainer) is observed once more at the end of its play if others
// were changed after it.
//
// Part of a step's work may be done ahead (modules.Preparer), while the steps before it run. That changes nothing that
// steps observe, so it is no change in the journal or the report.
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
	"strings"
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
	// Ask runs scripts one after another in a root shell that lives as long as the connection: files that a script opens
	// (the lock) stay open.
	Ask(ctx context.Context, script string) (stdout, stderr []byte, err error)
	Address() string // for people, with user and port
	// Lost returns why the connection ended, or nil if it is not known to have ended. After an operation failed because
	// the connection ended, it is known. The connection that Reconnect returns is a Conn, too.
	Lost() error
	Close() error
}

// Options configure a run. All fields must be set unless they are optional.
type Options struct {
	Mode     Mode
	Plan     *plan.Plan
	Connect  func(context.Context, *plan.Host) (Conn, error)
	Reporter Reporter
	Redact   func(string) string // hides secrets in entries of the hosts' journals
	By       string              // who runs it, for locks and journals: "alice@laptop"

	// Approve asks a person, once for each approval: nil, [ErrNobody] or [ErrRefused]. Optional: there is nobody.
	Approve func(context.Context, Question) error

	Parallel int           // how many hosts at a time; optional: 32
	LockWait time.Duration // how long to wait for another run to release a host; optional: not at all
	// ReconnectFor is how long to try to reconnect to a host after its connection broke; optional: 2 minutes.
	ReconnectFor time.Duration
	Limit        []string // names of hosts to work on; optional: all
	Tags         []string // run only steps with one of them; optional: all
	SkipTags     []string // run no step with one of them
	Only         []Only   // run only these steps; optional: all
	Now          func() time.Time

	// Salt is the key of what [Summary.Seen] has; optional: nothing. With Saved, that of an earlier run, an apply ends on each host that
	// is no longer as it was seen there, before it changes anything on it.
	Salt  string
	Saved map[string]Digests
}

// Only names a step of a play by its address. It means all of its parts and of its for_each, too, and for the name of an include all
// steps of that.
type Only struct{ Play, Step string }

// Includes reports whether o means the step of a play with an address.
func (o Only) Includes(play, address string) bool {
	return o.Play == play && plan.Selects(o.Step, address)
}

// observeTimeout bounds one observation of a host; one that takes longer hangs, on a dead NFS server for example.
const observeTimeout = 2 * time.Minute

// ErrStopped is in the error of a run whose context was cancelled before it was done.
var ErrStopped = errors.New("stopped before all steps were done; run the same command again to continue")

// Summary is the result of a run.
type Summary struct {
	Counts   Counts
	PerHost  []HostCounts
	Failures []*Failure
	Seen     map[string]Digests // by host
}

// Run runs the plan on its hosts. The error holds a [*Failure] for each host that failed (go-multierror), in the plan's
// order, and [ErrStopped] if the run was stopped. When ctx is cancelled, changes in progress are finished and verified,
// observations end at once, and nothing else is started.
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
	hosts   []*host             // those that a play runs on, in the plan's order
	failed  map[*plan.Play]bool // plays that failed on a host
	slots   chan struct{}       // one element for each host that is being worked on

	stopping <-chan struct{} // closed when the run is being stopped

	reporting sync.Mutex

	approvals approvals

	mu      sync.Mutex
	changes int             // how many changes were started so far, on all hosts
	gone    map[string]bool // hosts that failed, by name
	shared  shared          // answers of the hosts of the current play
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

// selectHosts sets the hosts that the run works on.
func (r *run) selectHosts() {
	for _, ph := range r.Options.Plan.Hosts {
		if !selected(r.Limit, ph) {
			continue
		}
		h := &host{Host: ph, run: r, opened: make(chan struct{}), told: make(chan struct{})}
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

// selected reports whether limit, names of hosts, includes h. An empty limit includes all.
func selected(limit []string, h *plan.Host) bool {
	return len(limit) == 0 || slices.Contains(limit, h.Name)
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
	if why := r.approvals.refusedBy(); why != "" {
		r.failed[p] = true
		r.leave(i, hosts, why)
		return
	}
	r.report(Event{Type: PlayStarted, Play: p.Name, Hosts: names(hosts)})
	batch := cmp.Or(p.Serial, len(hosts))
	if r.Mode == Plan {
		batch = len(hosts) // observing disturbs nobody
	}
	if p.Shares {
		r.share(ctx, i, hosts)
	}
	failed := func(h *host) bool { return h.failure != nil }
	for begin := 0; begin < len(hosts); begin += batch {
		// In a serial play only few hosts may be down at a time, and a failed one may be.
		var down []string
		for _, h := range hosts[:begin] {
			if failed(h) {
				down = append(down, h.Name)
			}
		}
		if len(down) > p.MaxFail {
			r.leave(i, hosts[begin:], fmt.Sprintf("it is serial, and %s failed", strings.Join(down, ", ")))
			break
		}
		var group errgroup.Group
		m := newMeeting(hosts[begin:min(begin+batch, len(hosts))])
		for _, h := range hosts[begin:min(begin+batch, len(hosts))] {
			group.Go(func() error {
				h.meet(m, p, func() { h.runPlay(ctx, i, p) })
				return nil
			})
		}
		_ = group.Wait() // never fails: hosts keep their failures themselves
	}
	r.failed[p] = slices.ContainsFunc(hosts, failed)
}

// leave reports that play i is not started on hosts.
func (r *run) leave(i int, hosts []*host, why string) {
	for _, h := range hosts {
		<-h.opened
		h.outcome.leave(h.stepsOf(i))
	}
	r.report(Event{Type: PlaySkipped, Play: r.Options.Plan.Plays[i].Name, Hosts: names(hosts), Text: why})
}

// countChange notes that a change is started on some host.
func (r *run) countChange() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
}

// fail notes that a host has failed.
func (r *run) fail(host string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone == nil {
		r.gone = make(map[string]bool)
	}
	r.gone[host] = true
}

func (r *run) hasFailed(host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone[host]
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

// finish makes the summary of the run and reports its end.
func (r *run) finish() (*Summary, error) {
	s := &Summary{Seen: map[string]Digests{}}
	var result *multierror.Error
	stopped := false
	for _, h := range r.hosts {
		h.endPreflight()
		if h.saw != nil {
			s.Seen[h.Name] = h.saw
		}
		if h.lock.held() {
			h.lock.journal.pending.Wait() // it may report a failure
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

// outputs evaluates the plan's outputs with the facts that the run observed.
func (r *run) outputs() (map[string]any, hcl.Diagnostics) {
	facts := make(map[string]*observe.Facts)
	for _, h := range r.hosts {
		if h.facts != nil {
			facts[h.Name] = h.facts
		}
	}
	all, diags := r.Options.Plan.Outputs(facts, r.answers())
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
	c.Asks += other.Asks
}

var _ observe.Host = Conn(nil)
