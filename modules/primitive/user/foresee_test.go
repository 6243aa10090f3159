package user

import (
	"errors"
	"testing"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// TestForesee has two steps for a user: what the first one is going to do, the second one need not.
func TestForesee(t *testing.T) {
	t.Parallel()
	number := 2000
	alice := observe.UserInfo{Exists: true, UID: 1000, Group: "alice", Home: "/home/alice", HomeIs: true, Shell: "/bin/bash"}
	for _, test := range []struct {
		name          string
		is            observe.UserInfo
		first, second *Step
		want          []string // the edits of the second
	}{
		{name: "made, the default shell", first: &Step{Name: "alice"}, second: &Step{Name: "alice", Shell: "/bin/sh"}, want: []string{"update shell unknown > /bin/sh if new users get another shell than /bin/sh"}},
		{name: "made, another shell", first: &Step{Name: "alice"}, second: &Step{Name: "alice", Shell: "/bin/bash"}, want: []string{"update shell /bin/sh > /bin/bash"}},
		{name: "made with a shell", first: &Step{Name: "alice", Shell: "/bin/bash"}, second: &Step{Name: "alice", Shell: "/bin/bash"}},
		{name: "another number", is: alice, first: &Step{Name: "alice", UID: &number}, second: &Step{Name: "alice", UID: &number}},
		{name: "removed", is: alice, first: &Step{Name: "alice", Absent: true}, second: &Step{Name: "alice", Absent: true}},
	} {
		s := observe.NewSnapshot()
		observe.User.Put(s, "alice", test.is, nil)
		observe.Group.Put(s, test.first.groupQuestion(), observe.GroupInfo{}, nil)
		for _, step := range []*Step{test.first, test.second} {
			if step.asksBusy() {
				busy.Put(s, step.account(), 0, nil)
			}
		}
		t.Run(test.name, func(t *testing.T) { moduletest.WantForeseen(t, s, test.first, test.second, test.want, "user alice") })
	}
}

// TestRefused has changes of an account that can't be made.
func TestRefused(t *testing.T) {
	t.Parallel()
	number := 2000
	for _, test := range []struct {
		name    string
		step    Step
		foresee func(*observe.Forecast)
		want    string
		unsure  bool
	}{
		{name: "number", step: Step{Name: "alice", UID: &number}, want: "user alice is used by process 7"},
		{name: "removal", step: Step{Name: "alice", Absent: true}, want: "user alice is used by process 7"},
		{name: "nothing of both", step: Step{Name: "alice", Shell: "/bin/sh"}},
		{
			name: "what it runs is stopped", step: Step{Name: "alice", UID: &number}, unsure: true, want: "user alice is used by process 7, unless x.service stops",
			foresee: func(f *observe.Forecast) { f.Unit(observe.UnitInfo{ID: "x.service", Active: observe.Inactive}) },
		},
		{name: "another home", step: Step{Name: "alice", Home: "/srv/alice"}, want: "the home of alice is /home/alice, and /srv/alice does not exist"},
		{
			name: "another home, which is made", step: Step{Name: "alice", Home: "/srv/alice"},
			foresee: func(f *observe.Forecast) { f.Directory("/srv/alice", nil) },
		},
	} {
		s := observe.NewSnapshot()
		observe.User.Put(s, "alice", observe.UserInfo{Exists: true, UID: 1000, Home: "/home/alice", HomeIs: true, Shell: "/bin/bash"}, nil)
		observe.File.Put(s, observe.FileQuestion{Path: "/srv/alice"}, observe.FileInfo{}, nil)
		if test.step.asksBusy() {
			busy.Put(s, test.step.account(), 7, nil)
		}
		if test.foresee != nil {
			test.foresee(s.Forecast())
		}
		_, _, err := modules.Preview(&test.step, s)
		if got := moduletest.ErrorText(err); got != test.want || errors.Is(err, observe.ErrUnknown) != test.unsure {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestParseBusy(t *testing.T) {
	t.Parallel()
	accounts := []account{{"alice", "2000"}, {"bob", ""}}
	answers := parseBusy(accounts, observe.Reply{Stdout: []byte("bob 17\n")})
	if answers[accounts[0]].Value != 0 || answers[accounts[1]].Value != 17 {
		t.Errorf("%+v", answers)
	}
}
