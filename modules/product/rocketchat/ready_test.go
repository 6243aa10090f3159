package rocketchat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/primitive/httpcheck"
)

// TestReadyGivesUp waits for a server that systemd starts again and again; systemd is played by two scripts.
func TestReadyGivesUp(t *testing.T) {
	dir := t.TempDir()
	for name, script := range map[string]string{
		"systemctl":  "#!/bin/sh\necho x >>" + dir + "/calls; echo $(($(wc -l <" + dir + "/calls) * 2))\n",
		"journalctl": "#!/bin/sh\necho 'Error: no such room'\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	args := httpcheck.Args{URL: "http://127.0.0.1:1/readyz", Interval: "1s"}
	modules.Defaults(&args)
	check, err := httpcheck.New(args, environmentOf(nil))
	if err != nil {
		t.Fatal(err)
	}
	r := &ready{Step: check.(*httpcheck.Step)}
	r.Request.Unit = "rocketchat-3000.service"
	host := &moduletest.Host{}
	err = r.Apply(t.Context(), host, modules.Change{})
	if got, want := moduletest.ErrorText(err), "rocketchat-3000.service ended 4 times soon after its start\nError: no such room"; !strings.HasPrefix(got, want) {
		t.Errorf("error %q, want %q", got, want)
	}
}
