package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/remote"
	"github.com/rcprov/rcprov/modules"
)

// fallbackConn is a connection as a host's fallback user, in place of its user, whom the host does not let in yet.
type fallbackConn struct {
	*remote.Conn
	dialer *remote.Dialer
	target remote.Target // of the user
}

// connectAsEither connects as the user of h if that one is let in and becomes root, otherwise as its fallback user.
func connectAsEither(ctx context.Context, d *remote.Dialer, h *plan.Host) (engine.Conn, error) {
	c, err := asRoot(ctx, d, target(h))
	var refused *remote.AuthError
	var sudo *remote.SudoError
	switch {
	case err == nil:
		return c, nil
	case !errors.As(err, &refused) && !errors.As(err, &sudo):
		return nil, err
	}
	other := target(h)
	other.User, other.Fresh = h.FallbackUser, true // a master is that of the user
	c, otherErr := d.Connect(ctx, other)
	switch {
	case errors.As(otherErr, &refused):
		return nil, fmt.Errorf("%w; and %w", err, otherErr)
	case otherErr != nil:
		return nil, otherErr
	}
	if d.Notice != nil {
		d.Notice(h.Name, fmt.Sprintf("logged in as %s, as long as %s can't", h.FallbackUser, h.User))
	}
	return &fallbackConn{c, d, target(h)}, nil
}

// asRoot connects to t, and is sure that the login becomes root.
func asRoot(ctx context.Context, d *remote.Dialer, t remote.Target) (*remote.Conn, error) {
	c, err := d.Connect(ctx, t)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.Ask(ctx, ":"); err != nil {
		_ = c.Close() // nothing was done over it
		return nil, err
	}
	return c, nil
}

// Awaited returns the user that the connection is meant for.
func (c *fallbackConn) Awaited() (user string, ok bool) { return c.target.User, true }

// Reconnect implements [modules.Host]. It logs in as the user if the host lets that one in by now.
func (c *fallbackConn) Reconnect(ctx context.Context, port int) (modules.Connection, error) {
	t := c.target
	t.Fresh = true
	if port != 0 {
		t.Port, t.FallbackPort = port, 0
	}
	if as, err := asRoot(ctx, c.dialer, t); err == nil {
		return as, nil
	}
	again, err := c.Conn.Reconnect(ctx, port)
	if err != nil {
		return nil, err
	}
	return &fallbackConn{again.(*remote.Conn), c.dialer, c.target}, nil
}
