package git

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

const (
	one = "1111111111111111111111111111111111111111"
	two = "2222222222222222222222222222222222222222"
)

func build(t *testing.T, change func(*Args)) *Step {
	t.Helper()
	args := Args{Repo: "https://git.example.com/app.git", Path: "/srv/app"}
	modules.Defaults(&args)
	change(&args)
	step, err := New(args, modules.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return step.(*Step)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	update := func(field, from, to string) modules.Edit {
		return modules.Edit{Action: modules.Update, Subject: "/srv/app", Field: field, From: from, To: to}
	}
	create := modules.Edit{Action: modules.Create, Subject: "/srv/app", To: "HEAD of https://git.example.com/app.git"}
	force := func(a *Args) { a.Force = true }
	at := func(commit string) func(*Args) { return func(a *Args) { a.Version = commit } }
	clean := checkout{There: repository, Head: one, URL: "https://git.example.com/app.git", Asked: true, Remote: one}
	with := func(change func(*checkout)) checkout {
		is := clean
		change(&is)
		return is
	}
	local := with(func(is *checkout) { is.Local = []edit{{" M", "f"}, {" D", "g"}} })
	ahead := with(func(is *checkout) { is.Head, is.Ahead = two, 3 })
	tests := []struct {
		name  string
		args  func(*Args)
		owner string // of the directory; empty: it is absent
		is    checkout
		want  []modules.Edit
		notes []string
		err   string
	}{
		{name: "converged", owner: "root", is: clean},
		{name: "absent", is: checkout{Asked: true, Remote: one}, want: []modules.Edit{create}},
		{
			name: "absent, and the remote doesn't answer", is: checkout{Said: "ssh: connect: Connection refused\n"}, want: []modules.Edit{create},
			notes: []string{"https://git.example.com/app.git can't be asked for HEAD now: ssh: connect: Connection refused"},
		},
		{name: "absent, without git", is: checkout{Lacks: []string{"git"}}, err: "the host has no git"},
		{name: "no such branch", args: at("nope"), is: checkout{Asked: true}, err: `https://git.example.com/app.git has no branch or tag "nope"`},
		{name: "another commit there", owner: "root", is: with(func(is *checkout) { is.Remote = two }), want: []modules.Edit{update("version", "1111111111", "2222222222 (HEAD)")}},
		{name: "at a commit, nobody asks", args: at(one), owner: "root", is: with(func(is *checkout) { is.Asked, is.Remote = false, "" })},
		{name: "at another commit", args: at(two), owner: "root", is: clean, want: []modules.Edit{update("version", "1111111111", "2222222222")}},
		{
			name: "the remote doesn't answer", owner: "root", is: with(func(is *checkout) { is.Asked, is.Said = false, "it has not answered within 20 seconds\n" }),
			err: "https://git.example.com/app.git can't be asked for HEAD: it has not answered within 20 seconds",
		},
		{name: "local edits", owner: "root", is: local, err: "/srv/app has local edits: f, g (deleted)"},
		{
			name: "local edits, forced", args: force, owner: "root", is: local, want: []modules.Edit{
				{Action: modules.Update, Subject: "/srv/app/f", Field: "content", From: "edited on the host", To: "as committed"},
				{Action: modules.Update, Subject: "/srv/app/g", Field: "content", From: "edited on the host", To: "as committed"},
			},
		},
		{name: "local commits", owner: "root", is: ahead, err: "/srv/app is at commit 2222222222, and the remote doesn't have it (new commits: 3)"},
		{
			name: "local commits, forced", args: force, owner: "root", is: ahead,
			want: []modules.Edit{update("version", "2222222222, with commits that the remote doesn't have: 3", "1111111111 (HEAD)")},
		},
		{name: "another remote", owner: "root", is: with(func(is *checkout) { is.URL = "/elsewhere" }), want: []modules.Edit{update("repo", "/elsewhere", "https://git.example.com/app.git")}},
		{name: "a submodule", owner: "root", is: with(func(is *checkout) { is.Submodules = []string{"lib"} }), want: []modules.Edit{update("submodules", "", "lib")}},
		{name: "owner", args: func(a *Args) { a.Owner = "alice" }, owner: "root", is: clean, want: []modules.Edit{update("owner", "root", "alice")}},
		{name: "somebody else's", owner: "alice", is: clean, err: "/srv/app: it belongs to alice"},
		{
			name: "somebody else's, forced", args: force, owner: "alice", is: clean,
			want: []modules.Edit{{Action: modules.Create, Subject: "/srv/app", From: "replaced: it belongs to alice", To: create.To}},
		},
		{name: "others may write", owner: "root", is: checkout{There: repository, Strange: ".git/config"}, err: "/srv/app: others may write /srv/app/.git/config"},
		{name: "something else", owner: "root", is: checkout{There: "full"}, err: "/srv/app is not empty and no git repository"},
		{name: "an empty directory", owner: "root", is: checkout{There: empty, Asked: true, Remote: one}, want: []modules.Edit{create}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			change := test.args
			if change == nil {
				change = func(*Args) {}
			}
			step, snapshot := build(t, change), observe.NewSnapshot()
			dir := observe.FileInfo{Type: observe.Directory, Mode: 0o755, Owner: test.owner, Group: "root"}
			if test.owner == "" {
				dir = observe.FileInfo{}
			} else if test.owner != "root" {
				dir.UID = 1000
			}
			observe.File.Put(snapshot, observe.FileQuestion{Path: "/srv/app"}, dir, nil)
			observe.User.Put(snapshot, "alice", observe.UserInfo{Exists: true, UID: 1000}, nil)
			checkouts.Put(snapshot, step.question(), test.is, nil)
			got, err := step.Diff(snapshot)
			if text := moduletest.ErrorText(err); text != test.err {
				t.Fatalf("error %q, want %q", text, test.err)
			}
			if diff := cmp.Diff(test.want, got.Edits); diff != "" {
				t.Errorf("edits (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.notes, got.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		change func(*Args)
		want   string // error, or known hosts
	}{
		{func(a *Args) { a.Repo = "https://me:secret@git.example.com/app.git" }, "repo: must not have a name or password in it: they would show in the host's process list; use SSH, with key"},
		{func(a *Args) { a.Repo = "ext::sh -c id" }, ""},
		{func(a *Args) { a.Repo = "--upload-pack=id" }, `repo: must be an absolute path, not "--upload-pack=id"`},
		{func(a *Args) { a.Version = "--force" }, `version: must be a branch, a tag or a commit, not "--force"`},
		{func(a *Args) { a.Path = "/app" }, "path: must be below a top-level directory, such as /srv/app"},
		{func(a *Args) { a.HostKeys = []string{"ssh-ed25519 AAAA"} }, "host_keys: is for SSH, and repo is no address of SSH"},
		{func(a *Args) { a.Repo, a.HostKeys = "git@h:x.git", []string{"ssh-ed25519 AAAA c"} }, "h ssh-ed25519 AAAA\n"},
		{func(a *Args) {
			a.Repo, a.HostKeys = "ssh://h:2222/x.git", []string{"ssh-ed25519 AAAA", "o ssh-rsa BBBB"}
		}, "[h]:2222 ssh-ed25519 AAAA\no ssh-rsa BBBB\n"},
		{func(a *Args) { a.Repo, a.Key = "git@h:x.git", "AAAA" }, "key: is no private key: it begins with `-----BEGIN OPENSSH PRIVATE KEY-----`"},
	} {
		args := Args{Repo: "https://git.example.com/app.git", Path: "/srv/app"}
		modules.Defaults(&args)
		test.change(&args)
		step, err := New(args, modules.Env{})
		got := moduletest.ErrorText(err)
		if err == nil {
			got = step.(*Step).knownHosts
		}
		if got != test.want {
			t.Errorf("%+v:\n got %q\nwant %q", args, got, test.want)
		}
	}
}

// TestParse: of a tag with a note, the commit counts, and a branch before a tag of its name.
func TestParse(t *testing.T) {
	t.Parallel()
	q, other := question{Path: "/a", Version: "v1"}, question{Path: "/b", Version: "main"}
	reply := strings.Join([]string{
		"rcprov-git there repository", "rcprov-git head " + one, "rcprov-git edit  M a b", "warning: x",
		"rcprov-git remote " + one + " refs/tags/v1", "rcprov-git remote " + two + " refs/tags/v1^{}", "rcprov-git asked", "rcprov-git end",
		"git@h: Permission denied", "rcprov-git end", "",
	}, "\n")
	want := map[question]observe.Answer[checkout]{
		q:     {Value: checkout{There: repository, Head: one, Local: []edit{{" M", "a b"}}, Asked: true, Remote: two, Said: "warning: x\n"}},
		other: {Value: checkout{Said: "git@h: Permission denied\n"}},
	}
	if diff := cmp.Diff(want, parse([]question{q, other}, observe.Reply{Stdout: []byte(reply)})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
