package plan_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

// write makes the named files below a new directory and returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// outputs returns the outputs of a plan by name.
func outputs(t *testing.T, p *plan.Plan, facts map[string]*observe.Facts) map[string]any {
	t.Helper()
	list, diags := p.Outputs(facts, nil)
	if diags.HasErrors() {
		t.Fatalf("outputs:\n%s", diagnostics(p.Files, diags))
	}
	values := map[string]any{}
	for _, o := range list {
		if values[o.Name] = o.Value; !o.Known {
			values[o.Name] = "not known"
		}
	}
	return values
}

func TestExpressions(t *testing.T) {
	dir := write(t, map[string]string{
		"motd.txt":  "hello\n",
		"app.tmpl":  "%{ for u in users ~}\nuser ${upper(u)}\n%{ endfor ~}\n",
		"plan.hcl":  "",
		"raw.bytes": "\xff\x00",
	})
	tests := []struct {
		expr string
		want any
	}{
		{`abs(-1)`, 1.0},
		{`alltrue([true, true])`, true},
		{`alltrue([])`, true},
		{`anytrue([false, true])`, true},
		{`anytrue([])`, false},
		{`base64decode(base64encode("hello"))`, "hello"},
		{`basename("/etc/motd")`, "motd"},
		{`can(local.none.x)`, false},
		{`cidrhost("10.1.0.0/16", 5)`, "10.1.0.5"},
		{`cidrhost("fd00::/64", 5)`, "fd00::5"},
		{`cidrnetmask("10.0.0.0/20")`, "255.255.240.0"},
		{`cidrsubnet("10.0.0.0/16", 8, 3)`, "10.0.3.0/24"},
		{`coalesce(null, "x")`, "x"},
		{`dirname("/etc/motd")`, "/etc"},
		{`endswith("a.conf", ".conf")`, true},
		{`env("HOME_OF_TEST")`, "/home/test"},
		{`env("NOT_SET", "else")`, "else"},
		{`file("motd.txt")`, "hello\n"},
		{`filebase64("raw.bytes")`, "/wA="},
		{`fileexists("motd.txt")`, true},
		{`fileexists("none.txt")`, false},
		{`filesha256("motd.txt")`, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"},
		{`formatdate("YYYY-MM-DD", "2026-11-21T12:00:00Z")`, "2026-11-21"},
		{`join(",", [for h in group.all : h.name])`, "a"},
		{`jsonencode({ a = [1, "x"] })`, `{"a":[1,"x"]}`},
		{`length(group.all)`, 1.0},
		{`length({ a = 1, b = null })`, 2.0},
		{`length("grün")`, 4.0},
		{`length(toset(["a", "a"]))`, 1.0},
		{`lookup({ a = 1 }, "b", 2)`, 2.0},
		{`md5("x")`, "9dd4e461268c8034f5c8564e155c67a6"},
		{`merge({ a = 1 }, { b = 2 })`, map[string]any{"a": 1.0, "b": 2.0}},
		{`regex("v([0-9]+)", "v22")[0]`, "22"},
		{`sha1("x")`, "11f6ad8ec52a2984abaafd7c3b516503785c2072"},
		{`sha256("x")`, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"},
		{`startswith("a.conf", "a.")`, true},
		{`sum([1, 2, 3])`, 6.0},
		{`templatefile("app.tmpl", { users = ["a", "b"] })`, "user A\nuser B\n"},
		{`tolist(toset(["b", "a", "b"]))`, []any{"a", "b"}},
		{`try(local.none.x, "else")`, "else"},
		{`urlencode("a b/c")`, "a+b%2Fc"},
		{`yamldecode("a: 1").a`, 1.0},
		{`yamlencode({ a = "x" })`, "\"a\": \"x\"\n"},
		{`host["a"].address`, "203.0.113.1"},
		{`host[local.first].address`, "203.0.113.1"},
		{`host.a.user == null ? "none" : host.a.user`, "none"},
	}
	var text strings.Builder
	text.WriteString("locals {\n  none = {}\n  first = \"a\"\n}\nhost \"a\" { address = \"203.0.113.1\" }\n")
	want := map[string]any{}
	for i, test := range tests {
		name := fmt.Sprintf("o%d", i)
		fmt.Fprintf(&text, "output %q { value = %s }\n", name, test.expr)
		want[name] = test.want
	}
	path := filepath.Join(dir, "plan.hcl")
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	p, diags := plan.Load(path, plan.Options{Environ: []string{"HOME_OF_TEST=/home/test"}})
	if diags.HasErrors() {
		t.Fatal(diagnostics(p.Files, diags))
	}
	got := outputs(t, p, nil)
	for i, test := range tests {
		name := fmt.Sprintf("o%d", i)
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.expr, diff)
		}
	}
}

