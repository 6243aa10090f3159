//go:build unix

package modules_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// source writes a file of the controller and returns it as a source.
func sourceOf(t *testing.T, content []byte) (s *modules.Source, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return modules.NewSource(path, "files/large", int64(len(content))), path
}

// noise is content that doesn't compress.
func noise(n int) []byte {
	content := make([]byte, n)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(content)
	return content
}

// TestWriteFileFromSource is a large file of the controller, new and in place of another one: over a slow network it is sent
// compressed where that makes it smaller.
func TestWriteFileFromSource(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{"text": bytes.Repeat([]byte("a line of text\n"), 200_000), "noise": noise(3 << 20)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := mine(t, "")
			f.Source, _ = sourceOf(t, content)
			host := &uploads{}
			for range 2 {
				host.slow = !host.slow
				if err := modules.WriteFile(t.Context(), host, f); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(f.Path)
				if err != nil || !bytes.Equal(got, content) {
					t.Fatalf("%d bytes, %v; want %d", len(got), err, len(content))
				}
				if files := see(t, filepath.Dir(f.Path)); len(files) != 1 || !strings.HasPrefix(files[filepath.Base(f.Path)], "-rw-r-----") {
					t.Errorf("files: %d", len(files))
				}
				if packed := host.sent < len(content)/2; packed != (host.slow && name == "text") {
					t.Errorf("%d of %d bytes were sent", host.sent, len(content))
				}
			}
			if left, _ := filepath.Glob("/var/lib/rcprov/upload/" + filepath.Base(host.last) + "*"); len(left) > 0 {
				t.Errorf("left over: %q", left)
			}
		})
	}
}

// uploads is a host that counts what is sent last, over a network that is slow at its beginning.
type uploads struct {
	moduletest.Host
	slow bool
	sent int
	last string
}

func (u *uploads) Upload(ctx context.Context, path string, content io.Reader) error {
	var all bytes.Buffer
	for u.slow && all.Len() < 256<<10 {
		time.Sleep(150 * time.Millisecond)
		if _, err := io.CopyN(&all, content, 32<<10); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	if _, err := all.ReadFrom(content); err != nil {
		return err
	}
	u.sent, u.last = all.Len(), path
	return u.Host.Upload(ctx, path, &all)
}

// TestSourceThatChanges is a file of the controller that somebody writes to between its hash and its end.
func TestSourceThatChanges(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{"text": bytes.Repeat([]byte("a line of text\n"), 200_000), "noise": noise(3 << 20)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := mine(t, "")
			if err := os.WriteFile(f.Path, []byte("old"), 0o640); err != nil {
				t.Fatal(err)
			}
			s, path := sourceOf(t, content)
			f.Source = s
			sum := sha256.Sum256(content)
			if got, err := s.SHA256(); err != nil || got != hex.EncodeToString(sum[:]) {
				t.Fatalf("%s, %v", got, err)
			}
			content[len(content)-1]++
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			err := modules.WriteFile(t.Context(), &moduletest.Host{}, f)
			var changed *modules.SourceChangedError
			if !errors.As(err, &changed) || moduletest.ErrorText(err) != "files/large changed on the controller while it was being sent" {
				t.Errorf("error %v", err)
			}
			if files := see(t, filepath.Dir(f.Path)); len(files) != 1 || files[filepath.Base(f.Path)] != "-rw-r----- old" {
				t.Errorf("the host has %v", files)
			}
		})
	}
}

func TestSourceAgrees(t *testing.T) {
	t.Parallel()
	s, _ := sourceOf(t, []byte("content"))
	same, _ := sourceOf(t, []byte("content"))
	other, _ := sourceOf(t, []byte("CONTENT"))
	gone := modules.NewSource("/nonexistent", "gone", 7)
	for want, values := range map[bool][]any{
		true:  {s, same, modules.Content("content")},
		false: {other, gone, modules.Content("CONTENT"), modules.Content("x"), 7},
	} {
		for i, with := range values {
			if got := s.Agrees(with); got != want {
				t.Errorf("%t %d: %t", want, i, got)
			}
		}
	}
}
