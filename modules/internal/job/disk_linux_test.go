package job

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rcprov/rcprov/modules"
)

// TestNoRoom: /run is full, so that no job can be written. The error names the place, in place of what echo says of it.
func TestNoRoom(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	t.Parallel()
	l := newLab(t)
	if err := os.Mkdir(l.at.jobs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("rcprov-test", l.at.jobs, "tmpfs", 0, "size=4k"); err != nil { // one page: the hash, and not the script
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(l.at.jobs, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	_, err := run(t.Context(), l, Job{Name: "a", Command: modules.Command{Argv: []string{"true"}}}, l.at)
	if err == nil || !strings.Contains(err.Error(), "no job can be written to "+l.at.jobs+"/a: rcprov-test has 0 of ") || strings.Contains(err.Error(), "echo") {
		t.Errorf("error %v", err)
	}
	if left := l.left(t); left != nil {
		t.Errorf("left over: %q", left)
	}
}
