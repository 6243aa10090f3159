package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rcprov/rcprov/modules"
	shellquote "github.com/rcprov/rcprov/modules/shell"
)

// reach opens the byte stream to sshd on the host of s: a TCP connection, one through the last of its jump hosts, or the
// input and output of its ProxyCommand. release must be called when it is no longer used.
func (d *Dialer) reach(ctx context.Context, s *settings, depth int, waits *waiting) (stream net.Conn, release func(), err error) {
	nothing := func() {}
	switch {
	case len(s.proxyJump) > 0:
		return d.reachByJump(ctx, s, depth, waits)
	case s.proxyCommand != "":
		stream, err = startProxy(s.proxyCommand)
		return stream, nothing, err
	default:
		local, err := s.localAddress(ctx)
		if err != nil {
			return nil, nothing, err
		}
		dialer := net.Dialer{Timeout: d.timeout(s)}
		if local != nil {
			dialer.LocalAddr = local
		}
		stream, err = s.dial(ctx, &dialer)
		if local != nil && (errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EINVAL)) {
			from := "BindAddress " + s.bindAddress
			if s.bindAddress == "" {
				from = "BindInterface " + s.bindInterface
			}
			err = modules.WithHint(fmt.Errorf("from %s: %w", from, err), "%s of ssh_config must be of this machine, and lead to %s.", from, s.hostName)
		}
		return stream, nothing, err
	}
}

// dial connects to the address of s, which only the system may know.
func (s *settings) dial(ctx context.Context, dialer *net.Dialer) (stream net.Conn, err error) {
	var unknown *net.DNSError
	if !isOddNumber(s.hostName) {
		if stream, err = dialer.DialContext(ctx, s.network, s.address()); !errors.As(err, &unknown) || ctx.Err() != nil {
			return stream, err
		}
	}
	for _, address := range systemLookup(ctx, s.hostName) {
		if stream, err = dialer.DialContext(ctx, s.network, net.JoinHostPort(address, strconv.Itoa(s.port))); err == nil {
			return stream, nil
		}
	}
	return nil, cmp.Or(err, error(&net.DNSError{Err: "no such host", Name: s.hostName, IsNotFound: true}))
}

// localAddress returns the address of this machine to connect from, of BindAddress or BindInterface; nil: any.
func (s *settings) localAddress(ctx context.Context) (*net.TCPAddr, error) {
	fits := func(ip net.IP) bool {
		v4 := ip.To4() != nil
		if target := net.ParseIP(s.hostName); target != nil {
			return v4 == (target.To4() != nil)
		}
		return s.network == "tcp" || v4 == (s.network == "tcp4")
	}
	switch {
	case s.bindAddress != "":
		list, err := net.DefaultResolver.LookupIPAddr(ctx, s.bindAddress)
		if err != nil {
			return nil, fmt.Errorf("BindAddress %s: %w", s.bindAddress, err)
		}
		for _, a := range list {
			if fits(a.IP) {
				return &net.TCPAddr{IP: a.IP, Zone: a.Zone}, nil
			}
		}
		return nil, fmt.Errorf("BindAddress %s: it is of another address family than %s", s.bindAddress, s.hostName)
	case s.bindInterface != "":
		nic, err := net.InterfaceByName(s.bindInterface)
		if err != nil {
			return nil, fmt.Errorf("BindInterface %s: %w", s.bindInterface, err)
		}
		addresses, err := nic.Addrs()
		if err != nil {
			return nil, fmt.Errorf("BindInterface %s: %w", s.bindInterface, err)
		}
		for _, a := range addresses {
			// ssh leaves out link-local addresses, too: sshconnect.c, check_ifaddrs.
			if n, ok := a.(*net.IPNet); ok && fits(n.IP) && !n.IP.IsLinkLocalUnicast() {
				return &net.TCPAddr{IP: n.IP}, nil
			}
		}
		return nil, fmt.Errorf("BindInterface %s: it has no address to connect to %s from", s.bindInterface, s.hostName)
	}
	return nil, nil
}

// maxJumps is how deep jump hosts may be nested.
const maxJumps = 8

