package lab_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/lab"
	"github.com/rcprov/rcprov/e2e/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// TestHost takes a host of each image through all that Host promises.
func TestHost(t *testing.T) {
	for _, image := range labtest.Images(t) {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			h := labtest.Launch(t, image)

			out, err := h.Exec(ctx, "echo out; echo err >&2; exit 3")
			if want := (lab.Output{Stdout: "out\n", Stderr: "err\n", Status: 3}); err != nil || out != want {
				t.Errorf("Exec: got %+v, %v; want %+v", out, err, want)
			}
			if _, err := h.Must(ctx, ". /etc/os-release; [ \"$ID-$VERSION_ID\" = "+image+" ]"); err != nil {
				t.Error(err)
			}

			config := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(config, []byte(h.SSHConfig()), 0o600); err != nil {
				t.Fatal(err)
			}
			ssh := exec.CommandContext(ctx, "ssh", "-F", config, "-o", "BatchMode=yes", h.Name, "id -un; sudo -n id -un")
			if who, err := ssh.CombinedOutput(); err != nil || string(who) != lab.User+"\nroot\n" {
				t.Errorf("ssh with the lab's ssh_config: %q, %v", who, err)
			}

			if _, err := h.Must(ctx, "echo before >/var/tmp/file"); err != nil {
				t.Fatal(err)
			}
			if err := h.Kill(ctx); err != nil {
				t.Fatal(err)
			}
			if err := h.Start(ctx); err != nil {
				t.Fatal(err)
			}
			if err := h.Reboot(ctx); err != nil {
				t.Fatal(err)
			}
			if content, err := h.Must(ctx, "cat /var/tmp/file"); err != nil || content != "before\n" {
				t.Errorf("a file after Kill, Start and Reboot: %q, %v", content, err)
			}
		})
	}
}

// TestAbandonedHost launches a host in another process, kills that process, and sees the host removed by Clean.
func TestAbandonedHost(t *testing.T) {
	backend := labtest.Require(t)
	const name = "abandoned"
	if os.Getenv("RCPROV_ABANDON") == "1" {
		if _, err := backend.Launch(t.Context(), lab.Spec{Name: name, Image: backend.Images()[0]}); err != nil {
			t.Fatal(err)
		}
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		t.Fatal(self.Kill()) // does not return
	}
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	victim.Env = append(os.Environ(), "RCPROV_ABANDON=1")
	out, err := victim.CombinedOutput()
	if err == nil || victim.ProcessState.ExitCode() != -1 {
		t.Fatalf("the other process should have killed itself: %v\n%s", err, out)
	}
	if err := backend.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := backend.Launch(t.Context(), lab.Spec{Name: name, Image: backend.Images()[0]})
	if err != nil {
		t.Fatal("the host is still there:", err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err == nil && strings.Contains(string(mounts), "/"+name+"/root ") {
		t.Error("its file system is still mounted")
	}
}
