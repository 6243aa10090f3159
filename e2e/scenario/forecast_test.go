package scenario

import (
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/e2e/internal/rcprov"
)

// forecasts are plans whose steps change what later steps are about, one after another on the same host.
var forecasts = []struct {
	name  string
	plays string
	steps []string // what plan announces, in the plan's order: TYPE STEP
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
}

// TestForecast wants plan to foresee what earlier steps make of the host, and apply to do what it announced.
func TestForecast(t *testing.T) {
	t.Parallel()
	h, laptop := launch(t, "")
	for _, test := range forecasts {
		t.Run(test.name, func(t *testing.T) {
			plan := rcprov.HostBlock(h, "h1") + "play \"p\" {\n  hosts = [host.h1]\n" + test.plays + "}\n"
			if _, err := laptop.WriteFile("plan.hcl", plan); err != nil {
				t.Fatal(err)
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
			if !slices.Equal(steps, test.steps) {
				t.Errorf("plan announced\n%s\nwant\n%s\n%v", strings.Join(steps, "\n"), strings.Join(test.steps, "\n"), r)
			}
			truthful(t, laptop)
			if again := truthful(t, laptop); changed(t, again) != nil {
				t.Errorf("a second apply changed %q", changed(t, again))
			}
		})
	}
}
