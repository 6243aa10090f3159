package observe

import (
	"errors"
	"testing"
	"time"
)

// TestFutureLinks asks for files to which links lead: links that are there, and links that pending changes make, move or remove.
func TestFutureLinks(t *testing.T) {
	t.Parallel()
	written := KnownContent([]byte("new"))
	rights := &Rights{Mode: 0o644, Owner: "root", Group: "root"}
	for _, test := range []struct {
		name     string
		question FileQuestion
		foresee  func(*Forecast)
		want     FileType
		sum      string
		unknown  bool
	}{
		{name: "through a link that is there", question: FileQuestion{Path: "/srv/alias/x", Content: true}, foresee: func(f *Forecast) { f.Write("/srv/real/x", written, rights) }, want: Regular, sum: written.sum},
		{name: "behind a link that is there", question: FileQuestion{Path: "/srv/real/x", Content: true}, foresee: func(f *Forecast) { f.Write("/srv/alias/x", written, rights) }, want: Regular, sum: written.sum},
		{name: "removed through it", question: FileQuestion{Path: "/srv/real/old"}, foresee: func(f *Forecast) { f.Remove("/srv/alias/old") }},
		{name: "the link itself stays", question: FileQuestion{Path: "/srv/alias"}, foresee: func(f *Forecast) { f.Write("/srv/alias/x", written, rights) }, want: Symlink},
		{name: "a link that moves", question: FileQuestion{Path: "/srv/alias/old"}, foresee: func(f *Forecast) { f.Link("/srv/alias", "other") }, unknown: true},
		{name: "a link that moves to what was seen", question: FileQuestion{Path: "/srv/alias/seen", Content: true, UnlessSHA256: "w"}, foresee: func(f *Forecast) { f.Link("/srv/alias", "other") }, want: Regular, sum: "seen"},
		{name: "a link that moves, and a file below it", question: FileQuestion{Path: "/srv/alias/old", Content: true}, foresee: func(f *Forecast) { f.Link("/srv/alias", "other"); f.Write("/srv/alias/old", written, rights) }, want: Regular, sum: written.sum},
		{name: "below where a link led", question: FileQuestion{Path: "/srv/real/old"}, foresee: func(f *Forecast) { f.Link("/srv/alias", "other"); f.Remove("/srv/alias/old") }, want: Regular},
		{name: "a link that goes", question: FileQuestion{Path: "/srv/alias/old"}, foresee: func(f *Forecast) { f.Remove("/srv/alias") }},
		{name: "a new link", question: FileQuestion{Path: "/srv/new/old"}, foresee: func(f *Forecast) { f.Link("/srv/new", "real") }, want: Regular},
		{name: "a link to itself", question: FileQuestion{Path: "/srv/loop/x"}, foresee: func(f *Forecast) { f.Link("/srv/loop", "loop") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := NewSnapshot()
			put := func(q FileQuestion, is FileInfo) { File.Put(s, q, is, nil) }
			put(test.question, FileInfo{})
			put(FileQuestion{Path: "/srv/alias"}, FileInfo{Type: Symlink, Target: "real"})
			put(FileQuestion{Path: "/srv/real/old"}, FileInfo{Type: Regular, UID: NoID, GID: NoID})
			put(FileQuestion{Path: "/srv/other/seen", Content: true, UnlessSHA256: "w"}, FileInfo{Type: Regular, SHA256: "seen", UID: NoID, GID: NoID})
			test.foresee(s.Forecast())
			is, err := File.Get(s, test.question)
			if errors.Is(err, ErrUnknown) != test.unknown || is.Type != test.want || is.SHA256 != test.sum {
				t.Errorf("%s, %q, %v", is.Type, is.SHA256, err)
			}
		})
	}
}

