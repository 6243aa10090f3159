// Package remote connects rcprov to a host: SSH with checked host keys, agent, ssh_config and jump hosts; sudo; a root shell
// that answers questions; commands, uploads and tunnels. It reads the same files as ssh(1) and refuses the same things, so
// that a host which `ssh` can reach needs no further configuration.
//
// [Dialer.Connect] makes a [Conn], which is the modules.Host and observe.Host of one host. What it costs is counted
// in round trips: connecting takes as many as ssh takes, the first [Conn.Ask] three (channel, sshd's window, answer),
// each further one a single trip. So does the first [Conn.Run] take three, and each further one a single trip if it
// comes no sooner than two trips after the one before.
package remote

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Target is a host to connect to. Zero fields come from ssh_config, as for ssh itself.
type Target struct {
	Name         string // in the plan
	Address      string // host name, IP address or Host alias of ssh_config
	Port         int
	FallbackPort int // port to try when sshd does not answer on Port; 0: none
	User         string
	IdentityFile string         // tried before those of ssh_config
	ProxyJump    string         // "user@host:port,..." or "none"
	Password     modules.Secret // for password login
	Become       Become
	Connection   string // "ssh" (also if empty), or "local" for the machine that rcprov runs on
	Fresh        bool   // make a new connection even if a master of ssh is open

	sameAs *settings     // of a connection to the same host by another port: what known_hosts has for that is valid here
	key    ssh.PublicKey // that the host showed on that connection; nil if unknown
}

// Become is how a user other than root becomes root.
type Become struct {
	Method   string         // "sudo" (also if empty) or "none"
	Password modules.Secret // empty: sudo must not ask, unless there is a Prompt
}

// Conn is a connection to one host. Its methods may be called concurrently.
type Conn struct {
	target  Target
	address string // "user@host:port"
	user    string
	dialer  *Dialer
	via     transport

	moved    atomic.Int64 // the port of the latest reconnection; 0: none used another port
	answered atomic.Bool  // a shell has answered

	asking chan struct{} // holds one token, which allows the use of shell
	shell  *rootShell

	running chan struct{} // as many tokens as commands may run at once
	spares  spares

	sudoMu   sync.Mutex
	password string // for sudo
	asked    int    // how often a person was asked for it

	uploading chan struct{} // holds one token, which allows the use of files
	files     *sftpSession
	noServer  bool // the host has no SFTP server
}

var (
	_ modules.Host = (*Conn)(nil)
	_ observe.Host = (*Conn)(nil)
)

// maxRunning is how many commands run on a host at once. sshd allows ten sessions for a connection by default
// (MaxSessions), of which the root shell and SFTP take one each; some hosts set it lower.
const maxRunning = 4

func newConn(d *Dialer, t Target, user, address string, via transport) *Conn {
	c := &Conn{
		target: t, address: address, user: user, dialer: d, via: via,
		password:  string(t.Become.Password),
		asking:    make(chan struct{}, 1),
		running:   make(chan struct{}, maxRunning),
		uploading: make(chan struct{}, 1),
	}
	c.spares.ctx, c.spares.cancel = context.WithCancel(context.Background())
	return c
}

// Name is the host's name in the plan.
func (c *Conn) Name() string { return c.target.Name }

// Address returns the other end of the connection: "user@host:port", or "local".
func (c *Conn) Address() string { return c.address }

// Dial connects to address as seen from the host; network is "tcp" or "unix".
func (c *Conn) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.via.dial(ctx, network, address)
	var refused *DialError
	if err == nil || ctx.Err() != nil || errors.As(err, &refused) {
		return conn, err
	}
	if lost := c.lostSoon(); lost != nil {
		return nil, c.lostError(lost)
	}
	return nil, err
}

// Lost returns why the connection ended, as a [*LostError], or nil if it is not known to have ended. A host that becomes silent
// is given up after three to four times [Dialer.Keepalive] (or according to ServerAliveCountMax of ssh_config). Operations
// that fail because the connection ended, tunnels included, fail after Lost knows it.
func (c *Conn) Lost() error {
	if lost := c.via.lost(); lost != nil {
		return c.lostError(lost)
	}
	return nil
}

// Reconnect implements [modules.Host]. A connection to a jump host may be shared, the one to the host itself is new.
// Nobody is asked again for what was typed for this connection. It returns a [*Conn].
func (c *Conn) Reconnect(ctx context.Context, port int) (modules.Connection, error) {
	t, err := c.again(port)
	if err != nil {
		return nil, err
	}
	fresh, err := c.dialer.Connect(ctx, t)
	if err != nil {
		return nil, err
	}
	if port != 0 {
		c.moved.Store(int64(port))
	}
	fresh.password = c.sudoPassword()
	return fresh, nil
}

// again returns the target of a new connection to the same host at port; 0: its current port. If sshd moved to another port
// in this run, that is the new one, with the old one as fallback: the change may have been reverted.
func (c *Conn) again(port int) (Target, error) {
	t := c.target
	t.Fresh = true
	if t.Connection == "local" {
		return t, nil
	}
	s, err := c.dialer.resolve(t)
	if err != nil {
		return t, err
	}
	moved := int(c.moved.Load())
	switch {
	case port != 0:
		t.Port, t.FallbackPort = port, 0
	case moved != 0 && moved != s.port:
		t.Port, t.FallbackPort = moved, s.port
	default:
		return t, nil
	}
	t.sameAs, t.key = s, c.via.hostKey()
	return t, nil
}

// Close ends the connection and everything that still runs over it.
func (c *Conn) Close() error {
	c.spares.close()
	return c.via.close()
}

// A transport starts commands on a host as the user who logged in, and connects from there.
type transport interface {
	// start runs command in the user's login shell. It doesn't wait for the command to begin.
	start(ctx context.Context, command string) (*process, error)
	dial(ctx context.Context, network, address string) (net.Conn, error)
	// hostKey returns the key that the host showed; nil if rcprov didn't check it itself.
	hostKey() ssh.PublicKey
	// lost returns why the connection ended; nil if it has not.
	lost() error
	// done is closed when the connection has ended.
	done() <-chan struct{}
	close() error
}

// acquire takes a token; release returns it.
func acquire(ctx context.Context, tokens chan struct{}) (release func(), err error) {
	select {
	case tokens <- struct{}{}:
		return sync.OnceFunc(func() { <-tokens }), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// patience is how long a program may take to end after it was told to.
const patience = 5 * time.Second

var errClosed = errors.New("the connection was closed")
