package jitsi

import (
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestSettingsForesee is about a line that is put back: prosody, which runs with it, is not restarted for it.
func TestSettingsForesee(t *testing.T) {
	t.Parallel()
	const was = "authentication = \"jitsi-anonymous\" -- do not delete me\n\t-- a remark\n"
	step := &Settings{Path: "/etc/prosody/conf.avail/a.cfg.lua", Wanted: wantedSettings(Args{TokenAppID: "chat"})[:1]}
	s := observe.NewSnapshot()
	observe.File.Put(s, confQuestion(step.Path), observe.FileInfo{Type: observe.Regular, Content: []byte(was)}, nil)
	change, err := step.Diff(s)
	if err != nil || len(change.Edits) != 1 {
		t.Fatalf("%+v, %v", change.Edits, err)
	}
	modules.Foresee(step, s, change)
	f, ok := s.FutureFile(step.Path)
	want := modules.Fingerprint([]byte("authentication = \"token\" -- do not delete me\n\t-- a remark\n"))
	if !ok || f.Fingerprint != want {
		t.Errorf("%+v, %v; want %s", f, ok, want)
	}

	// Written anew by an earlier step, every setting is in doubt.
	s.ForeseeFile(step.Path, observe.NewContent)
	if change, err = step.Diff(s); err != nil || len(change.Edits) != 1 || !change.Unsure() {
		t.Errorf("%+v, %v", change.Edits, err)
	}
}