func TestVariables(t *testing.T) {
	dir := write(t, map[string]string{
		"plan/main.hcl": `
variable "a" { default = "plan" }
variable "b" { default = "plan" }
variable "c" { default = "plan" }
variable "d" { default = "plan" }
variable "port" { default = 80 }
variable "list" { type = list(string) }
variable "object" {
  type = object({ a = string, b = optional(number, 3) })
}
variable "either" { default = null }
variable "anything" {}
variable "pin" {
  sensitive = true
  type      = list(number)
}
variable "must" {
  default  = "x"
  nullable = false
}
output "all" { value = [var.a, var.b, var.c, var.d, var.port + 1, var.list, var.object, var.either, var.anything, var.must] }
`,
		"plan/prod.hcl": "b = \"file\"\nc = \"file\"\nd = \"file\"\nmust = null\nobject = { a = 1 }\n",
		"later.vars":    "c = \"later\"\nd = \"later\"\npin = [31337, 4242]\n",
	})
	p, diags := plan.Load(filepath.Join(dir, "plan"), plan.Options{
		Environ: []string{"RCPROV_VAR_a=environment", "RCPROV_VAR_b=environment", "RCPROV_VAR_elsewhere=x", "PATH=/bin"},
		// prod.hcl lies in the plan's directory, but is no part of the plan.
		VarFiles: []string{filepath.Join(dir, "plan", "prod.hcl"), filepath.Join(dir, "later.vars")},
		Vars:     []string{"d=a=b", "port=8080", `list=["x", "y"]`, "either=plain text", "anything=5"},
	})
	if diags.HasErrors() {
		t.Fatal(diagnostics(p.Files, diags))
	}
	want := []any{
		"environment", "file", "later", "a=b", 8081.0,
		[]any{"x", "y"},
		map[string]any{"a": "1", "b": 3.0},
		"plain text", "5", "x",
	}
	if diff := cmp.Diff(want, outputs(t, p, nil)["all"]); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"31337", "4242"}, p.Secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestHostsAndPlays(t *testing.T) {
	p := load(t, `
variable "login" {
  default   = "pass-word"
  sensitive = true
}
host "b" {
  address         = "203.0.113.2"
  port            = 2222
  fallback_port   = 22
  user            = "admin"
  identity_file   = "~/.ssh/id_b"
  proxy_jump      = "bastion"
  password        = var.login
  become          = "none"
  become_password = "su-secret"
  groups          = ["web"]
}
host "a.example.com" {
  connection    = "local"
  fallback_user = null
}
group "late" { hosts = [host["a.example.com"], group.web] }
play "third one" {
  hosts      = [group.late, host.b]
  depends_on = [play.second, "first"]
}
play "second" { hosts = host.b }
play "first" {
  hosts  = group.all
  serial = 1
  tags   = ["x"]
}
`)
	var hosts []plan.Host
	for _, h := range p.Hosts {
		hosts = append(hosts, *h)
	}
	for i := range hosts {
		hosts[i].Range.Filename, hosts[i].Range = "", hosts[0].Range
	}
	want := []plan.Host{
		{
			Name: "b", Address: "203.0.113.2", Port: 2222, FallbackPort: 22, User: "admin", IdentityFile: "~/.ssh/id_b", ProxyJump: "bastion",
			Password: "pass-word", Become: plan.Become{Method: "none", Password: "su-secret"}, Connection: "ssh",
			Groups: []string{"late", "web"}, Range: hosts[0].Range,
		},
		{
			Name: "a.example.com", Address: "a.example.com", Become: plan.Become{Method: "sudo"}, Connection: "local",
			Groups: []string{"late"}, Range: hosts[0].Range,
		},
	}
	if !cmp.Equal(want, hosts) {
		t.Errorf("hosts: want %+v, got %+v", want, hosts)
	}
	if want := []string{"pass-word", "su-secret"}; !cmp.Equal(want, p.Secrets) {
		t.Errorf("secrets %q, want %q", p.Secrets, want)
	}
	var plays []string
	for _, play := range p.Plays {
		line := play.Name
		for _, h := range play.Hosts {
			line += " " + h.Name
		}
		plays = append(plays, line)
	}
	if diff := cmp.Diff([]string{"second b", "first b a.example.com", "third one b a.example.com"}, plays); diff != "" {
		t.Errorf("plays (-want +got):\n%s", diff)
	}
	if p.Plays[1].Serial != 1 || !slices.Equal(p.Plays[1].Tags, []string{"x"}) {
		t.Errorf("attributes of the play: %+v", p.Plays[1])
	}
}

