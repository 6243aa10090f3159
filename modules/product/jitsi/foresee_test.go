package jitsi

import (
	"errors"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/product/nginx"
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
	is, err := observe.File.Get(s, confQuestion(step.Path))
	if want := "authentication = \"token\" -- do not delete me\n\t-- a remark\n"; err != nil || string(is.Content) != want {
		t.Errorf("%q, %v; want %q", is.Content, err, want)
	}

	// Written anew by an earlier step, nobody knows its settings.
	s.Forecast().Write(step.Path, observe.NewContent, nil)
	if _, _, err = modules.Preview(step, s); !errors.Is(err, observe.ErrUnknown) {
		t.Error(err)
	}
}

// TestSiteForesee is about the plan's paths in a site that is there: later steps find its new text.
func TestSiteForesee(t *testing.T) {
	t.Parallel()
	const was, want = "ssl_certificate /etc/ssl/x.crt;\n", "ssl_certificate /etc/tls/fullchain.pem;\n"
	step := &Site{Domain: domain, Certificate: "/etc/tls/fullchain.pem"}
	s := world{step.path(): text(was), step.page(): text("domain: 'meet.example.com'")}.snapshot(step.path(), step.page())
	nginx.PutSites(s)
	moduletest.WantForeseen(t, s, step, step, nil)
	is, err := observe.File.Get(s, confQuestion(step.path()))
	if err != nil || string(is.Content) != want {
		t.Errorf("%q, %v; want %q", is.Content, err, want)
	}

	// The package writes its own, of which nobody knows the text.
	s = world{}.snapshot(step.path(), step.page())
	nginx.PutSites(s)
	change, err := step.Diff(s)
	if err != nil {
		t.Fatal(err)
	}
	modules.Foresee(step, s, change)
	for _, path := range []string{step.path(), step.page()} {
		if is, err := observe.File.Get(s, observe.FileQuestion{Path: path}); err != nil || is.Type != observe.Regular {
			t.Errorf("%s: %v, %v", path, is.Type, err)
		}
	}
}
