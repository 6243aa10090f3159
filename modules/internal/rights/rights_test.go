package rights_test

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/rights"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestEdits(t *testing.T) {
	t.Parallel()
	edit := func(field, from, to string) modules.Edit {
		return modules.Edit{Action: modules.Update, Subject: "/srv/x", Field: field, From: from, To: to}
	}
	seen := observe.FileInfo{Type: observe.Regular, Mode: 0o640, UID: 1000, GID: 1001, Owner: "alice", Group: "web"}
	nameless := seen
	nameless.Owner = observe.Nameless
	for _, test := range []struct {
		name   string
		rights rights.Rights
		seen   observe.FileInfo
		want   []modules.Edit
	}{
		{name: "converged", rights: rights.Rights{Mode: 0o640, Owner: "alice", Group: "web"}, seen: seen},
		{name: "numbers", rights: rights.Rights{Mode: 0o640, Owner: "1000", Group: "1001"}, seen: nameless},
		{
			name: "mode", rights: rights.Rights{Mode: 0o750 | fs.ModeSetgid, Owner: "alice", Group: "web"}, seen: seen,
			want: []modules.Edit{edit("mode", "0640", "2750")},
		},
		{
			name: "owner and group", rights: rights.Rights{Mode: 0o640, Owner: "root", Group: "0"}, seen: seen,
			want: []modules.Edit{edit("owner", "alice", "root"), edit("group", "web", "0")},
		},
		{
			name: "nameless", rights: rights.Rights{Mode: 0o640, Owner: "alice", Group: "web"}, seen: nameless,
			want: []modules.Edit{edit("owner", "unknown", "alice")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := test.rights.Edits("/srv/x", test.seen)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("edits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	r := rights.Rights{Mode: 0o755 | fs.ModeSetuid, Owner: "root", Group: "1000"}
	got := []string{r.OctalMode(), r.Ownership(), r.String()}
	if diff := cmp.Diff([]string{"4755", "root:1000", "4755 root:1000"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	seen := observe.FileInfo{Type: observe.Regular, Mode: 0o640, UID: 1000, GID: 1001, Owner: "alice", Group: "web"}
	is := rights.Rights{Mode: 0o640, Owner: "alice", Group: "web"}
	for _, test := range []struct {
		want      rights.Rights
		drift     rights.Drift // without Path, Seen and Want; zero: none
		ownership bool
	}{
		{want: is},
		{want: rights.Rights{Mode: 0o600, Owner: "alice", Group: "web"}, drift: rights.Drift{Mode: true}},
		{want: rights.Rights{Mode: 0o640, Owner: "root", Group: "web"}, drift: rights.Drift{Owner: true}, ownership: true},
		{want: rights.Rights{Mode: 0o640, Owner: "1000", Group: "root"}, drift: rights.Drift{Group: true}, ownership: true},
	} {
		got := test.want.Compare("/srv/x", seen)
		if test.drift != (rights.Drift{}) {
			test.drift.Path, test.drift.Seen, test.drift.Want = "/srv/x", is, test.want
		}
		if diff := cmp.Diff(test.drift, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.want, diff)
		}
		if got.Ownership() != test.ownership {
			t.Errorf("%v: ownership differs: %v, want %v", test.want, got.Ownership(), test.ownership)
		}
	}
}

// TestPossible: an owner or a group that isn't there.
func TestPossible(t *testing.T) {
	t.Parallel()
	r := rights.Rights{Owner: "app", Group: "web"}
	for _, test := range []struct {
		name        string
		user, group bool
		created     bool
		drift       rights.Drift
		foresee     func(*observe.Snapshot)
		want        string
	}{
		{name: "there", user: true, group: true, created: true},
		{name: "no user", group: true, created: true, want: `there is no user "app" on the host`},
		{name: "no group", user: true, created: true, want: `there is no group "web" on the host`},
		{name: "no group, another owner", user: true, drift: rights.Drift{Owner: true}},
		{name: "no group, another group", user: true, drift: rights.Drift{Group: true}, want: `there is no group "web" on the host`},
		{name: "nothing differs"},
		{
			name: "an earlier step makes the user", group: true, created: true,
			foresee: func(s *observe.Snapshot) { observe.User.Foresee(s, "app", observe.UserInfo{Exists: true}) },
		},
		{
			name: "an earlier step removes the user", user: true, group: true, created: true, want: `there is no user "app" on the host`,
			foresee: func(s *observe.Snapshot) { observe.User.Foresee(s, "app", observe.UserInfo{}) },
		},
		{
			name: "a package may bring them", created: true,
			foresee: func(s *observe.Snapshot) { s.Forecast().May(observe.Cause{Name: "package app", Brings: true}) },
		},
	} {
		s := observe.NewSnapshot()
		observe.User.Put(s, "app", observe.UserInfo{Exists: test.user}, nil)
		observe.Group.Put(s, observe.GroupQuestion{Name: "web"}, observe.GroupInfo{Exists: test.group}, nil)
		if test.foresee != nil {
			test.foresee(s)
		}
		got := ""
		if err := r.Possible(s, test.created, test.drift); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: error %q, want %q", test.name, got, test.want)
		}
	}
}
