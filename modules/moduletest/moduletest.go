// Package moduletest gives module tests a real shell to work against: the host is this machine, without root.
// What needs root or systemd belongs in e2e.
package moduletest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Host is a [modules.Host] and an [observe.Host] around a shell of this machine, as the user who runs the tests.
type Host struct {
	Shell string // the shell, "/bin/sh" if empty; tests of scripts take [InShells]
	ahead string // a directory in front of PATH; empty: none
}

// Name returns "test".
func (h *Host) Name() string { return "test" }

func (h *Host) shell(ctx context.Context, script string) (stdout, stderr []byte, status int, err error) {
	shell := h.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, shell, "-s")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), &out, &errs
	if h.ahead != "" {
		cmd.Env = append(os.Environ(), "PATH="+h.ahead+":"+os.Getenv("PATH"))
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.As(err, &exit):
		err = nil
	}
	return out.Bytes(), errs.Bytes(), cmd.ProcessState.ExitCode(), err
}

// Run implements [modules.Host].
func (h *Host) Run(ctx context.Context, c modules.Command) (modules.Result, error) {
	stdout, stderr, status, err := h.shell(ctx, c.Shell()+"\n")
	result := modules.Result{Stdout: stdout, Stderr: stderr, Status: status}
	if err == nil && status != 0 {
		err = modules.NewCommandError(c, result)
	}
	return result, err
}

// Ask implements [observe.Host].
func (h *Host) Ask(ctx context.Context, script string) (stdout, stderr []byte, err error) {
	stdout, stderr, _, err = h.shell(ctx, script)
	return stdout, stderr, err
}

// Upload implements [modules.Host].
func (h *Host) Upload(_ context.Context, path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// Dial implements [modules.Host].
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}

// Reconnect implements [modules.Host]: there is nothing to log in to.
func (h *Host) Reconnect(context.Context, int) (modules.Connection, error) { return connection{h}, nil }

// connection is a Host that can be closed.
type connection struct{ *Host }

func (connection) Close() error { return nil }

// Diff observes step on host and returns its diff.
func Diff(t testing.TB, host observe.Host, step modules.Step) modules.Change {
	t.Helper()
	var q observe.Query
	step.Observe(&q)
	snapshot, err := q.Run(t.Context(), host)
	if err != nil {
		t.Fatalf("observe: %v", err)
	}
	change, err := step.Diff(snapshot)
	if err != nil {
		t.Fatalf("diff: %v", err)
	}
	return change
}

// Converge observes step, applies what differs, and fails the test unless the step is converged then. It returns
// the change that was made.
func Converge(t testing.TB, host *Host, step modules.Step) modules.Change {
	t.Helper()
	change := Diff(t, host, step)
	if change.Empty() {
		return change
	}
	if err := step.Apply(t.Context(), host, change); err != nil {
		t.Fatalf("apply: %v", err)
	}
	if again := Diff(t, host, step); !again.Empty() {
		t.Fatalf("did not converge; still: %+v", again.Edits)
	}
	return change
}

// ErrorText is the text of an error, "" for none: what tables compare.
func ErrorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Lines are edits in short, as long tables have them: `update /etc/x mode 0600 > 0644 if package x brings it`. A subject that is
// the step's own, and so the same in all lines, may be left out.
func Lines(edits []modules.Edit, own ...string) []string {
	var all []string
	for _, e := range edits {
		words := []string{string(e.Action)}
		if !slices.Contains(own, e.Subject) {
			words = append(words, e.Subject)
		}
		for _, part := range []struct{ before, text string }{
			{"", e.Field}, {"", e.From}, {"> ", e.To}, {"if ", e.If}, {"unless ", e.Unless}, {"or changed if ", e.Or},
		} {
			if part.text != "" {
				words = append(words, part.before+part.text)
			}
		}
		all = append(all, strings.Join(words, " "))
	}
	return all
}

// WantDiff fails the test unless step's diff of s has exactly these edits, or the error has this text. It returns the
// change.
func WantDiff(t testing.TB, step modules.Step, s *observe.Snapshot, edits []modules.Edit, text string) modules.Change {
	t.Helper()
	change, err := step.Diff(s)
	if got := ErrorText(err); got != text {
		t.Fatalf("error %q, want %q", got, text)
	}
	if diff := cmp.Diff(edits, change.Edits); diff != "" {
		t.Errorf("edits (-want +got):\n%s", diff)
	}
	return change
}

// WantForeseen fails the test unless a plan, in which first stands before second and finds s, announces exactly these edits of second:
// see [Lines]. What first makes of the host, second must neither do again nor miss. It returns them.
func WantForeseen(t testing.TB, s *observe.Snapshot, first, second modules.Step, want []string, own ...string) []modules.Edit {
	t.Helper()
	change, err := first.Diff(s)
	if err != nil {
		t.Fatalf("diff: %v", err)
	}
	if change.Empty() {
		t.Fatal("the first step has nothing to do")
	}
	modules.Foresee(first, s, change)
	change, _, err = modules.Preview(second, s)
	if err != nil {
		t.Fatalf("preview: %v", err)
	}
	if diff := cmp.Diff(want, Lines(change.Edits, own...)); diff != "" {
		t.Errorf("foreseen edits (-want +got):\n%s", diff)
	}
	return change.Edits
}

// WantChange fails the test unless got has the edits and notes of want, and its work: see [WantWork].
func WantChange(t testing.TB, want, got modules.Change) {
	t.Helper()
	if diff := cmp.Diff(want.Edits, got.Edits); diff != "" {
		t.Errorf("edits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Notes, got.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	WantWork(t, want.Work, got)
}

// WantWork fails the test unless the work of c is want. For nil, it only fails if c has work but no edits: a case of a table
// may leave the work out.
func WantWork(t testing.TB, want modules.Work, c modules.Change) {
	t.Helper()
	if want == nil && !c.Empty() {
		return
	}
	unexported := cmp.Exporter(func(reflect.Type) bool { return true })
	if diff := cmp.Diff(want, c.Work, unexported); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
}
