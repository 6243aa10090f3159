package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"

	"github.com/rcprov/rcprov/modules"
)

// A DialError is the error of a host that could not connect to an address. It wraps syscall.ECONNREFUSED if that is the reason.
type DialError struct {
	Network, Address string
	Reason           string // in the words of sshd
	Err              error
}

func (e *DialError) Error() string { return fmt.Sprintf("connect to %s: %s", e.Address, e.Reason) }

func (e *DialError) Unwrap() error { return e.Err }

func (t *sshTransport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if t.own != nil {
		// A channel that can't be opened over a master in proxy mode ends the master, and all that people do over
		// it, once we hang up (OpenSSH 9.2: "chan_send_close2: channel 3: no remote_id"). Nobody listening is a
		// common answer, so tunnels use a connection of our own, unless none can be made.
		if own, err := t.own.get(ctx); err == nil {
			return own.dial(ctx, network, address)
		}
	}
	ctx, cancel := t.whileUp(ctx)
	defer cancel()
	conn, err := t.client.DialContext(ctx, network, address)
	var refused *ssh.OpenChannelError
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &refused) && refused.Reason == ssh.Prohibited:
		return nil, modules.WithHint(&DialError{network, address, "sshd forwards no connections", err},
			"Allow it in the host's sshd_config: `AllowTcpForwarding local`, and PermitOpen if it is set.")
	case errors.As(err, &refused):
		if strings.Contains(refused.Message, "Connection refused") {
			err = syscall.ECONNREFUSED
		}
		return nil, &DialError{network, address, refused.Message, err}
	case err != nil:
		return nil, err
	}
	return withDeadlines(conn), nil
}

// withDeadlines gives an SSH channel the deadlines that HTTP and database clients want, by a pipe before it.
func withDeadlines(channel net.Conn) net.Conn {
	near, far := net.Pipe()
	go func() {
		_, _ = io.Copy(far, channel)
		_ = far.Close()
	}()
	go func() {
		_, _ = io.Copy(channel, far)
		_ = far.Close()
		_ = channel.Close()
	}()
	return tunnel{near, channel}
}

// tunnel has the addresses of the channel, not of the pipe.
type tunnel struct {
	net.Conn
	channel net.Conn
}

func (t tunnel) LocalAddr() net.Addr  { return t.channel.LocalAddr() }
func (t tunnel) RemoteAddr() net.Addr { return t.channel.RemoteAddr() }
