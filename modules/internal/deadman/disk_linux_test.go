package deadman

import (
	"os"
	"syscall"
	"testing"

	"github.com/rcprov/rcprov/modules"
)

// disk mounts a file system of 256 KiB at a directory of the lab.
func (l *lab) disk(t *testing.T, name string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := l.path(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("rcprov-test", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestFullDisk: the change fills the disks, and the previous state comes back all the same.
func TestFullDisk(t *testing.T) {
	for name, disks := range map[string][]string{
		"of both":              {"both"},
		"of the saved files":   {"both", "both/deadman"},
		"of the changed files": {"both", "both/etc"},
		"of each":              {"both/deadman", "both/etc"},
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func(t *testing.T, l *lab) {
				work := ""
				for _, name := range disks {
					l.disk(t, name)
					work += "; cat /dev/zero >" + l.path(name) + "/fill || :"
				}
				l.at.state, l.file = l.path("both/deadman"), l.path("both/etc/conf")
				l.write(t, "both/etc/conf", "before")
				l.shutOut()
				if err := l.guard(t, l.change("", 0), l.works()+work); err == nil {
					t.Error("no error")
				}
				l.is(t, "before", Restored)
			})
		})
	}
}

// TestReadOnlyDisk: the disk of the state became read-only. The files come back, and the state is decided as soon as it can be.
func TestReadOnlyDisk(t *testing.T) {
	test(t, func(t *testing.T, l *lab) {
		l.disk(t, "var")
		l.at.state = l.path("var/deadman")
		a := attempt{Switch: l.change(l.works(), 0), host: l, at: l.at, wait: patience, token: "x"}
		a.Within = DefaultWithin
		if _, err := a.apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		restore := modules.Command{Argv: []string{l.path("shell"), "-eu", l.at.state + "/a/restore"}}
		remount := func(flags uintptr) {
			if err := syscall.Mount("", l.path("var"), "", syscall.MS_REMOUNT|flags, "size=256k"); err != nil {
				t.Fatal(err)
			}
		}
		remount(syscall.MS_RDONLY)
		for range 2 { // systemd tries again
			if _, err := l.Host.Run(t.Context(), restore); err == nil {
				t.Error("no error, so that it is not tried again")
			}
			if got, _ := os.ReadFile(l.file); string(got) != "before" {
				t.Errorf("the file is %q", got)
			}
		}
		remount(0)
		if _, err := l.Host.Run(t.Context(), restore); err != nil {
			t.Error(err)
		}
		l.is(t, "before", Restored)
	})
}
