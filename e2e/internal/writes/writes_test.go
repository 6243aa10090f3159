//go:build linux

package writes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rcprov/rcprov/e2e/lab"
)

// A host without overlayfs: the upper directory is written here as the kernel would.
func TestSnapshots(t *testing.T) {
	for _, test := range []struct {
		name             string
		do               func(t *testing.T, upper string)
		touched, changed []string
	}{
		{"nothing", func(*testing.T, string) {}, nil, nil},
		{
			"same bytes again", func(t *testing.T, upper string) { write(t, upper, "etc/motd", "hello\n") },
			[]string{"/etc/motd: written, with the same result"},
			nil,
		},
		{
			"edited", func(t *testing.T, upper string) { write(t, upper, "etc/motd", "bye\n") },
			[]string{"/etc/motd: -rw-r--r-- 0:0, 6 bytes, sha256 5891b5b5 -> -rw-r--r-- 0:0, 4 bytes, sha256 abc6fd59"},
			[]string{"/etc/motd: -rw-r--r-- 0:0, 6 bytes, sha256 5891b5b5 -> -rw-r--r-- 0:0, 4 bytes, sha256 abc6fd59"},
		},
		{
			"copied up from the image, not changed", func(t *testing.T, upper string) { write(t, upper, "etc/issue", "Debian\n") },
			[]string{"/etc: written, with the same result", "/etc/issue: written (-rw-r--r-- 0:0, 7 bytes, sha256 9ce244b9)"},
			nil,
		},
		{
			"removed from the image", func(t *testing.T, upper string) {
				if err := unix.Mknod(filepath.Join(upper, "etc/issue"), unix.S_IFCHR, 0); err != nil {
					t.Skip("SKIPPED: whiteouts need root:", err)
				}
			},
			[]string{"/etc: written, with the same result", "/etc/issue: written (not there)"},
			[]string{"/etc/issue: -rw-r--r-- 0:0, 7 bytes, sha256 9ce244b9 -> not there"},
		},
		{
			"by a login", func(t *testing.T, upper string) { write(t, upper, "var/log/wtmp", "x") },
			nil,
			nil,
		},
		{
			"a log", func(t *testing.T, upper string) { write(t, upper, "var/log/dpkg.log", "x") },
			[]string{"/var/log: written, with the same result", "/var/log/dpkg.log: written (-rw-r--r-- 0:0, 1 bytes, sha256 2d711642)"},
			nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Skip("SKIPPED: owners in the expected output need root")
			}
			layers := &lab.Layers{Base: t.TempDir(), Upper: t.TempDir()}
			write(t, layers.Base, "etc/issue", "Debian\n")
			write(t, layers.Upper, "etc/motd", "hello\n")
			write(t, layers.Upper, "var/log/wtmp", "")
			before := take(t, layers, nil)
			test.do(t, layers.Upper)
			after := take(t, layers, before)
			if diff := cmp.Diff(test.touched, Touched(before, after)); diff != "" {
				t.Errorf("Touched (-want +got):\n%s", diff)
			}
			changed, err := Changed(before, after)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.changed, changed); diff != "" {
				t.Errorf("Changed (-want +got):\n%s", diff)
			}
		})
	}
}

func take(t *testing.T, layers *lab.Layers, previous *Snapshot) *Snapshot {
	t.Helper()
	s, err := Take(layers, previous)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, root, path, content string) {
	t.Helper()
	name := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
