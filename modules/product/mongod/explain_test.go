package mongod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
)

// TestExplain is about a server without the directory of its log, which says so in its journal; that is played by a script.
func TestExplain(t *testing.T) {
	dir := t.TempDir()
	const line = `{"s":"F","c":"CONTROL","msg":"Error during global initialization","attr":{"error":{"errmsg":"Can't initialize rotatable log file :: ` +
		`caused by :: Failed to open /var/log/mongodb/mongod.log"}}}`
	if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte("#!/bin/sh\ncat <<'END'\n"+line+"\nEND\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	err := (&Answers{}).explain(t.Context(), &moduletest.Host{}, errEnded)
	want := "mongod ended soon after its start: Error during global initialization: Can't initialize rotatable log file :: " +
		"caused by :: Failed to open /var/log/mongodb/mongod.log"
	hint := (*modules.HintError)(nil)
	if moduletest.ErrorText(err) != want || !errors.As(err, &hint) || !strings.Contains(hint.Hint, "`install -d -o mongodb -g mongodb /var/log/mongodb`") {
		t.Errorf("error %v, want %q; hint %+v", err, want, hint)
	}
}
