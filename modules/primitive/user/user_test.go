package user

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

const hash = "$6$rcprovcase$LCPKgoGQMQSRzndDqCPpDBEnRhA/VJAMTQxtPQHY649GbDcleCqhPNCWcoQkvR7./0Fcfz6f0BMGZjZljff0/0"

func ptr[T any](v T) *T { return &v }

func TestDiff(t *testing.T) {
	t.Parallel()
	full := Step{
		Name: "alice", UID: ptr(2000), Group: "web", Groups: []string{"ops", "adm"}, Comment: ptr("Alice"),
		Home: "/srv/alice", Shell: "/bin/bash", PasswordHash: hash,
	}
	asWanted := observe.UserInfo{
		Exists: true, UID: 2000, GID: 33, Group: "web", Comment: "Alice", Home: "/srv/alice", HomeIs: true, Shell: "/bin/bash",
		Groups: []string{"adm", "mail", "ops"},
	}
	withPassword := observe.ShadowInfo{Exists: true, Password: observe.HashedPassword, Fingerprint: observe.PasswordFingerprint(hash)}
	edit := func(field, from, to string) modules.Edit {
		return modules.Edit{Action: modules.Update, Subject: "user alice", Field: field, From: from, To: to}
	}

	tests := []struct {
		name   string
		step   func(*Step)
		is     func(*observe.UserInfo)
		shadow func(*observe.ShadowInfo)
		noHome bool // nothing is where the plan wants the home
		owner  owner
		err    error
		edits  []modules.Edit
		notes  []string
		work   *work // beside the user; nil: not compared
	}{
		{name: "converged"},
		{name: "nothing asked", step: func(s *Step) { *s = Step{Name: "alice"} }},
		{
			name: "absent", is: func(u *observe.UserInfo) { *u = observe.UserInfo{} }, noHome: true,
			edits: []modules.Edit{{
				Action: modules.Create, Subject: "user alice",
				To: "uid 2000, group web, in ops, adm, home /srv/alice, shell /bin/bash, with a password",
			}},
		},
		{
			name: "number", is: func(u *observe.UserInfo) { u.UID = 1000 },
			edits: []modules.Edit{edit("uid", "1000", "2000")}, notes: []string{"files outside its home keep the uid 1000"},
			work: &work{uid: &move[int]{1000, 2000}},
		},
		{name: "primary group", is: func(u *observe.UserInfo) { u.Group = "users" }, edits: []modules.Edit{edit("group", "users", "web")}},
		{
			name: "primary group without a name", is: func(u *observe.UserInfo) { u.Group = "" },
			edits: []modules.Edit{edit("group", "33", "web")},
		},
		{
			name: "groups are added", is: func(u *observe.UserInfo) { u.Groups = []string{"mail"} },
			edits: []modules.Edit{edit("groups", "mail", "adm, mail, ops")},
			work:  &work{groups: &move[[]string]{[]string{"mail"}, []string{"adm", "mail", "ops"}}},
		},
		{
			name: "exclusive groups", step: func(s *Step) { s.ExclusiveGroups = true },
			edits: []modules.Edit{edit("groups", "adm, mail, ops", "adm, ops")},
		},
		{name: "the primary group among the others", step: func(s *Step) { s.Groups = []string{"web"} }},
		{
			name: "comment and shell", is: func(u *observe.UserInfo) { u.Comment, u.Shell = "", "/bin/sh" },
			edits: []modules.Edit{edit("comment", "", "Alice"), edit("shell", "/bin/sh", "/bin/bash")},
		},
		{
			name: "home is elsewhere", is: func(u *observe.UserInfo) { u.Home = "/home/alice" },
			edits: []modules.Edit{edit("home", "/home/alice", "/srv/alice")},
			notes: []string{"rcprov does not move the content of /home/alice"},
		},
		{
			name: "home is nowhere", is: func(u *observe.UserInfo) { u.Home, u.HomeIs = "/nonexistent", false }, noHome: true,
			edits: []modules.Edit{edit("home", "/nonexistent", "/srv/alice"), {Action: modules.Create, Subject: "/srv/alice", To: "home of alice"}},
			work:  &work{home: &move[string]{"/nonexistent", "/srv/alice"}, createHome: "/srv/alice"},
		},
		{name: "home is missing", noHome: true, edits: []modules.Edit{{Action: modules.Create, Subject: "/srv/alice", To: "home of alice"}}},
		{name: "home may be missing", step: func(s *Step) { s.CreateHome = ptr(false) }, noHome: true},
		{
			name: "password", shadow: func(p *observe.ShadowInfo) { p.Fingerprint = observe.PasswordFingerprint("other") },
			edits: []modules.Edit{{Action: modules.Update, Subject: "user alice", Field: "password_hash", Sensitive: true}},
		},
		{
			name: "password locked", shadow: func(p *observe.ShadowInfo) { p.Locked = true },
			edits: []modules.Edit{edit("locked", "password locked", "false")},
			work:  &work{lock: &move[lock]{passwordLocked, unlocked}},
		},
		{name: "expiry that nobody asked for", shadow: func(p *observe.ShadowInfo) { p.Expired = true }},
		{
			name: "expires", step: func(s *Step) { s.Expires = "2027-01-31" },
			edits: []modules.Edit{edit("expires", "never", "2027-01-31")}, work: &work{expires: &move[string]{"never", "2027-01-31"}},
		},
		{
			name: "expires on another day", step: func(s *Step) { s.Expires = "2027-01-31" }, shadow: func(p *observe.ShadowInfo) { p.Expires = 1 },
			edits: []modules.Edit{edit("expires", "1970-01-02", "2027-01-31")},
		},
		{name: "expires that day", step: func(s *Step) { s.Expires = "2027-01-31" }, shadow: func(p *observe.ShadowInfo) { p.Expires = 20849 }},
		{
			name: "never expires", step: func(s *Step) { s.Expires = "never" }, shadow: func(p *observe.ShadowInfo) { p.Expires = 20849 },
			edits: []modules.Edit{edit("expires", "2027-01-31", "never")},
		},
		{name: "never expires already", step: func(s *Step) { s.Expires = "never" }},
		{
			name: "shut", step: func(s *Step) { s.Locked = ptr(true) },
			edits: []modules.Edit{edit("locked", "false", "true")},
		},
		{
			name: "shut in part", step: func(s *Step) { s.Locked = ptr(true) }, shadow: func(p *observe.ShadowInfo) { p.Locked = true },
			edits: []modules.Edit{edit("locked", "only the password", "true")},
		},
		{
			name: "shut already", step: func(s *Step) { s.Locked = ptr(true) },
			shadow: func(p *observe.ShadowInfo) { p.Locked, p.Expired, p.Expires = true, true, 1 },
		},
		{
			name: "opened", step: func(s *Step) { s.Locked = ptr(false) }, shadow: func(p *observe.ShadowInfo) { p.Expired = true },
			edits: []modules.Edit{edit("locked", "expired", "false")},
		},
		{
			name: "no password to open", step: func(s *Step) { s.Locked, s.PasswordHash = ptr(false), "" },
			shadow: func(p *observe.ShadowInfo) { *p = observe.ShadowInfo{Exists: true, Locked: true} },
		},
		{
			name: "to be removed", step: func(s *Step) { s.Absent = true },
			edits: []modules.Edit{{Action: modules.Remove, Subject: "user alice"}}, notes: []string{"/srv/alice stays"},
		},
		{
			name: "to be removed with its home", step: func(s *Step) { s.Absent, s.RemoveHome = true, true },
			edits: []modules.Edit{{Action: modules.Remove, Subject: "user alice"}, {Action: modules.Remove, Subject: "/srv/alice"}},
			work:  &work{remove: true, removeHome: "/srv/alice"},
		},
		{
			name: "to be removed with the home of another", step: func(s *Step) { s.Absent, s.RemoveHome = true, true }, owner: owner{0, "root"},
			edits: []modules.Edit{{Action: modules.Remove, Subject: "user alice"}}, notes: []string{"/srv/alice stays: it belongs to root"},
			work: &work{remove: true},
		},
		{
			name: "a home that a package names, and nobody asked for", step: func(s *Step) { *s = Step{Name: "alice", Shell: "/bin/bash"} },
			is: func(u *observe.UserInfo) { u.UID, u.Home, u.HomeIs = 101, "/run/alice", false },
		},
		{
			name: "the home of nobody", step: func(s *Step) { *s = Step{Name: "alice", Shell: "/bin/bash"} },
			is: func(u *observe.UserInfo) { u.UID, u.Home, u.HomeIs = 65534, "/nonexistent", false },
		},
		{
			name: "no home on purpose", step: func(s *Step) { *s = Step{Name: "alice", Home: "/nonexistent"} },
			is: func(u *observe.UserInfo) { u.Home, u.HomeIs = "/nonexistent", false },
		},
		{
			name: "the home of a person", step: func(s *Step) { *s = Step{Name: "alice"} }, is: func(u *observe.UserInfo) { u.HomeIs = false },
			edits: []modules.Edit{{Action: modules.Create, Subject: "/srv/alice", To: "home of alice"}},
		},
		{
			name: "the home of a system account, asked for", step: func(s *Step) { *s = Step{Name: "alice", CreateHome: ptr(true)} },
			is:    func(u *observe.UserInfo) { u.UID, u.HomeIs = 101, false },
			edits: []modules.Edit{{Action: modules.Create, Subject: "/srv/alice", To: "home of alice"}},
		},
		{name: "removed already", step: func(s *Step) { s.Absent = true }, is: func(u *observe.UserInfo) { *u = observe.UserInfo{} }},
		{name: "could not tell", err: errors.New("sh: getent: not found")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			step, is, shadow := full, asWanted, withPassword
			if test.step != nil {
				test.step(&step)
			}
			if test.is != nil {
				test.is(&is)
			}
			if test.shadow != nil {
				test.shadow(&shadow)
			}
			home := observe.FileInfo{Type: observe.Directory}
			if test.noHome {
				home.Type, is.HomeIs = observe.Absent, is.HomeIs && is.Home != step.Home
			}
			snapshot := observe.NewSnapshot()
			observe.User.Put(snapshot, "alice", is, test.err)
			observe.Shadow.Put(snapshot, "alice", shadow, nil)
			observe.File.Put(snapshot, observe.FileQuestion{Path: "/srv/alice"}, home, nil)
			if test.owner == (owner{}) {
				test.owner = owner{is.UID, "alice"}
			}
			homes.Put(snapshot, "alice", test.owner, nil)
			observe.Group.Put(snapshot, step.groupQuestion(), observe.GroupInfo{}, nil)
			observe.File.Put(snapshot, observe.FileQuestion{Path: nowhere}, observe.FileInfo{}, nil)
			if step.asksBusy() {
				busy.Put(snapshot, step.account(), 0, nil)
			}
			change, err := step.Diff(snapshot)
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			got, _ := change.Work.(work)
			got.user = nil
			change.Work = nil
			if diff := cmp.Diff(modules.Change{Edits: test.edits, Notes: test.notes}, change); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
			all := cmp.AllowUnexported(work{}, move[int]{}, move[string]{}, move[[]string]{}, move[lock]{})
			if diff := cmp.Diff(test.work, &got, all); test.work != nil && diff != "" {
				t.Errorf("work (-want +got):\n%s", diff)
			}
			if text := fmt.Sprintf("%+v %+v", step, change); strings.Contains(text, hash) {
				t.Errorf("shows the hash: %s", text)
			}
		})
	}
}

