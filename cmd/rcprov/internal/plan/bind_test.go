package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

var debian = &observe.Facts{Hostname: "web1", Arch: "amd64", OS: observe.OS{ID: "debian", Codename: "trixie"}}

// bind returns the steps of the play with the given name on a host.
func bind(t *testing.T, p *plan.Plan, play, host string, facts *observe.Facts) []plan.Step {
	t.Helper()
	for _, candidate := range p.Plays {
		for _, h := range candidate.Hosts {
			if candidate.Name == play && h.Name == host {
				steps, diags := p.Bind(candidate, h, facts)
				if diags.HasErrors() {
					t.Fatalf("bind:\n%s", diagnostics(p.Files, diags))
				}
				return steps
			}
		}
	}
	t.Fatalf("no play %q on host %q", play, host)
	return nil
}

func addresses(steps []plan.Step) []string {
	var all []string
	for _, s := range steps {
		address := s.Address
		if s.Skip != "" {
			address += " (" + s.Skip + ")"
		}
		all = append(all, address)
	}
	return all
}

func TestBind(t *testing.T) {
	p := load(t, `
variable "port" { default = 3000 }
variable "password" {
  default   = "hunter2!"
  sensitive = true
}
locals {
  greeting = "on ${facts.os.codename} as ${self.name}"
  users    = { alice = { uid = 1001 }, bob = { uid = 1002 } }
}
host "web1" {
  address = "203.0.113.1"
  user    = "ubuntu"
  groups  = ["web", "db"]
  vars    = { weight = 10 }
}
host "web2" {
  groups = ["web"]
  vars   = { weight = 20 }
}
play "db" {
  hosts = group.db
  database "main" {
    version  = "8"
    password = var.password
  }
}
play "web" {
  hosts = group.web
  tags  = ["web"]
  unit "app" {
    unit       = "app.service"
    restart_on = [file.conf, "/etc/x", file.home]
    env        = { URL = database.main.url, PORT = var.port }
    tags       = ["late"]
    retries    = 2
    timeout    = "90s"
    limit "nofile" { max = 1024 }
    limit "memlock" {
      max  = 64
      unit = "bytes"
    }
  }
  file "conf" {
    path    = "/etc/app.conf"
    content = "${local.greeting} ${self.vars.weight} ${try(self.vars.none, "none")}\n"
  }
  file "home" {
    for_each = local.users
    path     = "/home/${each.key}"
    content  = "${each.value.uid}"
    when     = each.key != "bob"
  }
  file "odd name" { path = "${file["home"].alice.path}.odd" }
  task "t" {
    argv    = [file.home["alice"].path, unit.app.state, tostring(unit.app.limit[0].max)]
    timeout = 3
  }
}
`)
	if got, want := p.Secrets, []string{"db://:hunter2!@203.0.113.1", "hunter2!"}; !cmp.Equal(got, want) {
		t.Errorf("secrets %q, want %q", got, want)
	}
	steps := bind(t, p, "web", "web2", debian)
	want := []string{"unit.app", "file.conf", `file.home["alice"]`, `file.home["bob"] (when is false)`, `file["odd name"]`, "task.t"}
	if diff := cmp.Diff(want, addresses(steps)); diff != "" {
		t.Fatalf("steps (-want +got):\n%s", diff)
	}
	unit := steps[0].Step.(*fakeStep)
	got := unit.Args.(unitArgs)
	if got.Any != cty.NilVal {
		t.Errorf("an argument that is left out is %#v", got.Any)
	}
	wantArgs := unitArgs{
		Unit: "app.service", State: "started", Priority: 10,
		RestartOn: []string{"/etc/app.conf", "/etc/x", "/home/alice", "/home/bob"},
		Env:       map[string]string{"URL": "db://:hunter2!@203.0.113.1", "PORT": "3000"},
		Limits:    []unitLimit{{"nofile", 1024, "files"}, {"memlock", 64, "bytes"}},
	}
	if diff := cmp.Diff(wantArgs, got, cmpopts.IgnoreFields(unitArgs{}, "Any")); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if !unit.Env.Sensitive("env") || unit.Env.Sensitive("unit") {
		t.Error("env holds the password, unit does not")
	}
	if s := steps[0]; s.Retries != 2 || s.Timeout != 90*time.Second || !cmp.Equal(s.Tags, []string{"web", "late"}) {
		t.Errorf("meta-arguments: %+v", s)
	}
	if is, want := string(steps[1].Step.(*file.Step).Content), "on trixie as web2 20 none\n"; is != want {
		t.Errorf("content %q, want %q", is, want)
	}
	task := steps[5].Step.(*fakeStep).Args.(taskArgs)
	if diff := cmp.Diff(taskArgs{Argv: []string{"/home/alice", "started", "1024"}, Timeout: 3}, task); diff != "" {
		t.Errorf("task (-want +got):\n%s", diff)
	}
}
