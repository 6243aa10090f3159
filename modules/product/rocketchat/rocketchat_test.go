package rocketchat

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/moduletest"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/archive"
	"github.com/rcprov/rcprov/modules/primitive/file"
	"github.com/rcprov/rcprov/modules/primitive/link"
)

var sum = strings.Repeat("a", 64)

// with is a plan's arguments with its defaults, changed.
func with(change func(*Args)) Args {
	args := Args{
		Version: "9.0.0", SHA256: sum, KeyURL: "https://keys.example.com/FINGERPRINT", NodeVersion: "22.22.3", NodeBin: "/opt/node/22.22.3/bin",
		RootURL: "https://chat.example.com", MongoURL: "mongodb://rc:hunter2@127.0.0.1/rocketchat?replicaSet=rs0",
	}
	modules.Defaults(&args)
	change(&args)
	return args
}

func environmentOf(facts *observe.Facts) modules.Env {
	return modules.Env{Facts: facts, Sensitive: func(string) bool { return false }}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*Args)
		want   string
	}{
		{name: "good", change: func(*Args) {}},
		{name: "Node 24", change: func(a *Args) { a.NodeVersion = "24.15.1" }},
		{name: "MongoDB", change: func(a *Args) { a.MongoDBVersion = "8.0.26" }},
		{name: "newer than known", change: func(a *Args) { a.Version = "10.2.0" }},
		{name: "latest", change: func(a *Args) { a.Version = "latest" }, want: `version: must be an exact release such as "9.0.0", not "latest"`},
		{name: "no patch", change: func(a *Args) { a.Version = "9.0" }, want: `version: must be an exact release such as "9.0.0", not "9.0"`},
		{name: "signature", change: func(a *Args) { a.SHA256 = "" }},
		{name: "key ID", change: func(a *Args) { a.SHA256, a.Fingerprints = "", []string{"4FD08104"} }, want: `fingerprints: must be 40 (or 64) hexadecimal digits each, not "4FD08104"`},
		{name: "key_url", change: func(a *Args) { a.SHA256, a.KeyURL = "", "keys" }, want: `key_url: must be an address that begins with https:// or http://, not "keys"`},
		{name: "Deno", change: func(a *Args) { a.Version = "8.7.1" }},
		{name: "other Deno", change: func(a *Args) { a.Version, a.DenoVersion = "8.7.1", "2.3.2" }, want: "deno_sha256: must be given: rcprov doesn't know the sum of Deno 2.3.2"},
		{name: "Deno's word", change: func(a *Args) { a.Version, a.DenoVersion = "8.7.1", "2" }, want: `deno_version: must be an exact version such as "2.3.1", not "2"`},
		{name: "Deno's sum", change: func(a *Args) { a.Version, a.DenoSHA256 = "8.7.1", "aa" }, want: `deno_sha256: must be a SHA-256, 64 hexadecimal digits, not "aa"`},
		{name: "Deno for nothing", change: func(a *Args) { a.DenoVersion = "2.3.1" }, want: "deno_version: must be left out: apps of Rocket.Chat 9.0.0 don't run with Deno"},
		{name: "very old", change: func(a *Args) { a.Version = "6.9.0" }, want: "version: must be 7.0.0 or later: 6.9.0 needs a Node.js that has been out of support for years"},
		{name: "old Node", change: func(a *Args) { a.NodeVersion = "22.22.2" }, want: "node_version: is 22.22.2, and Rocket.Chat 9.0.0 needs 22.22.3 or a later 22, or 24.15.0 or a later 24"},
		{name: "Node between", change: func(a *Args) { a.NodeVersion = "23.9.0" }, want: "node_version: is 23.9.0, and Rocket.Chat 9.0.0 needs 22.22.3 or a later 22, or 24.15.0 or a later 24"},
		{name: "new Node", change: func(a *Args) { a.Version, a.NodeVersion = "8.8.1", "24.15.0" }, want: "node_version: is 24.15.0, and Rocket.Chat 8.8.1 needs 22.22.3 or a later 22"},
		{name: "old MongoDB", change: func(a *Args) { a.MongoDBVersion = "7.0" }, want: "mongodb_version: is 7.0, and Rocket.Chat 9.0.0 needs 8.0 or a later 8"},
		{name: "MongoDB of 7.13", change: func(a *Args) { a.Version, a.MongoDBVersion = "7.13.1", "7.0" }},
		{name: "MongoDB of later 7.13", change: func(a *Args) { a.Version, a.MongoDBVersion = "7.13.9", "8.0" }},
		{
			name: "new MongoDB", change: func(a *Args) { a.Version, a.MongoDBVersion = "7.9.0", "8.0" },
			want: "mongodb_version: is 8.0, and Rocket.Chat 7.9.0 needs 5.0 or a later 5, or 6.0 or a later 6, or 7.0 or a later 7",
		},
		{name: "MongoDB's word", change: func(a *Args) { a.MongoDBVersion = "new" }, want: `mongodb_version: must be a version such as "8.0" or "8.0.26", not "new"`},
		{name: "sum", change: func(a *Args) { a.SHA256 = "aa" }, want: `sha256: must be a SHA-256, 64 hexadecimal digits, not "aa"`},
		{name: "no set", change: func(a *Args) { a.MongoURL = "mongodb://rc:hunter2@h/x" }, want: "mongo_url: must name a replica set (`?replicaSet=rs0`): Rocket.Chat doesn't start without one"},
		{name: "no MongoDB", change: func(a *Args) { a.MongoURL = "http://hunter2" }, want: "mongo_url: must begin with mongodb:// or mongodb+srv://"},
		{name: "root_url", change: func(a *Args) { a.RootURL = "chat.example.com" }, want: `root_url: must be a URL that begins with https:// or http://, not "chat.example.com"`},
		{name: "bind_ip", change: func(a *Args) { a.BindIP = "localhost" }, want: `bind_ip: must be an IP address, not "localhost"`},
		{name: "ports", change: func(a *Args) { a.Ports = []int{80, 3000, 3000} }, want: "ports: must be from 1024 to 65535, not 80\nports: has 3000 twice"},
		{name: "instance_ip", change: func(a *Args) { a.InstanceIP = "chat2" }, want: `instance_ip: must be an IP address, not "chat2"`},
		{name: "port for other hosts", change: func(a *Args) { a.Ports, a.InstanceIP = []int{3000, 4000}, "10.0.0.21" }, want: "ports: has 3000, whose instance listens for other instances on 4000, which must be free"},
		{name: "variable of instance_ip", change: func(a *Args) { a.InstanceIP, a.Env = "10.0.0.21", map[string]string{"TCP_PORT": "1"} }, want: `env: has "TCP_PORT", which must be given by its own argument`},
		{name: "directory", change: func(a *Args) { a.Directory = "/opt" }, want: `directory: must be an absolute path of at least two parts, with only letters, digits and "._+-", not "/opt"`},
		{name: "setting of the address", change: func(a *Args) { a.Settings = map[string]string{"Site_Url": "https://x"} }, want: `settings: has "Site_Url", which must be given by the argument root_url`},
		{name: "setting of an argument", change: func(a *Args) { a.Settings = map[string]string{"FileUpload_Storage_Type": "hunter2"} }, want: `settings: has "FileUpload_Storage_Type", which must be given by the argument uploads`},
		{name: "name of a setting", change: func(a *Args) { a.Settings = map[string]string{"A-B": "hunter2"} }, want: `settings: has "OVERWRITE_SETTING_A-B", which systemd does not accept as the name of a variable: only letters, digits and "_" are allowed`},
		{name: "variable of an argument", change: func(a *Args) { a.Env = map[string]string{"PORT": "1"} }, want: `env: has "PORT", which must be given by its own argument`},
		{name: "lines", change: func(a *Args) { a.Admin = &Admin{Username: "a", Password: "hunter2\n"} }, want: "admin: the value of ADMIN_PASS must be one line"},
		{name: "deadline", change: func(a *Args) { a.Deadline = "soon" }, want: `deadline: must be a duration such as "90s" or "5m", not "soon"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := New(with(test.change), environmentOf(nil))
			if moduletest.ErrorText(err) != test.want {
				t.Errorf("error %q\n want %q", moduletest.ErrorText(err), test.want)
			}
			if strings.Contains(moduletest.ErrorText(err), "hunter2") {
				t.Error("shows a secret")
			}
		})
	}
}

const wantEnvironment = `# Written by rcprov; changes made here are undone.
ADMIN_EMAIL="a@example.com"
ADMIN_EMAIL_VERIFIED="true"
ADMIN_NAME="root"
ADMIN_PASS="\$a\"b\\c\` + "`" + `"
ADMIN_USERNAME="root"
BIND_IP="127.0.0.1"
DEPLOY_METHOD="tar"
HOME="/var/lib/rocketchat"
HTTP_FORWARDED_COUNT="2"
INSTANCE_IP="10.0.0.21"
MAIL_URL="smtp://mail.example.com"
MONGO_URL="mongodb://rc:hunter2@127.0.0.1/rocketchat?replicaSet=rs0"
NODE_ENV="production"
OVERWRITE_SETTING_FileUpload_FileSystemPath="/var/lib/rocketchat/uploads"
OVERWRITE_SETTING_FileUpload_Storage_Type="FileSystem"
OVERWRITE_SETTING_Site_Name="Chat"
OVERWRITE_SETTING_Site_Url="https://chat.example.com"
ROOT_URL="https://chat.example.com"
`

// TestParts checks what a server with two instances becomes.
func TestParts(t *testing.T) {
	t.Parallel()
	args := with(func(a *Args) {
		a.Ports, a.BindIP, a.Uploads, a.MailURL = []int{3000, 3001}, "127.0.0.1", "filesystem", "smtp://mail.example.com"
		a.InstanceIP = "10.0.0.21"
		a.Admin = &Admin{Username: "root", Email: "a@example.com", Password: "$a\"b\\c`"}
		a.Settings, a.Env = map[string]string{"Site_Name": "Chat"}, map[string]string{"HTTP_FORWARDED_COUNT": "2"}
	})
	parts, outputs, err := New(args, environmentOf(&observe.Facts{}))
	if err != nil {
		t.Fatal(err)
	}
	want := Outputs{URL: "https://chat.example.com", Ports: []int{3000, 3001}, Upstreams: []string{"127.0.0.1:3000", "127.0.0.1:3001"}}
	if diff := cmp.Diff(want, outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	var names []string
	for _, p := range parts {
		names = append(names, p.Name)
		switch step := p.Step.(type) {
		case *file.Step:
			if diff := cmp.Diff(wantEnvironment, string(step.Content)); diff != "" || step.Mode != 0o600 || !step.Sensitive {
				t.Errorf("environment: mode %o, sensitive %t (-want +got):\n%s", step.Mode, step.Sensitive, diff)
			}
		case *service:
			unit := step.Files[0].Text
			port := strings.TrimPrefix(p.Name, "service-300")
			if !strings.Contains(unit, fmt.Sprintf("\nEnvironment=PORT=300%s TCP_PORT=400%s\n", port, port)) {
				t.Errorf("unit:\n%s", unit)
			}
			if strings.Contains(unit, "MemoryDenyWriteExecute=") || strings.Contains(unit, "hunter2") {
				t.Errorf("unit:\n%s", unit)
			}
			if diff := cmp.Diff([]string{"/etc/rocketchat/env", "/opt/rocketchat/current"}, step.RestartOn); diff != "" {
				t.Errorf("restart_on (-want +got):\n%s", diff)
			}
		}
	}
	wantNames := "requirements packages user data uploads release npm etc env previous-instances current service-3000 ready-3000 service-3001 ready-3001"
	if got := strings.Join(names, " "); got != wantNames {
		t.Errorf("parts %s\n want %s", got, wantNames)
	}
}

