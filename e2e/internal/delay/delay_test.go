package delay

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

func TestProxy(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	const oneWay = 20 * time.Millisecond
	p, err := Listen(echo.Addr().String(), oneWay)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(writeThen(c, []byte("x")), make([]byte, 1)); err != nil {
		t.Fatal(err)
	}

	// One byte takes one round trip; a megabyte about as long, as its chunks are under way together.
	for _, size := range []int{1, 1 << 20} {
		sent := bytes.Repeat([]byte("a"), size)
		start := time.Now()
		go func() { _, _ = c.Write(sent) }()
		got := make([]byte, size)
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 2*oneWay || took > 40*oneWay {
			t.Errorf("%d bytes there and back took %s; want about %s", size, took, 2*oneWay)
		}
		if !bytes.Equal(sent, got) {
			t.Errorf("%d bytes came back different", size)
		}
	}

	// The end of one direction is passed on, then that of the other.
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// writeThen writes to c and returns it for reading.
func writeThen(c net.Conn, data []byte) io.Reader {
	if _, err := c.Write(data); err != nil {
		return bytes.NewReader(nil)
	}
	return c
}