func (d *Dialer) reachByJump(ctx context.Context, s *settings, depth int, waits *waiting) (net.Conn, func(), error) {
	if depth >= maxJumps {
		return nil, nil, &jumpLoopError{s.alias}
	}
	last := s.proxyJump[len(s.proxyJump)-1]
	before := s.proxyJump[:len(s.proxyJump)-1]
	jump, err := d.hops.use(ctx, hopsName(s.proxyJump, depth), func() (*sshTransport, error) { return d.connectHop(ctx, last, before, depth+1) })
	var loop *jumpLoopError
	if errors.As(err, &loop) { // once, not for each turn
		return nil, nil, &jumpError{last.alias, modules.WithHint(loop, "A ProxyJump of `Host *` is for the jump host, too: "+
			"write `ProxyJump none` in a Host block of %s before it.", last.alias)}
	}
	if err != nil {
		return nil, nil, &jumpError{last.alias, err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout(s))
	defer cancel()
	waits.set("jump host " + last.alias + " to connect to " + s.address())
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

// A jumpLoopError is a ProxyJump without end.
type jumpLoopError struct{ alias string }

func (e *jumpLoopError) Error() string {
	return fmt.Sprintf("more than %d jump hosts: does the ProxyJump of %s lead back to itself?", maxJumps, e.alias)
}

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

// startProxy runs a ProxyCommand in the user's shell, as ssh does (sshconnect.c, ssh_proxy_connect); its input and output are
// the connection.
func startProxy(command string) (net.Conn, error) {
	shell := []string{cmp.Or(os.Getenv("SHELL"), "/bin/sh"), "-c", "exec " + command}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/c", command}
	}
	cmd := exec.Command(shell[0], shell[1:]...)
	command = shellquote.QuoteAll(shell)
	p := &proxyConn{cmd: cmd, command: command, grouped: !hasTerminal(), ended: make(chan struct{})}
	if p.grouped {
		inSession(cmd)
	}
	// Not StdoutPipe and a buffer as Stderr: Wait would wait for everybody who has inherited them.
	inputs, err := pipes(3)
	if err != nil {
		return nil, err
	}
	var errs *os.File
	cmd.Stdin, p.stdin = inputs[0], inputs[1]
	p.stdout, cmd.Stdout = inputs[2], inputs[3]
	errs, cmd.Stderr = inputs[4], inputs[5]
	err = cmd.Start()
	closeAll([]*os.File{inputs[0], inputs[3], inputs[5]})
	if err != nil {
		closeAll([]*os.File{inputs[1], inputs[2], inputs[4]})
		return nil, modules.WithHint(fmt.Errorf("ProxyCommand: start the shell of $SHELL: %w", err), "Set SHELL to a shell that there is, or unset it: ssh runs a ProxyCommand in it, too.")
	}
	p.errs = errs
	heard := make(chan struct{})
	go func() {
		_, _ = io.Copy(&p.stderr, errs)
		close(heard)
	}()
	go func() {
		_ = cmd.Wait() // its state tells more
		select {
		case <-heard: // all of standard error
		case <-time.After(proxyPatience): // a child has it, and goes on
		}
		close(p.ended)
	}()
	return p, nil
}

// pipes returns n pipes: reader, writer, reader, writer, ...
func pipes(n int) ([]*os.File, error) {
	files := make([]*os.File, 0, 2*n)
	for range n {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(files)
			return nil, err
		}
		files = append(files, r, w)
	}
	return files, nil
}

// proxyPatience is how long a ProxyCommand may take to end after its input did, before it is killed.
const proxyPatience = 500 * time.Millisecond

// proxyConn is the connection that a ProxyCommand makes. It has no deadlines, which SSH doesn't need.
type proxyConn struct {
	stdin, stdout, errs *os.File
	stderr              lockedTail
	cmd                 *exec.Cmd
	command             string
	grouped             bool          // it has a process group of its own
	ended               chan struct{} // closed when it has ended and its standard error was read
	closed              sync.Once
	killed              atomic.Bool
}

func (p *proxyConn) Read(b []byte) (int, error) {
	n, err := p.stdout.Read(b)
	return n, p.explain(err)
}

func (p *proxyConn) Write(b []byte) (int, error) {
	n, err := p.stdin.Write(b)
	return n, p.explain(err)
}

// explain returns how the command ended instead of a broken pipe.
func (p *proxyConn) explain(err error) error {
	if err == nil {
		return nil
	}
	_ = p.Close() // waits for the command's end, so that stderr is whole
	end := &proxyError{command: p.command, line: modules.LastLine(p.stderr.bytes()), err: err}
	if state := p.cmd.ProcessState; state != nil && !p.killed.Load() {
		end.state = state.String()
	}
	return end
}

// A proxyError is the end of the connection that a ProxyCommand made.
type proxyError struct {
	command string
	line    string // the last that it printed
	state   string // "exit status 1"; empty: it didn't end by itself
	late    bool   // it was ended because nothing came from it in time
	err     error
}

func (e *proxyError) Error() string {
	how := "closed its output"
	if e.state != "" {
		how = "ended: " + e.state
	}
	switch {
	case e.line == "" && e.late && (e.state == "" || e.state == "exit status 0"):
		return "the ProxyCommand reached no SSH server, and printed no reason"
	case e.line == "":
		return fmt.Sprintf("the ProxyCommand %s, without a message", how)
	}
	return "ProxyCommand: " + e.line
}

// droppedByProxy reports whether err is a ProxyCommand that ended without complaint before SSH began: sshd may have closed the
// connection, as it does beyond MaxStartups.
func droppedByProxy(err error) bool {
	var proxy *proxyError
	var away *UnreachableError
	return errors.As(err, &away) && errors.As(err, &proxy) && proxy.line == "" && proxy.state == "exit status 0"
}

func (e *proxyError) Unwrap() error { return e.err }

// Close ends the command. What it left behind ends, too, where the command has a process group of its own. At a terminal it
// has none, so that it can ask there, as a second ssh does: then what it left sees the end of its input, as with ssh.
func (p *proxyConn) Close() error {
	p.closed.Do(func() {
		_ = p.stdin.Close()
		select { // most end with their input, and print why they failed
		case <-p.ended:
		case <-time.After(proxyPatience):
			p.killed.Store(true)
		}
		if p.grouped {
			killSession(p.cmd)
		} else {
			_ = p.cmd.Process.Kill() // an error means that it has ended
		}
		closeAll([]*os.File{p.stdout, p.errs})
		<-p.ended // within a bounded time: it was killed
	})
	return nil
}

func (p *proxyConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4zero} }
func (p *proxyConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4zero} }
func (p *proxyConn) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (p *proxyConn) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (p *proxyConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// lockedTail is a tail that is written to while others read it.
type lockedTail struct {
	mu sync.Mutex
	t  tail
}

func (l *lockedTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.t.Write(p)
}

func (l *lockedTail) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.t.bytes())
}
