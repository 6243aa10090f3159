package command

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/inspect"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestForesee is about plans in which earlier steps change what the command's conditions are about.
func TestForesee(t *testing.T) {
	t.Parallel()
	creates := Args{Argv: []string{"make"}, Creates: "/there"}
	removes := Args{Argv: []string{"make"}, Removes: "/there"}
	unless := Args{Argv: []string{"make"}, Unless: []string{"cmp", "/there", "/made"}}
	changed := Args{Argv: []string{"make"}, ChangedWhen: []string{"systemctl", "is-active", "x"}}
	tests := []struct {
		name    string
		args    Args
		there   observe.FileType
		verdict inspect.Outcome
		foresee func(*observe.Snapshot)
		want    []modules.Edit
	}{
		{name: "will be there", args: creates, foresee: func(s *observe.Snapshot) { s.Forecast().Write("/there", observe.NewContent, nil) }},
		{
			name: "will be gone", args: creates, there: observe.Regular, foresee: func(s *observe.Snapshot) { s.Forecast().Remove("/there") },
			want: []modules.Edit{{Action: modules.Run, Subject: "make", From: "/there does not exist"}},
		},
		{
			name: "will be there to be removed", args: removes, foresee: func(s *observe.Snapshot) { s.Forecast().Write("/there", observe.NewContent, nil) },
			want: []modules.Edit{{Action: modules.Run, Subject: "make", From: "/there exists"}},
		},
		{
			name: "a file of the condition changes", args: unless, foresee: func(s *observe.Snapshot) { s.Forecast().Write("/made", observe.NewContent, nil) },
			want: []modules.Edit{{Action: modules.Run, Subject: "make", If: "/made changes"}},
		},
		{name: "another file changes", args: unless, foresee: func(s *observe.Snapshot) { s.Forecast().Write("/other", observe.NewContent, nil) }},
		{
			name: "a unit of the condition changes", args: changed, verdict: inspect.Outcome{Status: 3},
			foresee: func(s *observe.Snapshot) { s.Forecast().Unit(observe.UnitInfo{ID: "x.service"}) },
			want:    []modules.Edit{{Action: modules.Run, Subject: "make", If: "x.service changes"}},
		},
		{
			name: "another command names a file of the condition", args: unless,
			foresee: func(s *observe.Snapshot) {
				foreseeCommand(t, s, Args{Shell: "echo x >/made", Creates: "/elsewhere"})
			},
			want: []modules.Edit{{Action: modules.Run, Subject: "make", If: "a command changes it"}},
		},
		{
			name: "another command names it, and changes something else", args: unless,
			foresee: func(s *observe.Snapshot) {
				foreseeCommand(t, s, Args{Shell: "cat /made", Creates: "/elsewhere", Changes: []string{"/var/other"}})
			},
		},
		{
			name: "another command changes a directory above", args: Args{Argv: []string{"make"}, Unless: []string{"test", "-e", "/srv/app/made"}},
			foresee: func(s *observe.Snapshot) {
				foreseeCommand(t, s, Args{Shell: "true", Creates: "/elsewhere", Changes: []string{"/srv"}})
			},
			want: []modules.Edit{{Action: modules.Run, Subject: "make", If: "a command changes it"}},
		},
		{
			name: "another command creates it", args: creates,
			foresee: func(s *observe.Snapshot) { s.Forecast().Make("/there") },
		},
		{
			name: "the condition's program is not there yet", args: unless, verdict: inspect.Outcome{Missing: "cmp"},
			foresee: func(s *observe.Snapshot) { s.Forecast().May(observe.Cause{Name: "package diffutils", Brings: true}) },
			want:    []modules.Edit{{Action: modules.Run, Subject: "make", From: "`unless` needs cmp, which is not there", Unless: "cmp is there then"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step, snapshot := build(t, test.args), observe.NewSnapshot()
			observe.File.Put(snapshot, observe.FileQuestion{Path: "/there"}, observe.FileInfo{Type: test.there}, nil)
			for _, c := range []*inspect.Program{step.Unless, step.ChangedWhen} {
				if c != nil {
					inspect.Programs.Put(snapshot, c, test.verdict, nil)
				}
			}
			test.foresee(snapshot)
			change, _, err := modules.Preview(step, snapshot)
			if diff := cmp.Diff(test.want, change.Edits); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// foreseeCommand notes in s what a command does.
func foreseeCommand(t *testing.T, s *observe.Snapshot, args Args) {
	t.Helper()
	modules.Foresee(build(t, args), s, modules.Change{})
}
