package preflight

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"

	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
)

// recorded returns the reply of a host in testdata.
func recorded(t testing.TB, name string) observe.Reply {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	var r observe.Reply
	for _, section := range archive.Files {
		switch section.Name {
		case "stdout":
			r.Stdout = section.Data
		case "stderr":
			r.Stderr = section.Data
		case "status":
			r.Status, err = strconv.Atoi(strings.TrimSpace(string(section.Data)))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var recordedSockets = []socket{{"tcp", 80}, {"tcp", 22}, {"tcp", 443}, {"udp", 53}}

func TestParseListeners(t *testing.T) {
	t.Parallel()
	nginx := []owner{
		{"nginx", 680, "/system.slice/nginx.service"}, {"nginx", 679, "/system.slice/nginx.service"}, {"nginx", 678, "/system.slice/nginx.service"},
	}
	sshd := []owner{{"sshd", 36, "/system.slice/ssh.service"}}
	want := map[socket]observe.Answer[[]listener]{
		{"tcp", 80}:  {Value: []listener{{"0.0.0.0", nginx}, {"[::]", nginx}}},
		{"tcp", 22}:  {Value: []listener{{"0.0.0.0", sshd}, {"[::]", sshd}}},
		{"tcp", 443}: {},
		{"udp", 53}:  {Value: []listener{{"0.0.0.0", []owner{{"perl", 542, "/system.slice/udp.service"}}}}},
	}
	got := parseListeners(recordedSockets, recorded(t, "ports-debian-12"))
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(socket{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := parseListeners(recordedSockets, recorded(t, "ports-no-ss")); len(got) != 0 {
		t.Errorf("without ss: %v", got)
	}
}

func FuzzParseListeners(f *testing.F) {
	f.Add(recorded(f, "ports-debian-12").Stdout)
	f.Fuzz(func(t *testing.T, stdout []byte) {
		for _, a := range parseListeners(recordedSockets, observe.Reply{Stdout: stdout}) {
			for _, l := range a.Value {
				if l.holder() == "" {
					t.Error("nobody holds a port")
				}
			}
		}
	})
}

func TestParseRoom(t *testing.T) {
	t.Parallel()
	paths := []string{"/opt/node", "/", "/mnt/x y/z"}
	want := map[string]observe.Answer[space]{
		"/opt/node": {Value: space{"/", 53962376 * 1024}}, "/": {Value: space{"/", 53962376 * 1024}}, "/mnt/x y/z": {Value: space{"/mnt/x y", 64 * MB}},
	}
	if diff := cmp.Diff(want, parseRoom(paths, recorded(t, "disk-debian-13-uutils"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := parseRoom(paths, recorded(t, "disk-broken")); len(got) != 0 {
		t.Errorf("broken: %v", got)
	}
}

func FuzzParseRoom(f *testing.F) {
	f.Add(recorded(f, "disk-debian-13-uutils").Stdout)
	f.Fuzz(func(_ *testing.T, stdout []byte) { parseRoom([]string{"/", "/opt"}, observe.Reply{Stdout: stdout}) })
}

// TestScripts asks this machine with each shell.
func TestScripts(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cgroup"); err != nil {
		t.Skip("not Linux")
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	held := Port{Number: server.Addr().(*net.TCPAddr).Port, Address: "127.0.0.1", Unit: "nginx.service"}
	dir := t.TempDir()
	moduletest.InShells(t, func(t *testing.T, host *moduletest.Host) {
		var q observe.Query
		held.Observe(&q)
		below := Disk{Path: filepath.Join(dir, "not", "there yet"), Bytes: 1}
		below.Observe(&q)
		Clock{}.Observe(&q)
		s, err := q.Run(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []error{text(below.Test(s, nil)), text(Clock{}.Test(s, nil))} {
			if f != nil {
				t.Error(f)
			}
		}
		want := "port " + strconv.Itoa(held.Number) + " of 127.0.0.1 is held by preflight.test (process " + strconv.Itoa(os.Getpid())
		if err := text(held.Test(s, nil)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s...", err, want)
		}
		below.Bytes = 1 << 60
		if err := text(below.Test(s, nil)); err == nil || !strings.Contains(err.Error(), "free for "+below.Path) {
			t.Errorf("more than any disk has: %v", err)
		}
	})
}

func TestLookup(t *testing.T) {
	t.Parallel()
	_, err := Lookup(t.Context(), "nobody.invalid", "127.0.0.1:1")
	var failed *net.DNSError
	if !errors.As(err, &failed) || failed.IsNotFound {
		t.Errorf("from no name server: %v", err)
	}
}

// TestListenersThatEnd has processes that end between ss and the look at their control group.
func TestListenersThatEnd(t *testing.T) {
	t.Parallel()
	web := socket{"tcp", 80}
	for _, test := range []struct {
		name, users string
		want        []listener
	}{
		{"old worker", `users:(("nginx",pid=13,fd=6))`, nil},
		{"one of two", `users:(("nginx",pid=13,fd=6),("nginx",pid=12,fd=6))`, []listener{{"0.0.0.0", []owner{{"nginx", 12, "/system.slice/nginx.service"}}}}},
		{"kernel", "", []listener{{"0.0.0.0", nil}}},
	} {
		stdout := "socket tcp 0.0.0.0:80 " + test.users + "\ncgroup 12 /system.slice/nginx.service\nend\n"
		got := parseListeners([]socket{web}, observe.Reply{Stdout: []byte(stdout)})[web].Value
		if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestForgedListeners: a program that calls itself what looks like another process of the list has an owner that is unknown.
func TestForgedListeners(t *testing.T) {
	t.Parallel()
	web := socket{"tcp", 80}
	for _, users := range []string{
		`users:(("x",pid=12,fd=",pid=666,fd=3))`,
		`users:(("x`,
		`users:(("x"),("y",pid=12,fd=6))`,
	} {
		stdout := "socket tcp 0.0.0.0:80 " + users + "\ncgroup 12 /system.slice/nginx.service\ncgroup 666 /user.slice\nend\n"
		if got := parseListeners([]socket{web}, observe.Reply{Stdout: []byte(stdout)})[web]; got.Err == nil {
			t.Errorf("%s: %+v", users, got.Value)
		}
	}
}
