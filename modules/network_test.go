package modules

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	at := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 22}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	lookup := func(e net.DNSError) error {
		e.Name = "web1"
		return &net.OpError{Op: "dial", Net: "tcp", Err: &e}
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{refused, "192.0.2.1:22: connection refused"},
		{fmt.Errorf("ask: %w; again", refused), "ask: 192.0.2.1:22: connection refused; again"},
		{&net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: os.ErrDeadlineExceeded}, "192.0.2.1:22: no answer in time"},
		{&net.OpError{Op: "read", Net: "tcp", Addr: at, Err: os.NewSyscallError("read", syscall.ECONNRESET)}, "connection reset by peer"},
		{lookup(net.DNSError{Err: "no such host", Server: "192.0.2.53:53", IsNotFound: true}), `the DNS has no address for the name "web1"`},
		{lookup(net.DNSError{Err: "i/o timeout", IsTimeout: true}), `the DNS did not answer when asked for the name "web1"`},
		{lookup(net.DNSError{Err: "server misbehaving", Server: "192.0.2.53:53"}), `the DNS could not be asked for the name "web1" (server misbehaving)`},
		{errors.New("else"), "else"},
	} {
		got := Network(test.err)
		if got.Error() != test.want || !errors.Is(got, test.err) {
			t.Errorf("%v:\n got %v\nwant %s", test.err, got, test.want)
		}
	}
	if Network(nil) != nil {
		t.Error("an error for nil")
	}
}
