package scenario

import (
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
)

// forecasts are plans whose steps change what later steps are about, one after another on the same host.
var forecasts = []struct {
	name   string
	setup  string // runs on the host before
	before string // plays that are applied before
	plays  string
	steps  []string // what plan announces, in the plan's order: TYPE STEP
	fails  string   // the error of plan, and of apply; then steps is nil
}{
	{
		name: "lines of one file",
		plays: `
  line "a" {
    path   = "/etc/settings"
    line   = "a = 2"
    regexp = "^a = "
    create = true
  }
  line "b" {
    path   = "/etc/settings"
    line   = "b = 2"
    regexp = "^b = "
  }
  line "again" {
    path   = "/etc/settings"
    line   = "a = 2"
    regexp = "^a = "
  }
`,
		steps: []string{"step_planned line.a", "step_planned line.b", "step_ok line.again"},
	},
	{
		name: "a file that a package brings",
		plays: `
  apt_package "cron" { packages = ["cron"] }
  file "crontab" {
    path    = "/etc/crontab"
    content = "# nothing\n"
  }
  file "ours" {
    path    = "/srv/ours"
    content = "x\n"
  }
`,
		steps: []string{"step_planned apt_package.cron", "step_planned file.crontab", "step_planned file.ours"},
	},
	{
		name: "a home that a user gets",
		plays: `
  user "alice" {
    name        = "alice"
    home        = "/srv/alice"
    create_home = true
  }
  file "profile" {
    path    = "/srv/alice/.profile"
    content = "umask 077\n"
    owner   = "alice"
    group   = "alice"
  }
  authorized_key "alice" {
    user = "alice"
    key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice"
  }
`,
		steps: []string{"step_planned user.alice", "step_planned file.profile", "step_planned authorized_key.alice"},
	},
	{
		name: "a command that has nothing to do with ssh",
		plays: `
  command "touch" {
    argv    = ["touch", "/srv/touched"]
    creates = "/srv/touched"
  }
  systemd_unit "ssh" {
    name      = "ssh.service"
    running   = true
    reload_on = ["/etc/ssh/sshd_config"]
  }
`,
		steps: []string{"step_planned command.touch", "step_ok systemd_unit.ssh"},
	},
	{
		name: "a command that changes what ssh reads",
		plays: `
  command "comment" {
    shell  = "echo '# read by nobody' >>/etc/ssh/sshd_config"
    unless = ["grep", "-q", "read by nobody", "/etc/ssh/sshd_config"]
  }
  systemd_unit "ssh" {
    name      = "ssh.service"
    running   = true
    reload_on = ["/etc/ssh/sshd_config"]
  }
`,
		steps: []string{"step_planned command.comment", "step_unknown systemd_unit.ssh"},
	},
	{
		name:  "a program and a working directory, replaced under their unit",
		setup: napper,
		plays: `
  file "program" {
    path    = "/usr/local/bin/napper"
    content = "#!/bin/sh\nexec sleep infinity\n"
    mode    = "0755"
  }
  systemd_unit "replaced" {
    name    = "napper.service"
    running = true
  }
  command "gone" {
    argv    = ["rm", "-r", "/srv/nap"]
    removes = "/srv/nap/old"
  }
  directory "again" { path = "/srv/nap" }
  systemd_unit "lost" {
    name    = "napper.service"
    running = true
  }
`,
		steps: []string{
			"step_planned file.program", "step_planned systemd_unit.replaced", "step_planned command.gone", "step_unknown directory.again",
			"step_unknown systemd_unit.lost",
		},
	},
	{
		name:  "a link that moves, and one that stays",
		setup: "mkdir -p /opt/r1 /opt/r2 /srv/real; echo one >/opt/r1/conf; sleep 0.1; echo two >/opt/r2/conf; ln -s r1 /opt/current; ln -s real /srv/alias;" + napper + "systemctl stop napper",
		before: `
  systemd_unit "napper" {
    name       = "napper.service"
    running    = true
    restart_on = ["/opt/current/conf"]
  }
  file "conf" {
    path    = "/opt/current/conf"
    content = "one\n"
  }
`,
		plays: `
  file "r2" {
    path    = "/opt/r2/conf"
    content = "two\n"
  }
  link "current" {
    path   = "/opt/current"
    target = "r2"
  }
  file "current" {
    path    = "/opt/current/conf"
    content = "two\n"
  }
  systemd_unit "napper" {
    name       = "napper.service"
    running    = true
    restart_on = ["/opt/current/conf"]
  }
  file "real" {
    path    = "/srv/real/x"
    content = "x\n"
  }
  file "alias" {
    path    = "/srv/alias/x"
    content = "x\n"
  }
`,
		steps: []string{
			"step_ok file.r2", "step_planned link.current", "step_ok file.current", "step_planned systemd_unit.napper", "step_planned file.real",
			"step_ok file.alias",
		},
	},
	{
		name: "keys after a file, and a command after another one",
		before: `
  user "bob" { name = "bob" }
  authorized_key "bob" {
    user = "bob"
    key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob"
  }
`,
		plays: `
  command "keys" {
    shell   = "rm /home/bob/.ssh/authorized_keys; touch /srv/keys"
    creates = "/srv/keys"
  }
  authorized_key "bob" {
    user = "bob"
    key  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob"
  }
  command "first" {
    shell   = "echo b >/etc/flag"
    creates = "/etc/flag"
  }
  command "second" {
    shell  = "touch /srv/second"
    unless = ["sh", "-c", "! test -e /etc/flag || test -e /srv/second"]
  }
`,
		steps: []string{"step_planned command.keys", "step_unknown authorized_key.bob", "step_planned command.first", "step_unknown command.second"},
	},
	{
		name: "numbers and names of users and groups",
		before: `
  group "carol" {
    name = "carol"
    gid  = 3001
  }
  user "carol" {
    name  = "carol"
    uid   = 3001
    group = "carol"
  }
  file "hers" {
    path  = "/srv/hers"
    owner = "carol"
    group = "carol"
  }
  user "erin" { name = "erin" }
`,
		plays: `
  group "carol" {
    name = "carol"
    gid  = 2002
  }
  user "carol" {
    name  = "carol"
    uid   = 2002
    group = "carol"
  }
  file "hers" {
    path  = "/srv/hers"
    owner = "carol"
    group = "carol"
  }
  directory "home" {
    path  = "/home/carol"
    owner = "carol"
    group = "carol"
    mode  = "0700"
  }
  user "dave" { name = "dave" }
  group "dave" { name = "dave" }
  user "shell" {
    name  = "dave"
    shell = "/bin/sh"
  }
  user "erin" {
    name  = "erin"
    state = "absent"
  }
  group "erin" {
    name  = "erin"
    state = "absent"
  }
`,
		steps: []string{
			"step_planned group.carol", "step_planned user.carol", "step_planned file.hers", "step_planned directory.home", "step_planned user.dave",
			"step_ok group.dave", "step_unknown user.shell", "step_planned user.erin", "step_ok group.erin",
		},
	},
	{
		name:   "a package that goes",
		before: "  apt_package \"cron\" { packages = [\"cron\"] }\n",
		plays: `
  apt_package "cron" {
    packages = ["cron"]
    state    = "absent"
    purge    = true
  }
  systemd_unit "cron" {
    name  = "cron.service"
    state = "absent"
  }
  file "crontab" {
    path  = "/etc/crontab"
    state = "absent"
  }
  check "gone" { argv = ["test", "!", "-e", "/usr/sbin/cron"] }
`,
		steps: []string{"step_planned apt_package.cron", "step_unknown systemd_unit.cron", "step_unknown file.crontab", "step_unknown check.gone"},
	},
	{
		name:  "a package that starts what an earlier step has changed",
		setup: "mkdir -p /etc/systemd/system/cron.service.d",
		plays: `
  file "drop-in" {
    path    = "/etc/systemd/system/cron.service.d/nice.conf"
    content = "[Service]\nNice=1\n"
  }
  apt_package "cron" { packages = ["cron"] }
  systemd_unit "cron" {
    name    = "cron.service"
    running = true
    enabled = true
  }
`,
		steps: []string{"step_planned file.drop-in", "step_planned apt_package.cron", "step_unknown systemd_unit.cron"},
	},
	{
		name:  "a unit whose file is another step's, and a command that stops one",
		setup: napper,
		plays: `
  file "unit" {
    path    = "/etc/systemd/system/snoozer.service"
    content = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
  }
  systemd_unit "snoozer" {
    name    = "snoozer.service"
    running = true
    enabled = true
  }
  command "stop" {
    shell   = "systemctl stop napper; touch /srv/stopped"
    creates = "/srv/stopped"
  }
  systemd_unit "napper" {
    name    = "napper.service"
    running = true
  }
`,
		steps: []string{"step_planned file.unit", "step_planned systemd_unit.snoozer", "step_planned command.stop", "step_unknown systemd_unit.napper"},
	},
	{
		name:   "a profile that a file brings",
		before: "  apt_package \"ufw\" { packages = [\"ufw\"] }\n",
		plays: `
  file "profile" {
    path    = "/etc/ufw/applications.d/ours"
    content = "[Ours]\ntitle=ours\ndescription=ours\nports=8080/tcp\n"
  }
  ufw "fw" {
    rule {
      port  = "22"
      proto = "tcp"
    }
    rule { app = "Ours" }
  }
`,
		steps: []string{"step_planned file.profile", "step_planned ufw.fw"},
	},
	{
		name: "a profile that a file changes",
		plays: `
  file "profile" {
    path    = "/etc/ufw/applications.d/ours"
    content = "[Ours]\ntitle=ours\ndescription=ours\nports=8081/tcp\n"
  }
  ufw "fw" {
    rule {
      port  = "22"
      proto = "tcp"
    }
    rule { app = "Ours" }
  }
`,
		steps: []string{"step_planned file.profile", "step_planned ufw.fw"},
	},
	{
		name: "a directory that nobody makes", fails: "the directory /srv/none does not exist",
		plays: `
  file "first" { path = "/srv/first" }
  file "x" { path = "/srv/none/x" }
`,
	},
	{
		name: "a directory in the place of a file", setup: "mkdir -p /srv/isdir", fails: "/srv/isdir is a directory, not a file",
		plays: `
  file "second" { path = "/srv/second" }
  file "x" { path = "/srv/isdir" }
`,
	},
	{
		name: "a directory that is not empty", setup: "mkdir -p /srv/full/x", fails: "/srv/full is not empty",
		plays: `
  directory "full" {
    path  = "/srv/full"
    state = "absent"
  }
`,
	},
	{
		name: "a home that moves", fails: "the home of carol is /home/carol, and /srv/carol does not exist",
		plays: `
  user "carol" {
    name = "carol"
    home = "/srv/carol"
  }
`,
	},
	{
		name: "another number for a user with a process", setup: "setpriv --reuid carol sleep 600 >/dev/null 2>&1 & sleep 0.2", fails: "user carol is used by process",
		plays: `
  user "carol" {
    name = "carol"
    uid  = 2003
  }
`,
	},
	{
		name: "a unit that can't be enabled", fails: "drowser.service can't be enabled: its unit file is static",
		plays: `
  file "unit" {
    path    = "/etc/systemd/system/drowser.service"
    content = "[Service]\nExecStart=/bin/sleep infinity\n"
  }
  systemd_unit "drowser" {
    name    = "drowser.service"
    enabled = true
  }
`,
	},
	{
		name: "a unit that can't be masked", setup: napper, fails: "napper.service can't be masked",
		plays: `
  systemd_unit "napper" {
    name   = "napper.service"
    masked = true
  }
`,
	},
}

