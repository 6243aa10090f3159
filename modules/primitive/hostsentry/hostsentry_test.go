package hostsentry

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

func TestNewContent(t *testing.T) {
	t.Parallel()
	is := func(ip string, names ...string) desired { return desired{ip: netip.MustParseAddr(ip), names: names} }
	not := func(ip string, names ...string) desired {
		return desired{ip: netip.MustParseAddr(ip), names: names, absent: true}
	}
	db := is("10.0.0.5", "db.internal", "db")
	const local = "127.0.0.1 localhost\n127.0.1.1\tchat.example.com chat # by the installer\n\n# IPv6\n::1 localhost ip6-localhost\n"
	const line = "10.0.0.5\tdb.internal db\n"
	tests := []struct {
		name    string
		desired desired
		old     string
		want    string
	}{
		{name: "there", desired: db, old: local + "10.0.0.5 db.internal   db # x\n", want: local + "10.0.0.5 db.internal   db # x\n"},
		{name: "there without an end", desired: db, old: "10.0.0.5 db.internal db", want: "10.0.0.5 db.internal db"},
		{name: "missing", desired: db, old: local, want: local + line},
		{name: "missing, no end", desired: db, old: "127.0.0.1 localhost", want: "127.0.0.1 localhost\n" + line},
		{name: "empty file", desired: db, old: "", want: line},
		{name: "commented out", desired: db, old: "#10.0.0.5 db.internal db\n", want: "#10.0.0.5 db.internal db\n" + line},
		{name: "one name missing", desired: db, old: "10.0.0.5 db # x\n" + local, want: "10.0.0.5\tdb.internal db # x\n" + local},
		{name: "other order", desired: db, old: "10.0.0.5 db db.internal\n", want: line},
		{name: "twice", desired: db, old: line + "# c\n" + line, want: line + "# c\n"},
		{name: "each name on its line", desired: db, old: "10.0.0.5 db.internal\n10.0.0.5 db\n", want: line},
		{name: "beside other names", desired: db, old: "10.0.0.5 db.internal db other\n", want: "10.0.0.5 db.internal db other\n"},
		{name: "one beside other names", desired: db, old: "10.0.0.5 db other\n", want: "10.0.0.5 db other\n10.0.0.5\tdb.internal\n"},
		{name: "in capitals", desired: db, old: "10.0.0.5 DB other db.internal\n", want: "10.0.0.5 DB other db.internal\n"},
		{name: "other names of the address", desired: db, old: "10.0.0.5 other\n", want: "10.0.0.5 other\n" + line},
		{name: "old address", desired: db, old: "10.0.0.4 db.internal db\nx\n", want: "x\n" + line},
		{name: "old address with another name", desired: db, old: "10.0.0.4 db www # c\n", want: "10.0.0.4\twww # c\n" + line},
		{name: "old address at the end without an end", desired: db, old: "x\n10.0.0.4 db", want: "x\n" + line},
		{name: "IPv6 beside IPv4", desired: is("fd00::5", "db"), old: "10.0.0.5 db\n", want: "10.0.0.5 db\nfd00::5\tdb\n"},
		{name: "IPv6 written otherwise", desired: is("fd00::5", "db"), old: "FD00:0::0005 db\n", want: "FD00:0::0005 db\n"},
		{name: "odd lines stay", desired: db, old: "nonsense db\n10.0.0.5\n999.1.1.1 db\n" + line, want: "nonsense db\n10.0.0.5\n999.1.1.1 db\n" + line},
		{name: "CRLF stays", desired: db, old: "127.0.0.1 localhost\r\n10.0.0.5 db.internal db\r\n", want: "127.0.0.1 localhost\r\n10.0.0.5 db.internal db\r\n"},
		{name: "localhost gets a name", desired: is("127.0.0.1", "app"), old: local, want: local + "127.0.0.1\tapp\n"},

		{name: "absent already", desired: not("10.0.0.5", "db"), old: local, want: local},
		{name: "removed", desired: not("10.0.0.5", "db", "db.internal"), old: line + local + line, want: local},
		{name: "one name removed", desired: not("127.0.1.1", "chat"), old: local, want: strings.Replace(local, "127.0.1.1\tchat.example.com chat ", "127.0.1.1\tchat.example.com ", 1)},
		{name: "removed from this address only", desired: not("10.0.0.5", "db"), old: "10.0.0.4 db\n", want: "10.0.0.4 db\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := newContent(test.old, test.desired)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("content (-want +got):\n%s", diff)
			}
			if again := newContent(got, test.desired); again != got {
				t.Errorf("a second time: %q, after %q", again, got)
			}
		})
	}
}

