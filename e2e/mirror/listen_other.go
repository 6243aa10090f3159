//go:build !linux

package mirror

import (
	"context"
	"net"
)

func listen(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

func listenPacket(ctx context.Context, address string) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, "udp", address)
}