func TestDiffRefuses(t *testing.T) {
	t.Parallel()
	question := observe.FileQuestion{Path: "/srv/alice"}
	for want, test := range map[string]struct {
		step       Step
		unshadowed bool
		home       observe.FileType
	}{
		"": {step: Step{Name: "alice", Home: "/srv/alice"}, unshadowed: true, home: observe.Symlink},
		"/srv/alice is a file, and can't be the home of alice":                              {step: Step{Name: "alice", Home: "/srv/alice"}, home: observe.Regular},
		`the password field of alice in /etc/passwd is not "x", so /etc/shadow is not used`: {step: Step{Name: "alice", Locked: ptr(true)}, unshadowed: true},
	} {
		snapshot := observe.NewSnapshot()
		observe.User.Put(snapshot, "alice", observe.UserInfo{Exists: true, Home: "/srv/alice", Unshadowed: test.unshadowed}, nil)
		observe.Shadow.Put(snapshot, "alice", observe.ShadowInfo{Exists: true}, nil)
		observe.File.Put(snapshot, question, observe.FileInfo{Type: test.home}, nil)
		if _, err := test.step.Diff(snapshot); moduletest.ErrorText(err) != want {
			t.Errorf("error %q, want %q", moduletest.ErrorText(err), want)
		}
	}
}

