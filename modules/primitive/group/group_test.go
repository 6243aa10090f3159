package group

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	gid := 2000
	edit := func(action modules.Action, field, from, to string) []modules.Edit {
		return []modules.Edit{{Action: action, Subject: "group web", Field: field, From: from, To: to}}
	}
	tests := []struct {
		name  string
		step  Step
		is    observe.GroupInfo
		isErr error
		users map[string]string // their primary groups
		want  modules.Change
		work  work // beside the group
		err   string
	}{
		{name: "converged", step: Step{GID: &gid}, is: observe.GroupInfo{Exists: true, GID: 2000}},
		{name: "any number", is: observe.GroupInfo{Exists: true, GID: 2001}},
		{name: "absent", step: Step{GID: &gid}, want: modules.Change{Edits: edit(modules.Create, "", "", "gid 2000")}, work: work{create: true}},
		{
			name: "number", step: Step{GID: &gid}, is: observe.GroupInfo{Exists: true, GID: 2001},
			want: modules.Change{
				Edits: edit(modules.Update, "gid", "2001", "2000"), Notes: []string{"its files keep the gid 2001"},
			},
			work: work{renumber: &renumbering{2001, 2000}},
		},
		{name: "removed already", step: Step{Absent: true}},
		{
			name: "to be removed", step: Step{Absent: true}, is: observe.GroupInfo{Exists: true, GID: 2000},
			want: modules.Change{Edits: edit(modules.Remove, "", "", "")}, work: work{remove: true},
		},
		{
			name: "somebody's primary group", step: Step{Absent: true},
			is: observe.GroupInfo{Exists: true, GID: 2000, PrimaryOf: []string{"alice", "bob"}},
			want: modules.Change{
				Edits: edit(modules.Remove, "", "", ""),
				Notes: []string{"it can be removed only when it is no longer the primary group of alice, bob"},
			},
			work: work{remove: true},
		},
		{
			name: "members", step: Step{Members: []string{"alice", "bob", "carol"}}, users: map[string]string{"alice": "alice", "bob": "bob", "carol": "web"},
			is:   observe.GroupInfo{Exists: true, GID: 2000, Members: []string{"mallory", "bob"}}, // and it is carol's own group
			want: modules.Change{Edits: edit(modules.Update, "members", "mallory, bob", "mallory, bob, alice")},
			work: work{from: []string{"mallory", "bob"}, join: []string{"alice"}},
		},
		{
			name: "root", step: Step{Members: []string{"root"}}, users: map[string]string{"root": "root"}, is: observe.GroupInfo{Exists: true, GID: 2000},
			want: modules.Change{Edits: edit(modules.Update, "members", "", "root")}, work: work{join: []string{"root"}},
		},
		{
			name: "members are there", step: Step{Members: []string{"alice"}}, users: map[string]string{"alice": "alice"},
			is: observe.GroupInfo{Exists: true, GID: 2000, Members: []string{"mallory", "alice"}},
		},
		{
			name: "new, with members", step: Step{GID: &gid, Members: []string{"alice", "alice"}}, users: map[string]string{"alice": "alice"},
			want: modules.Change{Edits: edit(modules.Create, "", "", "gid 2000, members alice")},
			work: work{create: true, join: []string{"alice"}},
		},
		{
			name: "number and members", step: Step{GID: &gid, Members: []string{"alice"}}, users: map[string]string{"alice": "alice"},
			is: observe.GroupInfo{Exists: true, GID: 2001},
			want: modules.Change{
				Edits: append(edit(modules.Update, "gid", "2001", "2000"), edit(modules.Update, "members", "", "alice")...),
				Notes: []string{"its files keep the gid 2001"},
			},
			work: work{renumber: &renumbering{2001, 2000}, join: []string{"alice"}},
		},
		{
			name: "no such member", step: Step{Members: []string{"nobody-here"}}, is: observe.GroupInfo{Exists: true, GID: 2000},
			err: "there is no user \"nobody-here\" on the host",
		},
		{name: "could not tell", isErr: errors.New("sh: getent: not found"), err: "sh: getent: not found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step := test.step
			step.Name = "web"
			snapshot := observe.NewSnapshot()
			observe.Group.Put(snapshot, step.question(), test.is, test.isErr)
			for _, member := range step.Members {
				group, ok := test.users[member]
				observe.User.Put(snapshot, member, observe.UserInfo{Exists: ok, Group: group}, nil)
			}
			change, err := step.Diff(snapshot)
			if got := moduletest.ErrorText(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			got, _ := change.Work.(work)
			got.group, change.Work = nil, nil
			if diff := cmp.Diff(test.work, got, cmp.AllowUnexported(work{}, renumbering{})); diff != "" {
				t.Errorf("work (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, change); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	negative := -1
	for want, args := range map[string]Args{
		"name: must not be a number: \"100\"":                                              {Name: "100"},
		"name: the group root can't be removed":                                            {Name: "root", State: "absent"},
		"gid: must be from 0 to 4294967294, not -1":                                        {Name: "web", GID: &negative},
		"name: must not be empty\ngid: must be from 0 to 4294967294, not -1":               {GID: &negative},
		"members: must not be a number: \"7\"\nmembers: conflicts with state = \"absent\"": {Name: "web", Members: []string{"7"}, State: "absent"},
	} {
		_, err := New(args, modules.Env{})
		if got := moduletest.ErrorText(err); got != want {
			t.Errorf("error %q, want %q", got, want)
		}
	}
}
