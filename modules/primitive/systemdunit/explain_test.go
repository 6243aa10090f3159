package systemdunit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestExplain is about a program that ended after its start was watched; systemd is played by two scripts.
func TestExplain(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	for name, text := range map[string]string{
		"systemctl":  "#!/bin/sh\n[ \"$1\" != show ] || cat " + state + "\n",
		"journalctl": "#!/bin/sh\n[ \"$1 $2\" = '--since @1763776800' ] && echo 'Error: no such room'\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	s := step(t, func(a *Args) { *a = Args{Name: "x.service", Running: &yes} })
	explain := func(shown string, left Work) error {
		t.Helper()
		if err := os.WriteFile(state, []byte(shown), 0o600); err != nil {
			t.Fatal(err)
		}
		return s.Explain(t.Context(), &moduletest.Host{}, modules.NewChange(left))
	}
	const started = "Id=x.service\nNames=x.service\nLoadState=loaded\nType=simple\nInactiveExitTimestamp=Sat 2025-11-22 02:00:00.500000 UTC\n"
	const failed = started + "ActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=3\n"
	down := Work{Unit: s, run: &change[string]{"failed", runningState}}

	err := explain(failed, down)
	want := "start of x.service failed; it is now failed: exit-code, status 3\n  Error: no such room"
	if hint := (*modules.HintError)(nil); moduletest.ErrorText(err) != want || !errors.As(err, &hint) {
		t.Errorf("error %v, want %q and advice", err, want)
	}
	if err := explain(started+"ActiveState=active\nSubState=running\n", down); err != nil {
		t.Errorf("of a program that runs by now: %v", err)
	}
	for name, left := range map[string]Work{
		"enabling": {Unit: s, enable: &change[observe.UnitFileState]{observe.Disabled, observe.Enabled}},
		"stopping": {Unit: s, run: &change[string]{"active", stoppedState}},
	} {
		if err := explain(failed, left); err != nil {
			t.Errorf("of %s: %v", name, err)
		}
	}
}
