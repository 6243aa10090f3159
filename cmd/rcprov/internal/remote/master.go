package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// masterTimeout is how long a local socket may take to show that a master listens there.
const masterTimeout = time.Second

// openMaster uses a connection that ssh has open already (ControlMaster): there is nothing to negotiate, and ssh has checked
// host key and user. It skips sockets that aren't ours or where no master answers.
func (d *Dialer) openMaster(ctx context.Context, s *settings) (*sshTransport, error) {
	err := errNoMaster
	for _, path := range s.controlPaths {
		var via *sshTransport
		if via, err = d.openSocket(ctx, s, path); err == nil {
			return via, nil
		}
	}
	return nil, err
}

var errNoMaster = errors.New("no ControlPath is set")

func (d *Dialer) openSocket(ctx context.Context, s *settings, path string) (*sshTransport, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Type() != os.ModeSocket || !isOurs(info) {
		return nil, fmt.Errorf("%s is not a socket of ours", path)
	}
	raw, err := (&net.Dialer{Timeout: masterTimeout}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	conn := watch(raw, masterTimeout)
	client, channels, requests, err := ssh.NewControlClientConn(conn)
	conn.done()
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return newTransport(d, s, ssh.NewClient(client, channels, requests), conn, pingSession), nil
}

// maxRunningOverMaster is how many commands run at once over a master, whose sessions are not ours alone.
const maxRunningOverMaster = 2

// connectMaster connects through a master, and starts the root shell at once: the master may run although its host is gone, or
// its sessions may be used up. The shell is needed anyway, so the check costs nothing.
func (d *Dialer) connectMaster(ctx context.Context, t Target, s *settings) (*Conn, error) {
	via, err := d.openMaster(ctx, s)
	if err != nil {
		return nil, err
	}
	c := newConn(d, t, s.user, s.user+"@"+s.address(), via)
	via.own = &lazyTransport{connect: func(ctx context.Context) (*sshTransport, error) { return c.connectOwn(ctx, via) }}
	c.running = make(chan struct{}, maxRunningOverMaster)
	opening, cancel := context.WithTimeout(ctx, d.timeout(s))
	defer cancel()
	p, err := c.startShell(opening)
	if err != nil {
		_ = via.close()
		return nil, err
	}
	c.shell = newRootShell(p)
	return c, nil
}

// connectOwn makes a connection of our own beside the one over a master.
func (c *Conn) connectOwn(ctx context.Context, over *sshTransport) (*sshTransport, error) {
	t, err := c.again(0)
	if err != nil {
		return nil, err
	}
	fresh, err := c.dialer.Connect(ctx, t)
	if err != nil {
		return nil, err
	}
	own := fresh.via.(*sshTransport)
	// Both end together: callers that find the connection open rely on tunnels, too.
	go func() {
		<-own.done()
		over.end(own.lost())
	}()
	return own, nil
}
