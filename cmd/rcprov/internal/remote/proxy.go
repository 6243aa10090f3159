package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rcprov/rcprov/modules"
)

// reach opens the byte stream to sshd on the host of s: a TCP connection, one through the last of its jump hosts, or the
// input and output of its ProxyCommand. release must be called when it is no longer used.
func (d *Dialer) reach(ctx context.Context, s *settings, depth int) (stream net.Conn, release func(), err error) {
	nothing := func() {}
	switch {
	case len(s.proxyJump) > 0:
		return d.reachByJump(ctx, s, depth)
	case s.proxyCommand != "":
		stream, err = startProxy(s.proxyCommand)
		return stream, nothing, err
	default:
		stream, err = (&net.Dialer{Timeout: d.timeout(s)}).DialContext(ctx, "tcp", s.address())
		return stream, nothing, err
	}
}

// maxJumps is how deep jump hosts may be nested.
const maxJumps = 8

func (d *Dialer) reachByJump(ctx context.Context, s *settings, depth int) (net.Conn, func(), error) {
	if depth >= maxJumps {
		return nil, nil, fmt.Errorf("more than %d jump hosts: does the ProxyJump of %s lead back to itself?", maxJumps, s.alias)
	}
	last := s.proxyJump[len(s.proxyJump)-1]
	before := s.proxyJump[:len(s.proxyJump)-1]
	jump, err := d.hops.use(ctx, hopsName(s.proxyJump, depth), func() (*sshTransport, error) { return d.connectHop(ctx, last, before, depth+1) })
	if err != nil {
		return nil, nil, &jumpError{last.alias, err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout(s))
	defer cancel()
	stream, err := jump.via.dial(ctx, "tcp", s.address())
	if err != nil {
		jump.release()
		return nil, nil, fmt.Errorf("from jump host %s: %w", last.alias, err)
	}
	return stream, jump.release, nil
}

// connectHop connects to a jump host, through those before it in the list. As for ssh, the first of a list may have a
// ProxyJump of its own in ssh_config, and keys and passwords that the plan has for the target are not used for it.
func (d *Dialer) connectHop(ctx context.Context, h hop, before []hop, depth int) (*sshTransport, error) {
	t := Target{Address: h.alias, User: h.user, Port: h.port}
	s, err := d.resolve(t)
	if err != nil {
		return nil, err
	}
	if len(before) > 0 {
		s.proxyJump, s.proxyCommand = before, ""
	}
	if via, err := d.openMaster(ctx, s); err == nil {
		return via, nil
	}
	return d.connect(ctx, t, s, depth)
}

// A jumpError is a failure on the way to a host; the error that it wraps names the address.
type jumpError struct {
	hop string
	err error
}

func (e *jumpError) Error() string { return fmt.Sprintf("jump host %s: %v", e.hop, e.err) }

func (e *jumpError) Unwrap() error { return e.err }

// hopsName identifies a path over jump hosts. With the depth, a path that contains itself doesn't wait for itself.
func hopsName(list []hop, depth int) string {
	names := []string{strconv.Itoa(depth)}
	for _, h := range list {
		names = append(names, fmt.Sprintf("%s@%s:%d", h.user, h.alias, h.port))
	}
	return strings.Join(names, ",")
}

// hops holds the connections to jump hosts, which are shared by all hosts behind them: sshd drops connections beyond ten that
// log in at the same time (MaxStartups), and a login costs more than a tunnel.
type hops struct {
	mu   sync.Mutex
	open map[string]*hopConn
}

type hopConn struct {
	mu    sync.Mutex // held while connecting
	via   *sshTransport
	users int // guarded by hops.mu
}

// jump is one use of a jump host's connection.
type jump struct {
	via     *sshTransport
	release func()
}

// use returns the open connection called name, or makes it.
func (h *hops) use(ctx context.Context, name string, connect func() (*sshTransport, error)) (jump, error) {
	h.mu.Lock()
	if h.open == nil {
		h.open = make(map[string]*hopConn)
	}
	shared := h.open[name]
	if shared == nil {
		shared = &hopConn{}
		h.open[name] = shared
	}
	shared.users++
	h.mu.Unlock()
	release := sync.OnceFunc(func() { h.drop(name, shared) })

	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.via == nil || shared.via.lost() != nil {
		if err := ctx.Err(); err != nil {
			release()
			return jump{}, context.Cause(ctx)
		}
		via, err := connect()
		if err != nil {
			release()
			return jump{}, err
		}
		if shared.via != nil {
			_ = shared.via.close() // it is broken; this releases what it held
		}
		shared.via = via
	}
	return jump{shared.via, release}, nil
}

// drop ends one use; the last one closes the connection.
func (h *hops) drop(name string, shared *hopConn) {
	h.mu.Lock()
	shared.users--
	last := shared.users == 0
	if last && h.open[name] == shared {
		delete(h.open, name)
	}
	h.mu.Unlock()
	if last && shared.via != nil {
		_ = shared.via.close() // not under the lock: it drops the jump host before it
	}
}

// startProxy runs a ProxyCommand in the user's shell; its input and output are the connection.
func startProxy(command string) (net.Conn, error) {
	shell := []string{"/bin/sh", "-c", "exec " + command}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/c", command}
	}
	cmd := exec.Command(shell[0], shell[1:]...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &proxyConn{ReadCloser: stdout, stdin: stdin, cmd: cmd}
	cmd.Stderr = &p.stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("ProxyCommand: %w", err)
	}
	return p, nil
}

// proxyConn is the connection that a ProxyCommand makes. It has no deadlines, which SSH doesn't need.
type proxyConn struct {
	io.ReadCloser
	stdin  io.WriteCloser
	stderr tail
	cmd    *exec.Cmd
	closed sync.Once
}

func (p *proxyConn) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	return n, p.explain(err)
}

func (p *proxyConn) Write(b []byte) (int, error) {
	n, err := p.stdin.Write(b)
	return n, p.explain(err)
}

// explain returns the command's last line of output instead of a broken pipe.
func (p *proxyConn) explain(err error) error {
	if err == nil {
		return nil
	}
	_ = p.Close() // waits for the command's end, so that stderr is whole
	if line := modules.LastLine(p.stderr.bytes()); line != "" {
		return fmt.Errorf("ProxyCommand: %s", line)
	}
	return err
}

func (p *proxyConn) Close() error {
	p.closed.Do(func() {
		_ = p.stdin.Close()
		// Most end with their input, and print why they failed.
		kill := time.AfterFunc(500*time.Millisecond, func() { _ = p.cmd.Process.Kill() })
		_ = p.cmd.Wait()
		kill.Stop()
	})
	return nil
}

func (p *proxyConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4zero} }
func (p *proxyConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4zero} }
func (p *proxyConn) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (p *proxyConn) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (p *proxyConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