// FuzzNewContent finds files that a second run would change again.
func FuzzNewContent(f *testing.F) {
	f.Add("127.0.0.1 localhost db\n10.0.0.5 DB www # c\n10.0.0.5 db.internal", false)
	f.Add("10.0.0.5 db.internal db\n10.0.0.5 db", true)
	f.Fuzz(func(t *testing.T, old string, absent bool) {
		d := desired{ip: netip.MustParseAddr("10.0.0.5"), names: []string{"db.internal", "db"}, absent: absent}
		once := newContent(old, d)
		if twice := newContent(once, d); twice != once {
			t.Errorf("once %q, twice %q", once, twice)
		}
	})
}

func TestDiff(t *testing.T) {
	t.Parallel()
	step := Step{path: "/etc/hosts", desired: desired{ip: netip.MustParseAddr("10.0.0.5"), names: []string{"db"}}}
	file := func(content string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Regular, Content: []byte(content)}
	}
	change := func(old, text string) modules.Change {
		return modules.Change{Edits: []modules.Edit{{
			Action: modules.Update, Subject: "/etc/hosts", Field: "names", Text: &modules.Text{Old: old, New: text},
		}}, Work: work{Path: "/etc/hosts", Old: old, New: text}}
	}
	const cloud = "# Your system has configured 'manage_etc_hosts' as True.\n"
	noted := change(cloud, cloud+"10.0.0.5\tdb\n")
	noted.Notes = []string{"cloud-init rewrites /etc/hosts at each boot: set `manage_etc_hosts: false` in /etc/cloud/cloud.cfg, or edit /etc/cloud/templates/hosts.debian.tmpl"}
	tests := []struct {
		name  string
		is    observe.FileInfo
		could error
		want  modules.Change
		err   string
	}{
		{name: "converged", is: file("10.0.0.5 db\n")},
		{name: "absent", is: file("x\n"), want: change("x\n", "x\n10.0.0.5\tdb\n")},
		{name: "no file", want: change("", "10.0.0.5\tdb\n")},
		{name: "cloud-init", is: file(cloud), want: noted},
		{name: "link", is: observe.FileInfo{Type: observe.Symlink, Target: "/run/hosts"}, err: "/etc/hosts is a symbolic link to /run/hosts"},
		{name: "directory", is: observe.FileInfo{Type: observe.Directory}, err: "/etc/hosts is a directory, not a file"},
		{name: "too large", is: observe.FileInfo{Type: observe.Regular, Size: 5 << 20}, err: "/etc/hosts has 5242880 bytes, too many to edit (at most 1048576)"},
		{name: "could not tell", could: errors.New("Input/output error"), err: "look at /etc/hosts: Input/output error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observe.NewSnapshot()
			observe.File.Put(s, step.question(), test.is, test.could)
			got, err := step.Diff(s)
			if moduletest.ErrorText(err) != test.err {
				t.Fatalf("error %q, want %q", moduletest.ErrorText(err), test.err)
			}
			moduletest.WantChange(t, test.want, got)
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args Args
		err  string
	}{
		{args: Args{IP: "10.0.0.5", Names: []string{"db.internal", "db_1"}}},
		{args: Args{IP: "fd00::5", Names: []string{"db"}}},
		{args: Args{IP: "db", Names: []string{"db"}}, err: `ip: must be an IPv4 or IPv6 address, not "db"`},
		{args: Args{IP: "fe80::1%eth0", Names: []string{"db"}}, err: `ip: must be a plain address, not "fe80::1%eth0"`},
		{args: Args{IP: "10.0.0.5"}, err: "names: must have at least one name"},
		{args: Args{IP: "10.0.0.5", Names: []string{"a b", "c", "C"}}, err: "names: must be host names, not \"a b\"\nnames: has \"C\" twice"},
	}
	for _, test := range tests {
		if _, err := New(test.args, modules.Env{}); moduletest.ErrorText(err) != test.err {
			t.Errorf("%+v: error %q, want %q", test.args, moduletest.ErrorText(err), test.err)
		}
	}
}

func TestConverge(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte("127.0.0.1 localhost\n"), 0o604); err != nil {
		t.Fatal(err)
	}
	step := &Step{path: path, desired: desired{ip: netip.MustParseAddr("10.0.0.5"), names: []string{"db"}}}
	host := &moduletest.Host{}
	moduletest.Converge(t, host, step)
	step.desired.absent = true
	moduletest.Converge(t, host, step)
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "127.0.0.1 localhost\n" {
		t.Errorf("content %q, %v", content, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o604 {
		t.Errorf("the mode was not kept: %v, %v", info.Mode(), err)
	}
}
