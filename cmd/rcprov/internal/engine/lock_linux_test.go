package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rcprov/rcprov/modules/shell"
)

// TestLockIsRoots: nobody else can open what a run waits for, also where an older release made the directory.
func TestLockIsRoots(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	for _, before := range []os.FileMode{0, 0o755} {
		if before != 0 {
			if err := os.Chmod(dir, before); err != nil {
				t.Fatal(err)
			}
		}
		script := shell.Script(lockScript, shell.Vars{"holder": `{"run":"x"}`, "mine": `"run":"x"`, "stale": "90", "step": "1"})
		script = strings.NewReplacer("/run/rcprov", dir, "/var/lib/rcprov", dir+"/none").Replace(script)
		out, err := exec.Command("sh", "-c", "umask 022\n"+script+"\numask").CombinedOutput()
		if err != nil || string(out) != "locked\n0022\n" {
			t.Fatalf("%v: %s", err, out)
		}
		for path, want := range map[string]os.FileMode{"": 0o700, "lock": 0o600} {
			if is, err := os.Stat(filepath.Join(dir, path)); err != nil || is.Mode().Perm() != want {
				t.Errorf("%q: %v, %v; want %v", path, is.Mode(), err, want)
			}
		}
	}
}

// TestLockByAnother: who is not root is told so, also where root has made the directory. (`become = "none"`)
func TestLockByAnother(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("not root: nobody else could be played")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, before := range []string{dir + "/run", dir} {
		script := shell.Script(lockScript, shell.Vars{"holder": `{"run":"x"}`, "mine": `"run":"x"`, "stale": "90", "step": "1"})
		script = strings.NewReplacer("/run/rcprov", before, "/var/lib/rcprov", dir+"/none").Replace(script)
		out, err := exec.Command("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", script).CombinedOutput()
		if first, _, _ := strings.Cut(string(out), "\n"); err != nil || first != "not root nobody" {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// TestBusyFileIsHeld: a command doesn't wait for ever for its busy file, and says what it waited for.
func TestBusyFileIsHeld(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	held, err := os.Create(filepath.Join(dir, "busy.3"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	script := strings.NewReplacer("/run/rcprov", dir, "-w 60", "-w 1").Replace(keepBusy(3)) + "\necho ran"
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	if want := "rcprov waited 60 seconds for " + dir + "/busy.3, which another process holds\n"; err == nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}
