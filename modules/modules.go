package modules

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"reflect"

	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules/observe"
)

// A Step is one thing that a host should be, have or answer. Steps are values that New makes for one host; they keep
// no state between calls, and their methods may be called for different hosts at the same time.
type Step interface {
	// Observe adds the questions that decide this step to q. It does no I/O.
	Observe(q *observe.Query)

	// Diff compares the answers in s with the desired state. It is a pure function of the step and s: no host, no clock,
	// no network. In a plan, s answers as the host will once the pending changes of earlier steps are made; Diff does not
	// know whether it is in a plan. An empty Change means that the host is in the desired state. An error means that the
	// difference is unknown, or that no change could reach the desired state; the engine then stops on this host and
	// does not call Apply.
	Diff(s *observe.Snapshot) (Change, error)

	// Apply does the work of c, which Diff has just returned, and nothing else. It must be safe to call again after an
	// interruption anywhere. The engine then observes the step once more; it is an error if Diff still returns edits.
	Apply(ctx context.Context, h Host, c Change) error
}

// A Preparer is a step that can do part of its work early, while the steps before it run: mostly downloads.
type Preparer interface {
	Step

	// Prepare does as much of c as it can early, for Apply to find. c is what Diff returned before the run's first
	// change on the host; Apply may be called with another change, or never.
	//
	// Prepare must not change anything that a step may observe: it writes only below [PreparedDir]. What earlier steps
	// bring may be missing: users, tools, names, mounts. An error is not a failure of the step: the engine tries Prepare
	// again a few times, each after another change, and Apply does and reports what is missing. Prepare must check what
	// Apply checks. Apply must not wait for it without end, so Prepare gives up within seconds what makes no progress,
	// such as a server that doesn't answer. When ctx is done, it leaves nothing running on the host.
	Prepare(ctx context.Context, h Host, c Change) error
}

// PreparedDir is where Preparers put what they make on a host, each in a directory of its own. It lies in a cache and is
// not part of the host's state. What a killed run left there is used by the next one if it is complete and still the
// right thing; the engine removes all of it when a run ends normally.
const PreparedDir = "/var/cache/rcprov/ahead"

// A Batcher is a step that can be applied together with the steps of the same Go type that follow it directly, if they
// all differ: apt packages go into one transaction.
type Batcher interface {
	Step
	// ApplyBatch makes the changes of all tasks, the first of which belongs to the receiver.
	ApplyBatch(ctx context.Context, h Host, tasks []Task) error
}

// An Explainer is a step whose change may not last although Apply made it: a program may end soon after its start.
type Explainer interface {
	Step
	// Explain returns why the host differs in left, right after Apply, or when other steps were changed after it; nil if it knows
	// no more than left says, which after other changes is no failure: these may be the reason.
	Explain(ctx context.Context, h Host, left Change) error
}

// An Opaque step does more than it observes: even if the answers after an error are the same as before, it may have
// changed something.
type Opaque interface {
	Step
	Opaque()
}

// A Guarded step makes what could shut rcprov out of the host under a dead man's switch of its own. For other steps the engine
// sees to that.
type Guarded interface {
	Step
	Guarded()
}

// A Rebooter is a step whose change reboots the host: Apply returns when the host is back, and the connection that it was given is of
// no use any more. The engine replaces it without a word. An error of Apply that wraps [ErrUnreachable] says that the host is not back,
// so that nobody else need wait for it.
type Rebooter interface {
	Step
	Reboots()
}

// An Approval is a step at which an apply waits until a person lets it go on, if a later step of the play would change something. Its
// Diff is always empty, and Apply is never called: the engine asks once for all hosts of the play.
type Approval interface {
	Step
	// Question returns the text for that person.
	Question() string
}

// Task is a step with the change that it is to make.
type Task struct {
	Step   Step
	Change Change
}

