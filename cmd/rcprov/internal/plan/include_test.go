package plan_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// includeFiles are a plan and its libraries: base with a nested one, used twice, and site with plays.
var includeFiles = map[string]string{
	"plan.hcl": `
variable "motd" { default = "hello" }
variable "password" {
  sensitive = true
  default   = "hunter2-plan"
}

host "a" {
  groups = ["web"]
  vars   = { names = ["x", "y"] }
}
host "b" {
  groups = ["web"]
  vars   = { names = [] }
}

play "web" {
  hosts = group.web
  tags  = ["play"]

  file "first" {
    path    = "/first"
    content = "port ${include.base.port}\n"
  }
  include "base" {
    source   = "./lib/base"
    text     = "${var.motd} on ${facts.hostname}"
    port     = "8080"
    password = var.password
    tags     = ["base"]
    timeout  = "5m"
    retries  = 2
  }
  include "each" {
    source   = "./lib/base"
    for_each = self.vars.names
    text     = each.value
    dir      = "/each/${each.key}"
    when     = each.key != "y"
  }
  unit "last" {
    unit       = include.base.unit.unit
    restart_on = [include.base.conf, include.base.inner]
  }
}

include "site" {
  source = "lib/site"
  on     = group.web
  text   = "from the plan"
  tags   = ["site"]
  when   = self.name == "a"
}

output "port" { value = include.base.port }
output "site" { value = include.site.path }
`,
	"lib/base/variables.hcl": `
variable "text" {}
variable "port" {
  type    = number
  default = 80
  validation {
    condition     = var.port > 79
    error_message = "Ports begin at 80."
  }
}
variable "password" {
  type      = string
  sensitive = true
  default   = ""
}
variable "dir" { default = "/base" }
variable "tagged" {
  type    = object({ name = optional(string, "none") })
  default = {}
}
locals { conf = "${var.dir}/conf" }
output "port" { value = var.port }
output "conf" { value = file.conf }
output "inner" { value = include.inner.path }
output "unit" { value = unit.app }
`,
	"lib/base/steps.hcl": `
file "conf" {
  path    = local.conf
  content = "${file("motd.txt")}${var.text} ${var.tagged.name} ${templatefile("app.tmpl", { port = var.port })}"
}
file "copied" {
  path    = "${var.dir}/copied"
  source  = "motd.txt"
  timeout = "1m"
}
unit "app" {
  unit       = "app-${basename(var.dir)}.service"
  restart_on = [file.conf]
  env        = { PASSWORD = var.password }
}
include "inner" {
  source = "../inner"
  path   = "${var.dir}/inner"
  tags   = ["inner"]
}
`,
	"lib/base/motd.txt": "the library's\n",
	"lib/base/app.tmpl": "port ${port}${file(\"motd.txt\")}",
	"lib/inner/main.hcl": `
variable "path" {}
file "motd" {
  path    = var.path
  content = "inner"
  tags    = ["own"]
}
output "path" { value = file.motd.path }
`,
	"lib/site/main.hcl": `
variable "on" {}
variable "text" { type = string }
play "one" {
  hosts = var.on
  include "inner" {
    source = "../inner"
    path   = "/site/inner"
  }
  file "text" {
    path    = "/site/text"
    content = "${var.text} on ${self.name}"
  }
}
play "two" {
  hosts      = var.on
  depends_on = [play.one]
  file "copy" {
    path    = "/site/copy"
    content = file.text.content
  }
}
output "path" { value = file.text.path }
`,
}

