package nginx

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestJoin: one reload is for all of several sites, and a plan foresees that none of them needs another one.
func TestJoin(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name    string
		sites   int
		changed []int // those whose files changed since nginx read them
		written []int // those whose files an earlier step is about to write
		edits   string
	}{
		{name: "none", sites: 2},
		{name: "the last one", sites: 2, changed: []int{1}, edits: "/s1 changed since it was last read"},
		{name: "others", sites: 3, changed: []int{0, 1}, edits: "/s0 changed since it was last read; /s1 changed since it was last read"},
		{name: "in a plan", sites: 3, written: []int{0, 2}, edits: "/s0 changes; /s2 changes"},
		{name: "more than anybody reads", sites: 9, written: []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, edits: "/s0 changes; /s1 changes; /s2 changes; /s3 changes; /s4 changes; and 4 more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			unit := observe.UnitInfo{
				ID: Unit, Load: observe.Loaded, Active: observe.Active, Sub: "running", FileState: observe.Enabled, CanReload: true,
				InvocationID: "abc", Started: started, StateChanged: started, Files: map[string]observe.WatchedFile{},
			}
			all := []string{packageFile}
			for i := range test.sites {
				all = append(all, fmt.Sprintf("/s%d", i))
			}
			for _, path := range all {
				unit.Files[path] = observe.WatchedFile{Changed: started.Add(-time.Hour), CTime: "1", Fingerprint: "f"}
			}
			for _, i := range test.changed {
				unit.Files[fmt.Sprintf("/s%d", i)] = observe.WatchedFile{Changed: started.Add(time.Hour), CTime: "2", Fingerprint: "g"}
			}
			var steps []modules.Step
			for i := range test.sites {
				step := Service(fmt.Sprintf("/s%d", i))
				steps = append(steps, step)
				observe.Unit.Put(s, observe.UnitQuestion{Name: Unit, Watch: observe.WatchList(step.ReloadOn), Wanted: true}, unit, nil)
			}
			for _, i := range test.written {
				s.Forecast().Write(fmt.Sprintf("/s%d", i), observe.KnownContent([]byte("new")), nil)
			}
			last := len(steps) - 1
			joined := steps[last].(Running).Join(steps[:last]).(Running)
			c, err := joined.Diff(s)
			if err != nil {
				t.Fatal(err)
			}
			var edits []string
			for _, e := range c.Edits {
				edits = append(edits, e.To)
			}
			if got := strings.Join(edits, "\n"); got != test.edits || joined.IsEffect(c) != (test.edits != "") {
				t.Errorf("edits %q, want %q", got, test.edits)
			}
			if got := joined.whole().ReloadOn; len(got) != test.sites+1 {
				t.Errorf("watches %q", got)
			}
			if c.Empty() || test.written == nil {
				return
			}
			modules.Foresee(joined, s, c)
			for i, step := range steps {
				if left, err := step.Diff(s); err != nil || !left.Empty() {
					t.Errorf("site %d after that: %+v, %v", i, left.Edits, err)
				}
			}
		})
	}
}

// TestNoEffect: what is more than a reload, such as a start, is not put off.
func TestNoEffect(t *testing.T) {
	t.Parallel()
	step := Service("/s0")
	s := observe.NewSnapshot()
	observe.Unit.Put(s, observe.UnitQuestion{Name: Unit, Watch: observe.WatchList(step.ReloadOn), Wanted: true}, observe.UnitInfo{
		ID: Unit, Load: observe.Loaded, Active: observe.Inactive, Sub: "dead", FileState: observe.Enabled,
	}, nil)
	c, err := step.Diff(s)
	if err != nil || c.Empty() || step.IsEffect(c) {
		t.Errorf("%+v, %v: %v", c.Edits, err, step.IsEffect(c))
	}
}

// TestToward: while a reload is put off, sites may be written; the step that starts nginx, and other units, wait where they change.
func TestToward(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		step   modules.Step
		effect string
		want   modules.Standing
	}{
		{"a site's files", &Configuration{}, Reloading, modules.IgnoresEffect},
		{"nginx's own files", &Configuration{Main: true}, Reloading, modules.ChangesAfter},
		{"a site's files, and another effect", &Configuration{}, "reload of x.service", modules.ChangesAfter},
		{"nginx", Service(), Reloading, modules.NeedsEffect},
		{"nginx, and another effect", Service(), "reload of x.service", modules.ChangesAfter},
	} {
		if got := modules.StandingOf(test.step, test.effect); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
