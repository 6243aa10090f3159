package moduletest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// InShells runs test, in parallel, with a host for each shell that hosts have as /bin/sh, dash and bash, and for each of more, such as
// busybox. What a script starts as sh is the same shell. One that this machine lacks is skipped.
func InShells(t *testing.T, test func(t *testing.T, host *Host), more ...string) {
	t.Helper()
	for _, program := range append([]string{"dash", "bash"}, more...) {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(program)
			if err != nil {
				t.Skipf("NOT RUN: this machine has no %s", program)
			}
			// Not below that of the test, which only its owner may enter: other users start the shell as well, where the test is root.
			bin, err := os.MkdirTemp("", "shell") //nolint:usetesting // see above
			if err == nil {
				t.Cleanup(func() { _ = os.RemoveAll(bin) })
				err = os.Chmod(bin, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
			// Called sh, bash and busybox know what to be.
			if err := os.Symlink(path, filepath.Join(bin, "sh")); err != nil {
				t.Fatal(err)
			}
			test(t, &Host{Shell: filepath.Join(bin, "sh"), ahead: bin})
		})
	}
}
