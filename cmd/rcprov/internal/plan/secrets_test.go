package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

// marked has one or more expressions for each function of the language: s is a sensitive string, n a number, l a list, m a map,
// each as a whole; inner a list with one sensitive element; t a sensitive date, j sensitive JSON, c a network, b a bool.
var marked = map[string][]string{
	"abs": {"abs(n)"}, "abspath": {"abspath(f)"}, "alltrue": {"alltrue([b])", "alltrue([true, b])"}, "anytrue": {"anytrue([b])"},
	"ansibledecode": {"ansibledecode(sensitive(\"web: {hosts: {a: {b: 1}}}\"))"},
	"base64decode":  {"base64decode(base64encode(s))"}, "base64encode": {"base64encode(base64encode(s))"},
	"basename": {"basename(s)"}, "can": {"can(tonumber(s))", "can(none[s])", "can(upper(s))"}, "ceil": {"ceil(n)"}, "chomp": {"chomp(s)"}, "chunklist": {"chunklist(l, 1)", "chunklist(inner, 1)"},
	"cidrhost": {"cidrhost(c, 1)", "cidrhost(\"10.0.0.0/8\", n)"}, "cidrnetmask": {"cidrnetmask(c)"}, "cidrsubnet": {"cidrsubnet(c, 8, 1)"},
	"coalesce": {"coalesce(s)", "coalesce(null, s)"}, "coalescelist": {"coalescelist(l)"}, "compact": {"compact(l)", "compact(inner)"},
	"concat": {"concat(l, [1])", "concat(inner)"}, "contains": {"contains(l, \"x\")", "contains([\"x\"], s)", "contains(inner, \"x\")"},
	"csvdecode": {"csvdecode(s)"}, "dirname": {"dirname(s)"}, "distinct": {"distinct(l)", "distinct(inner)"},
	"element": {"element(l, 0)", "element([\"a\"], n)", "element(inner, 1)"}, "endswith": {"endswith(s, \"x\")", "endswith(\"x\", s)"},
	"env": {"env(s, \"x\")", "env(\"none\", s)"}, "file": {"file(f)"}, "filebase64": {"filebase64(f)"}, "fileexists": {"fileexists(f)"},
	"filesha256": {"filesha256(f)"}, "flatten": {"flatten([l])", "flatten([inner])"}, "floor": {"floor(n)"},
	"format":     {"format(\"%.10s\", s)", "format(s)", "format(\"%d\", n)", "format(\"%s %v\", \"x\", inner)"},
	"formatdate": {"formatdate(\"YYYY\", t)"}, "formatlist": {"formatlist(\"%s\", l)", "formatlist(\"%s\", inner)"},
	"indent": {"indent(2, s)"}, "join": {"join(\"-\", split(\"\", s))", "join(s, [\"a\", \"b\"])", "join(\"-\", inner)"},
	"jsondecode": {"jsondecode(j)"}, "jsonencode": {"jsonencode(s)", "jsonencode({ a = s })", "jsonencode(inner)"},
	"keys": {"keys(m)"}, "length": {"length(s)", "length(l)"}, "log": {"log(n, 10)"},
	"lookup": {"lookup(m, \"a\", 1)", "lookup({ a = s }, \"a\", 1)", "lookup({ b = 1 }, \"a\", s)"}, "lower": {"lower(s)"},
	"max": {"max(n, 1)"}, "md5": {"md5(s)"}, "merge": {"merge(m, { z = 1 })", "merge({ a = s }, {})"}, "min": {"min(n, 1)"},
	"nonsensitive": {}, "parseint": {"parseint(tostring(n), 10)"}, "pow": {"pow(n, 2)"}, "range": {"range(n)"},
	"regex": {"regex(\".\", s)"}, "regexall": {"regexall(\".\", s)"}, "regexreplace": {"regexreplace(s, \"a\", \"b\")"},
	"replace": {"replace(s, \"a\", \"b\")", "replace(\"abc\", \"a\", s)"}, "reverse": {"reverse(l)", "reverse(inner)"},
	"sensitive": {"sensitive(\"x\")"}, "setintersection": {"setintersection(l, [\"a\"])"}, "setproduct": {"setproduct(l, [\"a\"])"},
	"setsubtract": {"setsubtract(l, [\"z\"])"}, "setunion": {"setunion(l, [\"z\"])", "setunion(inner, [])"}, "sha1": {"sha1(s)"}, "sha256": {"sha256(s)"}, "sha512": {"sha512(s)"},
	"signum": {"signum(n)"}, "slice": {"slice(l, 0, 1)", "slice(inner, 1, 2)"}, "sort": {"sort(l)", "sort(inner)"}, "split": {"split(\"\", s)", "split(s, \"x\")"},
	"startswith": {"startswith(s, \"x\")"}, "strlen": {"strlen(s)"}, "strrev": {"strrev(s)"}, "substr": {"substr(s, 0, 2)", "substr(\"abc\", 0, n)"},
	"sum": {"sum([n, 1])"}, "templatefile": {"templatefile(\"t\", { x = s })", "templatefile(\"t\", sensitive({ x = 1 }))", "templatefile(tf, { x = 1 })", "templatefile(\"t\", { x = inner[1] })"},
	"timeadd": {"timeadd(t, \"1h\")"}, "title": {"title(s)"}, "tobool": {"tobool(b)"}, "tolist": {"tolist(l)", "tolist(inner)"},
	"tomap": {"tomap(m)", "tomap({ a = s })"}, "tonumber": {"tonumber(n)"}, "toset": {"toset(l)", "toset(inner)"}, "tostring": {"tostring(n)"}, "trim": {"trim(s, \"x\")"},
	"trimprefix": {"trimprefix(s, \"x\")"}, "trimspace": {"trimspace(s)"}, "trimsuffix": {"trimsuffix(s, \"x\")"},
	"try": {"try(s, \"x\")", "try(none.x, s)", "try(tonumber(s), \"x\")", "try(tonumber(s), none.x, [\"x\"])"}, "upper": {"upper(s)"}, "urlencode": {"urlencode(s)"}, "values": {"values(m)", "values({ a = s })"},
	"yamldecode": {"yamldecode(j)"}, "yamlencode": {"yamlencode(s)", "yamlencode({ a = s })", "yamlencode(inner)"}, "zipmap": {"zipmap([\"a\"], l)", "zipmap(l, [1])"},
	"an operator": {
		"n + 1", "-n", "!b", "n > 1", "s == \"x\"", "b && true", "b ? 1 : 2", "true ? s : 1", "[s][0]", "l[0]", "[\"a\"][n - 1]", "{ a = s }.a", "m.a", "m[\"a\"]",
		"{ a = 1, sword = 2 }[m.a]", "\"x${s}y\"", "\"%{ if b }yes%{ endif }\"", "\"%{ for x in l }${x}%{ endfor }\"", "[for x in l : 1]",
		"[for x in [1, 2] : x if b]", "{ for k, v in m : k => 1 }", "{ for x in [s] : x => 1 }", "[{ a = s }][*].a", "l[*]", "inner[1]", "(s)",
		"{ (s) = 1 }", "n % 2",
	},
}

