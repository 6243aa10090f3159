package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/manual"
	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules/all"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/templates"
)

const (
	sum1 = `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`
	sum2 = `"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"`
	key1 = `"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO0rGm3sGvSJBlYvGJSLVTSLPEUP1HKfhoKaGUDX1Xto a"`
	key2 = `"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a"`
	fpr1 = `["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]`
	fpr2 = `["BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"]`
)

// claimCase is a module with the arguments that say what it decides.
type claimCase struct {
	names  string              // the arguments that say which thing it is about, as HCL
	differ map[string][]string // for each argument that decides: values of two steps that can't both be; the second may be empty
	free   []string            // arguments that say nothing about the thing's state, or only about a new one
}

// claimCases has every primitive and product that decides something.
var claimCases = map[string]claimCase{
	"file": {
		names: `path = "/etc/x"`,
		differ: map[string][]string{
			"content": {`"a"`, `"b"`}, "mode": {`"0644"`, `"0600"`}, "owner": {`"root"`, `"daemon"`}, "group": {`"root"`, `"daemon"`},
			"state": {`"present"`, `"absent"`},
		},
		free: []string{"source", "template", "vars", "validate", "backup", "sensitive"}, // three are other ways to give content
	},
	"line": {
		names:  `path = "/etc/x"`,
		differ: map[string][]string{"line": {"\"a = 1\"\nregexp = \"^a =\"", "\"a = 2\"\nregexp = \"^a =\""}, "state": {"\"present\"\nline = \"a\"", "\"absent\"\nline = \"a\""}},
		free:   []string{"regexp", "after", "before", "create", "mode", "owner", "group", "validate", "backup", "sensitive"},
	},
	"block": {
		names:  "path = \"/etc/x\"\nmarker = \"# {mark} x\"",
		differ: map[string][]string{"block": {`"a = 1"`, `"a = 2"`}, "state": {"\"present\"\nblock = \"a\"", "\"absent\"\nblock = \"a\""}},
		free:   []string{"after", "before", "create", "mode", "owner", "group", "validate", "backup", "sensitive"},
	},
	"locale": {
		differ: map[string][]string{"lang": {`"C"`, `"C.UTF-8"`}, "settings": {`{ LC_TIME = "C" }`, `{ LC_TIME = "C.UTF-8" }`}},
		free:   []string{"generate"}, // a host may have any number
	},
	"swap": {
		differ: map[string][]string{
			"size": {`"1G"`, `"2G"`}, "priority": {"1\nsize = \"1G\"", "2\nsize = \"1G\""}, "state": {"\"present\"\nsize = \"1G\"", `"absent"`},
		},
		names: `path = "/swap"`,
	},
	"hostname": {differ: map[string][]string{"name": {`"a"`, `"b"`}}, free: []string{"hosts"}},
	"timezone": {differ: map[string][]string{"name": {`"Etc/UTC"`, `"Europe/Berlin"`}}},
	"cron": {
		names: `name = "backup"`,
		differ: map[string][]string{
			"schedule": {"\"@daily\"\njob = \"a\"", "\"@hourly\"\njob = \"a\""}, "job": {"\"a\"\nschedule = \"@daily\"", "\"b\"\nschedule = \"@daily\""},
			"user":  {"\"root\"\njob = \"a\"\nschedule = \"@daily\"", "\"daemon\"\njob = \"a\"\nschedule = \"@daily\""},
			"env":   {"{ A = \"1\" }\njob = \"a\"\nschedule = \"@daily\"", "{ A = \"2\" }\njob = \"a\"\nschedule = \"@daily\""},
			"state": {"\"present\"\njob = \"a\"\nschedule = \"@daily\"", `"absent"`},
		},
	},
	"known_host": {
		names:  "name = \"git.example.com\"\nport = 22\npath = \"/etc/x\"",
		differ: map[string][]string{"key": {key1, key2}, "state": {"\"present\"\nkey = " + key1, `"absent"`}},
		free:   []string{"mode", "owner", "group"},
	},
	"mount": {
		names: `path = "/srv/x"`,
		differ: map[string][]string{
			"src":    {"\"tmpfs\"\nfstype = \"tmpfs\"", "\"other\"\nfstype = \"tmpfs\""},
			"fstype": {"\"xfs\"\nsrc = \"/dev/vdb\"", "\"ext4\"\nsrc = \"/dev/vdb\""}, "opts": {"[\"ro\"]\nsrc = \"x\"\nfstype = \"tmpfs\"", "[\"rw\"]\nsrc = \"x\"\nfstype = \"tmpfs\""},
			"passno": {"1\nsrc = \"x\"\nfstype = \"ext4\"", "2\nsrc = \"x\"\nfstype = \"ext4\""}, "state": {"\"mounted\"\nsrc = \"x\"\nfstype = \"tmpfs\"", `"absent"`},
		},
	},
	"directory": {
		names: `path = "/srv/x"`,
		differ: map[string][]string{
			"mode": {`"0755"`, `"0700"`}, "owner": {`"root"`, `"daemon"`}, "group": {`"root"`, `"daemon"`}, "state": {`"present"`, `"absent"`},
		},
		free: []string{"force"},
	},
	"link": {
		names:  `path = "/srv/x"`,
		differ: map[string][]string{"target": {`"a"`, `"b"`}, "state": {"\"present\"\ntarget = \"a\"", `"absent"`}},
		free:   []string{"force"},
	},
	"download": {
		names: "path = \"/srv/x\"\nurl = \"https://example.com/x\"",
		differ: map[string][]string{
			"sha256": {sum1, sum2}, "mode": {"\"0644\"\nsha256 = " + sum1, "\"0600\"\nsha256 = " + sum1},
			"owner": {"\"root\"\nsha256 = " + sum1, "\"daemon\"\nsha256 = " + sum1}, "group": {"\"root\"\nsha256 = " + sum1, "\"daemon\"\nsha256 = " + sum1},
		},
	},
	"archive": {
		names: "path = \"/opt/x\"\nurl = \"https://example.com/x.tar.gz\"",
		differ: map[string][]string{
			"sha256": {sum1, sum2}, "strip_components": {"0\nsha256 = " + sum1, "1\nsha256 = " + sum1},
			"mode": {"\"0755\"\nsha256 = " + sum1, "\"0700\"\nsha256 = " + sum1}, "owner": {"\"root\"\nsha256 = " + sum1, "\"daemon\"\nsha256 = " + sum1},
			"group": {"\"root\"\nsha256 = " + sum1, "\"daemon\"\nsha256 = " + sum1},
		},
		free: []string{"source", "file", "contains", "state"}, // with state = "absent" no url may be given: see TestClaimsAcrossModules
	},
	"git": {
		names: "path = \"/srv/x\"",
		differ: map[string][]string{
			"repo": {`"https://a.example.com/x.git"`, `"https://b.example.com/x.git"`}, "version": {"\"a\"\nrepo = \"/srv/r\"", "\"b\"\nrepo = \"/srv/r\""},
			"owner": {"\"root\"\nrepo = \"/srv/r\"", "\"daemon\"\nrepo = \"/srv/r\""}, "group": {"\"root\"\nrepo = \"/srv/r\"", "\"daemon\"\nrepo = \"/srv/r\""},
		},
		free: []string{"force", "submodules", "depth", "key", "key_file", "host_keys"}, // how it is fetched
	},
	"tree": {
		names: "path = \"/srv/x\"\nsource = \".\"",
		differ: map[string][]string{
			"owner": {`"root"`, `"daemon"`}, "group": {`"root"`, `"daemon"`}, "mode": {`"0644"`, `"0600"`}, "directory_mode": {`"0755"`, `"0700"`},
		},
		free: []string{"source", "exclude", "delete"},
	},
	"user": {
		names: `name = "alice"`,
		differ: map[string][]string{
			"uid": {"2001", "2002"}, "group": {`"a"`, `"b"`}, "groups": {"[\"a\"]\nexclusive_groups = true", `["b"]`}, "comment": {`"a"`, `"b"`},
			"home": {`"/home/a"`, `"/home/b"`}, "shell": {`"/bin/sh"`, `"/bin/bash"`}, "locked": {"true", "false"}, "state": {`"present"`, `"absent"`},
			"expires": {`"2027-01-01"`, `"2028-01-01"`},
			"password_hash": {
				`"$6$abcdefgh$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`,
				`"$6$abcdefgh$bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"`,
			},
		},
		free: []string{"exclusive_groups", "create_home", "system", "remove_home"},
	},
	"group": {
		names:  `name = "deploy"`,
		differ: map[string][]string{"gid": {"2001", "2002"}, "state": {`"present"`, `"absent"`}},
		free:   []string{"system", "members"}, // members: see TestClaimsAcrossModules
	},
	"authorized_key": {
		names: `user = "alice"`,
		differ: map[string][]string{
			"options": {"[\"restrict\"]\nkey = " + key1, "[]\nkey = " + key1}, "comment": {"\"a\"\nkey = " + key1, "\"b\"\nkey = " + key1},
			"exclusive": {"true\nkey = " + key1, "false\nkey = " + key2}, "state": {"\"present\"\nkey = " + key1, "\"absent\"\nkey = " + key1},
		},
		free: []string{"key", "path"},
	},
	"apt_package": {
		names: "", differ: map[string][]string{
			"packages": {`["nginx=1.22.*"]`, `["nginx=1.24.*"]`}, "held": {"true\npackages = [\"nginx\"]", "false\npackages = [\"nginx\"]"},
			"state":  {"\"present\"\npackages = [\"nginx\"]", "\"absent\"\npackages = [\"nginx\"]"},
			"origin": {"\"Debian\"\npackages = [\"nginx\"]", "\"nginx\"\npackages = [\"nginx\"]"},
		},
		free: []string{"source", "file", "purge", "install_recommends", "update_cache", "allow_downgrade"},
	},
	"apt_repository": {
		names: "name = \"x\"\nkey_url = \"https://example.com/key.asc\"",
		differ: map[string][]string{
			"uris":          {"[\"https://a.example.com\"]\nsuites = [\"./\"]\nfingerprints = " + fpr1, "[\"https://b.example.com\"]\nsuites = [\"./\"]\nfingerprints = " + fpr1},
			"suites":        {"[\"a/\"]\nuris = [\"https://a.example.com\"]\nfingerprints = " + fpr1, "[\"b/\"]\nuris = [\"https://a.example.com\"]\nfingerprints = " + fpr1},
			"fingerprints":  {fpr1 + "\nuris = [\"https://a.example.com\"]\nsuites = [\"./\"]", fpr2 + "\nuris = [\"https://a.example.com\"]\nsuites = [\"./\"]"},
			"types":         {"[\"deb\"]\nsuites = [\"./\"]\nuris = [\"https://a.example.com\"]\nfingerprints = " + fpr1, "[\"deb-src\"]\nsuites = [\"./\"]\nuris = [\"https://a.example.com\"]\nfingerprints = " + fpr1},
			"architectures": {"[\"amd64\"]\nsuites = [\"./\"]\nuris = [\"https://a.example.com\"]\nfingerprints = " + fpr1, "[\"arm64\"]\nsuites = [\"./\"]\nuris = [\"https://a.example.com\"]\nfingerprints = " + fpr1},
			"components":    {"[\"a\"]\nsuites = [\"x\"]\nuris = [\"https://a.example.com\"]\nfingerprints = " + fpr1, "[\"b\"]\nsuites = [\"x\"]\nuris = [\"https://a.example.com\"]\nfingerprints = " + fpr1},
		},
		free: []string{"key_url", "key_file", "key", "state"},
	},
	"debconf": {
		names:  `package = "postfix"`,
		differ: map[string][]string{"answer": {"\"postfix/mailname\" {\ntype = \"string\"\nvalue = \"a\"\n}", "\"postfix/mailname\" {\ntype = \"string\"\nvalue = \"b\"\n}"}},
	},
	"hosts_entry": {
		names:  `names = ["db"]`,
		differ: map[string][]string{"ip": {`"10.0.0.1"`, `"10.0.0.2"`}, "state": {"\"present\"\nip = \"10.0.0.1\"", "\"absent\"\nip = \"10.0.0.1\""}},
	},
	"sysctl": {
		names: `name = "net.ipv4.ip_forward"`,
		differ: map[string][]string{
			"value": {"1", "0"}, "persistent": {"true\nvalue = 1", "false\nvalue = 1"}, "state": {"\"present\"\nvalue = 1", `"absent"`},
		},
		free: []string{"confirm_within"},
	},
	"systemd_unit": {
		names: `name = "chat.service"`,
		differ: map[string][]string{
			"content": {`"[Service]\nExecStart=/bin/a\n"`, `"[Service]\nExecStart=/bin/b\n"`}, "drop_ins": {`{ "a.conf" = "[Service]\nNice=1\n" }`, `{ "a.conf" = "[Service]\nNice=2\n" }`},
			"enabled": {"true", "false"}, "running": {"true", "false"}, "masked": {"true", "false"}, "state": {"\"present\"\nenabled = true", `"absent"`},
		},
		free: []string{"restart_on", "reload_on"},
	},
	"ufw": {
		differ: map[string][]string{
			"enabled": {"true", "false"}, "default_incoming": {`"deny"`, `"reject"`}, "default_outgoing": {`"deny"`, `"allow"`},
			"default_routed": {`"deny"`, `"allow"`}, "logging": {`"low"`, `"high"`}, "exclusive": {"true", "false\nrule {\nport = \"22\"\n}"},
			"rule": {"{\nport = \"22\"\n}", "{\nport = \"22\"\naction = \"deny\"\n}"},
		},
		free: []string{"confirm_within"},
	},
	"sshd": {
		differ: map[string][]string{
			"password_authentication": {"false", "true"}, "max_sessions": {"10", "20"},
			"match": {"\"User a\" {\nsettings = { X11Forwarding = \"no\" }\n}", "\"User b\" {\nsettings = { X11Forwarding = \"no\" }\n}"},
		},
		free: []string{
			"port", "ports", "listen_addresses", "permit_root_login", "keyboard_interactive", "allow_users", "allow_groups", "max_auth_tries",
			"login_grace_time", "client_alive_interval", "allow_tcp_forwarding", "allow_agent_forwarding", "settings", "confirm_within", "x11_forwarding",
		}, // all become lines of the one file, as those above do
	},
}