// TestConcerns has programs that speak of what pending changes are about, or of something else.
func TestConcerns(t *testing.T) {
	t.Parallel()
	s := NewSnapshot()
	File.Put(s, FileQuestion{Path: "/opt/current"}, FileInfo{Type: Symlink, Target: "r1"}, nil)
	f := s.Forecast()
	f.Write("/etc/a", NewContent, nil)
	f.Link("/opt/current", "r2")
	f.Remove("/srv/gone")
	f.Unit(UnitInfo{ID: "x.service"})
	f.May(Cause{Name: "a command", Bounded: true, Text: "cp y /var/lib/made/", Brings: true})
	f.May(Cause{Name: "package cron", Removes: true})
	for _, test := range []struct{ text, want string }{
		{"cmp /etc/a /etc/b", "/etc/a changes"},
		{"cmp /etc/ab /etc/b", ""},
		{"grep -q y /opt/current/conf", "/opt/current changes"},
		{"test -e /srv/gone/file", "/srv/gone changes"},
		{"systemctl is-active x", "x.service changes"},
		{"systemctl is-active xy", ""},
		{"test -s /var/lib/made/y", "a command changes it"},
		{"dpkg -s cron", "package cron changes it"},
		{"test -x /usr/sbin/cron", "package cron changes it"},
		{"test -x /usr/sbin/sshd", ""},
	} {
		if got := f.Concerns(test.text); got != test.want {
			t.Errorf("%s: %q, want %q", test.text, got, test.want)
		}
	}
}

// TestLacks is about directories that somebody has to make.
func TestLacks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		foresee func(*Forecast)
		dir     string
		sure    bool
	}{
		{name: "nobody", dir: "/srv/a", sure: true},
		{name: "a directory beside it", foresee: func(f *Forecast) { f.Directory("/srv/b", nil) }, dir: "/srv/a", sure: true},
		{name: "a directory step", foresee: func(f *Forecast) { f.Directory("/srv/a", nil) }},
		{name: "parents of another one", foresee: func(f *Forecast) { f.Parents("/srv/a/home"); f.Directory("/srv/a/home", nil) }},
		{name: "perhaps a command", foresee: func(f *Forecast) { f.May(Cause{Name: "a command", Bounded: true, Text: "make install", Brings: true}) }, dir: "/srv/a"},
	} {
		s := NewSnapshot()
		File.Put(s, FileQuestion{Path: "/srv"}, FileInfo{Type: Directory}, nil)
		File.Put(s, FileQuestion{Path: "/srv/a"}, FileInfo{}, nil)
		if test.foresee != nil {
			test.foresee(s.Forecast())
		}
		if dir, _, sure := Lacks(s, "/srv/a/x"); dir != test.dir || sure != test.sure {
			t.Errorf("%s: %q, %v", test.name, dir, sure)
		}
	}
}

// TestEntries counts what a directory will have.
func TestEntries(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		foresee func(*Forecast)
		want    int
	}{
		{"as it is", func(f *Forecast) { f.Remove("/srv/b") }, 2},
		{"one goes", func(f *Forecast) { f.Remove("/srv/a/x") }, 1},
		{"one comes", func(f *Forecast) { f.Write("/srv/a/new", NewContent, nil) }, 3},
		{"one changes", func(f *Forecast) { f.Write("/srv/a/x", NewContent, nil) }, 2},
		{"made anew", func(f *Forecast) {
			f.Remove("/srv/a")
			f.Directory("/srv/a", nil)
			f.Write("/srv/a/x", NewContent, nil)
		}, 1},
		{"gone with its parent", func(f *Forecast) { f.Remove("/srv") }, 0},
	} {
		s := NewSnapshot()
		File.Put(s, FileQuestion{Path: "/srv/a/x"}, FileInfo{Type: Regular}, nil)
		File.Put(s, FileQuestion{Path: "/srv/a/new"}, FileInfo{}, nil)
		test.foresee(s.Forecast())
		if got := s.Forecast().Entries("/srv/a", 2); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// TestFutureOwners has files whose owners get another number, or another name.
func TestFutureOwners(t *testing.T) {
	t.Parallel()
	user := Account{Name: "alice", Was: 7, ID: 8, Home: "/home/alice"}
	for _, test := range []struct {
		name    string
		path    string
		owner   string
		uid     int
		account Account
		want    string
	}{
		{"outside the home", "/srv/x", "alice", 7, user, Nameless},
		{"in the home", "/home/alice/x", "alice", 7, user, "alice"},
		{"has the new number already", "/srv/x", Nameless, 8, user, "alice"},
		{"of somebody else", "/srv/x", "bob", 9, user, "bob"},
		{"removed", "/srv/x", "alice", 7, Account{Name: "alice", Was: 7, ID: NoID, Gone: true}, Nameless},
		{"made with that number", "/srv/x", Nameless, 8, Account{Name: "alice", Was: NoID, ID: 8}, "alice"},
	} {
		s, q := NewSnapshot(), FileQuestion{Path: test.path}
		File.Put(s, q, FileInfo{Type: Regular, Owner: test.owner, UID: test.uid, Group: "root"}, nil)
		s.Forecast().Account(test.account)
		if is, err := File.Get(s, q); err != nil || is.Owner != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, is.Owner, err, test.want)
		}
	}
}