// What is made from a secret is a secret, whatever makes it: functions and operators carry the mark. A new function needs a row.
func TestMarksSurvive(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"t": "${x}", "f": "content"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, diags := load(dir, dir, []source{{name: "p.hcl", text: []byte("host \"a\" {}\n")}}, Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	secret := func(v cty.Value) cty.Value { return v.Mark(sensitive) }
	word := cty.StringVal("sword")
	ctx := &hcl.EvalContext{Functions: p.config.dir.functions, Variables: map[string]cty.Value{
		"s": secret(word), "n": secret(cty.NumberIntVal(1)), "b": secret(cty.True),
		"l": secret(cty.ListVal([]cty.Value{word})), "m": secret(cty.MapVal(map[string]cty.Value{"a": word})),
		"inner": cty.ListVal([]cty.Value{cty.StringVal("a"), secret(word)}), "none": cty.EmptyObjectVal,
		"t": secret(cty.StringVal("2026-11-30T06:00:00Z")), "j": secret(cty.StringVal(`{"a": 1}`)), "c": secret(cty.StringVal("10.0.0.0/8")),
		"f": secret(cty.StringVal("f")), "tf": secret(cty.StringVal("t")),
	}}
	rows := sortedKeys(marked)
	for name := range p.config.dir.functions {
		if !slices.Contains(rows, name) {
			t.Errorf("the function %s has no row in this test", name)
		}
	}
	for _, name := range rows {
		for _, text := range marked[name] {
			expr, diags := parseTemplate([]byte("${"+text+"}"), "test")
			if diags.HasErrors() {
				t.Fatalf("%s: %v", text, diags)
			}
			v, diags := expr.Value(ctx)
			if diags.HasErrors() {
				t.Errorf("%s: %v", text, diags)
			} else if !v.ContainsMarked() {
				t.Errorf("%s loses the mark: %#v", text, v)
			}
		}
	}
}

// An argument that takes no secrets refuses whatever is made from one; what the others get is hidden from all output.
func TestSecretArguments(t *testing.T) {
	type args struct {
		Path string `hcl:"path,optional"`
		Argv string `hcl:"argv,optional" exposed:"Everyone reads it: use text."`
		Text string `hcl:"text,optional" secret:"yes"`

		Env map[string]string `hcl:"env,optional" secret:"yes"`
	}
	module := modules.Primitive("thing", "", func(args, modules.Env) (modules.Step, error) { return nil, nil })
	const text = `
variable "s" {
  default   = "hunter2-production-longer"
  sensitive = true
}
variable "n" {
  default   = 4711
  sensitive = true
}
host "a" {}
play "p" {
  hosts = group.all
  thing "x" {
    ARG
  }
}
`
	tests := []struct {
		arg    string
		refuse string   // part of the detail
		hidden []string // beside the variables
	}{
		{arg: `path = format("%.10s", var.s)`, refuse: "thing can take secrets: text, env. If this is no secret, write `nonsensitive(...)`."},
		{arg: `path = base64encode(base64encode(var.s))`, refuse: "takes"},
		{arg: `path = var.n + 1`, refuse: "takes"},
		{arg: `argv = join("-", split("", var.s))`, refuse: "Everyone reads it: use text. If"},
		{arg: `path = nonsensitive(length(var.s))`},
		{arg: `text = format("%.10s", var.s)`, hidden: []string{"hunter2-pr"}},
		{arg: `text = base64encode(base64encode(var.s))`, hidden: []string{"YUhWdWRHVnlNaTF3Y205a2RXTjBhVzl1TFd4dmJtZGxjZz09"}},
		{arg: `text = join("-", split("", var.n))`, hidden: []string{"4-7-1-1"}},
		{arg: "text = <<-EOT\n  a host\n  listen ${var.n + 1};\n  listen 80;\nEOT\n", hidden: []string{"listen 4712;"}},
		{arg: `text = var.n > 1 ? "production" : "staging"`},
		{arg: `text = "${substr(var.s, 0, 7)} in plain"`, hidden: []string{"hunter2", "hunter2 in plain"}},
		{arg: `text = sensitive("plain as it is")`, hidden: []string{"plain as it is"}},
		{arg: `env = { A = "${upper("chat")}.test", B = "x-${var.s}" }`, hidden: []string{"x-hunter2-production-longer"}},
		{arg: `env = merge({ A = "${upper("chat")}.test" }, { B = "x-${var.s}" })`, hidden: []string{"x-hunter2-production-longer"}},
	}
	for _, test := range tests {
		p, diags := load("p.hcl", ".", []source{{name: "p.hcl", text: []byte(strings.Replace(text, "ARG", test.arg, 1))}},
			Options{Modules: []modules.Module{module}})
		if test.refuse == "takes" {
			test.refuse = "thing can take secrets: text, env."
		}
		switch {
		case test.refuse == "" && diags.HasErrors():
			t.Errorf("%s: %v", test.arg, diags)
		case test.refuse != "" && (len(diags) != 1 || !strings.Contains(diags[0].Detail, test.refuse) || diags[0].Subject.Start.Line != 14):
			t.Errorf("%s: %v, want one mistake in line 14 with %q", test.arg, diags, test.refuse)
		}
		if test.refuse != "" {
			continue
		}
		want := append([]string{"4711", "hunter2-production-longer"}, test.hidden...)
		for _, secret := range want {
			if !slices.Contains(p.Secrets, secret) {
				t.Errorf("%s: secrets %q, want %q among them", test.arg, p.Secrets, secret)
			}
		}
		for _, secret := range p.Secrets {
			if secret == "production" || secret == "listen 80;" || secret == "a host" || secret == "CHAT.test" {
				t.Errorf("%s hides %q, which is no secret", test.arg, secret)
			}
		}
	}
}
