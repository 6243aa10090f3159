package aptupgrade

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// said is what apt-get 2.6 prints with dist-upgrade, shortened.
const said = `Reading package lists...
Calculating upgrade...
The following packages will be REMOVED:
  old
The following NEW packages will be installed:
  linux-image-6.1.0-2
The following packages have been kept back:
  kept other
The following packages will be upgraded:
  one openssl
2 upgraded, 1 newly installed, 1 to remove and 2 not upgraded.
Remv old [1]
Inst one [1] (2 localhost [all])
Inst openssl [3.0.1] (3.0.2 Debian-Security:12/stable-security [amd64])
Inst linux-image-6.1.0-2 (6.1.2 Debian-Security:12/stable-security [amd64])
Conf one (2 localhost [all])
`

func TestParse(t *testing.T) {
	t.Parallel()
	q, broken := question{Minutes: 1440}, question{Full: true, Minutes: 1440}
	reply := "update\n" + said + "end 0\nE: dpkg was interrupted\nend 100\n"
	want := map[question]observe.Answer[upgrades]{q: {Value: upgrades{
		Stale: true, Remove: []string{"old"}, KeptBack: []string{"kept", "other"},
		Packages: []upgrade{
			{Name: "one", Old: "1", New: "2"},
			{Name: "openssl", Old: "3.0.1", New: "3.0.2", Security: true},
			{Name: "linux-image-6.1.0-2", New: "6.1.2", Security: true},
		},
	}}}
	got := available.Parse([]question{q, broken}, observe.Reply{Stdout: []byte(reply)})
	if err := got[broken].Err; moduletest.ErrorText(err) != "apt-get: E: dpkg was interrupted" {
		t.Errorf("error %v", err)
	}
	delete(got, broken)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	all := parse(strings.Split(said, "\n"))
	edit := func(action modules.Action, subject, field, from, to string) modules.Edit {
		return modules.Edit{Action: action, Subject: subject, Field: field, From: from, To: to}
	}
	openssl := edit(modules.Update, "package openssl", "version", "3.0.1", "3.0.2")
	for _, test := range []struct {
		name  string
		step  Step
		is    upgrades
		err   error
		want  []modules.Edit
		notes []string
	}{
		{name: "converged"},
		{name: "only held back", is: upgrades{KeptBack: []string{"kept"}}, notes: []string{"held back: kept"}},
		{
			name: "all", is: all, notes: []string{"held back: kept, other"}, want: []modules.Edit{
				edit(modules.Update, "package one", "version", "1", "2"), openssl,
				edit(modules.Create, "package linux-image-6.1.0-2", "", "", "6.1.2"), edit(modules.Remove, "package old", "", "", ""),
			},
		},
		{
			name: "security alone", step: Step{Security: true}, is: upgrades{Packages: all.Packages}, want: []modules.Edit{openssl},
		},
		{
			name: "old lists", is: upgrades{Stale: true},
			want: []modules.Edit{edit(modules.Run, "package lists", "", "too old", "fetched, and what they then have is upgraded")},
		},
		{name: "could not tell", err: errors.New("apt-get: E: x")},
	} {
		snapshot := observe.NewSnapshot()
		available.Put(snapshot, test.step.question(), test.is, test.err)
		got, err := test.step.Diff(snapshot)
		if (err != nil) != (test.err != nil) {
			t.Errorf("%s: error %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got.Edits); diff != "" {
			t.Errorf("%s: edits (-want +got):\n%s", test.name, diff)
		}
		if diff := cmp.Diff(test.notes, got.Notes); diff != "" {
			t.Errorf("%s: notes (-want +got):\n%s", test.name, diff)
		}
	}
}