// TestInclude binds the steps of a plan with libraries.
func TestInclude(t *testing.T) {
	t.Parallel()
	dir := write(t, includeFiles)
	p, diags := plan.Load(filepath.Join(dir, "plan.hcl"), plan.Options{Modules: append(fakes(), file.Module())})
	if len(diags) > 0 {
		t.Fatal(diagnostics(p.Files, diags))
	}
	var got []string
	for _, play := range p.Plays {
		for _, host := range play.Hosts {
			steps, diags := p.Bind(play, host, &observe.Facts{Hostname: host.Name + ".example.com"})
			if len(diags) > 0 {
				t.Fatal(diagnostics(p.Files, diags))
			}
			for _, s := range steps {
				got = append(got, fmt.Sprintf("%s %s %s: %s", host.Name, play.Name, s.Address, shown(t, s)))
			}
		}
	}
	want := []string{
		`a web file.first: [play] /first "port 8080\n"`,
		`a web base/file.conf: [play base] 2 5m0s /base/conf "the library's\nhello on a.example.com none port 8080the library's\n"`,
		`a web base/file.copied: [play base] 2 1m0s /base/copied "the library's\n"`,
		`a web base/unit.app: [play base] 2 5m0s app-base.service [/base/conf] hunter2-plan`,
		`a web base/inner/file.motd: [play base inner own] 2 5m0s /base/inner "inner"`,
		`a web each["x"]/file.conf: [play] /each/x/conf "the library's\nx none port 80the library's\n"`,
		`a web each["x"]/file.copied: [play] 1m0s /each/x/copied "the library's\n"`,
		`a web each["x"]/unit.app: [play] app-x.service [/each/x/conf] `,
		`a web each["x"]/inner/file.motd: [play inner own] /each/x/inner "inner"`,
		`a web each["y"]/file.conf: [play] when of include "each"["y"] is false`,
		`a web each["y"]/file.copied: [play] when of include "each"["y"] is false`,
		`a web each["y"]/unit.app: [play] when of include "each"["y"] is false`,
		`a web each["y"]/inner/file.motd: [play] when of include "each"["y"] is false`,
		`a web unit.last: [play] app-base.service [/base/conf /base/inner] `,
		`b web file.first: [play] /first "port 8080\n"`,
		`b web base/file.conf: [play base] 2 5m0s /base/conf "the library's\nhello on b.example.com none port 8080the library's\n"`,
		`b web base/file.copied: [play base] 2 1m0s /base/copied "the library's\n"`,
		`b web base/unit.app: [play base] 2 5m0s app-base.service [/base/conf] hunter2-plan`,
		`b web base/inner/file.motd: [play base inner own] 2 5m0s /base/inner "inner"`,
		`b web unit.last: [play] app-base.service [/base/conf /base/inner] `,
		`a site/one inner/file.motd: [site own] /site/inner "inner"`,
		`a site/one file.text: [site] /site/text "from the plan on a"`,
		`b site/one inner/file.motd: [site] when of include "site" is false`,
		`b site/one file.text: [site] when of include "site" is false`,
		`a site/two file.copy: [site] /site/copy "from the plan on a"`,
		`b site/two file.copy: [site] when of include "site" is false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"port": 8080.0, "site": "/site/text"}, outputs(t, p, nil)); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if tags := []string{"base", "inner", "own", "play", "site"}; !slices.Equal(p.Tags, tags) {
		t.Errorf("tags %q, want %q", p.Tags, tags)
	}
	if !slices.Contains(p.Secrets, "hunter2-plan") || slices.Contains(p.Secrets, "none") {
		t.Errorf("secrets %q", p.Secrets)
	}
	web, _ := p.Bind(p.Plays[0], p.Hosts[0], &observe.Facts{})
	var lines []int
	for _, r := range web[4].Included {
		lines = append(lines, r.Start.Line)
	}
	if !slices.Equal(lines, []int{16, 25}) || filepath.Base(web[4].Range.Filename) != "main.hcl" {
		t.Errorf("%s is at %s, included at lines %d", web[4].Address, web[4].Range, lines)
	}
}

// shown is what a step of TestInclude is made of.
func shown(t *testing.T, s plan.Step) string {
	t.Helper()
	text := fmt.Sprintf("%v ", s.Tags)
	if s.Retries > 0 {
		text += fmt.Sprintf("%d ", s.Retries)
	}
	if s.Timeout > 0 {
		text += s.Timeout.Round(time.Second).String() + " "
	}
	switch step := s.Step.(type) {
	case nil:
		return text + s.Skip
	case *file.Step:
		return text + fmt.Sprintf("%s %q", step.Path, string(step.Content))
	case *fakeStep:
		args := step.Args.(unitArgs)
		return text + fmt.Sprintf("%s %v %s", args.Unit, args.RestartOn, args.Env["PASSWORD"])
	}
	t.Fatalf("%T", s.Step)
	return ""
}

// A library is the same wherever the plan is started: by a directory, from another one, and through a link.
func TestIncludeSelection(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for name, text := range includeFiles {
		files["site/"+name] = text
	}
	dir := write(t, files)
	p, diags := plan.Load(filepath.Join(dir, "site"), plan.Options{Modules: append(fakes(), file.Module())})
	if len(diags) > 0 {
		t.Fatal(diagnostics(p.Files, diags))
	}
	if len(p.Plays) != 3 {
		t.Errorf("%d plays", len(p.Plays))
	}
}

// BenchmarkInclude compares sixty steps through an include with the same without: load and bind.
func BenchmarkInclude(b *testing.B) {
	var steps strings.Builder
	for i := range 60 {
		fmt.Fprintf(&steps, "file \"f%d\" {\n  path    = \"${var.dir}/%d\"\n  content = \"content of %d on ${self.name}\"\n}\n", i, i, i)
	}
	const head = "host \"a\" {}\n"
	dir := write(b, map[string]string{
		"without.hcl":      head + "variable \"dir\" { default = \"/x\" }\nplay \"p\" {\n  hosts = group.all\n" + steps.String() + "}\n",
		"with.hcl":         head + "play \"p\" {\n  hosts = group.all\n  include \"all\" {\n    source = \"./lib\"\n    dir    = \"/x\"\n  }\n}\n",
		"lib/variable.hcl": "variable \"dir\" {}\n",
		"lib/steps.hcl":    steps.String(),
	})
	for _, name := range []string{"without", "with"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, diags := plan.Load(filepath.Join(dir, name+".hcl"), plan.Options{Modules: []modules.Module{file.Module()}})
				if diags.HasErrors() {
					b.Fatal(diags)
				}
				if steps, diags := p.Bind(p.Plays[0], p.Hosts[0], nil); len(steps) != 60 || diags.HasErrors() {
					b.Fatal(len(steps), diags)
				}
			}
		})
	}
}
