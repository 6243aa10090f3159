package cli

import (
	"testing"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/engine"
	"github.com/rcprov/rcprov/modules"
)

type deaf struct{}

func (deaf) Report(engine.Event) {}

// TestFarewell is what a second Ctrl-C says.
func TestFarewell(t *testing.T) {
	t.Parallel()
	u := &underway{Reporter: deaf{}}
	for _, next := range []struct {
		event engine.Event
		want  string
	}{
		{engine.Event{Type: engine.Doing, Host: "a", Text: "observing"}, ""},
		{engine.Event{Type: engine.Doing, Host: "a", Step: "x.y", Change: &modules.Change{}}, " x.y on a was being changed: what was started there goes on, and the next run waits for its end."},
		{engine.Event{Type: engine.Doing, Host: "a", Step: "x.y", Text: "downloading"}, " x.y on a was being changed: what was started there goes on, and the next run waits for its end."},
		{engine.Event{Type: engine.Doing, Host: "b", Step: "x.z", Change: &modules.Change{}}, " x.y on a, x.z on b were being changed: what was started there goes on, and the next run waits for its end."},
		{engine.Event{Type: engine.StepChanged, Host: "a", Step: "x.y"}, " x.z on b was being changed: what was started there goes on, and the next run waits for its end."},
		{engine.Event{Type: engine.HostFailed, Host: "b"}, ""},
	} {
		u.Report(next.event)
		if got, want := u.farewell(), "Stopped at once."+next.want+" Run the same command again to continue.\n"; got != want {
			t.Errorf("after %s of %s:\n got %s\nwant %s", next.event.Type, next.event.Host, got, want)
		}
	}
}
