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

// A Step is one thing that a host shall be, have or answer. Steps are values made by New for one host; they keep
// no state between calls, and their methods may be called for different hosts at the same time.
type Step interface {
	// Observe adds the questions that decide this step to q. It does no I/O.
	Observe(q *observe.Query)

	// Diff compares the answers in s with what the step wants. It is a pure function of the step and s: no host,
	// no clock, no network. In a plan s answers as the host will when the pending changes of earlier steps are made;
	// Diff neither knows nor asks. An empty Change means that the host is as it should be. An error means that it could
	// not be told what differs (or that no change could ever get there); the engine then stops on this host and never
	// calls Apply.
	Diff(s *observe.Snapshot) (Change, error)

	// Apply makes the edits of c, which Diff returned just before, and nothing else. It must be safe to call again
	// after it was interrupted anywhere. The engine observes the step once more afterwards and calls it an error
	// when Diff is not empty then.
	Apply(ctx context.Context, h Host, c Change) error
}

// A Preparer is a step part of whose work can be done ahead, beside the steps before it: downloads, mostly.
type Preparer interface {
	Step

	// Prepare does ahead what it can of c, for Apply to find. c is what Diff returned for what was seen before the
	// run's first change on the host; Apply may come with another change, or never.
	//
	// Prepare must not change what the host is, nor anything that a step may see: it writes below [PreparedDir] and
	// nowhere else. What earlier steps bring may be missing: users, tools, names, mounts. An error is no failure:
	// Prepare is tried again after another change, a few times, and Apply does whatever is missing and reports. It
	// must check what Apply checks, and Apply must not wait for ever because of it: what doesn't get on, such as a
	// server that doesn't answer, is given up within seconds. When ctx is done, nothing goes on on the host.
	Prepare(ctx context.Context, h Host, c Change) error
}

// PreparedDir is where Preparers put on a host what they make, each in a directory of its own. It is in a cache, which
// is no part of what the host is. What a run that was killed left there is used by the next one, if it is whole and the
// right thing still; the engine removes all of it when a run ends in order.
const PreparedDir = "/var/cache/rcprov/ahead"

// A Batcher is a step that can be applied together with steps of the same Go type right behind it, when they all
// differ: apt packages go into one transaction.
type Batcher interface {
	Step
	// ApplyBatch makes the changes of all tasks, the first of which belongs to the receiver.
	ApplyBatch(ctx context.Context, h Host, tasks []Task) error
}

// An Explainer is a step whose change may not last although Apply made it: a program ends when nobody watches its start any
// more.
type Explainer interface {
	Step
	// Explain tells why a host still differs in left, right after Apply; nil when it knows no more than left says.
	Explain(ctx context.Context, h Host, left Change) error
}

// An Opaque step does more than it observes: that it observes the same after an error as before does not mean that
// nothing was changed.
type Opaque interface {
	Step
	Opaque()
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

	// Run runs c and waits for it. When the command ran and did not exit with 0, the error is a [*CommandError];
	// any other error means that it is not known whether it ran to its end.
	Run(ctx context.Context, c Command) (Result, error)

	// Upload writes content to the new file path with mode 0600, owned by root, and syncs it. It is meant for
	// content too large for [WriteFile]; path must not exist. Errors wrap those of package fs where they fit.
	Upload(ctx context.Context, path string, content io.Reader) error

	// Dial connects to address as seen from the host (a TCP connection through the SSH connection).
	Dial(ctx context.Context, network, address string) (net.Conn, error)

	// Reconnect logs in to the host anew, at port (0: the one in use): by a new TCP connection with a handshake and
	// login of its own, never through a connection that is open already, which a firewall may let pass although it
	// refuses new ones. The host's key must be one that is known for the port in use. That the login still becomes
	// root shows in the first Run. The machine that rcprov runs on needs no login. The error wraps [ErrUnreachable] where
	// it may help to try again later. It works also when the host's connection is lost.
	Reconnect(ctx context.Context, port int) (Connection, error)
}

// A Connection is a Host by a connection of its own, which must be closed.
type Connection interface {
	Host
	io.Closer
}

// ErrUnreachable is in the error of a login for which no SSH server was found: the network is down, the host is
// booting, nobody listens.
var ErrUnreachable = errors.New("the host can't be reached")

// ErrSettled is in those errors of Apply that stay true when the connection to the host broke meanwhile. After any
// other error and a lost connection the engine makes a new one, looks how far the change got, and goes on from there.
// Every [*CommandError] counts as settled without it.
var ErrSettled = errors.New("the change was tried to its end")

// A Module is one kind of block that plans may contain. Make it with [Primitive] or [Product].
type Module struct {
	Name   string // the block's type in a plan
	Source string // the Go source of the arguments (args.go, embedded): its comments are the manual

	// NewArgs returns a pointer to a new Args struct, whose fields have hcl tags (package gohcl), and default tags
	// for optional arguments that are not empty when left out: `default:"0644"`.
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

	// Requires is what the host must have for Step to succeed and to be of use: see [Requirement].
	Requires []Requirement
}

// Env is what a module may know beside its arguments.
type Env struct {
	Host  string         // name of the host in the plan
	Label string         // the block's label
	Facts *observe.Facts // nil while the plan is only checked
	Peers []Peer         // the hosts of the play, in the plan's order, this one included
	Port  int            // where the host block says that sshd is, as seen from the controller; 0: ssh_config says

	// Sensitive tells whether the value given for an argument came from a sensitive variable. What is sensitive
	// must not appear in a Change but in edits marked Sensitive.
	Sensitive func(arg string) bool

	// ReadFile reads a file on the controller; a relative path starts at the plan's directory.
	ReadFile func(path string) ([]byte, error)

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
	Arg  string // the argument's name in the plan
	Err  error  // what is wrong with it: "must be an absolute path, not \"etc/motd\""
	Hint string // what to write instead, a sentence; may be empty
}

func (e *ArgError) Error() string { return e.Arg + ": " + e.Err.Error() }

func (e *ArgError) Unwrap() error { return e.Err }

// Argf returns an [ArgError] for arg with a formatted message, which reads on after the argument's name.
func Argf(arg, format string, a ...any) error {
	return &ArgError{Arg: arg, Err: fmt.Errorf(format, a...)}
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

// Progress tells the person who waits what a step is doing now, in a few words: "unpacking nginx (3/12)".
func Progress(ctx context.Context, format string, a ...any) {
	if report, ok := ctx.Value(progressKey{}).(func(string)); ok {
		report(fmt.Sprintf(format, a...))
	}
}
