package authorizedkey

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/internal/publickey"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

const (
	keyA  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQ7EHcc0U+5+2UihwvxaaZYDz5SUpozmScUYA1GD0zF"
	nameA = "alice's key SHA256:5SlR4gnCOvx9vs6j65TLgKHY6RNbjl0UTviBsRH9YII"
	keyB  = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC4VAKTOWaT0F8ipRY+WtNG9ivtTnGni7cbgLmvTP+eVASt3I2FCCGM5tvMtR8+VxmVSVSkC5ysabyNDsEyIRgE="
	nameB = "alice's key SHA256:EXPNREaFBBLgdHXNLF/yKdf4KWqKcgy1XstXOmgUV4o"
)

var plain = modules.Env{Sensitive: func(string) bool { return false }}

// asWanted is how the host shows a file that sshd accepts.
func asWanted(content string) keyFile {
	return keyFile{
		UserExists: true, UID: 1000, Path: "/home/alice/.ssh/authorized_keys",
		Home: node{Exists: true, Raw: 0o040755, UID: 1000}, Dir: node{Exists: true, Raw: 0o040700, UID: 1000},
		File: node{Exists: true, Raw: 0o100600, UID: 1000}, Content: []byte(content),
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	key, _, err := publickey.Parse(keyA)
	if err != nil {
		t.Fatal(err)
	}
	comment := "alice"
	options := []string{"restrict", `command="/bin/date -u, please"`}
	const optionsText = `restrict,command="/bin/date -u, please"`
	create := modules.Edit{Action: modules.Create, Subject: nameA, To: "ssh-ed25519 alice"}
	update := func(field, from, to string) []modules.Edit {
		return []modules.Edit{{Action: modules.Update, Subject: nameA, Field: field, From: from, To: to}}
	}
	tests := []struct {
		vague bool // an earlier step may do anything
		name  string
		args  Args
		is    keyFile
		isErr error
		edits []modules.Edit
		work  modules.Work
		notes []string
		err   string
		after string // content of the file after it was rewritten
	}{
		{name: "converged", is: asWanted(keyA + " alice\n"), after: keyA + " alice\n"},
		{
			name: "absent", is: asWanted("# mine\n" + keyB), edits: []modules.Edit{create},
			work:  work{User: "alice", Want: entry{Key: key, Comment: "alice"}},
			after: "# mine\n" + keyB + "\n" + keyA + " alice\n",
		},
		{
			name: "no file", is: keyFile{UserExists: true, UID: 1000, Path: "/x/y"}, edits: []modules.Edit{create},
			after: keyA + " alice\n",
		},
		{
			name: "no user", is: keyFile{}, err: "there is no user alice",
		},
		{
			name: "no user, unless a program makes it", is: keyFile{}, vague: true, edits: []modules.Edit{create}, notes: []string{"there is no user alice yet"},
			after: keyA + " alice\n",
		},
		{
			name: "options", args: Args{Options: options}, is: asWanted(keyA + " alice\n" + keyB + "\n"),
			edits: update("options", "", optionsText), after: optionsText + " " + keyA + " alice\n" + keyB + "\n",
		},
		{name: "options as wanted", args: Args{Options: options}, is: asWanted(optionsText + " " + keyA + " alice\n"), after: optionsText + " " + keyA + " alice\n"},
		{
			name: "options that nobody asked for", is: asWanted("no-pty " + keyA + " alice\n"),
			edits: update("options", "no-pty", ""), after: keyA + " alice\n",
		},
		{
			name: "comment", is: asWanted(keyA + " bob\n"), edits: update("comment", "bob", "alice"), after: keyA + " alice\n",
			work: work{User: "alice", Want: entry{Key: key, Comment: "alice"}, Seen: []entry{{Key: key, Comment: "bob"}}},
		},
		{
			name: "on two lines", is: asWanted(keyA + " alice\n" + keyB + "\nno-pty " + keyA + "\n"),
			edits: update("key", "on 2 lines", "on one line"), after: keyA + " alice\n" + keyB + "\n",
		},
		{
			name: "exclusive", args: Args{Exclusive: true}, is: asWanted("# mine\n\n" + keyB + " bob\nrubbish here\n" + keyA + " alice\n"),
			edits: []modules.Edit{
				{Action: modules.Remove, Subject: nameB, From: "bob"},
				{Action: modules.Remove, Subject: "line 4 of alice's authorized keys, which is not a key"},
			},
			after: "# mine\n\n" + keyA + " alice\n",
		},
		{
			name: "to be removed", args: Args{State: "absent"}, is: asWanted(keyB + "\n" + keyA + " x\n"),
			edits: []modules.Edit{{Action: modules.Remove, Subject: nameA, From: "x"}}, after: keyB + "\n",
			work: work{User: "alice", Want: entry{Key: key, Comment: "alice"}, Seen: []entry{{Key: key, Comment: "x"}}, Absent: true},
		},
		{name: "removed already", args: Args{State: "absent"}, is: asWanted(keyB + "\n"), after: keyB + "\n"},
		{name: "removed with its user", args: Args{State: "absent"}},
		{
			name: "file that sshd refuses",
			is: func() keyFile {
				f := asWanted(keyA + " alice\n")
				f.File.Raw, f.Dir.Raw = 0o100664, 0o040777
				return f
			}(),
			edits: []modules.Edit{
				{Action: modules.Update, Subject: "/home/alice/.ssh/authorized_keys", Field: "mode", From: "0664, user 1000", To: "0600, user alice"},
				{Action: modules.Update, Subject: "/home/alice/.ssh", Field: "mode", From: "0777", To: "0755"},
			},
			work: work{
				User: "alice", Want: entry{Key: key, Comment: "alice"}, Seen: []entry{{Key: key, Comment: "alice"}},
				File: &refused{Path: "/home/alice/.ssh/authorized_keys", Seen: node{Exists: true, Raw: 0o100664, UID: 1000}},
				Dir:  &refused{Path: "/home/alice/.ssh", Seen: node{Exists: true, Raw: 0o040777, UID: 1000}},
			},
			after: keyA + " alice\n",
		},
		{
			name: "home that sshd refuses",
			is: func() keyFile {
				f := asWanted(keyA + " alice\n")
				f.Home.Raw = 0o040775
				return f
			}(),
			notes: []string{"sshd accepts no key of alice while others may write to its home (StrictModes)"},
			after: keyA + " alice\n",
		},
		{
			name: "directory in its place",
			is: func() keyFile {
				f := asWanted("")
				f.File.Raw = 0o040755
				return f
			}(),
			err: "/home/alice/.ssh/authorized_keys is not a file",
		},
		{
			name: "could not tell", isErr: &unreadableError{User: "alice", Path: "/x"},
			err: "alice may not read /x, so sshd can't either",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.args.User, test.args.Key, test.args.Comment = "alice", keyA, &comment
			built, err := New(test.args, plain)
			if err != nil {
				t.Fatal(err)
			}
			step := built.(*Step)
			snapshot := observe.NewSnapshot()
			keyFiles.Put(snapshot, step.question(), test.is, test.isErr)
			change, err := step.Diff(snapshot)
			if test.vague {
				snapshot.Forecast().May(observe.Cause{Name: "a command"})
				_, change, err = modules.Preview(step, snapshot)
			}
			if got := moduletest.ErrorText(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			if test.err != "" {
				return
			}
			moduletest.WantChange(t, modules.Change{Work: test.work, Edits: test.edits, Notes: test.notes}, change)
			if diff := cmp.Diff(test.after, string(step.rewrite(test.is.Content))); diff != "" {
				t.Errorf("file afterwards (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	const private = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
	for _, test := range []struct {
		args Args
		want string
	}{
		{Args{User: "alice", Key: keyA + " a\n"}, ""},
		{Args{User: "1"}, "user: must not be a number: \"1\"\nkey: is empty"},
		{Args{User: "alice", Key: private}, "key: is a private key; give the public one, the file that ends with .pub"},
		{Args{User: "alice", Key: "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA"}, "key: is in the format of RFC 4716; `ssh-keygen -i -f FILE` prints it as one line"},
		{Args{User: "alice", Key: keyA + "\n" + keyB}, "key: has 2 lines; give one key"},
		{Args{User: "alice", Key: "AAAAC3NzaC1lZDI1NTE5"}, `key: has one word; a public key is a type and a text, such as "ssh-ed25519 AAAA..."`},
		{Args{User: "alice", Key: keyA[:40]}, "key: is not a public key: its text is cut off or damaged, or does not match the type before it"},
		{Args{User: "alice", Key: "no-pty " + keyA}, "key: has options before the key; give them in `options`"},
		{
			Args{User: "alice", Key: keyA, Options: []string{"command=date -u"}},
			`options: must be options of authorized_keys, each without a comma or space outside double quotes: command="/bin/date -u"`,
		},
		{
			Args{User: "alice", Key: keyA, Options: []string{"no-pty,restrict"}},
			`options: must be options of authorized_keys, each without a comma or space outside double quotes: command="/bin/date -u"`,
		},
		{Args{User: "alice", Key: keyA, Path: "keys"}, `path: must be an absolute path, not "keys"`},
		{Args{User: "alice", Key: keyA, State: "absent", Exclusive: true}, "exclusive: conflicts with state = \"absent\""},
	} {
		_, err := New(test.args, plain)
		if got := moduletest.ErrorText(err); got != test.want {
			t.Errorf("%+v:\n got %s\nwant %s", test.args, got, test.want)
		}
		if strings.Contains(moduletest.ErrorText(err), "c2VjcmV0") {
			t.Error("shows the private key")
		}
	}
}

// TestConverge works on a file of the user who runs the tests; other users and links between them are in e2e.
func TestConverge(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"/bin/sh", "/bin/bash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(shell); err != nil {
				t.Skipf("no %s on this machine", shell)
			}
			path := filepath.Join(t.TempDir(), "keys of 'me'")
			step, err := New(Args{User: me.Username, Key: keyA + " me", Path: path}, plain)
			if err != nil {
				t.Fatal(err)
			}
			host := &moduletest.Host{Shell: shell}
			moduletest.Converge(t, host, step)
			if err := os.WriteFile(path, []byte(keyB), 0o666); err != nil {
				t.Fatal(err)
			}
			moduletest.Converge(t, host, step)
			if got, _ := os.ReadFile(path); string(got) != keyB+"\n"+keyA+" me\n" {
				t.Errorf("file: %q", got)
			}
		})
	}
}

// TestConvergeEmpty: the file in the default place is there and empty, and then gets its key from somebody else.
func TestConvergeEmpty(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "home")
	if err := os.MkdirAll(home+"/.ssh", 0o700); err != nil {
		t.Fatal(err)
	}
	// getent of a host where that is the home of the user who runs the tests.
	bin := t.TempDir()
	stub := fmt.Sprintf("#!/bin/sh\necho 'me:x:%d:%d::%s:/bin/sh'\n", os.Getuid(), os.Getgid(), home)
	if err := os.WriteFile(bin+"/getent", []byte(stub), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin+"/sh", []byte("#!/bin/sh\nPATH="+bin+":$PATH exec /bin/sh \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := home + "/.ssh/authorized_keys"
	step, err := New(Args{User: "me", Key: keyA + " me"}, plain)
	if err != nil {
		t.Fatal(err)
	}
	host := &moduletest.Host{Shell: bin + "/sh"}
	for _, content := range []string{"", "\n", keyB} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		moduletest.Converge(t, host, step)
		if got, _ := os.ReadFile(path); string(got) != strings.TrimSuffix(content, "\n")+strings.Repeat("\n", min(1, len(content)))+keyA+" me\n" {
			t.Errorf("file: %q", got)
		}
	}
}

func TestApplyWithoutUser(t *testing.T) {
	t.Parallel()
	step, err := New(Args{User: "rcprov-nobody", Key: keyA}, plain)
	if err != nil {
		t.Fatal(err)
	}
	host := &moduletest.Host{}
	err = step.Apply(t.Context(), host, modules.Change{})
	var hint *modules.HintError
	if !errors.As(err, &hint) || err.Error() != "there is no user rcprov-nobody" || hint.Hint != "Add a `user` step before this one." {
		t.Errorf("error %v, hint %+v", err, hint)
	}
}

// TestParseKeyFiles: what GNU coreutils 9.1 (Debian 12) and uutils 0.0.30 (Debian 13) say of paths.
func TestParseKeyFiles(t *testing.T) {
	t.Parallel()
	const head = "0 user 1000 /home/a/.ssh/authorized_keys\n0 home /home/a\n0 stat 41ed 1000 /home/a\n"
	for _, test := range []struct{ name, said, err string }{
		{"GNU, not there", "stat: cannot statx '/home/a/.ssh': No such file or directory", ""},
		{"uutils, not there", "stat: cannot stat '/home/a/.ssh': No such file or directory (os error 2)", ""},
		{"GNU, forbidden", "stat: cannot statx '/home/a/.ssh': Permission denied", "a may not read /home/a/.ssh/authorized_keys, so sshd can't either"},
		{"uutils, forbidden", "stat: cannot stat '/home/a/.ssh': Permission denied (os error 13)", "a may not read /home/a/.ssh/authorized_keys, so sshd can't either"},
		{"broken disk", "stat: cannot statx '/home/a/.ssh': Input/output error", "stat: cannot statx '/home/a/.ssh': Input/output error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := question{User: "a"}
			a := parseKeyFiles([]question{q}, observe.Reply{Stdout: []byte(head + "0 error " + test.said + "\n")})[q]
			if got := moduletest.ErrorText(a.Err); got != test.err {
				t.Errorf("error %q, want %q", got, test.err)
			}
			if test.err == "" && (!a.Value.UserExists || !a.Value.Home.Exists || a.Value.Dir.Exists || a.Value.File.Exists) {
				t.Errorf("value %+v", a.Value)
			}
		})
	}
}

func FuzzParseKeyFiles(f *testing.F) {
	f.Add([]byte("0 user 1000 /home/a/.ssh/authorized_keys\n0 home /home/a\n0 stat 41ed 1000 /home/a\n0 stat 8180 1000 /home/a/.ssh/authorized_keys\n0 content YWJj\n"))
	f.Add([]byte("0 user 1000 /home/a/.ssh/authorized_keys\n0 home /home/a\n0 plain\n0 stat 8180 1000 /home/a/.ssh/authorized_keys\n/home/a/.ssh/authorized_keys:abc\n"))
	f.Add([]byte("0 nobody\n1 user x y\n1 stat zz 1 /\n1 unreadable\n0 error stat: cannot statx '/x': Permission denied\n"))
	f.Fuzz(func(t *testing.T, stdout []byte) {
		questions := []question{{User: "a"}, {User: "b", Path: "/x"}}
		for q, a := range parseKeyFiles(questions, observe.Reply{Stdout: stdout}) {
			if a.Err == nil && a.Value.File.regular() && a.Value.Content == nil {
				t.Errorf("%v: a file without content: %+v", q, a.Value)
			}
		}
	})
}
