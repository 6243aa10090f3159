package file

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestForesee(t *testing.T) {
	t.Parallel()
	mode := rights.Drift{Mode: true}
	hello := &Step{Path: "/etc/motd", Content: []byte("hello\n"), Mode: 0o644, Owner: "root", Group: "root", Sensitive: true}
	want := observe.FileInfo{
		Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root", Size: 6, Content: []byte("hello\n"),
		SHA256: "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
	}
	other := observe.FileInfo{
		Type: observe.Regular, Mode: 0o600, Owner: "root", Group: "root", Size: 1, Content: []byte("x"),
		SHA256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
	}
	touched := other
	touched.Mode = 0o644
	for _, test := range []struct {
		name string
		step *Step
		is   observe.FileInfo
		work work
		want observe.FileInfo
	}{
		{"created", hello, observe.FileInfo{}, work{Action: modules.Create, Content: hello.Content}, want},
		{"content and mode", hello, other, work{Action: modules.Update, Content: hello.Content, Drift: mode}, want},
		{"mode", hello, other, work{Action: modules.Update, Drift: mode}, touched},
		{"removed", &Step{Path: "/etc/motd", Absent: true}, other, work{Action: modules.Remove}, observe.FileInfo{}},
	} {
		s, question := observe.NewSnapshot(), observe.FileQuestion{Path: "/etc/motd", Content: true}
		observe.File.Put(s, question, test.is, nil)
		modules.Foresee(test.step, s, modules.NewChange(test.work))
		got, err := observe.File.Get(s, question)
		got.UID, got.GID = 0, 0
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
}

// TestDiffForeseen is about plans whose earlier steps may bring the file.
func TestDiffForeseen(t *testing.T) {
	t.Parallel()
	there := observe.FileInfo{Type: observe.Regular, Mode: 0o640, Owner: "root", Group: "root"}
	absent := &Step{Path: "/etc/x", Absent: true}
	rights := &Step{Path: "/etc/x", Mode: 0o640, Owner: "root", Group: "root"}
	update := func(field, from, to string) modules.Edit {
		return modules.Edit{Action: modules.Update, Subject: "/etc/x", Field: field, From: from, To: to, Unless: "an earlier step leaves it so"}
	}
	for _, test := range []struct {
		name    string
		step    *Step
		is      observe.FileInfo
		foresee func(*observe.Snapshot)
		want    []modules.Edit
	}{
		{
			name: "shall not be there", step: absent, foresee: func(s *observe.Snapshot) { s.Forecast().May(observe.Cause{Name: "package x", Brings: true}) },
			want: []modules.Edit{{Action: modules.Remove, Subject: "/etc/x", If: "package x brings it"}},
		},
		{name: "nobody brings it", step: absent, foresee: func(s *observe.Snapshot) { s.Forecast().Remove("/etc/y") }},
		{
			name: "written anew", step: rights, is: there, foresee: func(s *observe.Snapshot) { s.Forecast().Write("/etc/x", observe.NewContent, observe.UnknownRights) },
			want: []modules.Edit{update("mode", "unknown", "0640"), update("owner", "unknown", "root"), update("group", "unknown", "root")},
		},
		{name: "touched", step: rights, is: there, foresee: func(s *observe.Snapshot) { s.Forecast().Touch("/etc/x", nil) }},
	} {
		s := observe.NewSnapshot()
		observe.File.Put(s, test.step.question(), test.is, nil)
		test.foresee(s)
		change, _, err := modules.Preview(test.step, s)
		if diff := cmp.Diff(test.want, change.Edits); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
}
