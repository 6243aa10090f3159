package remote

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const exampleConfig = `
# What people have in ~/.ssh/config.
Include INCLUDED
Host web db
	HostName %h.Example.COM
	User deploy
	Port 2222
	IdentityFile ~/.ssh/%h-%r
	IdentityFile "/with space/key"
Host web
	Port 1
	ProxyJump first,me@second:2200,[2001:db8::1]:22
	ControlPath ~/.ssh/cm-%r@%h:%p
Host db
	ControlPath /run/cm/%C
	ProxyCommand nc -X 5 %h %p
	StrictHostKeyChecking accept-new
	HashKnownHosts yes
Host = equals
	Port=2201
Host !not-me *.internal
	User = inside
	IdentitiesOnly yes
	IdentityAgent none
Host *
	UserKnownHostsFile /a/known_hosts "/b c/known_hosts"
	GlobalKnownHostsFile none
	ConnectTimeout 7
	ServerAliveInterval 1m30s
	ServerAliveCountMax 5
	ControlPath none
Host included
	User too-late
`

// resolved resolves an alias with configuration in a file of its own.
func resolved(t *testing.T, config string, target Target) *settings {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	included := filepath.Join(t.TempDir(), "included")
	if err := os.WriteFile(included, []byte("Host included\n  User from-include\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(config, "INCLUDED", included)), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &Dialer{ConfigPath: path}
	s, err := d.resolve(target)
	if err != nil {
		t.Fatal(err)
	}
	askedSSH(t, path, target, s)
	return s
}

// askedSSH compares s with what the installed ssh makes of the same file.
func askedSSH(t *testing.T, path string, target Target, s *settings) {
	t.Helper()
	args := []string{"-G", "-F", path}
	if target.User != "" {
		args = append(args, "-l", target.User)
	}
	if target.Port != 0 {
		args = append(args, "-p", strconv.Itoa(target.Port))
	}
	output, err := exec.Command("ssh", append(args, target.Address)...).Output()
	if err != nil {
		t.Logf("not compared with ssh: %v", err)
		return
	}
	theirs := make(map[string][]string)
	for line := range strings.Lines(string(output)) {
		keyword, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		theirs[keyword] = append(theirs[keyword], value)
	}
	ours := map[string]string{
		"hostname": s.hostName, "user": s.user, "port": strconv.Itoa(s.port),
		"identitiesonly": map[bool]string{true: "yes", false: "no"}[s.identitiesOnly],
	}
	if len(s.controlPaths) > 0 {
		ours["controlpath"] = s.controlPaths[0]
	}
	for keyword, value := range ours {
		if len(theirs[keyword]) != 1 || !strings.EqualFold(theirs[keyword][0], value) {
			t.Errorf("%s of %s: got %q, ssh says %q", keyword, target.Address, value, theirs[keyword])
		}
	}
}

func TestSSHConfig(t *testing.T) {
	me, err := localUser()
	if err != nil {
		t.Fatal(err)
	}
	web := resolved(t, exampleConfig, Target{Address: "web"})
	if web.hostName != "web.example.com" || web.user != "deploy" || web.port != 2222 || web.knownAs != "web.example.com:2222" {
		t.Errorf("web: got %+v", web)
	}
	want := []string{me.home + "/.ssh/web.example.com-deploy", "/with space/key"}
	if diff := cmp.Diff(want, web.identityFiles); diff != "" {
		t.Error(diff)
	}
	jumps := []hop{{alias: "first"}, {alias: "second", user: "me", port: 2200}, {alias: "2001:db8::1", port: 22}}
	if !slices.Equal(jumps, web.proxyJump) {
		t.Errorf("web: jumps %+v", web.proxyJump)
	}
	if diff := cmp.Diff([]string{"/a/known_hosts", "/b c/known_hosts"}, web.allKnownHosts); diff != "" {
		t.Error(diff)
	}
	if got := web.controlPaths; !slices.Equal(got, []string{me.home + "/.ssh/cm-deploy@web.example.com:2222"}) {
		t.Errorf("web: control paths %q", got)
	}
	if (&Dialer{}).timeout(web).Seconds() != 7 {
		t.Errorf("web: timeout %v", web.connectTimeout)
	}
	if web.aliveInterval != 90*time.Second || web.aliveCount != 5 {
		t.Errorf("web: alive %v, %d times", web.aliveInterval, web.aliveCount)
	}

	// What the plan says comes first.
	web = resolved(t, exampleConfig, Target{Address: "web", User: "other", Port: 3, IdentityFile: "~/given", ProxyJump: "none"})
	if web.user != "other" || web.port != 3 || len(web.proxyJump) > 0 || web.identityFiles[0] != me.home+"/given" || len(web.identityFiles) != 3 {
		t.Errorf("web: got %+v", web)
	}

	db := resolved(t, exampleConfig, Target{Address: "db"})
	if db.proxyCommand != "nc -X 5 db.example.com 2222" || db.strict != accept || !db.hashKnownHosts || len(db.controlPaths) != 1 {
		t.Errorf("db: got %+v", db)
	}
	inside := resolved(t, exampleConfig, Target{Address: "x.internal"})
	if inside.user != "inside" || !inside.identitiesOnly || inside.identityAgent != "" || !inside.defaultIdentity {
		t.Errorf("x.internal: got %+v", inside)
	}
	if included := resolved(t, exampleConfig, Target{Address: "included"}); included.user != "from-include" {
		t.Errorf("included: got %+v", included)
	}
	if equals := resolved(t, exampleConfig, Target{Address: "equals"}); equals.port != 2201 {
		t.Errorf("equals: got %+v", equals)
	}
}

func TestMatchIsLeftToSSH(t *testing.T) {
	config := "Match user deploy exec true\n  Port 2222\nHost *\n  Port 3333\n"
	for user, port := range map[string]int{"deploy": 2222, "other": 3333} {
		if s := resolved(t, config, Target{Address: "host", User: user}); s.port != port {
			t.Errorf("%s: got port %d, want %d", user, s.port, port)
		}
	}
}

func TestSSHConfigMistakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	for _, c := range []struct{ config, ssh, library string }{
		{"Port many\n", "PATH line 1: Bad port 'many'.", "PATH line 1: `Port many`"},
		{"ProxyJump a:b\n", `PATH line 1: Invalid ProxyJump "a:b"`, "PATH line 1: `ProxyJump a:b`"},
		{"ProxyJump a,,b\n", `PATH line 1: Invalid ProxyJump "a,,b"`, "PATH line 1: `ProxyJump a,,b`"},
		{"Match nonsense x\n", "Unsupported Match attribute nonsense; PATH line 1: Bad Match condition", "PATH line 1: `Match nonsense x`"},
		{"Host other\n  IdentitiesOnly maybe\n", "PATH line 2: unsupported option \"maybe\".", "PATH line 2: `IdentitiesOnly maybe`"},
		{"Host *\n\tNonsense 1\n", "PATH: line 2: Bad configuration option: nonsense", "PATH line 2: `Nonsense 1`"},
		{"ConnectTimeout 1x\n", "PATH line 1: invalid time value.", "PATH line 1: `ConnectTimeout 1x`"},
	} {
		if err := os.WriteFile(path, []byte(c.config), 0o600); err != nil {
			t.Fatal(err)
		}
		want := "the ssh configuration for host: " + strings.ReplaceAll(c.ssh, "PATH", path)
		if _, err := (&Dialer{ConfigPath: path}).resolve(Target{Address: "host"}); err == nil || err.Error() != want {
			t.Errorf("%sgot  %v\nwant %s", c.config, err, want)
		}
		want = strings.ReplaceAll(c.library, "PATH", path) + ": rcprov can't follow that without OpenSSH's client, and doesn't guess"
		if _, err := (&Dialer{ConfigPath: path, ssh: noSSH}).resolve(Target{Address: "host"}); err == nil || err.Error() != want {
			t.Errorf("%sgot  %v\nwant %s", c.config, err, want)
		}
	}
	if _, err := (&Dialer{ConfigPath: path + "-none"}).resolve(Target{Address: "host"}); err == nil {
		t.Error("a configuration that was asked for is missing, and nobody said so")
	}
}

// noSSH stands for a machine without an ssh.
const noSSH = "no-such-program"

// TestShapesCompile compiles what is otherwise compiled when a configuration needs it.
func TestShapesCompile(t *testing.T) {
	t.Parallel()
	shapes := []shape{sshTime, placeIn, plainPattern, oneQuoted, plainAlgorithms, tokenOrVariable}
	for _, s := range append(shapes, slices.Collect(maps.Values(plainValues))...) {
		s.compiled()
	}
}