func TestNeedsFacts(t *testing.T) {
	p := load(t, `
locals {
  direct   = facts.os.id
  indirect = "x${local.direct}"
  plain    = self.name
}
host "a" {}
play "no" {
  hosts = group.all
  file "no" { path = "/${local.plain}" }
  unit "no" { unit = file.no.path }
}
play "local" {
  hosts = group.all
  file "x" { path = "/${local.indirect}" }
}
play "nested" {
  hosts = group.all
  unit "x" {
    unit = "x"
    limit "x" { max = facts.cpus }
  }
}
play "when" {
  hosts = group.all
  when  = facts.arch == "amd64"
}
play "module" {
  hosts = group.all
  database "d" { version = "1" }
}
play "step" {
  hosts = group.all
  file "y" { path = database.d.data }
}
play "whole" {
  hosts = group.all
  file "z" { path = "/${join("", keys(database))}" }
}
`)
	want := map[string]bool{"no": false, "local": true, "nested": true, "when": true, "module": true, "step": true, "whole": true}
	got := map[string]bool{}
	for _, play := range p.Plays {
		got[play.Name] = p.NeedsFacts(play)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("needs facts (-want +got):\n%s", diff)
	}
}

const crossPlan = `
host "db1" {}
host "db2" {}
host "web1" {}
play "db" {
  hosts = [host.db1, host.db2]
  database "main" {
    version  = "8"
    password = "geheim"
  }
  file "id" {
    path    = "/etc/id"
    content = facts.hostname
  }
}
play "web" {
  hosts = [host.web1, host.db2]
  file "url" {
    path    = "/etc/url"
    mode    = "0600"
    content = database.main.url
  }
}
play "wrong" {
  hosts = [host.web1]
  file "w" {
    path    = "/etc/w"
    content = "${facts.arch} ${file.id.content}"
  }
  unit "n" {
    unit = "n"
    limit "x" { max = strlen(file.id.content) }
  }
}
output "package" { value = database.main.package }
output "url" {
  value     = database.main.url
  sensitive = true
}
`

func TestStepsOfOtherPlays(t *testing.T) {
	p := load(t, crossPlan)
	for _, host := range []string{"web1", "db2"} {
		step := bind(t, p, "web", host, debian)[0].Step.(*file.Step)
		if got, want := string(step.Content), "db://:geheim@db1"; got != want || !step.Sensitive {
			t.Errorf("on %s: content %q (sensitive: %v), want %q, sensitive", host, got, step.Sensitive, want)
		}
	}
	_, diags := p.Bind(p.Plays[2], p.Plays[2].Hosts[0], debian)
	if len(diags) != 1 || !strings.Contains(diags[0].Summary, `file "w": content is not known on host "web1"`) {
		t.Errorf("facts of another host:\n%s", diagnostics(p.Files, diags))
	}
}

func TestOutputs(t *testing.T) {
	p := load(t, crossPlan)
	want := map[string]any{"package": "database-amd64", "url": modules.Secret("db://:geheim@db1")}
	if got := outputs(t, p, map[string]*observe.Facts{"db1": debian}); !cmp.Equal(want, got) {
		t.Errorf("want %#v, got %#v", want, got)
	}
	if got := outputs(t, p, nil)["package"]; got != "not known" {
		t.Errorf("without facts: %v", got)
	}
}

