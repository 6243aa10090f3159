package observe

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestFutureFile asks for files of which earlier steps of a plan make something.
func TestFutureFile(t *testing.T) {
	t.Parallel()
	old := FileInfo{Type: Regular, Mode: 0o640, Owner: "alice", Group: "web", UID: 7, GID: 8, Size: 3, SHA256: Fingerprint([]byte("old")), Content: []byte("old")}
	rights := &Rights{Mode: 0o600, Owner: "root", Group: "root"}
	written := FileInfo{Type: Regular, Mode: 0o600, Owner: "root", Group: "root", UID: -1, GID: -1, Size: 3, SHA256: Fingerprint([]byte("new")), Content: []byte("new")}
	keeps := old
	keeps.SHA256, keeps.Content = written.SHA256, written.Content
	unknown := errors.New("unknown")
	nameless := old
	nameless.Owner = Nameless
	named := nameless
	named.Owner = "bob"
	reads := FileQuestion{Path: "/etc/a/b", Content: true}
	compares := FileQuestion{Path: "/etc/a/b", Content: true, UnlessSHA256: "x"}
	isThere := FileQuestion{Path: "/etc/a/b"}
	nginx := Cause{Name: "package nginx", Brings: true}
	for _, test := range []struct {
		name     string
		question FileQuestion
		is       FileInfo
		foresee  func(*Forecast)
		want     FileInfo
		err      error
		or       []string // clauses
	}{
		{name: "nothing about it", question: reads, is: old, foresee: func(f *Forecast) { f.Remove("/etc/c") }, want: old},
		{name: "written", question: reads, is: old, foresee: func(f *Forecast) { f.Write("/etc/a/b", KnownContent([]byte("new")), rights) }, want: written},
		{name: "created", question: reads, foresee: func(f *Forecast) { f.Write("/etc/a/b", KnownContent([]byte("new")), rights) }, want: written},
		{name: "keeps its rights", question: reads, is: old, foresee: func(f *Forecast) { f.Write("/etc/a/b", KnownContent([]byte("new")), nil) }, want: keeps},
		{
			name: "written twice", question: reads, is: old, want: written,
			foresee: func(f *Forecast) { f.Touch("/etc/a/b", rights); f.Write("/etc/a/b", KnownContent([]byte("new")), nil) },
		},
		{
			name: "rights that nobody knows", question: isThere, want: FileInfo{Type: Regular, Owner: "?", Group: "?", UID: -1, GID: -1, SHA256: "?"},
			foresee: func(f *Forecast) { f.Write("/etc/a/b", NewContent, nil) }, or: []string{"an earlier step leaves it so"},
		},
		{name: "a new key, read", question: reads, is: old, foresee: func(f *Forecast) { f.Write("/etc/a/b", NewContent, rights) }, err: unknown},
		{
			name: "anything, compared", question: compares, is: old, foresee: func(f *Forecast) { f.Write("/etc/a/b", UnknownContent, nil) },
			want: old, or: []string{"the content of /etc/a/b changes"},
		},
		{
			name: "anything new, compared", question: compares, foresee: func(f *Forecast) { f.Write("/etc/a/b", UnknownContent, rights) },
			want: FileInfo{Type: Regular, Mode: 0o600, Owner: "root", Group: "root", UID: -1, GID: -1, SHA256: "?"},
			or:   []string{"an earlier step leaves it so"},
		},
		{name: "removed", question: reads, is: old, foresee: func(f *Forecast) { f.Remove("/etc/a/b") }},
		{name: "removed with its directory", question: reads, is: old, foresee: func(f *Forecast) { f.Remove("/etc/a") }},
		{
			name: "directory removed and made again", question: reads, is: old,
			foresee: func(f *Forecast) { f.Remove("/etc/a"); f.Directory("/etc/a", rights); f.Directory("/etc/a", rights) },
		},
		{name: "directory made anew", question: reads, is: old, foresee: func(f *Forecast) { f.Replace("/etc/a", nil, "c") }},
		{
			name: "directory made anew, with it", question: isThere, is: old, foresee: func(f *Forecast) { f.Replace("/etc/a", nil, "b") },
			want: FileInfo{Type: Regular, SHA256: "?"},
		},
		{
			name: "written into a directory made anew", question: reads, want: written,
			foresee: func(f *Forecast) { f.Replace("/etc/a", nil); f.Write("/etc/a/b", KnownContent([]byte("new")), rights) },
		},
		{name: "link", question: isThere, foresee: func(f *Forecast) { f.Link("/etc/a/b", "c") }, want: FileInfo{Type: Symlink, Mode: 0o777, Target: "c", Owner: "root", Group: "root"}},
		{name: "a package may bring it", question: compares, foresee: func(f *Forecast) { f.May(nginx) }, or: []string{"package nginx brings it"}},
		{
			name: "several may bring it", question: compares, or: []string{"an earlier step brings it"},
			foresee: func(f *Forecast) { f.May(nginx); f.May(Cause{Name: "package apache2", Brings: true}) },
		},
		{
			name: "a package brings what has its name", question: FileQuestion{Path: "/etc/nginx"}, foresee: func(f *Forecast) { f.May(nginx) },
			or: []string{"package nginx brings it"},
		},
		{name: "a content that no package of that name brings", question: reads, foresee: func(f *Forecast) { f.May(nginx) }},
		{name: "no package brings what a step removes", question: compares, is: old, foresee: func(f *Forecast) { f.May(nginx); f.Remove("/etc/a/b") }},
		{
			name: "no package brings it to /srv", question: FileQuestion{Path: "/srv/a"}, foresee: func(f *Forecast) { f.May(nginx) },
		},
		{
			name: "a command that names its directory", question: reads, or: []string{"a command brings it"},
			foresee: func(f *Forecast) { f.May(Cause{Name: "a command", Bounded: true, Text: "cp x /etc/a/", Brings: true}) },
		},
		{
			name: "a command that names something beside it", question: reads,
			foresee: func(f *Forecast) { f.May(Cause{Name: "a command", Bounded: true, Text: "cp x /etc/a/c", Brings: true}) },
		},
		{
			name: "a command that names what is there", question: reads, is: old, want: old, or: []string{"a command changes it"},
			foresee: func(f *Forecast) { f.May(Cause{Name: "a command", Bounded: true, Text: "sed -i s/a/b/ /etc/a/b"}) },
		},
		{
			name: "a command that names it, before it is written", question: reads, is: old, want: written,
			foresee: func(f *Forecast) {
				f.May(Cause{Name: "a command", Bounded: true, Text: "sed -i s/a/b/ /etc/a/b"})
				f.Write("/etc/a/b", KnownContent([]byte("new")), rights)
			},
		},
		{
			name: "a package that had it is removed", question: FileQuestion{Path: "/etc/nginx/x"}, is: old, want: old,
			foresee: func(f *Forecast) { f.May(Cause{Name: "package nginx", Removes: true}) }, or: []string{"removing package nginx removes it"},
		},
		{name: "another package is removed", question: isThere, is: old, want: old, foresee: func(f *Forecast) { f.May(Cause{Name: "package nginx", Removes: true}) }},
		{
			name: "something that a command creates", question: isThere, want: FileInfo{Type: Directory, Owner: "?", Group: "?", UID: -1, GID: -1},
			foresee: func(f *Forecast) { f.Make("/etc/a/b") }, or: []string{"it is a link", "it is a file", "an earlier step leaves it so"},
		},
		{name: "a user that takes a number", question: reads, is: nameless, foresee: func(f *Forecast) { f.Account(Account{Name: "bob", Was: NoID, ID: NoID}) }, want: nameless, or: []string{"bob gets that number"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := NewSnapshot()
			File.Put(s, test.question, test.is, nil)
			test.foresee(s.Forecast())
			var got FileInfo
			var err error
			var or []string
			worlds, _ := s.Alternatives(func(s *Snapshot) { got, err = File.Get(s, test.question) })
			for _, world := range worlds {
				if len(or) == 0 || or[len(or)-1] != world.If {
					or = append(or, world.If)
				}
			}
			if diff := cmp.Diff(test.want, got); test.err == nil && diff != "" || (err != nil) != (test.err != nil) || err != nil && !errors.Is(err, ErrUnknown) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if diff := cmp.Diff(test.or, or, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("or (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAlternatives has two answers that may be otherwise: each world has one of them.
func TestAlternatives(t *testing.T) {
	t.Parallel()
	s := NewSnapshot()
	a, b := FileQuestion{Path: "/etc/a", Content: true, UnlessSHA256: "x"}, FileQuestion{Path: "/etc/b", Content: true, UnlessSHA256: "x"}
	File.Put(s, a, FileInfo{}, nil)
	File.Put(s, b, FileInfo{}, nil)
	types := func(s *Snapshot) (got []FileType) {
		for _, q := range []FileQuestion{a, b, a} {
			is, err := File.Get(s, q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, is.Type)
		}
		return got
	}
	if worlds, _ := s.Alternatives(func(s *Snapshot) { types(s) }); worlds != nil {
		t.Errorf("of a host that was only looked at: %+v", worlds)
	}
	s.Forecast().May(Cause{Name: "package a", Brings: true})
	var got [][]FileType
	worlds, _ := s.Alternatives(func(s *Snapshot) { got = append(got, types(s)) })
	for _, world := range worlds {
		got = append(got, types(world.Snapshot))
	}
	want := [][]FileType{{Absent, Absent, Absent}, {Regular, Absent, Regular}, {Absent, Regular, Absent}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStops is about units that pending changes stop.
func TestStops(t *testing.T) {
	t.Parallel()
	s := NewSnapshot()
	Unit.Put(s, UnitQuestion{Name: "x.service"}, UnitInfo{ID: "x.service", Active: Active, InvocationID: "abc"}, nil)
	f := s.Forecast()
	if _, stops := f.Stops(""); stops {
		t.Error("nothing is foreseen, and a unit stops")
	}
	f.Unit(UnitInfo{ID: "x.service", Active: Active, InvocationID: "abc"})
	if _, stops := f.Stops("x.service"); stops {
		t.Error("a unit that is reloaded stops")
	}
	f.Stop(s, "x.service", "unheard-of.service")
	if name, stops := f.Stops(""); !stops || name != "x.service" {
		t.Errorf("a unit that is stopped: %q, %v", name, stops)
	}
	f.Unit(f.Started(UnitInfo{ID: "y.service"}))
	if _, stops := f.Stops("y.service"); !stops {
		t.Error("a unit that is started anew doesn't stop")
	}
}

// TestRelates has packages and what they bring, or don't.
func TestRelates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, path string
		want       bool
	}{
		{"package nginx", "/etc/nginx/sites-enabled/default", true},
		{"package openssh-server", "/etc/ssh/sshd_config", true},
		{"package mongodb-org-server", "/etc/mongod.conf", true},
		{"package mongodb-org-server", "/var/lib/mongodb", true},
		{"package jitsi-meet-prosody", "/var/lib/prosody/auth%2emeet", true},
		{"package nginx", "/var/www/acme", false},
		{"package nginx", "/var/lib/lego/certificates/example.com.crt", false},
		{"package mongodb-org-server", "/etc/default/ssh", false},
	} {
		if got := (Cause{Name: test.name}).relates(test.path); got != test.want {
			t.Errorf("%s and %s: %v", test.name, test.path, got)
		}
	}
}