// TestFutureGroup has groups that come and go with users.
func TestFutureGroup(t *testing.T) {
	t.Parallel()
	own := GroupInfo{Exists: true, GID: 7, PrimaryOf: []string{"alice"}}
	for _, test := range []struct {
		name    string
		seen    GroupInfo
		account Account
		exists  bool
		primary int
	}{
		{"made with the user", GroupInfo{}, Account{Name: "alice", Was: NoID, ID: NoID, Own: true, Primary: "alice"}, true, 1},
		{"another user", GroupInfo{}, Account{Name: "bob", Was: NoID, ID: NoID, Own: true, Primary: "bob"}, false, 0},
		{"removed with the user", own, Account{Name: "alice", Was: 7, ID: NoID, Gone: true, Own: true}, false, 0},
		{"has other members", GroupInfo{Exists: true, Members: []string{"bob"}}, Account{Name: "alice", Was: 7, ID: NoID, Gone: true, Own: true}, true, 0},
		{"the user gets another one", own, Account{Name: "alice", Was: 7, ID: 7, Primary: "users"}, true, 0},
		{"removed", own, Account{Group: true, Name: "alice", Was: 7, ID: NoID, Gone: true}, false, 0},
	} {
		s, q := NewSnapshot(), GroupQuestion{Name: "alice", PrimaryOf: true}
		Group.Put(s, q, test.seen, nil)
		s.Forecast().Account(test.account)
		if is, err := Group.Get(s, q); err != nil || is.Exists != test.exists || len(is.PrimaryOf) != test.primary {
			t.Errorf("%s: %+v, %v", test.name, is, err)
		}
	}
}

// TestProcesses reads what unitfiles.sh prints of a program and a working directory that are in their places.
func TestProcesses(t *testing.T) {
	t.Parallel()
	q := UnitQuestion{Name: "x.service"}
	reply := Reply{Stdout: []byte("Id=x.service\nLoadState=loaded\nActiveState=active\nMainPID=7\nWorkingDirectory=/srv\n\nprogram\t7\t/opt/x\ndirectory\t7\t/srv\n")}
	is := parseUnits([]UnitQuestion{q}, reply)[q]
	if is.Err != nil || is.Value.Program != "/opt/x" || is.Value.Directory != "/srv" {
		t.Errorf("%+v", is)
	}
	s := NewSnapshot()
	Unit.Put(s, q, is.Value, nil)
	s.Forecast().start = time.Unix(1, 0)
	s.Forecast().Write("/opt/x", NewContent, nil)
	if is, err := Unit.Get(s, q); err != nil || is.ReplacedProgram != "/opt/x" {
		t.Errorf("%+v, %v", is, err)
	}
}
