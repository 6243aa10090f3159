package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
)

// terminalPair returns a pseudo-terminal: what a person types goes into keyboard.
func terminalPair(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return keyboard, terminal
}

// TestCtrlCAtAQuestion: the question ends, and what is typed shows again.
func TestCtrlCAtAQuestion(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*prompt, context.Context, string) (string, error){"host key": (*prompt).Ask, "password": (*prompt).AskSecret} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keyboard, terminal := terminalPair(t)
			echoes := func() bool {
				is, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
				if err != nil {
					t.Fatal(err)
				}
				return is.Lflag&unix.ECHO != 0
			}
			p := &prompt{app: &app{secrets: redact.New()}, in: terminal, out: io.Discard, suspend: func(ask func()) { ask() }}
			ctx, interrupt := context.WithCancel(t.Context())
			go func() {
				for range 500 {
					if name == "host key" || !echoes() {
						break // it is being asked
					}
					time.Sleep(10 * time.Millisecond)
				}
				interrupt()
			}()
			began := time.Now()
			if _, err := ask(p, ctx, "? "); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(began); took > 4*time.Second || !echoes() {
				t.Errorf("it took %v, what is typed shows: %v", took, echoes())
			}
			_, _ = keyboard.WriteString("\n") // lets the reader end
		})
	}
}
