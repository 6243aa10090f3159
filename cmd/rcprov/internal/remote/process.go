package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
)

// A process is a program that was started on a host.
type process struct {
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *bufio.Reader

	// ended is closed when the program has ended; status and err are valid then.
	ended  chan struct{}
	status int   // exit status, or 128+n after signal n
	err    error // why its end is unknown: the connection broke or the program was cut off

	kill func() // closes the program's channel, or kills a local child
}

// startSession starts command in a session of its own. The exec request is sent without asking for a reply, so that
// the caller's input follows right behind it: a failure shows as an end without exit status.
func (t *sshTransport) startSession(ctx context.Context, command string) (*process, error) {
	ctx, cancel := t.whileUp(ctx)
	defer cancel()
	channel, requests, err := openChannel(ctx, t.client, "session", nil)
	if err != nil {
		return nil, err
	}
	if _, err := channel.SendRequest("exec", false, ssh.Marshal(struct{ Command string }{command})); err != nil {
		_ = channel.Close()
		return nil, err
	}
	t.opened(channel)
	p := &process{
		stdin:  sessionInput{channel},
		stdout: bufio.NewReaderSize(channel, 64<<10),
		stderr: bufio.NewReaderSize(channel.Stderr(), 64<<10),
		ended:  make(chan struct{}),
		kill:   sync.OnceFunc(func() { _ = channel.Close() }),
	}
	go func() {
		p.follow(requests)
		t.closed(channel)
	}()
	return p, nil
}

// openChannel is client.OpenChannel, but returns when ctx ends.
func openChannel(ctx context.Context, client ssh.Conn, name string, extra []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	type opened struct {
		channel  ssh.Channel
		requests <-chan *ssh.Request
		err      error
	}
	done := make(chan opened, 1)
	go func() {
		channel, requests, err := client.OpenChannel(name, extra)
		done <- opened{channel, requests, err}
	}()
	select {
	case o := <-done:
		return o.channel, o.requests, o.err
	case <-ctx.Done():
		go func() {
			if o := <-done; o.err == nil {
				go ssh.DiscardRequests(o.requests)
				_ = o.channel.Close()
			}
		}()
		return nil, nil, context.Cause(ctx)
	}
}

// sessionInput closes only the input of a session, as the end of a pipe would.
type sessionInput struct{ ssh.Channel }

func (s sessionInput) Close() error { return s.CloseWrite() }

// follow reads the program's exit status: RFC 4254, section 6.10.
func (p *process) follow(requests <-chan *ssh.Request) {
	p.err = errCutOff
	for request := range requests {
		switch request.Type {
		case "exit-status":
			var exit struct{ Status uint32 }
			if ssh.Unmarshal(request.Payload, &exit) == nil {
				p.status, p.err = int(exit.Status), nil
			}
		case "exit-signal":
			var exit struct {
				Signal     string
				CoreDumped bool
				Message    string
				Language   string
			}
			if ssh.Unmarshal(request.Payload, &exit) == nil {
				p.status, p.err = 128+signalNumbers[exit.Signal], nil
			}
		}
		if request.WantReply {
			_ = request.Reply(false, nil)
		}
	}
	close(p.ended)
}

// errCutOff is the error of a program without exit status.
var errCutOff = errors.New("it ended without an exit status")

// signalNumbers are the signals that RFC 4254 names, by their Linux numbers.
var signalNumbers = map[string]int{
	"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "USR1": 10, "SEGV": 11, "USR2": 12,
	"PIPE": 13, "ALRM": 14, "TERM": 15,
}

// skipTo reads r up to and including the line mark, and returns what comes before it: the output of a login shell's start-up
// files, or of sudo.
func skipTo(r *bufio.Reader, mark string) ([]byte, error) {
	var before tail
	err := eachLine(r, func(line []byte) bool {
		if isLine(line, mark) {
			return false
		}
		_, _ = before.Write(line)
		return true
	})
	return before.bytes(), err
}

// eachLine calls use for each line of r with its end, until use returns false. Long lines come in pieces.
func eachLine(r *bufio.Reader, use func(line []byte) bool) error {
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 && !use(line) {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func isLine(line []byte, mark string) bool {
	return len(line) == len(mark)+1 && string(line[:len(mark)]) == mark && line[len(mark)] == '\n'
}

// tailSize is how many bytes at the end of a program's output are kept.
const tailSize = 4 << 20

// A tail is a writer that keeps the end of what is written to it.
type tail struct{ content []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.content = append(t.content, p...)
	if len(t.content) > 2*tailSize {
		t.content = append(t.content[:0], t.content[len(t.content)-tailSize:]...)
	}
	return len(p), nil
}

func (t *tail) bytes() []byte {
	if len(t.content) > tailSize {
		return bytes.Clone(t.content[len(t.content)-tailSize:])
	}
	return t.content
}