func TestBindMistakes(t *testing.T) {
	p := load(t, `
host "a" {}
play "p" {
  hosts = group.all
  file "f" {
    path    = "/f"
    content = { debian = "x" }[facts.os.id]
  }
  file "g" {
    path = facts.kernel
  }
  file "skipped" {
    when    = facts.os.id == "debian"
    path    = "/f"
    content = { debian = "x" }[facts.os.id]
  }
}
`)
	_, diags := p.Bind(p.Plays[0], p.Hosts[0], &observe.Facts{Kernel: "6.1", OS: observe.OS{ID: "ubuntu"}})
	got := diagnostics(p.Files, diags)
	for _, want := range []string{
		"Error: There is no key \"ubuntu\"\n",
		"The keys are debian.\n",
		"Error: file \"g\": path must be an absolute path, not \"6.1\"\n\n  on " + p.Path + " line 10, in play \"p\":\n  10:     path = facts.kernel",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if len(diags) != 2 {
		t.Errorf("the step that is skipped is no mistake:\n%s", got)
	}
}

func TestArgRange(t *testing.T) {
	p := load(t, `host "a" {}
play "p" {
  hosts = group.all
  unit "u" {
    unit = "x"
    limit "x" {
      max = 1
    }
    limit "y" {
      max = 2
    }
  }
}
`)
	step := bind(t, p, "p", "a", nil)[0]
	for arg, line := range map[string]int{
		"unit": 5, "limit": 6, "limit.max": 7, "limit.unit": 6, "state": 4, "": 4, "limit[0].max": 7, "limit[1]": 9, "limit[1].max": 10,
	} {
		if got := step.ArgRange(arg).Start.Line; got != line {
			t.Errorf("argument %q: line %d, want %d", arg, got, line)
		}
	}
}

// A module named like a root of expressions: hosts win, steps that have no group of hosts' name are steps.
func TestGroupModule(t *testing.T) {
	type args struct {
		Name string `hcl:"name"`
	}
	group := modules.Primitive("group", "", func(a args, env modules.Env) (modules.Step, error) {
		return &fakeStep{Args: a, Env: env}, nil
	})
	p := load(t, `
host "a" { groups = ["web"] }
play "p" {
  hosts = group.web
  group "web" { name = "www" }
  group "staff" { name = "staff" }
  file "f" {
    path    = "/f"
    content = "${group.staff.name} ${group.web[0].name}"
  }
}
`, func(o *plan.Options) { o.Modules = append(o.Modules, group) })
	steps := bind(t, p, "p", "a", nil)
	if got := string(steps[2].Step.(*file.Step).Content); got != "staff a" {
		t.Errorf("content %q", got)
	}
}

func TestBindConcurrently(t *testing.T) {
	p := load(t, crossPlan)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, host := range p.Plays[1].Hosts {
				if _, diags := p.Bind(p.Plays[1], host, debian); diags.HasErrors() {
					t.Error(diags)
				}
			}
		})
	}
	wg.Wait()
}

func TestFormat(t *testing.T) {
	got, _, diags := plan.Format("x.hcl", []byte("host \"a\" {\naddress=\"x\"\n  port   = 22\n}\n"))
	want := "host \"a\" {\n  address = \"x\"\n  port    = 22\n}\n"
	if diags.HasErrors() || string(got) != want {
		t.Errorf("got %q, %v", got, diags)
	}
	broken := []byte("host {\n")
	if got, file, diags := plan.Format("x.hcl", broken); !diags.HasErrors() || file == nil || !bytes.Equal(got, broken) {
		t.Errorf("broken syntax: %q, %v, %v", got, file, diags)
	}
}

func TestLoadNothing(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(write(t, map[string]string{"empty.hcl": "# nothing yet\n"}), "empty.hcl")
	for path, want := range map[string]string{
		empty:                               "The plan " + empty + " is empty",
		dir:                                 "There is no plan in " + dir,
		filepath.Join(dir, "x.hcl"):         "The plan " + filepath.Join(dir, "x.hcl") + " can't be read",
		filepath.Join(dir, "none", "x.hcl"): "The plan " + filepath.Join(dir, "none", "x.hcl") + " can't be read",
	} {
		if _, diags := plan.Load(path, plan.Options{}); len(diags) != 1 || diags[0].Summary != want {
			t.Errorf("%s: %v", path, diags)
		}
	}
}