// withoutClaims are the modules that decide nothing which another step could decide otherwise.
var withoutClaims = map[string]string{
	"approval":    "it asks a person",
	"apt_upgrade": "which packages there are is for others to say; a version that a step names is to be held",
	"check":       "it waits",
	"http_check":  "it waits",
	"command":     "nobody knows what it does",
	"reboot":      "it decides nothing that lasts",
	"tcp_check":   "it waits",
}

// composed are the products: what they decide is what their parts do, of which most are primitives.
var composed = []string{"acme_certificate", "jitsi", "mongo_replica_set", "mongod", "nginx", "nginx_site", "node", "rocketchat"}

// TestClaims gives two steps of each module the same thing and, argument by argument, different values: a mistake with both
// lines. With the same values it is none.
func TestClaims(t *testing.T) {
	t.Parallel()
	for _, m := range all.Modules() {
		c, ok := claimCases[m.Name]
		if !ok {
			if withoutClaims[m.Name] == "" && !slices.Contains(composed, m.Name) {
				t.Errorf("%s: nobody says what it claims: add it to claimCases, or a reason to withoutClaims", m.Name)
			}
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			page, err := manual.Of(m)
			if err != nil {
				t.Fatal(err)
			}
			for _, arg := range page.Args {
				if c.differ[arg.Name] == nil && !slices.Contains(c.free, arg.Name) && !strings.Contains(c.names, arg.Name+" =") {
					t.Errorf("nobody says whether %s claims something", arg.Name)
				}
			}
			for _, arg := range slices.Sorted(maps.Keys(c.differ)) {
				a, b := c.step(m.Name, "a", arg, 0), c.step(m.Name, "b", arg, 1)
				err := validate(t, a+b)
				if want := fmt.Sprintf("%s.b and %[1]s.a disagree about ", m.Name); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: got %v, want %q\n%s", arg, err, want, a+b)
				}
				if err != nil && !strings.Contains(err.Error(), "claims.hcl line 4.") {
					t.Errorf("%s: the line of the other step is missing: %v", arg, err)
				}
				if err := validate(t, a+c.step(m.Name, "b", arg, 0)); err != nil {
					t.Errorf("%s: steps that agree: %v", arg, err)
				}
			}
		})
	}
}

