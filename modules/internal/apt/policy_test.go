package apt

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/observe"
)

// TestPolicies reads what apt-cache 2.6 printed.
func TestPolicies(t *testing.T) {
	t.Parallel()
	const reply = `update
bash:
  Installed: 5.2.15-2+b8
  Candidate: 5.2.15-2+b13
  Package pin: 5.2.15-2+b13
  Version table:
     5.2.15-2+b13 1001
       1001 http://deb.debian.org/debian bookworm/main amd64 Packages
        500 https://mirror.example.com/debian bookworm/main amd64 Packages
 *** 5.2.15-2+b8 100
        100 /var/lib/dpkg/status
hello:
  Installed: (none)
  Candidate: (none)
  Version table:
libc6:i386:
  Installed: (none)
  Candidate: 2.36-9
  Version table:
     2.36-9 500
        500 file:/srv/repo ./ Packages
sources
Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 https://mirror.example.com/debian bookworm/main amd64 Packages
     release v=12.15,o=Example, Inc.,a=oldstable,n=bookworm,l=Mirror of Debian,c=main,b=amd64
     origin mirror.example.com
 500 http://deb.debian.org/debian bookworm/main amd64 Packages
     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
     origin deb.debian.org
 500 file:/srv/repo ./ Packages
     release c=
     origin 
Pinned packages:
     bash -> 5.2.15-2+b13 with priority 1001
`
	debian := Source{"deb.debian.org", "Debian", "Debian"}
	mirror := Source{"mirror.example.com", "Example, Inc.", "Mirror of Debian"}
	want := map[string]Policy{
		"bash:amd64": {OldLists: true, Candidate: "5.2.15-2+b13", Versions: []Version{{"5.2.15-2+b13", []Source{debian, mirror}}, {"5.2.15-2+b8", nil}}},
		"hello":      {OldLists: true},
		"no-such":    {OldLists: true},
		"libc6:i386": {OldLists: true, Candidate: "2.36-9", Versions: []Version{{"2.36-9", []Source{{}}}}},
	}
	var questions []PolicyQuestion
	for name := range want {
		questions = append(questions, PolicyQuestion{Name: name, Origins: true})
	}
	got := make(map[string]Policy)
	for q, a := range Policies.Parse(questions, observe.Reply{Stdout: []byte(reply)}) {
		if a.Err != nil {
			t.Fatal(a.Err)
		}
		got[q.Name] = a.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	any := func(string) bool { return true }
	bash := want["bash:amd64"]
	for _, name := range []string{"Debian", "deb.debian.org", "Example, Inc.", "Mirror of Debian"} {
		if got := bash.Newest(name, any); got != "5.2.15-2+b13" {
			t.Errorf("newest of %s: %q", name, got)
		}
	}
	if got := bash.Newest("Docker", any) + bash.Newest("Debian", func(v string) bool { return strings.HasPrefix(v, "4") }); got != "" {
		t.Errorf("newest of a source that hasn't it: %q", got)
	}
	broken := Policies.Parse(questions[:1], observe.Reply{Stderr: []byte("E: Malformed line 1 in source list x\n"), Status: 100})[questions[0]]
	if broken.Err == nil || !strings.Contains(broken.Err.Error(), "Malformed line 1") {
		t.Errorf("could not tell: %v", broken.Err)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	// By dpkg --compare-versions, each lower than the next.
	ordered := []string{
		"0", "1.0~~", "1.0~rc1-1", "1.0-1~bpo12+1", "1.0-1", "1.0-1+b2", "1.0-1+b13", "1.0-1.1", "1.0-2", "1.0a-1", "1.0+dfsg-1", "1.0.1", "1.09", "1.10",
		"2:0.1", "10:0",
	}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := Compare(a, b); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("Compare(%q, %q) = %d", a, b, got)
			}
		}
	}
	if Compare("0:1.0", "1.0") != 0 || Compare("1.0", "1.00-0") != 0 {
		t.Error("a missing epoch and revision are 0")
	}
}
