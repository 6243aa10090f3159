package mirror

import (
	"context"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// free listens also on addresses that this machine doesn't have yet (ip(7), IP_FREEBIND).
var free = net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
	var err error
	controlErr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1) })
	if controlErr != nil {
		return controlErr
	}
	return err
}}

func listen(ctx context.Context, address string) (net.Listener, error) {
	return free.Listen(ctx, "tcp", address)
}

func listenPacket(ctx context.Context, address string) (net.PacketConn, error) {
	return free.ListenPacket(ctx, "udp", address)
}