func FuzzLoad(f *testing.F) {
	archives, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(crossPlan))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "plan.hcl")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		p, diags := plan.Load(path, plan.Options{Modules: append(fakes(), file.Module())})
		_ = diagnostics(p.Files, diags)
		if diags.HasErrors() {
			return
		}
		for _, play := range p.Plays {
			for _, host := range play.Hosts {
				_, diags := p.Bind(play, host, debian)
				_ = diagnostics(p.Files, diags)
			}
		}
	})
}

// BenchmarkLoad loads a plan of 60 steps for 20 hosts: half of the steps are the same for all hosts.
func BenchmarkLoad(b *testing.B) {
	var text strings.Builder
	text.WriteString("variable \"domain\" { default = \"example.com\" }\nlocals { url = \"https://${var.domain}\" }\n")
	for i := range 20 {
		fmt.Fprintf(&text, "host \"web%d\" { groups = [\"web\"] }\n", i)
	}
	text.WriteString("play \"web\" {\n  hosts = group.web\n")
	for i := range 30 {
		fmt.Fprintf(&text, "  file \"f%d\" {\n    path    = \"/etc/f%d\"\n    content = \"${local.url} ${self.name}\"\n  }\n", i, i)
		fmt.Fprintf(&text, "  unit \"u%d\" {\n    unit       = \"u%d\"\n    restart_on = [file.f0]\n    env = { A = var.domain }\n  }\n", i, i)
	}
	text.WriteString("}\n")
	path := filepath.Join(write(b, map[string]string{"plan.hcl": text.String()}), "plan.hcl")
	opts := plan.Options{Modules: append(fakes(), file.Module())}
	b.ResetTimer()
	for b.Loop() {
		p, diags := plan.Load(path, opts)
		if diags.HasErrors() {
			b.Fatal(diagnostics(p.Files, diags))
		}
	}
}

func TestTooDeep(t *testing.T) {
	for _, part := range []string{"(", "[", "!", "-", `"${`, "{a=", "upper(", "a[0", "1+", "true?1:", "[[", `"%{if true}`} {
		text := "locals {\n  a = " + strings.Repeat(part, 20_000) + "1\n}\n"
		p, diags := plan.Load(filepath.Join(write(t, map[string]string{"p.hcl": text}), "p.hcl"), plan.Options{})
		if len(diags) != 1 || diags[0].Summary != "This is nested too deeply" || len(p.Files) != 1 {
			t.Errorf("%s: %d mistakes", part, len(diags))
		}
	}
}

func TestAsk(t *testing.T) {
	text := "variable \"token\" {\n  description = \"of the registry\"\n  sensitive   = true\n}\nvariable \"other\" { default = 1 }\n"
	var asked []plan.Question
	p := load(t, text, func(o *plan.Options) {
		o.Ask = func(q plan.Question) (string, error) {
			asked = append(asked, q)
			return "typed-in", nil
		}
	})
	if want := []plan.Question{{Variable: "token", Description: "of the registry", Sensitive: true}}; !cmp.Equal(want, asked) {
		t.Errorf("asked %+v", asked)
	}
	if !slices.Equal(p.Secrets, []string{"typed-in"}) {
		t.Errorf("secrets %q", p.Secrets)
	}
	refuse := plan.Options{Ask: func(plan.Question) (string, error) { return "", fmt.Errorf("end of input") }}
	_, diags := plan.Load(filepath.Join(write(t, map[string]string{"p.hcl": text}), "p.hcl"), refuse)
	if len(diags) != 1 || diags[0].Summary != `The variable "token" has no value: end of input` {
		t.Errorf("no answer: %v", diags)
	}
}

