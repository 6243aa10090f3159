package remote

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rcprov/rcprov/modules"
)

// runScript runs a command under a watcher that kills its process group when the line "cancel" comes on the shell's
// input. Only that kills it: when the connection just breaks, a command that has begun may end in peace.
//
// The group belongs to this channel alone (sshd starts each session with setsid), and kill needs root to reach what
// sudo started, which is why sshd's own "signal" request doesn't do.
const runScript = `{
printf '\n%[1]s\n'; printf '\n%[1]s\n' >&2
exec 3<&0
( trap '' TERM; read -r word <&3 && [ "$word" = cancel ] && kill -TERM 0 && sleep 3 && kill -KILL 0 ) >/dev/null 2>&1 &
exec 3<&-
%[2]s
exit $?
}
`

// Run runs command as root and waits for it. It keeps the last 4 MiB of each output. When ctx ends, it kills the command's
// processes; then the error doesn't say whether the command did its work.
func (c *Conn) Run(ctx context.Context, command modules.Command) (modules.Result, error) {
	release, err := acquire(ctx, c.running)
	if err != nil {
		return modules.Result{}, err
	}
	defer release()
	var result modules.Result
	err = c.asRoot(ctx, func() error {
		result, err = c.run(ctx, command)
		return err
	})
	return result, err
}

func (c *Conn) run(ctx context.Context, command modules.Command) (modules.Result, error) {
	p, err := c.startShell(ctx)
	if err != nil {
		return modules.Result{}, err
	}
	defer p.kill()

	stdout, stderr := output{begins: make(chan struct{})}, output{begins: make(chan struct{})}
	ctx, stopWaiting := c.whileShellStarts(ctx, stdout.begins)
	defer stopWaiting()
	mark := newMark()
	go func() { _, _ = fmt.Fprintf(p.stdin, runScript, mark, command.Shell()) }()

	var group errgroup.Group
	group.Go(func() error { return stdout.read(p.stdout, mark) })
	group.Go(func() error { return stderr.read(p.stderr, mark) })
	finished := make(chan error, 1)
	go func() {
		err := group.Wait()
		<-p.ended
		finished <- err
	}()

	select {
	case err = <-finished:
	case <-ctx.Done():
		stop(p, stdout.begins, finished)
		return modules.Result{}, fmt.Errorf("stopped while it ran: %w", context.Cause(ctx))
	}
	if !stdout.began || p.err != nil {
		return modules.Result{}, c.explainEnd(p, slices.Concat(stdout.all(), stderr.all()), err)
	}
	result := modules.Result{Stdout: stdout.content.bytes(), Stderr: stderr.content.bytes(), Status: p.status}
	if result.Status != 0 {
		return result, modules.NewCommandError(command, result)
	}
	return result, nil
}

// stop kills a command, and waits for its end for a while. The command must have started: before that the shell, which reads
// ahead, would take the word for a part of its script.
func stop(p *process, begins <-chan struct{}, finished <-chan error) {
	enough := time.After(patience)
	select {
	case <-begins:
	case <-finished: //nolint:errcheck // it was cancelled: how it ended does not matter
		return
	case <-enough:
		return
	}
	_, _ = io.WriteString(p.stdin, "cancel\n")
	select {
	case <-finished: //nolint:errcheck // it was cancelled: how it ended does not matter
	case <-enough:
	}
}

// An output is what a command printed on one stream.
type output struct {
	before  []byte        // output before the mark
	begins  chan struct{} // closed when the mark was read
	began   bool
	content tail
}

func (o *output) read(r *bufio.Reader, mark string) (err error) {
	if o.before, err = skipTo(r, mark); err != nil {
		return errSilent
	}
	o.began = true
	close(o.begins)
	_, err = io.Copy(&o.content, r)
	return err
}

func (o *output) all() []byte { return append(bytes.Clone(o.before), o.content.bytes()...) }