// A Host is what Apply may do to a host. All of it happens as root. A Host may be used concurrently.
type Host interface {
	// Name is the host's name in the plan.
	Name() string

	// Run runs c and waits for it. If the command ran and did not exit with 0, the error is a [*CommandError]; after any
	// other error it is unknown whether the command ended.
	Run(ctx context.Context, c Command) (Result, error)

	// Upload writes content to the new file path with mode 0600, owned by root, and syncs it. It is meant for
	// content too large for [WriteFile]; path must not exist. Errors wrap those of package fs where they fit.
	Upload(ctx context.Context, path string, content io.Reader) error

	// Dial connects to address as seen from the host (a TCP connection through the SSH connection).
	Dial(ctx context.Context, network, address string) (net.Conn, error)

	// Reconnect logs in to the host again, at port (0: the one in use), through a new TCP connection with a handshake and
	// login of its own, never through an open one, which a firewall may accept although it refuses new ones. The host's
	// key must be known for the port in use. Whether the login can still become root shows in the first Run. The machine
	// that rcprov runs on needs no login. The error wraps [ErrUnreachable] if it may help to try again later. Reconnect
	// also works after the host's connection was lost.
	Reconnect(ctx context.Context, port int) (Connection, error)
}

// A Connection is a Host with a connection of its own, which the caller must close.
type Connection interface {
	Host
	io.Closer
}

// ErrUnreachable is in the error of a login if no SSH server answered: the network is down, the host is booting, nothing
// listens.
var ErrUnreachable = errors.New("the host can't be reached")

// ErrSettled is in those errors of Apply that are final even if the connection to the host broke in the meantime. After
// any other error with a lost connection, the engine reconnects, observes how far the change got, and continues there.
// Every [*CommandError] counts as settled without it.
var ErrSettled = errors.New("the change was tried to its end")

// A Module is one kind of block that plans may contain. Make it with [Primitive] or [Product].
type Module struct {
	Name   string // the block's type in a plan
	Source string // the Go source of the arguments (args.go, embedded): its comments are the manual

	// NewArgs returns a pointer to a new Args struct, whose fields have hcl tags (package gohcl), and default tags
	// for optional arguments that are not empty if they are not given: `default:"0644"`.
	NewArgs func() any

	// OutputsType is the struct (with cty tags) of Built.Outputs; nil when the module has none beyond its arguments.
	OutputsType reflect.Type

	// NeedsFacts says that Build wants env.Facts. Asking for them first costs the plan one round trip.
	NeedsFacts bool

	// Build checks args, a pointer made by NewArgs and decoded, and makes the block's steps. It is called once
	// while the plan is checked (env.Facts is nil then, even if NeedsFacts) and again for each host; it does no
	// I/O except through env. Mistakes in arguments are reported as [ArgError], several with errors.Join.
	Build func(args any, env Env) (Built, error)
}

// Built is what a block becomes on one host.
type Built struct {
	Parts   []Part // in the order in which they are applied
	Outputs any    // a struct of Module.OutputsType, or nil; other blocks refer to its fields, beside the arguments
}

// A Part is one step of a block. A primitive has one, without a name.
type Part struct {
	Name string // distinguishes the parts of a product in reports: mongod.rs0/keyfile
	Step Step

	// Requires is what the host must have for Step to succeed and to be useful: see [Requirement].
	Requires []Requirement
}

// Env is what a module may know beside its arguments.
type Env struct {
	Host  string         // name of the host in the plan
	Label string         // the block's label
	Facts *observe.Facts // nil while the plan is only checked
	Peers []Peer         // the hosts of the play, in the plan's order, this one included
	Local bool           // the host is the machine that rcprov runs on: connection = "local"
	Port  int            // where the host block says that sshd is, as seen from the controller; 0: ssh_config says

	// Sensitive reports whether the value given for an argument came from a sensitive variable. What is sensitive
	// must not appear in a Change but in edits marked Sensitive.
	Sensitive func(arg string) bool

	// ReadFile reads a file on the controller; a relative path starts at the plan's directory.
	ReadFile func(path string) ([]byte, error)

	// Large returns a regular file on the controller that is too large to be read ([observe.MaxContent]), to be sent as a stream.
	// It returns nil for any other path: ReadFile has the content, or the reason why there is none. Nil: there are no such files.
	Large func(path string) *Source

	// OpenDir opens a directory on the controller; a relative path starts at the plan's directory.
	OpenDir func(path string) (fs.FS, error)

	// Render renders an HCL template file on the controller, as templatefile() of the plan language does.
	Render func(path string, vars cty.Value) (string, error)

	Templates fs.FS // the binary's own templates
}

