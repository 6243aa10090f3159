// Package delay is a TCP proxy that makes a network slow: what netem does, where the kernel has no netem. Only latency
// is imitated; bandwidth is not limited, and TCP's own handshake with the proxy takes no time (a real one would take
// one round trip more; the proxy adds it before the first byte).
package delay

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// A Proxy passes connections on to a target, and delays each byte.
type Proxy struct {
	listener net.Listener
	target   string
	oneWay   time.Duration

	mu    sync.Mutex
	conns map[net.Conn]bool // open ones
	wait  sync.WaitGroup
}

// Listen starts a proxy on a free port of the loopback interface. oneWay is the time from one end to the other.
func Listen(target string, oneWay time.Duration) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, oneWay: oneWay, conns: map[net.Conn]bool{}}
	p.wait.Go(p.accept)
	return p, nil
}

// Port is where the proxy listens on 127.0.0.1.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Close ends the proxy and all its connections.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close() // its copiers report nothing
	}
	p.mu.Unlock()
	p.wait.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wait.Go(func() { p.serve(client) })
	}
}

// serve passes one connection on until both directions have ended.
func (p *Proxy) serve(client net.Conn) {
	defer p.forget(client)
	p.remember(client)
	time.Sleep(2 * p.oneWay) // the handshake
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.forget(server)
	p.remember(server)
	var both sync.WaitGroup
	both.Go(func() { p.pass(server, client) })
	both.Go(func() { p.pass(client, server) })
	both.Wait()
}

func (p *Proxy) remember(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close() // may be closed already
}

// pass copies one direction. Chunks wait in a queue, so that many can be under way at once.
func (p *Proxy) pass(to, from net.Conn) {
	type chunk struct {
		data []byte
		due  time.Time
		err  error
	}
	queue := make(chan chunk, 1024)
	go func() {
		defer close(queue)
		for {
			buf := make([]byte, 32<<10)
			n, err := from.Read(buf)
			queue <- chunk{buf[:n], time.Now().Add(p.oneWay), err}
			if err != nil {
				return
			}
		}
	}()
	for c := range queue {
		time.Sleep(time.Until(c.due))
		if _, err := to.Write(c.data); err != nil {
			c.err = errors.Join(c.err, err)
		}
		if c.err == nil {
			continue
		}
		if errors.Is(c.err, io.EOF) {
			if half, ok := to.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
				continue
			}
		}
		_, _ = to.Close(), from.Close() // a broken direction ends both
	}
}
