package remote

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// connectLocal connects to the machine that rcprov runs on, for `connection = "local"`.
func (d *Dialer) connectLocal(t Target) (*Conn, error) {
	if runtime.GOOS == "windows" {
		return nil, modules.WithHint(errors.New("this machine can't be a host: it has no POSIX shell"),
			"`connection = \"local\"` works on Linux; use rcprov inside WSL, or over SSH.")
	}
	me, err := localUser()
	if err != nil {
		return nil, err
	}
	name := me.name
	if os.Geteuid() == 0 {
		name = "root"
	}
	c := newConn(d, t, name, "local", &localTransport{ended: make(chan struct{})})
	c.noServer = true // a pipe to the shell is enough
	return c, nil
}

// localTransport starts child processes.
type localTransport struct {
	closed   atomic.Bool
	ended    chan struct{} // closed with it
	children sync.Map      // *process of each child that runs
}

func (l *localTransport) start(_ context.Context, command string) (*process, error) {
	if l.closed.Load() {
		return nil, errClosed
	}
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Dir = "/"
	inSession(cmd)
	// Not StdoutPipe: Wait closes those, whether they have been read or not.
	outputs := make([]*os.File, 0, 4)
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(outputs)
			return nil, err
		}
		outputs = append(outputs, r, w)
	}
	cmd.Stdout, cmd.Stderr = outputs[1], outputs[3]
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		closeAll(outputs)
		return nil, err
	}
	_, _ = outputs[1].Close(), outputs[3].Close()
	p := &process{
		stdin:  stdin,
		stdout: bufio.NewReaderSize(outputs[0], 64<<10),
		stderr: bufio.NewReaderSize(outputs[2], 64<<10),
		ended:  make(chan struct{}),
	}
	p.kill = sync.OnceFunc(func() {
		_ = stdin.Close()
		killSession(cmd)
		closeAll([]*os.File{outputs[0], outputs[2]})
	})
	l.children.Store(p, nil)
	go func() {
		p.status, p.err = endOf(cmd.Wait())
		l.children.Delete(p)
		close(p.ended)
	}()
	return p, nil
}

// endOf returns the exit status of a child as a shell would.
func endOf(err error) (status int, unknown error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitStatus(exit.ProcessState), nil
	}
	return 0, err
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

func (l *localTransport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func (l *localTransport) hostKey() ssh.PublicKey { return nil }

func (l *localTransport) lost() error {
	if l.closed.Load() {
		return errClosed
	}
	return nil
}

func (l *localTransport) done() <-chan struct{} { return l.ended }

func (l *localTransport) close() error {
	if !l.closed.Swap(true) {
		close(l.ended)
	}
	l.children.Range(func(p, _ any) bool {
		p.(*process).kill()
		return true
	})
	return nil
}