func (c claimCase) step(module, label, arg string, which int) string {
	equals := " = "
	if value := c.differ[arg][which]; strings.HasPrefix(value, "{\n") || strings.Contains(strings.SplitN(value, "\n", 2)[0], `" {`) {
		equals = " "
	}
	return fmt.Sprintf("%s %q {\n%s\n%s%s%s\n}\n", module, label, c.names, arg, equals, c.differ[arg][which])
}

func validate(t *testing.T, steps string) error {
	t.Helper()
	if _, diags := loadSteps(t, steps); diags.HasErrors() {
		return diags
	}
	return nil
}

func loadSteps(t *testing.T, steps string) (*plan.Plan, hcl.Diagnostics) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "claims.hcl")
	text := "host \"h\" {}\nplay \"p\" {\nhosts = group.all\n" + steps + "}\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return plan.Load(name, plan.Options{Modules: all.Modules(), Templates: templates.FS})
}

// TestClaimsAcrossModules has steps of different modules about one thing.
func TestClaimsAcrossModules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ steps, want string }{
		"file and line": {
			"file \"a\" {\npath = \"/etc/x\"\ncontent = \"a = 1\\n\"\n}\nline \"b\" {\npath = \"/etc/x\"\nline = \"a = 2\"\n}\n",
			"line.b and file.a disagree about /etc/x: other content",
		},
		"file with the line": {"file \"a\" {\npath = \"/etc/x\"\ncontent = \"a = 2\\n\"\n}\nline \"b\" {\npath = \"/etc/x\"\nline = \"a = 2\"\n}\n", ""},
		"file without content, and lines": {
			"file \"a\" {\npath = \"/etc/x\"\n}\nline \"b\" {\npath = \"/etc/x\"\nline = \"b\"\n}\nline \"c\" {\npath = \"/etc/x\"\nline = \"c\"\nafter = \"^b\"\n}\n", "",
		},
		"line and absent line": {
			"line \"a\" {\npath = \"/etc/x\"\nline = \"PermitRootLogin no\"\n}\nline \"b\" {\npath = \"/etc/x\"\nregexp = \"^PermitRootLogin\"\nstate = \"absent\"\n}\n",
			"line.b and line.a disagree about /etc/x: other content",
		},
		"file and link": {
			"file \"a\" {\npath = \"/srv/x\"\n}\nlink \"b\" {\npath = \"/srv/x\"\ntarget = \"y\"\n}\n",
			"link.b and file.a disagree about /srv/x: a symbolic link here, a file there",
		},
		"below what is absent": {
			"directory \"a\" {\npath = \"/srv/x\"\nstate = \"absent\"\nforce = true\n}\nfile \"b\" {\npath = \"/srv/x/y/z\"\n}\n",
			"file.b and directory.a disagree about /srv/x/y/z: a file here, but /srv/x is to be absent there",
		},
		"above what is there": {
			"file \"a\" {\npath = \"/srv/x/y/z\"\n}\ndirectory \"b\" {\npath = \"/srv/x\"\nstate = \"absent\"\nforce = true\n}\n",
			"directory.b and file.a disagree about /srv/x: absent here, but /srv/x/y/z is to be a file there",
		},
		"a group's member, and her groups": {
			"user \"a\" {\nname = \"alice\"\ngroups = [\"x\"]\nexclusive_groups = true\n}\ngroup \"b\" {\nname = \"deploy\"\nmembers = [\"alice\"]\n}\n",
			"group.b and user.a disagree about user alice: other groups",
		},
		"a directory and what is in it": {"directory \"a\" {\npath = \"/srv/x\"\n}\nfile \"b\" {\npath = \"/srv/x/y\"\n}\n", ""},
		"unit and file": {
			"systemd_unit \"a\" {\nname = \"a.service\"\ncontent = \"[Service]\\nExecStart=/bin/a\\n\"\n}\nfile \"b\" {\npath = \"/etc/systemd/system/a.service\"\ncontent = \"x\"\n}\n",
			"file.b and systemd_unit.a disagree about /etc/systemd/system/a.service: other content",
		},
		"entry and file": {
			"hosts_entry \"a\" {\nip = \"10.0.0.1\"\nnames = [\"db\"]\n}\nfile \"b\" {\npath = \"/etc/hosts\"\ncontent = \"127.0.0.1 localhost\\n\"\n}\n",
			"file.b and hosts_entry.a disagree about /etc/hosts: other content",
		},
		"two blocks of a file": {
			"block \"a\" {\npath = \"/etc/x\"\nblock = \"a\"\n}\nblock \"b\" {\npath = \"/etc/x\"\nblock = \"b\"\nafter = \"a\"\n}\n", "",
		},
		"host name and entry": {
			"hostname \"a\" {\nname = \"web1.example.com\"\n}\nhosts_entry \"b\" {\nip = \"127.0.1.1\"\nnames = [\"alias\"]\n}\n", "",
		},
		"setting and file": {
			"sysctl \"a\" {\nname = \"vm.swappiness\"\nvalue = 1\n}\nfile \"b\" {\npath = \"/etc/sysctl.d/99-zz-rcprov-vm.swappiness.conf\"\nstate = \"absent\"\n}\n",
			"file.b and sysctl.a disagree about /etc/sysctl.d/99-zz-rcprov-vm.swappiness.conf: absent here, a file there",
		},
		"one setting, two spellings": {
			"sysctl \"a\" {\nname = \"vm.swappiness\"\nvalue = 1\n}\nsysctl \"b\" {\nname = \"vm/swappiness\"\nvalue = 2\n}\n",
			"sysctl.b and sysctl.a disagree about kernel parameter vm.swappiness: value 2 here, 1 there",
		},
		"archive and absent": {
			"archive \"a\" {\npath = \"/opt/x\"\nurl = \"https://example.com/x.tar.gz\"\nsha256 = " + sum1 + "\n}\narchive \"b\" {\npath = \"/opt/x\"\nstate = \"absent\"\n}\n",
			"archive.b and archive.a disagree about /opt/x: absent here, a directory there",
		},
		"versions that one package can have": {
			"apt_package \"a\" {\npackages = [\"nodejs=22.*\"]\n}\napt_package \"b\" {\npackages = [\"nodejs=22.1.0-1\"]\n}\napt_package \"c\" {\npackages = [\"nodejs\"]\n}\n", "",
		},
		"two products, one path": {
			"nginx_site \"a\" {\nnames = [\"a.example.com\"]\ncertificate = \"/a.crt\"\nkey = \"/a.key\"\nupstreams = [\"127.0.0.1:3000\"]\nnginx_version = \"1.22.1\"\n}\n" +
				"nginx_site \"b\" {\nnames = [\"a.example.com\"]\ncertificate = \"/b.crt\"\nkey = \"/b.key\"\nupstreams = [\"127.0.0.1:3000\"]\nnginx_version = \"1.22.1\"\n}\n",
			"nginx_site.b/configuration and nginx_site.a/configuration disagree about /etc/nginx/",
		},
		"of which one is certainly not there": {
			"file \"a\" {\npath = \"/etc/x\"\ncontent = \"a\"\nwhen = self.name == \"other\"\n}\nfile \"b\" {\npath = \"/etc/x\"\ncontent = \"b\"\n}\n", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := validate(t, c.steps)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestClaimsWithFacts has steps of which nobody knows whether the host has both until its facts are known.
func TestClaimsWithFacts(t *testing.T) {
	t.Parallel()
	p, diags := loadSteps(t, "file \"a\" {\npath = \"/etc/x\"\ncontent = \"a\"\nwhen = facts.arch == \"amd64\"\n}\nfile \"b\" {\npath = \"/etc/x\"\ncontent = \"b\"\n}\n")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for arch, want := range map[string]bool{"amd64": true, "arm64": false} {
		steps, diags := p.Bind(p.Plays[0], p.Hosts[0], &observe.Facts{Arch: arch})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got := plan.Conflicts(steps).HasErrors(); got != want {
			t.Errorf("on %s: conflict %t, want %t", arch, got, want)
		}
	}
}
