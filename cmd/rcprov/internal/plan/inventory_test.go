package plan_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// TestInventories loads the plans with inventories that people copy.
func TestInventories(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"csv": `
web1 203.0.113.11 0 [web]: web1: the shop. Questions: web-team@example.com
web2 203.0.113.12 0 [web]: web2: the shop. Questions: web-team@example.com
db1 203.0.113.21 2222 [db replica]: db1: orders. Questions: dba@example.com`,
		"ansible": `
db1 admin@203.0.113.21 0 [amsterdam db europe]: db1 in Amsterdam, with 27017. Questions: europe@example.com
web1 203.0.113.11 0 [amsterdam europe web]: web1 in Amsterdam, with 80. Questions: europe@example.com
web2 203.0.113.12 0 [berlin europe web]: web2 in Berlin, with 8080. Questions: europe@example.com`,
		"terraform": `
db1 admin@203.0.113.21 0 [db]: db1: db
web1 admin@203.0.113.11 0 [web]: web1: web
web2 admin@203.0.113.12 0 [web]: web2: web`,
	} {
		p, diags := plan.Load("../../../../plans/inventory/"+name+".hcl", plan.Options{Modules: []modules.Module{file.Module()}})
		if len(diags) > 0 {
			t.Errorf("%s: %s", name, diagnostics(p.Files, diags))
			continue
		}
		got := ""
		for _, h := range p.Plays[0].Hosts {
			steps, diags := p.Bind(p.Plays[0], h, nil)
			if len(diags) > 0 {
				t.Fatal(diagnostics(p.Files, diags))
			}
			address := h.Address
			if h.User != "" {
				address = h.User + "@" + address
			}
			got += fmt.Sprintf("\n%s %s %d %v: %s", h.Name, address, h.Port, h.Groups, strings.TrimSpace(string(steps[0].Step.(*file.Step).Content)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What groups give is there wherever a host is referred to, also in groups and through locals; a host's own vars count first.
func TestGroupVars(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"plan.hcl": `
variable "token" {
  sensitive = true
  default   = "hunter2-token"
}
locals { ports = [for h in group.web : h.vars.port] }
host "a" { groups = ["web"] }
host "b" {
  groups = ["web"]
  vars   = { port = 81 }
}
host "c" {}
group "web" {
  vars = { port = 80, peers = length(group.web), token = var.token }
}
group "more" {
  for_each = toset(["one", "two"])
  hosts    = [host.a]
  vars     = { (each.key) = each.key }
}
play "p" {
  hosts = group.web
  file "f" {
    path    = "/f"
    content = "${self.vars.port} ${host.a.vars.two} ${join(",", local.ports)}"
  }
}
output "ports" { value = local.ports }
output "a" { value = nonsensitive(host.a.vars) }
output "c" { value = host.c.vars }
output "one" { value = group.one[*].name }
`})
	p, diags := plan.Load(dir, plan.Options{Modules: []modules.Module{file.Module()}})
	if len(diags) > 0 {
		t.Fatal(diagnostics(p.Files, diags))
	}
	want := map[string]any{
		"ports": []any{80.0, 81.0}, "c": map[string]any{}, "one": []any{"a"},
		"a": map[string]any{"port": 80.0, "peers": 2.0, "token": "hunter2-token", "one": "one", "two": "two"},
	}
	if diff := cmp.Diff(want, outputs(t, p, nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"one", "two", "web"}, p.Hosts[0].Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

// BenchmarkInventory loads 2,000 hosts of a table, in groups with vars, and two plays.
func BenchmarkInventory(b *testing.B) {
	var table strings.Builder
	table.WriteString("name,address,groups\n")
	for i := range 2000 {
		fmt.Fprintf(&table, "web%d,10.0.%d.%d,web g%d\n", i, i/250, i%250, i%50)
	}
	dir := write(b, map[string]string{"hosts.csv": table.String(), "plan.hcl": `
host "row" {
  for_each = csvdecode(file("hosts.csv"))
  address  = each.value.address
  groups   = split(" ", each.value.groups)
}
group "web" { vars = { port = 80 } }
play "one" {
  hosts = group.web
  file "f" {
    path    = "/f"
    content = "${self.name} ${self.vars.port}"
  }
}
play "two" {
  hosts = group.all
  file "g" {
    path    = "/g"
    content = "g"
  }
}
`})
	for b.Loop() {
		if p, diags := plan.Load(dir, plan.Options{Modules: []modules.Module{file.Module()}}); len(p.Hosts) != 2000 || diags.HasErrors() {
			b.Fatal(diags)
		}
	}
}

// BenchmarkAnsible loads 2,000 hosts of an inventory of Ansible's, as the plan that people copy does.
func BenchmarkAnsible(b *testing.B) {
	var inventory strings.Builder
	inventory.WriteString("all:\n  vars: {site: x, http_port: 80, contact: y}\n  children:\n    europe:\n      children:\n")
	for g := range 50 {
		fmt.Fprintf(&inventory, "        g%d:\n          vars: {v%d: 1}\n          hosts:\n            h%d-[1:40]: {ansible_user: admin}\n", g, g, g)
	}
	text, err := os.ReadFile("../../../../plans/inventory/ansible.hcl")
	if err != nil {
		b.Fatal(err)
	}
	dir := write(b, map[string]string{"hosts.yml": inventory.String(), "plan.hcl": string(text)})
	for b.Loop() {
		if p, diags := plan.Load(dir, plan.Options{Modules: []modules.Module{file.Module()}}); len(p.Hosts) != 2000 || diags.HasErrors() {
			b.Fatal(diags)
		}
	}
}
