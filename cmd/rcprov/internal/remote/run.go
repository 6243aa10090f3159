package remote

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
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
	p, err := c.commandShell(ctx)
	if err != nil {
		return modules.Result{}, err
	}
	defer p.kill()
	c.refill()

	stdout, stderr := output{begins: make(chan struct{})}, output{begins: make(chan struct{})}
	if command.Live {
		latest := &latestLine{}
		stdout.live, stderr.live = &lineWriter{latest: latest}, &lineWriter{latest: latest}
		defer latest.show(ctx)()
	}
	if command.Lines != nil {
		stdout.live = &wholeLines{do: command.Lines}
	}
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
	live    io.Writer // nil: nobody watches
}

// showEvery is how often the latest line of a command's output is shown.
const showEvery = 300 * time.Millisecond

// latestLine is the last whole line of several outputs.
type latestLine struct {
	mu   sync.Mutex
	line []byte
}

// lineWriter makes the whole lines of one output the latest.
type lineWriter struct {
	latest *latestLine
	part   []byte // of a line that goes on
	over   bool   // part became too long: the rest of it is no line of its own, and may begin in the middle of a secret
}

// wholeLines hands over each whole line that is written to it; of one that is longer than maxLine the beginning.
type wholeLines struct {
	do   func(line string)
	part []byte
}

// Write implements [io.Writer].
func (w *wholeLines) Write(p []byte) (int, error) {
	written := len(p)
	for {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		w.part = append(w.part, line[:min(len(line), maxLine-len(w.part))]...)
		if !whole {
			return written, nil
		}
		w.do(string(w.part))
		w.part, p = w.part[:0], rest
	}
}

// maxLine is how long a line may be that is shown.
const maxLine = 64 << 10

// Write implements [io.Writer].
func (w *lineWriter) Write(p []byte) (int, error) {
	written := len(p)
	if w.over {
		end := bytes.IndexAny(p, "\r\n")
		if end < 0 {
			return written, nil
		}
		w.over, p = false, p[end:]
	}
	all := append(w.part, p...)
	// Some draw a line again and again after carriage returns.
	lines := bytes.FieldsFunc(all, func(r rune) bool { return r == '\n' || r == '\r' })
	w.part = nil
	if len(lines) > 0 && !bytes.HasSuffix(all, []byte("\n")) && !bytes.HasSuffix(all, []byte("\r")) {
		part := lines[len(lines)-1]
		w.part, lines = bytes.Clone(part), lines[:len(lines)-1]
		if w.over = len(part) > maxLine; w.over {
			w.part = nil
		}
	}
	for _, line := range slices.Backward(lines) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			w.latest.mu.Lock()
			w.latest.line = bytes.Clone(line)
			w.latest.mu.Unlock()
			break
		}
	}
	return written, nil
}

// show reports the line as progress while it changes, until stop is called.
func (l *latestLine) show(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(showEvery)
		defer ticker.Stop()
		shown := ""
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			l.mu.Lock()
			line := string(l.line)
			l.mu.Unlock()
			if line != shown {
				shown = line
				modules.Progress(ctx, "%s", line)
			}
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}

func (o *output) read(r *bufio.Reader, mark string) (err error) {
	if o.before, err = skipTo(r, mark); err != nil {
		return errSilent
	}
	o.began = true
	close(o.begins)
	to := io.Writer(&o.content)
	if o.live != nil {
		to = io.MultiWriter(&o.content, o.live)
	}
	_, err = io.Copy(to, r)
	return err
}

func (o *output) all() []byte { return append(bytes.Clone(o.before), o.content.bytes()...) }
