package modules_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestForeseeFiles(t *testing.T) {
	t.Parallel()
	hello := &modules.Text{Old: "bye\n", New: "hello\n"}
	const sum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	tests := []struct {
		name string
		edit modules.Edit
		want string // how the fingerprint begins; "-": nothing is foreseen
	}{
		{"text", modules.Edit{Action: modules.Update, Subject: "/a", Field: "line", Text: hello}, sum},
		{"sensitive text", modules.Edit{Action: modules.Update, Subject: "/a", Text: hello, Sensitive: true}, observe.NewContent},
		{"removed", modules.Edit{Action: modules.Remove, Subject: "/a"}, "absent"},
		{"mode", modules.Edit{Action: modules.Update, Subject: "/a", Field: "mode"}, observe.SameContent},
		{"content that isn't shown", modules.Edit{Action: modules.Create, Subject: "/a"}, observe.NewContent},
		{"renewed certificate", modules.Edit{Action: modules.Run, Subject: "/a", Field: "renew"}, observe.NewContent},
		{"program that runs", modules.Edit{Action: modules.Run, Subject: "/a"}, "-"},
		{"on a condition", modules.Edit{Action: modules.Remove, Subject: "/a", If: "package a brings it"}, "-"},
		{"no file", modules.Edit{Action: modules.Create, Subject: "package a"}, "-"},
	}
	for _, test := range tests {
		s := observe.NewSnapshot()
		modules.ForeseeFiles(s, modules.Change{Edits: []modules.Edit{test.edit}})
		f, ok := s.FutureFile("/a")
		if ok != (test.want != "-") || ok && test.want != f.Fingerprint && test.want+"1" != f.Fingerprint {
			t.Errorf("%s: %+v, %v; want %q", test.name, f, ok, test.want)
		}
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	silent := modules.Edit{Action: modules.Run, Subject: "wait", From: "silent", To: "answers"}
	restarted := func(s *observe.Snapshot) {
		s.ForeseeUnit(observe.UnitInfo{ID: "x.service", Active: observe.Active, InvocationID: observe.NewInstance})
	}
	for _, test := range []struct {
		name    string
		foresee func(*observe.Snapshot)
		answers bool
		unit    string
		edits   int
		unsure  bool
	}{
		{name: "answers", answers: true},
		{name: "answers, of a unit that is started anew", answers: true, foresee: restarted, unit: "x.service", edits: 1, unsure: true},
		{name: "answers, of any unit", answers: true, foresee: restarted, edits: 1, unsure: true},
		{name: "answers, of another unit", answers: true, foresee: restarted, unit: "y.service"},
		{name: "answers, and nothing is started", answers: true, foresee: func(s *observe.Snapshot) { s.Foresee() }},
		{name: "silent", edits: 1},
		{name: "silent, and something is done before", foresee: func(s *observe.Snapshot) { s.Foresee() }, edits: 1, unsure: true},
	} {
		s := observe.NewSnapshot()
		if test.foresee != nil {
			test.foresee(s)
		}
		c := modules.Wait(s, silent, test.answers, test.unit)
		if len(c.Edits) != test.edits || c.Unsure() != test.unsure {
			t.Errorf("%s: %+v", test.name, c.Edits)
		}
	}
}

// creates is a step that finds nothing.
type creates struct{ modules.Step }

func (creates) Diff(*observe.Snapshot) (modules.Change, error) {
	return modules.Change{Edits: []modules.Edit{{Action: modules.Create, Subject: "/srv"}}}, nil
}

func TestBrought(t *testing.T) {
	t.Parallel()
	s, step := observe.NewSnapshot(), modules.Brought{Step: creates{}}
	for _, want := range []string{"", "package x doesn't do it"} {
		c, err := step.Diff(s)
		if err != nil || c.Edits[0].If != want {
			t.Errorf("%+v, %v; want the condition %q", c.Edits, err, want)
		}
		if modules.Foresee(step, s, c); want == "" {
			if _, ok := s.FutureFile("/srv"); !ok {
				t.Error("what the step within does is not foreseen")
			}
		}
		s.ForeseeUnknown("package x")
	}
}

// TestForeseeNames: a user that was removed comes back with the number that its files kept, or with another.
func TestForeseeNames(t *testing.T) {
	t.Parallel()
	edits := func() []modules.Edit {
		return []modules.Edit{
			{Subject: "/srv", Field: "mode", From: "0700"},
			{Subject: "/srv", Field: "owner", From: observe.Nameless},
			{Subject: "/srv", Field: "group", From: "root"},
		}
	}
	s := observe.NewSnapshot()
	got := edits()
	modules.ForeseeNames(s, got)
	if diff := cmp.Diff(edits(), got); diff != "" {
		t.Errorf("in apply (-want +got):\n%s", diff)
	}
	s.Foresee()
	modules.ForeseeNames(s, got)
	want := edits()
	want[1].If = "it isn't so by then"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in a plan (-want +got):\n%s", diff)
	}
}