var errLook = errors.New("stale file handle")

func TestRequirements(t *testing.T) {
	t.Parallel()
	symlink := func(target string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Symlink, Target: target}
	}
	for _, test := range []struct {
		name string
		is   observe.FileInfo
		err  error
		want string // error
	}{
		{name: "bare"},
		{name: "converged", is: symlink("releases/9.1.0")},
		{name: "a patch back", is: symlink("releases/9.1.3")},
		{name: "from the major before", is: symlink("/opt/rocketchat/releases/8.9.1")},
		{name: "a major skipped", is: symlink("releases/7.13.9"), want: "Rocket.Chat 7.13.9 is installed, which can't be upgraded to 9.1.0 directly: that skips a major version"},
		{name: "a minor back", is: symlink("releases/9.2.0"), want: "Rocket.Chat 9.2.0 is installed, and 9.1.0 can't use its database"},
		{name: "a major back", is: symlink("releases/10.0.0"), want: "Rocket.Chat 10.0.0 is installed, and 9.1.0 can't use its database"},
		{name: "of somebody", is: symlink("/srv/rc"), want: "/opt/rocketchat/current points to /srv/rc, which does not name the installed release"},
		{name: "could not tell", err: errLook, want: "look at /opt/rocketchat/current: stale file handle"},
	} {
		s := observe.NewSnapshot()
		r := &requirements{Link: "/opt/rocketchat/current", Version: version{9, 1, 0}}
		observe.File.Put(s, observe.FileQuestion{Path: r.Link}, test.is, test.err)
		change, err := r.Diff(s)
		if moduletest.ErrorText(err) != test.want || !change.Empty() {
			t.Errorf("%s: %v, error %q, want %q", test.name, change, moduletest.ErrorText(err), test.want)
		}
	}
}