// napper makes and starts a unit with a program and a working directory of its own.
const napper = `
set -e
mkdir -p /srv/nap
touch /srv/nap/old
rm -f /usr/local/bin/napper
cp /bin/sleep /usr/local/bin/napper
printf '[Service]\nExecStart=/usr/local/bin/napper infinity\nWorkingDirectory=/srv/nap\n' >/etc/systemd/system/napper.service
systemctl daemon-reload
systemctl restart napper
sleep 0.2
`

// TestForecast wants plan to foresee what earlier steps make of the host, and apply to do what it announced.
func TestForecast(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, "")
	for _, test := range forecasts {
		t.Run(test.name, func(t *testing.T) {
			if test.setup != "" {
				must(t, h, test.setup)
			}
			write := func(plays string) {
				plan := rcprov.HostBlock(h, "h1") + "play \"p\" {\n  hosts = [host.h1]\n" + plays + "}\n"
				if _, err := laptop.WriteFile("plan.hcl", plan); err != nil {
					t.Fatal(err)
				}
			}
			if test.before != "" {
				write(test.before)
				if r, err := laptop.Run(t.Context(), "apply", "plan.hcl"); err != nil || r.Exit != 0 {
					t.Fatalf("before: %v\n%v", err, r)
				}
			}
			write(test.plays)
			if test.fails != "" {
				refused(t, laptop, test.fails)
				return
			}
			r, err := laptop.Run(t.Context(), "plan", "plan.hcl", "--json")
			if err != nil {
				t.Fatal(err)
			}
			events, err := r.Events()
			if err != nil {
				t.Fatal(err)
			}
			var steps []string
			for _, e := range events {
				switch e.Type {
				case "step_ok", "step_planned", "step_unknown":
					steps = append(steps, e.Type+" "+e.Step)
				}
			}
			if test.steps != nil && !slices.Equal(steps, test.steps) {
				t.Errorf("plan announced\n%s\nwant\n%s\n%v", strings.Join(steps, "\n"), strings.Join(test.steps, "\n"), r)
			}
			truthful(t, laptop)
			if again := truthful(t, laptop); changed(t, again) != nil {
				t.Errorf("a second apply changed %q", changed(t, again))
			}
		})
	}
}

// refused wants plan to fail with the error that apply then fails with.
func refused(t *testing.T, laptop *rcprov.Laptop, text string) {
	t.Helper()
	for _, command := range []string{"plan", "apply"} {
		r, err := laptop.Run(t.Context(), command, "plan.hcl")
		if said := strings.Join(strings.Fields(r.Stdout+r.Stderr), " "); err != nil || r.Exit != 1 || !strings.Contains(said, text) {
			t.Errorf("%s does not fail with %q: %v\n%v", command, text, err, r)
		}
	}
}
