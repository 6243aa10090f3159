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
		Home: "/srv/alice", CreateHome: true, Shell: "/bin/bash", PasswordHash: hash,
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
		{name: "home may be missing", step: func(s *Step) { s.CreateHome = false }, noHome: true},
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
