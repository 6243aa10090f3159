package file

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestForesee(t *testing.T) {
	t.Parallel()
	const sum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	hello := &Step{Path: "/etc/motd", Content: []byte("hello\n"), Mode: 0o644, Owner: "root", Group: "root", Sensitive: true}
	for _, test := range []struct {
		name  string
		step  *Step
		edits []modules.Edit
		want  string // "-": nothing is foreseen
	}{
		{"created", hello, []modules.Edit{{Action: modules.Create}}, sum},
		{"content and mode", hello, []modules.Edit{{Action: modules.Update, Field: "content"}, {Action: modules.Update, Field: "mode"}}, sum},
		{"mode", hello, []modules.Edit{{Action: modules.Update, Field: "mode"}}, observe.SameContent},
		{"removed", &Step{Path: "/etc/motd", Absent: true}, []modules.Edit{{Action: modules.Remove}}, "absent"},
		{"perhaps removed", &Step{Path: "/etc/motd", Absent: true}, []modules.Edit{{Action: modules.Remove, If: "it is there"}}, "-"},
	} {
		s := observe.NewSnapshot()
		modules.Foresee(test.step, s, modules.Change{Edits: test.edits})
		f, ok := s.FutureFile("/etc/motd")
		if ok != (test.want != "-") || ok && f.Fingerprint != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, f.Fingerprint, ok, test.want)
		}
	}
}

// TestDiffForeseen is about plans whose earlier steps may bring the file.
func TestDiffForeseen(t *testing.T) {
	t.Parallel()
	there := observe.FileInfo{Type: observe.Regular, Mode: 0o640, Owner: "root", Group: "root"}
	absent := &Step{Path: "/etc/x", Absent: true}
	rights := &Step{Path: "/etc/x", Mode: 0o640, Owner: "root", Group: "root"}
	update := func(field, to string) modules.Edit {
		return modules.Edit{Action: modules.Update, Subject: "/etc/x", Field: field, To: to, If: "a step above leaves it otherwise"}
	}
	for _, test := range []struct {
		name    string
		step    *Step
		is      observe.FileInfo
		foresee func(*observe.Snapshot)
		want    []modules.Edit
	}{
		{
			name: "shall not be there", step: absent, foresee: func(s *observe.Snapshot) { s.ForeseeUnknown("package x") },
			want: []modules.Edit{{Action: modules.Remove, Subject: "/etc/x", If: "package x brings it"}},
		},
		{name: "nobody brings it", step: absent, foresee: func(s *observe.Snapshot) { s.Foresee() }},
		{
			name: "written anew", step: rights, is: there, foresee: func(s *observe.Snapshot) { s.ForeseeFile("/etc/x", observe.NewContent) },
			want: []modules.Edit{update("mode", "0640"), update("owner", "root"), update("group", "root")},
		},
		{name: "touched", step: rights, is: there, foresee: func(s *observe.Snapshot) { s.ForeseeFile("/etc/x", observe.SameContent) }},
	} {
		s := observe.NewSnapshot()
		observe.File.Put(s, test.step.question(), test.is, nil)
		test.foresee(s)
		change, err := test.step.Diff(s)
		if diff := cmp.Diff(test.want, change.Edits); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
}
