package observe

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// recordedAccounts returns the replies of a real host in testdata.
func recordedAccounts(t testing.TB, name string) map[string]Reply {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	replies := make(map[string]Reply)
	for _, f := range archive.Files {
		replies[f.Name] = Reply{Stdout: f.Data, Status: getentNotFound} // one of the names was not there
	}
	return replies
}

var recordedUsers = []string{"root", "admin", "bob", "carol", "open", "nosuch"}

func TestParseAccounts(t *testing.T) {
	t.Parallel()
	users := map[string]Answer[UserInfo]{
		"root":   {Value: UserInfo{Exists: true, Group: "root", Comment: "root", Home: "/root", HomeIs: true, Shell: "/bin/bash"}},
		"admin":  {Value: UserInfo{Exists: true, UID: 1000, GID: 1000, Group: "admin", Home: "/home/admin", HomeIs: true, Shell: "/bin/bash"}},
		"bob":    {Value: UserInfo{Exists: true, UID: 2001, GID: 100, Group: "users", Comment: "Bob B.,,,", Home: "/nonexistent", Shell: "/bin/sh", Groups: []string{"adm", "web"}}},
		"carol":  {Value: UserInfo{Exists: true, UID: 2002, GID: 2000, Group: "web", Home: "/home/carol", Shell: "/bin/sh"}},
		"open":   {Value: UserInfo{Exists: true, UID: 2003, GID: 4242, Home: "/home/open", Shell: "/bin/sh"}},
		"nosuch": {},
	}
	web, adm, nosuch := GroupQuestion{Name: "web", PrimaryOf: true}, GroupQuestion{Name: "adm"}, GroupQuestion{Name: "nosuch"}
	groups := map[GroupQuestion]Answer[GroupInfo]{
		web:    {Value: GroupInfo{Exists: true, GID: 2000, Members: []string{"bob"}, PrimaryOf: []string{"carol"}}},
		adm:    {Value: GroupInfo{Exists: true, GID: 4, Members: []string{"bob"}}},
		nosuch: {},
	}
	const hash = "$6$rcprovcase$LCPKgoGQMQSRzndDqCPpDBEnRhA/VJAMTQxtPQHY649GbDcleCqhPNCWcoQkvR7./0Fcfz6f0BMGZjZljff0/0"
	shadows := map[string]Answer[ShadowInfo]{
		"root":   {Value: ShadowInfo{Exists: true}},
		"admin":  {Value: ShadowInfo{Exists: true, Locked: true}},
		"bob":    {Value: ShadowInfo{Exists: true, Locked: true}},
		"carol":  {Value: ShadowInfo{Exists: true, Password: HashedPassword, Fingerprint: PasswordFingerprint(hash), Locked: true, Expires: 1, Expired: true}},
		"open":   {Value: ShadowInfo{Exists: true, Password: EmptyPassword, Expires: 47117}},
		"nosuch": {},
	}
	for _, file := range []string{"account-debian12.txtar", "account-debian13.txtar"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			replies := recordedAccounts(t, file)
			if diff := cmp.Diff(users, parseUsers(recordedUsers, replies["user"])); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(groups, parseGroups([]GroupQuestion{web, adm, nosuch}, replies["group"])); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(shadows, parseShadow(recordedUsers, replies["shadow"])); diff != "" {
				t.Errorf("shadow (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAccountUnknown: a getent that fails says nothing about a user.
func TestAccountUnknown(t *testing.T) {
	t.Parallel()
	reply := Reply{Stderr: []byte("sh: 1: getent: not found\n"), Status: 127}
	if err := parseUsers([]string{"bob"}, reply)["bob"].Err; err == nil || err.Error() != "sh: 1: getent: not found" {
		t.Errorf("user: error %v", err)
	}
	if err := parseGroups([]GroupQuestion{{Name: "web"}}, reply)[GroupQuestion{Name: "web"}].Err; err == nil {
		t.Error("group: no error")
	}
	if err := parseShadow([]string{"bob"}, reply)["bob"].Err; err == nil {
		t.Error("shadow: no error")
	}
}

func FuzzParseAccounts(f *testing.F) {
	for _, file := range []string{"account-debian12.txtar", "account-debian13.txtar"} {
		for _, reply := range recordedAccounts(f, file) {
			f.Add(reply.Stdout)
		}
	}
	f.Fuzz(func(t *testing.T, stdout []byte) {
		reply := Reply{Stdout: stdout}
		parseUsers(recordedUsers, reply)
		parseGroups([]GroupQuestion{{Name: "web", PrimaryOf: true}}, reply)
		for name, a := range parseShadow(recordedUsers, reply) {
			if a.Err == nil && a.Value.Expired && a.Value.Expires == 0 {
				t.Errorf("%s is expired without a day: %+v", name, a.Value)
			}
		}
	})
}

func TestCheckAccountName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"alice": "", "_apt": "", "www-data": "", "a.b": "", "machine$": "",
		"":                      "must not be empty",
		"1000":                  `must not be a number: "1000"`,
		"-r":                    `must be a name of letters, digits, ".", "-" and "_", not "-r"`,
		"a b":                   `must be a name of letters, digits, ".", "-" and "_", not "a b"`,
		"a:b":                   `must be a name of letters, digits, ".", "-" and "_", not "a:b"`,
		"ä":                     `must be a name of letters, digits, ".", "-" and "_", not "ä"`,
		strings.Repeat("a", 33): `must not be longer than 32 characters: "` + strings.Repeat("a", 33) + `"`,
	} {
		got := ""
		if err := CheckAccountName(name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestUnshadowed(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]bool{"": true, "$6$x$y": true, "x": false, "*": false, "!": false} {
		_, info, err := parsePasswd("yes:bob:" + password + ":1000:1000::/home/bob:/bin/sh")
		if err != nil || info.Unshadowed != want {
			t.Errorf("%q: %+v, %v", password, info, err)
		}
	}
}
