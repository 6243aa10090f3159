package nginx

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/shell"
)

// TestReads is about an nginx.conf that does not lead to the file of a site: a reload would drop it.
func TestReads(t *testing.T) {
	t.Parallel()
	const conf = packageFile + "\t"
	for _, test := range []struct {
		name  string
		lines []string
		want  bool
	}{
		{"as packages have it", []string{conf + "include /etc/nginx/conf.d/*.conf"}, true},
		{"relative", []string{conf + "include conf.d/*"}, true},
		{"by another file", []string{conf + "include http.conf", etc + "http.conf\tinclude /etc/nginx/conf.d/*"}, true},
		{"by a file that nginx does not read", []string{conf + "include mime.types", etc + "http.conf\tinclude conf.d/*"}, false},
		{"in a circle", []string{conf + "include a", etc + "a\tinclude b", etc + "b\tinclude a"}, false},
		{"no include", []string{conf + "server"}, false},
		{"no nginx.conf", []string{Dir + "/a.conf\tserver"}, true},
	} {
		s := observe.NewSnapshot()
		site := &file.Step{Path: Dir + "/a.conf"}
		observe.File.Put(s, observe.FileQuestion{Path: site.Path}, observe.FileInfo{Type: observe.Regular, AnyRights: true}, nil)
		sites.Put(s, struct{}{}, test.lines, nil)
		unread.Put(s, struct{}{}, nil, nil)
		for _, step := range []*Configuration{{Files: []*file.Step{site}, Names: []string{"a"}}, {Files: []*file.Step{site}, Main: true}} {
			_, err := step.Diff(s)
			if got := err == nil; got != test.want || err != nil && err.Error() != "nginx does not read /etc/nginx/conf.d/a.conf: /etc/nginx/nginx.conf has no include for conf.d" {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
}

func TestOneAddress(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]bool{
		"443 ssl": false, "[::]:443 ssl": false, "*:443": false, "0.0.0.0:80": false, "80 default_server": false, "unix:/run/a.sock": false,
		"10.0.0.1:443 ssl": true, "[2001:db8::1]:443": true, "10.0.0.1": true, "[2001:db8::1]": true, "localhost:80": true, "10.0.0.1:8080": false,
	} {
		for _, lines := range [][]string{{"/a\tserver", "/a\tlisten " + listen}, {"/a\tlisten " + listen}} {
			s := observe.NewSnapshot()
			sites.Put(s, struct{}{}, lines, nil)
			unread.Put(s, struct{}{}, nil, nil)
			if got, err := OneAddress(s); err != nil || got != want {
				t.Errorf("%q: %v, %v", lines, got, err)
			}
			unread.Put(s, struct{}{}, []string{"changed"}, nil)
			if got, err := OneAddress(s); err != nil || !got {
				t.Errorf("%q, and changed since: %v, %v", lines, got, err)
			}
		}
	}
}

// TestRefused is about a half-written file of somebody else.
func TestRefused(t *testing.T) {
	t.Parallel()
	const broken = "2026/11/30 17:22:01 [emerg] 7#7: unexpected end of file, expecting \"}\" in "
	step := &Configuration{Main: true, Files: []*file.Step{{Path: mainFile}}}
	for _, test := range []struct {
		lines []string
		want  []string
	}{
		{nil, nil},
		{[]string{"changed"}, nil},
		{[]string{"changed", "nginx: [warn] conflicting server name"}, nil},
		{[]string{"changed", broken + Dir + "/ours.conf:2", "nginx: configuration file /etc/nginx/nginx.conf test failed"}, nil},
		{
			[]string{"changed", broken + Dir + "/zz.conf:2", "nginx: configuration file /etc/nginx/nginx.conf test failed"},
			[]string{"nginx goes on with what it read before, and would not start with its files as they are: [emerg] unexpected end of file, expecting \"}\" in /etc/nginx/conf.d/zz.conf:2"},
		},
	} {
		s := observe.NewSnapshot()
		observe.File.Put(s, observe.FileQuestion{Path: mainFile}, observe.FileInfo{Type: observe.Regular, AnyRights: true}, nil)
		sites.Put(s, struct{}{}, []string{Dir + "/ours.conf\tours"}, nil)
		unread.Put(s, struct{}{}, test.lines, nil)
		c, err := step.Diff(s)
		if diff := cmp.Diff(test.want, c.Notes); err != nil || diff != "" || !c.Empty() {
			t.Errorf("%q: %v (-want +got):\n%s", test.lines, err, diff)
		}
	}
}

// TestUnread runs the script beside a process with nginx's name.
func TestUnread(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no sleep")
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	program, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("own/nginx", string(program), 0o755)
	write("bin/nginx", "#!/bin/sh\necho '[emerg] half written'\nexit 1\n", 0o755)
	write("etc/nginx.conf", "", 0o644)
	time.Sleep(50 * time.Millisecond) // the beginning of a process is known in hundredths of a second
	server := exec.Command(filepath.Join(dir, "own/nginx"), "60")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = server.Process.Kill(), server.Wait() })
	look := func() string {
		t.Helper()
		script := exec.Command("sh", "-euc", shell.Script(unreadScript, shell.Vars{"etc": filepath.Join(dir, "etc"), "run": dir}))
		script.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
		out, err := script.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	for _, step := range []struct {
		name, file, text, want string
	}{
		{name: "no nginx"},
		{name: "nothing has changed", file: "nginx.pid", text: strconv.Itoa(server.Process.Pid) + "\n"},
		{name: "changed", file: "etc/sites-enabled/mine", text: "server {\n", want: "changed\n[emerg] half written\n"},
	} {
		if step.file != "" {
			time.Sleep(50 * time.Millisecond)
			write(step.file, step.text, 0o644)
		}
		if got := look(); got != step.want {
			t.Errorf("%s: %q, not %q", step.name, got, step.want)
		}
	}
}