// A Peer is a host of the same play.
type Peer struct {
	Name    string
	Address string // host name or IP address, as in the plan
}

// Primitive makes a Module whose blocks are one step each. source is the text of args.go.
func Primitive[A any](name, source string, build func(A, Env) (Step, error)) Module {
	return Module{
		Name:    name,
		Source:  source,
		NewArgs: func() any { return new(A) },
		Build: func(args any, env Env) (Built, error) {
			step, err := build(*args.(*A), env)
			if err != nil {
				return Built{}, err
			}
			return Built{Parts: []Part{{Step: step}}}, nil
		},
	}
}

// Product makes a Module whose blocks expand into several steps and have outputs of type O, a struct with cty tags.
func Product[A, O any](name, source string, build func(A, Env) ([]Part, O, error)) Module {
	return Module{
		Name:        name,
		Source:      source,
		NewArgs:     func() any { return new(A) },
		OutputsType: reflect.TypeFor[O](),
		NeedsFacts:  true,
		Build: func(args any, env Env) (Built, error) {
			parts, outputs, err := build(*args.(*A), env)
			if err != nil {
				return Built{}, err
			}
			return Built{Parts: parts, Outputs: outputs}, nil
		},
	}
}

// An ArgError is a mistake in the value of one argument. The plan shows its line.
type ArgError struct {
	Arg  string // the argument's name in the plan; in a nested block: "rule.port", or "rule[1].port" in the second one
	Err  error  // what is wrong with it: "must be an absolute path, not \"etc/motd\""
	Hint string // what to write instead, a sentence; may be empty
}

func (e *ArgError) Error() string { return e.Arg + ": " + e.Err.Error() }

func (e *ArgError) Unwrap() error { return e.Err }

// Argf returns an [ArgError] for arg with a formatted message, which reads on after the argument's name.
func Argf(arg, format string, a ...any) error {
	return &ArgError{Arg: arg, Err: fmt.Errorf(format, a...)}
}

// InBlock returns err, a mistake in the nested block of that name and number, counted from 0: each [ArgError] in it is about an
// argument of the block, and anything else about the block itself.
func InBlock(block string, number int, err error) error {
	at := fmt.Sprintf("%s[%d]", block, number)
	switch e := err.(type) { //nolint:errorlint // what is wrapped is not about arguments of the block
	case nil:
		return nil
	case *ArgError:
		inner := *e
		inner.Arg = at + "." + e.Arg
		return &inner
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, InBlock(block, number, one))
		}
		return errors.Join(all...)
	}
	return &ArgError{Arg: at, Err: err}
}

// A HintError is an error with advice for the reader: what to do next.
type HintError struct {
	Err  error
	Hint string // one or two sentences; commands in `backquotes`
}

func (e *HintError) Error() string { return e.Err.Error() }

func (e *HintError) Unwrap() error { return e.Err }

// WithHint adds advice to an error. A nil err stays nil.
func WithHint(err error, format string, a ...any) error {
	if err == nil {
		return nil
	}
	return &HintError{Err: err, Hint: fmt.Sprintf(format, a...)}
}

// Files is an argument that names files: paths, or references to steps that own files. In a plan
// `[file.conf, "/etc/x"]` becomes the path of each (an object's attribute path, or all of its files).
type Files []string

type progressKey struct{}

// WithProgress returns a context whose [Progress] calls go to report.
func WithProgress(ctx context.Context, report func(doing string)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// Progress reports what a step is doing now, in a few words for the person who waits: "unpacking nginx (3/12)".
func Progress(ctx context.Context, format string, a ...any) {
	if report, ok := ctx.Value(progressKey{}).(func(string)); ok {
		report(fmt.Sprintf(format, a...))
	}
}

type failedKey struct{}

// WithFailed returns a context whose [Failed] calls are answered by failed, which may be called at any time.
func WithFailed(ctx context.Context, failed func(host string) bool) context.Context {
	return context.WithValue(ctx, failedKey{}, failed)
}

// Failed reports whether a host, by its name in the plan, has failed in this run: nothing more is done there, so that a step
// on another host has no reason to wait for it.
func Failed(ctx context.Context, host string) bool {
	failed, ok := ctx.Value(failedKey{}).(func(string) bool)
	return ok && failed(host)
}