// TestOwnGroup: a new user named like a group that is there.
func TestOwnGroup(t *testing.T) {
	t.Parallel()
	own := Step{Name: "alice"}
	const note = "gets the group alice, which is there, for its own"
	for _, test := range []struct {
		name      string
		step      Step
		is        observe.GroupInfo
		note, err string
	}{
		{name: "none", step: own},
		{name: "empty, as an interrupted run leaves it", step: own, is: observe.GroupInfo{Exists: true, GID: 1001}, note: note},
		{name: "made by an earlier step", step: own, is: observe.GroupInfo{Exists: true, GID: observe.NoID}, note: note},
		{name: "empty, of a system user", step: Step{Name: "alice", System: true}, is: observe.GroupInfo{Exists: true, GID: 999}, note: note},
		{name: "of the same number", step: Step{Name: "alice", UID: ptr(500)}, is: observe.GroupInfo{Exists: true, GID: 500}, note: note},
		{
			name: "with members", step: own, is: observe.GroupInfo{Exists: true, GID: 1001, Members: []string{"bob"}},
			err: "there is a group alice, and it has the members bob: it can't become the user's own",
		},
		{
			name: "of others", step: own, is: observe.GroupInfo{Exists: true, GID: 1001, PrimaryOf: []string{"bob"}},
			err: "there is a group alice, and it is the primary group of bob: it can't become the user's own",
		},
		{
			name: "of the system", step: own, is: observe.GroupInfo{Exists: true, GID: 998},
			err: "there is a group alice, and it has the gid 998: it can't become the user's own",
		},
		{
			name: "of the system, from the start", step: Step{Name: "alice", System: true}, is: observe.GroupInfo{Exists: true, GID: 27},
			err: "there is a group alice, and it has the gid 27: it can't become the user's own",
		},
		{name: "asked for", step: Step{Name: "alice", Group: "alice"}, is: observe.GroupInfo{Exists: true, GID: 27, Members: []string{"bob"}}},
	} {
		snapshot := observe.NewSnapshot()
		observe.User.Put(snapshot, "alice", observe.UserInfo{}, nil)
		observe.Group.Put(snapshot, test.step.groupQuestion(), test.is, nil)
		change, err := test.step.Diff(snapshot)
		if moduletest.ErrorText(err) != test.err || strings.Join(change.Notes, "; ") != test.note {
			t.Errorf("%s: notes %q, error %q; want %q, %q", test.name, change.Notes, moduletest.ErrorText(err), test.note, test.err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	const noHash = `password_hash: is not a hash in crypt(3) format, which looks like "$y$j9T$..." or "$6$..."`
	for _, test := range []struct {
		args Args
		want string
	}{
		{Args{Name: "a b"}, `name: must be a name of letters, digits, ".", "-" and "_", not "a b"`},
		{Args{Name: "alice", PasswordHash: "correct horse"}, "password_hash: must not contain colons or white space"},
		{Args{Name: "alice", PasswordHash: "hunter2"}, noHash},
		{Args{Name: "alice", PasswordHash: "$ecret$money$x"}, noHash},
		{Args{Name: "alice", Comment: ptr("a:b")}, "comment: must not contain a colon or a newline"},
		{Args{Name: "alice", Home: "alice"}, `home: must be an absolute path, not "alice"`},
		{Args{Name: "alice", Groups: []string{"1000"}}, `groups: must not be a number: "1000"`},
		{Args{Name: "alice", Expires: "soon"}, `expires: must be a day such as "2027-01-31", or "never", not "soon"`},
		{Args{Name: "alice", Expires: "2027-02-30"}, `expires: must be a day such as "2027-01-31", or "never", not "2027-02-30"`},
		{Args{Name: "alice", Expires: "1970-01-01"}, `expires: must be a day such as "2027-01-31", or "never", not "1970-01-01"`},
		{Args{Name: "alice", Expires: "never", Locked: ptr(false)}, "expires: conflicts with locked, which sets the day as well"},
		{Args{Name: "root", State: "absent"}, "name: the user root can't be removed"},
		{Args{Name: "alice", RemoveHome: true}, `remove_home: requires state = "absent"`},
		{Args{Name: "alice", PasswordHash: hash}, ""},
		{Args{Name: "alice", PasswordHash: "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"}, ""},
	} {
		_, err := New(test.args, modules.Env{})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%+v:\n got %s\nwant %s", test.args, got, test.want)
		}
	}
}