// What decides whether and how a step is applied must be known when it is bound.
func TestNotKnownOnHost(t *testing.T) {
	p := load(t, `
host "a" {}
host "b" {}
play "a" {
  hosts = host.a
  file "a" { path = "/${facts.hostname}" }
}
play "when" {
  hosts = host.b
  when  = file.a.path == "/x"
  file "b" { path = "/b" }
}
play "retries" {
  hosts = host.b
  file "c" {
    path    = "/c"
    retries = strlen(file.a.path)
  }
  file "d" {
    for_each = [file.a.path]
    path     = "/d"
  }
}
`)
	for i, want := range []string{"", `play "when": when is not known on host "b"`, `file "c": retries is not known on host "b"`} {
		steps, diags := p.Bind(p.Plays[i], p.Plays[i].Hosts[0], debian)
		switch {
		case want == "" && (diags.HasErrors() || len(steps) != 1):
			t.Errorf("%d steps, %v", len(steps), diags)
		case want != "" && (len(diags) != 1 || diags[0].Summary != want):
			t.Errorf("want %s, got %v", want, diags)
		}
	}
}

// What functions make of a secret is a secret, too: also when a fact goes into it, which is known only later.
func TestSecretsOfFunctions(t *testing.T) {
	dir := write(t, map[string]string{"plan.hcl": `
variable "access" {
  default   = "{\"user\": \"chat-user\", \"password\": \"hunter2!\"}"
  sensitive = true
}
locals {
  password = jsondecode(var.access).password
  shown    = upper("not a secret")
}
host "a" {}
play "p" {
  hosts = group.all
  file "f" {
    path    = "/etc/f"
    mode    = "0600"
    content = "${strrev(local.password)} ${upper("${local.password} on ${facts.os.codename}")}"
  }
}
`})
	var later []string
	p, diags := plan.Load(filepath.Join(dir, "plan.hcl"), plan.Options{
		Modules: []modules.Module{file.Module()},
		Hide:    func(secrets ...string) { later = append(later, secrets...) },
	})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := []string{"!2retnuh", "chat-user", "hunter2!", `{"user": "chat-user", "password": "hunter2!"}`}
	if diff := cmp.Diff(want, p.Secrets); diff != "" {
		t.Errorf("secrets after Load (-want +got):\n%s", diff)
	}
	bind(t, p, "p", "a", debian)
	if !slices.Contains(later, "HUNTER2! ON TRIXIE") {
		t.Errorf("secrets of Bind: %q", later)
	}
}

// A plan that was written on Windows means the same: heredocs become files on hosts.
func TestWindowsLines(t *testing.T) {
	windows := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
	dir := write(t, map[string]string{
		"plan.hcl": "\ufeff" + windows(`
variable "key" {}
output "plan" {
  value = <<-EOT
    one
      two
  EOT
}
output "escaped" { value = "one\r\n" }
output "key" { value = var.key }
`), "plan.vars": windows("key = <<EOT\nthree\nEOT\n"),
	})
	p, diags := plan.Load(filepath.Join(dir, "plan.hcl"), plan.Options{VarFiles: []string{filepath.Join(dir, "plan.vars")}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := map[string]any{"plan": "one\n  two\n", "escaped": "one\r\n", "key": "three\n"}
	if diff := cmp.Diff(want, outputs(t, p, nil)); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

// What else lies in the directory of a plan is no part of it, however its path is written.
func TestDirectory(t *testing.T) {
	dir := write(t, map[string]string{
		"a.hcl":            `variable "x" {}`,
		"b.hcl":            `output "x" { value = var.x }`,
		"values.hcl":       `x = "given"`,
		"staging.vars.hcl": `x = "not given"`,
		".b.hcl":           `being { edited`,
	})
	if err := os.Symlink("alice@laptop.1234:1", filepath.Join(dir, ".#b.hcl")); err != nil {
		t.Logf("without the link that Emacs makes: %v", err)
	}
	t.Chdir(dir)
	for _, path := range []string{".", dir, filepath.Join("..", filepath.Base(dir))} {
		p, diags := plan.Load(path, plan.Options{VarFiles: []string{"values.hcl"}})
		if diags.HasErrors() {
			t.Errorf("%s: %v", path, diags)
			continue
		}
		if x := outputs(t, p, nil)["x"]; x != "given" {
			t.Errorf("%s: x is %q", path, x)
		}
	}
}