func TestCurrent(t *testing.T) {
	t.Parallel()
	const path = "/opt/rocketchat/current"
	one, two := []string{"rocketchat-3000.service"}, []string{"rocketchat-3000.service", "rocketchat-3001.service"}
	old := observe.FileInfo{Type: observe.Symlink, Target: "releases/8.9.1"}
	moved := modules.Edit{Action: modules.Update, Subject: path, Field: "target", From: "releases/8.9.1", To: "releases/9.0.0"}
	for _, test := range []struct {
		name  string
		units []string
		is    observe.FileInfo
		err   error
		want  []modules.Edit
		fails string
	}{
		{name: "converged", units: two, is: observe.FileInfo{Type: observe.Symlink, Target: "releases/9.0.0"}},
		{name: "bare", units: two, want: []modules.Edit{{Action: modules.Create, Subject: path, To: "releases/9.0.0"}}},
		{name: "one instance", units: one, is: old, want: []modules.Edit{moved}},
		{name: "two instances", units: two, is: old, want: []modules.Edit{
			{Action: modules.Run, Subject: "systemctl stop rocketchat-3000.service rocketchat-3001.service"}, moved,
		}},
		{name: "directory", units: two, is: observe.FileInfo{Type: observe.Directory}, fails: path + " is a directory, not a symbolic link"},
		{name: "could not tell", units: two, err: errLook, fails: "look at " + path + ": stale file handle"},
	} {
		s := observe.NewSnapshot()
		observe.File.Put(s, observe.FileQuestion{Path: path}, test.is, test.err)
		c := &current{Step: &link.Step{Path: path, Target: "releases/9.0.0"}, Units: test.units}
		change, err := c.Diff(s)
		if stop := (test.name == "two instances"); !change.Empty() && stop != (len(change.Work.(currentWork).Stop) > 0) {
			t.Errorf("%s: work %+v", test.name, change.Work)
		}
		if moduletest.ErrorText(err) != test.fails {
			t.Errorf("%s: error %q, want %q", test.name, moduletest.ErrorText(err), test.fails)
		}
		if diff := cmp.Diff(test.want, change.Edits); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestPreviousInstances(t *testing.T) {
	t.Parallel()
	one, two := "/etc/systemd/system/rocketchat-3000.service", "/etc/systemd/system/rocketchat-3001.service"
	for _, test := range []struct {
		name  string
		found []string
		err   error
		want  []modules.Edit
		fails string
	}{
		{name: "bare"},
		{name: "converged", found: []string{one}},
		{name: "another port", found: []string{two, one}, want: []modules.Edit{
			{Action: modules.Remove, Subject: "rocketchat-3001.service", From: "not in ports"},
		}},
		{name: "could not tell", err: errLook, fails: "look for instances of Rocket.Chat: stale file handle"},
	} {
		s := observe.NewSnapshot()
		instances.Put(s, struct{}{}, test.found, test.err)
		change, err := (&previousInstances{Units: []string{"rocketchat-3000.service"}}).Diff(s)
		if moduletest.ErrorText(err) != test.fails {
			t.Errorf("%s: error %q, want %q", test.name, moduletest.ErrorText(err), test.fails)
		}
		if diff := cmp.Diff(test.want, change.Edits); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestService is about the data directory; the rest is systemd_unit's.
func TestService(t *testing.T) {
	t.Parallel()
	parts, _, err := New(with(func(*Args) {}), environmentOf(&observe.Facts{}))
	if err != nil {
		t.Fatal(err)
	}
	s := parts[len(parts)-2].Step.(*service)
	text := s.Files[0]
	restart := []modules.Edit{{Action: modules.Run, Subject: "rocketchat-3000.service", Field: "restart", To: "/var/lib/rocketchat was removed since it started"}}
	for _, test := range []struct {
		name  string
		lost  bool
		err   error
		down  bool
		want  []modules.Edit
		fails string
	}{
		{name: "converged"},
		{name: "removed", lost: true, want: restart},
		{name: "removed, and started anyhow", lost: true, down: true, want: []modules.Edit{
			{Action: modules.Update, Subject: "rocketchat-3000.service", Field: "running", From: "inactive (dead)", To: "running"},
		}},
		{name: "could not tell", err: errLook, fails: "check whether rocketchat-3000.service can write to /var/lib/rocketchat: stale file handle"},
	} {
		snapshot := observe.NewSnapshot()
		is := observe.UnitInfo{
			ID: s.Name, Load: observe.Loaded, Active: observe.Active, Sub: "running", FileState: observe.Enabled,
			FragmentPath: text.Path, Type: "simple", InvocationID: "abc",
		}
		if test.down {
			is.Active, is.Sub = observe.Inactive, "dead"
		}
		observe.Unit.Put(snapshot, observe.UnitQuestion{Name: s.Name, Watch: observe.WatchList(append(s.RestartOn, s.ReloadOn...)), Ours: true, Wanted: true}, is, nil)
		sum := observe.Fingerprint([]byte(text.Text))
		observe.File.Put(snapshot, observe.FileQuestion{Path: text.Path, Content: true, UnlessSHA256: sum},
			observe.FileInfo{Type: observe.Regular, Mode: 0o644, Owner: "root", Group: "root", SHA256: sum}, nil)
		lostData.Put(snapshot, s.question(), test.lost, test.err)
		change, err := s.Diff(snapshot)
		if diff := cmp.Diff(test.want, change.Edits); diff != "" || moduletest.ErrorText(err) != test.fails {
			t.Errorf("%s: error %q, want %q (-want +got):\n%s", test.name, moduletest.ErrorText(err), test.fails, diff)
		}
	}
}

// TestLost asks the script about a unit that doesn't run, and reads a reply.
func TestLost(t *testing.T) {
	t.Parallel()
	one, two := dataOf{"rocketchat-3000.service", "/var/lib/rocketchat"}, dataOf{"rcprov no such.service", "/var/lib/rocket chat"}
	out, err := exec.Command("sh", "-c", lostScript([]dataOf{two})).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %q", err, out)
	}
	got := parseLost([]dataOf{one, two}, observe.Reply{Stdout: []byte("rocketchat-3000.service\t/var/lib/rocketchat\n")})
	if want := map[dataOf]observe.Answer[bool]{one: {Value: true}, two: {}}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := parseLost([]dataOf{one}, observe.Reply{Status: 2}); len(got) > 0 {
		t.Errorf("of a script that failed: %v", got)
	}
}

func TestNpm(t *testing.T) {
	t.Parallel()
	n := &npm{Release: &archive.Step{Path: "/opt/rocketchat/releases/9.0.0"}, NodeVersion: "22.22.3"}
	done := func(content string) observe.FileInfo {
		return observe.FileInfo{Type: observe.Regular, Content: []byte(content)}
	}
	for _, test := range []struct {
		name string
		is   observe.FileInfo
		err  error
		bare bool   // there is no release yet
		gone bool   // a module
		deaf error  // of the question about modules
		from string // of the edit; "-": there is none
		want string // error
	}{
		{name: "converged", is: done("node 22.22.3, bundle " + sum + "\n1-2\n"), from: "-"},
		{name: "a module is gone", is: done("node 22.22.3, bundle " + sum + "\n1-2\n"), gone: true, from: "other modules than npm installed"},
		{name: "a note without modules", is: done("node 22.22.3, bundle " + sum + "\n"), from: "other modules than npm installed"},
		{
			name: "could not tell the modules", is: done("node 22.22.3, bundle " + sum + "\n1-2\n"), deaf: errLook, from: "-",
			want: "look at the modules in /opt/rocketchat/releases/9.0.0: stale file handle",
		},
		{name: "not done"},
		{name: "bare", bare: true},
		{name: "other Node", is: done("node 22.22.2, bundle " + sum + "\n1-2\n"), from: "node 22.22.2, bundle " + sum},
		{name: "other bundle", is: done("node 22.22.3, bundle b\n"), from: "node 22.22.3, bundle b"},
		{name: "could not tell", err: errLook, from: "-", want: "look at /opt/rocketchat/releases/9.0.0/.rcprov-npm: stale file handle"},
	} {
		s := observe.NewSnapshot()
		observe.File.Put(s, n.marker(), test.is, test.err)
		there := "1-2"
		if test.gone {
			there = "3-4"
		}
		installed.Put(s, n.Release.Path, there, test.deaf)
		made := observe.FileInfo{Type: observe.Regular, Content: []byte(`{"sha256":"` + sum + `","strip_components":1}`)}
		to := "node 22.22.3, bundle " + sum
		if test.bare {
			made, to = observe.FileInfo{}, "node 22.22.3, bundle not unpacked yet"
		}
		observe.File.Put(s, observe.FileQuestion{Path: n.Release.Path + "/.rcprov-archive", Content: true}, made, nil)
		change, err := n.Diff(s)
		var want []modules.Edit
		if test.from != "-" {
			want = []modules.Edit{{Action: modules.Run, Subject: "npm install in " + n.Release.Path, From: test.from, To: to}}
		}
		if diff := cmp.Diff(want, change.Edits); diff != "" || moduletest.ErrorText(err) != test.want {
			t.Errorf("%s: error %q, want %q (-want +got):\n%s", test.name, moduletest.ErrorText(err), test.want, diff)
		}
	}
}

// TestModules has a real shell look at modules: whatever goes, and whatever comes, is another word.
func TestModules(t *testing.T) {
	t.Parallel()
	release := filepath.Join(t.TempDir(), "it's")
	host := &moduletest.Host{}
	look := func() string {
		t.Helper()
		var q observe.Query
		installed.Ask(&q, release)
		s, err := q.Run(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		is, err := installed.Get(s, release)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if got := look(); got != "none" {
		t.Errorf("without a release: %q", got)
	}
	make := func(name string) {
		t.Helper()
		file := filepath.Join(release, "programs/server", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{
		"node_modules/ws/package.json", "node_modules/@img/sharp-linux-x64/package.json", "node_modules/@img/sharp-linux-x64/lib/sharp.node",
		"node_modules/a/node_modules/ws/package.json", "npm/node_modules/isolated-vm/package.json",
		"npm/node_modules/isolated-vm/build/Release/isolated_vm.node",
	}
	for _, name := range names {
		make(name)
	}
	whole := look()
	for _, name := range names {
		if err := os.Remove(filepath.Join(release, "programs/server", name)); err != nil {
			t.Fatal(err)
		}
		if got := look(); got == whole {
			t.Errorf("nothing is noticed without %s", name)
		}
		make(name)
	}
	if got := look(); got != whole {
		t.Errorf("%q, want %q as before", got, whole)
	}
}

// TestExplain reads errors as npm 10.9 and Node 22 print them.
func TestExplain(t *testing.T) {
	t.Parallel()
	n := &npm{Release: &archive.Step{Path: "/opt/rocketchat/releases/9.0.0"}, NodeBin: "/opt/node/bin"}
	for _, test := range []struct{ name, said, want, hint string }{
		{
			name: "registry",
			said: "npm http fetch GET 200 https://r/x 3ms\nnpm error code ENOTFOUND\nnpm error\nnpm error request to https://r/x failed\nnpm error A complete log of this run can be found in: /x\nrcprov-problem npm\n",
			want: "npm install in /opt/rocketchat/releases/9.0.0/programs/server failed\nnpm error code ENOTFOUND\nnpm error request to https://r/x failed",
			hint: "The host itself connects to the registry",
		},
		{
			name: "registry away",
			said: "npm error code ECONNREFUSED\nnpm error FetchError: request to http://r/x failed, reason: connect ECONNREFUSED r\n" +
				"npm error     at ClientRequest.<anonymous> (x.js:1:2) {\nnpm error   code: 'ECONNREFUSED',\nnpm error }\nnpm error\n" +
				"npm error If you are behind a proxy, please make sure that the\nrcprov-problem npm\n",
			want: "npm install in /opt/rocketchat/releases/9.0.0/programs/server failed\nnpm error code ECONNREFUSED\n" +
				"npm error FetchError: request to http://r/x failed, reason: connect ECONNREFUSED r\nnpm error If you are behind a proxy, please make sure that the",
			hint: "The host itself connects to the registry",
		},
		{
			name: "compiler", said: "npm error gyp ERR! build error\nrcprov-problem npm\n",
			want: "npm install in /opt/rocketchat/releases/9.0.0/programs/server failed\nnpm error gyp ERR! build error",
			hint: "npm compiled a native module",
		},
		{
			name: "no npm", said: "sh: 1: npm: not found\nrcprov-problem program npm\n",
			want: "npm doesn't run in /opt/node/bin\nsh: 1: npm: not found", hint: "The modules of the release were not touched.",
		},
		{
			name: "native", said: "npm warn deprecated x\nError: Could not load the \"sharp\" module\n    at Object.<anonymous> (x.js:1:2)\n\nNode.js v22.22.3\nrcprov-problem native sharp\n",
			want: "the native module sharp can't be loaded after npm install\nError: Could not load the \"sharp\" module",
			hint: "The running release was not touched.",
		},
	} {
		err := n.explain(modules.NewCommandError(modules.Command{Argv: []string{"sh"}}, modules.Result{Status: 1, Stderr: []byte(test.said)}))
		var hint *modules.HintError
		if moduletest.ErrorText(err) != test.want || !errors.As(err, &hint) || !strings.HasPrefix(hint.Hint, test.hint) {
			t.Errorf("%s: error %q\n want %q; hint %v, want %q", test.name, moduletest.ErrorText(err), test.want, hint, test.hint)
		}
	}
}

// TestDeno checks what releases with Deno become.
func TestDeno(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, arch string
		change     func(*Args)
		url, sum   string // of Deno; empty: none
		health     string
		err        string
	}{
		{
			name: "7.10", arch: "amd64", change: func(a *Args) { a.Version, a.NodeVersion = "7.10.9", "22.16.0" }, health: "/health",
			url: "https://dl.deno.land/release/v1.43.5/deno-x86_64-unknown-linux-gnu.zip", sum: "246bf818932c5e11adb85afaaf3c90e65d5cbe14bcaa8ea14d35fc085869775d",
		},
		{
			name: "8.7 on ARM", arch: "arm64", change: func(a *Args) { a.Version = "8.7.1" }, health: "/readyz",
			url: "https://dl.deno.land/release/v2.3.1/deno-aarch64-unknown-linux-gnu.zip", sum: "3771ede34037694591846166f6211e7a8ab5cd77a1e7143e637d4457e8708dc7",
		},
		{
			name: "another Deno", arch: "amd64", change: func(a *Args) {
				a.Version, a.DenoVersion, a.DenoSHA256, a.DenoReleases = "8.7.1", "1.46.3", sum, "http://lab"
			}, health: "/readyz",
			url: "http://lab/v1.46.3/deno-x86_64-unknown-linux-gnu.zip", sum: sum,
		},
		{name: "8.8", arch: "amd64", change: func(a *Args) { a.Version = "8.8.1" }, health: "/readyz"},
		{
			name: "sum", arch: "arm64", change: func(a *Args) { a.Version, a.NodeVersion = "7.0.9", "20.19.2" },
			err: "deno_sha256: must be given: rcprov doesn't know the sum of Deno 1.37.1 for arm64",
		},
		{
			name: "architecture", arch: "s390x", change: func(a *Args) { a.Version = "8.7.1" },
			err: "there are no binaries of Deno for the architecture s390x",
		},
	} {
		args := with(test.change)
		parts, _, err := New(args, environmentOf(&observe.Facts{Arch: test.arch}))
		if moduletest.ErrorText(err) != test.err {
			t.Errorf("%s: error %q, want %q", test.name, moduletest.ErrorText(err), test.err)
		}
		url, path := "", ""
		for _, p := range parts {
			switch step := p.Step.(type) {
			case *archive.Step:
				url, path = step.URL, step.Path
				if step.SHA256 != test.sum {
					t.Errorf("%s: SHA-256 %s, want %s", test.name, step.SHA256, test.sum)
				}
			case *npm:
				if step.Deno != path {
					t.Errorf("%s: npm has Deno in %q, not %q", test.name, step.Deno, path)
				}
			case *service:
				if unit := step.Files[0].Text; strings.Contains(unit, "Environment=PATH="+path+":/usr") != (test.url != "") || strings.Contains(unit, "apps-engine") != (test.url != "") {
					t.Errorf("%s: unit:\n%s", test.name, unit)
				}
			case *ready:
				if got := step.Request.URL.Path; got != test.health {
					t.Errorf("%s: waits for %s, not %s", test.name, got, test.health)
				}
			}
		}
		if url != test.url {
			t.Errorf("%s: Deno from %q, want %q", test.name, url, test.url)
		}
	}
}
