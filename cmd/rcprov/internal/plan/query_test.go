package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
	"github.com/rcprov/rcprov/modules/primitive/file"
)

const asking = `
host "a" {}
host "b" {}
play "p" {
  hosts = group.all
  query "key" { argv = ["cat", "/key"] }
  query "secret" {
    argv      = ["cat", "/secret"]
    sensitive = true
  }
  file "plain" {
    path    = "/plain"
    content = "plain"
  }
  file "peers" {
    path    = "/peers"
    content = join(" ", [for h in ["a", "b"] : query.key[h].stdout])
  }
  file "secret" {
    path    = "/secret.conf"
    mode    = "0600"
    content = "secret ${query.secret.stdout}\n"
  }
  file "some" {
    for_each = { x = query.key.stdout, y = "y" }
    path     = "/some-${each.key}"
    content  = each.value
  }
  unit "app" {
    unit       = "app"
    restart_on = [file.peers, file.secret]
  }
  include "lib" {
    source = "./lib"
    key    = query.key["b"].stdout
  }
  file "out" {
    path    = "/out"
    content = include.lib.answer
  }
}
output "key" { value = query.key.stdout }
output "b" { value = query.key["b"].stdout }
`

// TestQueryBind: a step that depends on answers waits for them, and for these alone; others don't.
func TestQueryBind(t *testing.T) {
	dir := write(t, map[string]string{"plan.hcl": asking, "lib/main.hcl": `
variable "key" { type = string }
query "inner" { argv = ["id"] }
file "lib" {
  path    = "/lib"
  content = "${var.key} ${query.inner.stdout}"
}
output "answer" { value = query.inner.stdout }
`})
	var hidden []string
	p, diags := plan.Load(dir+"/plan.hcl", plan.Options{Modules: append(fakes(), file.Module()), Hide: func(all ...string) { hidden = append(hidden, all...) }})
	if diags.HasErrors() {
		t.Fatal(diagnostics(p.Files, diags))
	}
	steps := bind(t, p, "p", "a", nil)
	got := map[string][]string{}
	for _, s := range steps {
		var needs []string
		for _, n := range s.Needs {
			needs = append(needs, n.String())
		}
		got[s.Address] = needs
		if (s.Step == nil) != (len(needs) > 0) || (s.Query != nil) != strings.Contains(s.Address, "query.") {
			t.Errorf("%s: %+v", s.Address, s)
		}
	}
	want := map[string][]string{
		"query.key": nil, "query.secret": nil, "file.plain": nil, "unit.app": nil, "lib/query.inner": nil,
		"file.peers": {`query.key["a"]`, `query.key["b"]`}, "file.secret": {"query.secret"}, `file.some["x"]`: {"query.key"}, `file.some["y"]`: nil,
		"lib/file.lib": {`query.key["b"]`, "query.lib/inner"}, "file.out": {"query.lib/inner"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}

	answers := plan.Answers{
		{Play: "p", Query: "key"}: "mine", {Play: "p", Query: "secret"}: "hunter2!!", {Play: "p", Query: "lib/inner"}: "inner",
		{Play: "p", Query: "key", Host: "a"}: "of a", {Play: "p", Query: "key", Host: "b"}: "of b",
	}
	contents := map[string]string{}
	for _, s := range steps {
		if len(s.Needs) == 0 {
			continue
		}
		if guessed := p.Guess(p.Plays[0], p.Hosts[0], nil, s, "1"); len(guessed) != 1 || guessed[0].Address != s.Address {
			t.Errorf("guess of %s: %+v", s.Address, guessed)
		}
		bound, diags := p.BindLate(p.Plays[0], p.Hosts[0], nil, s, answers)
		if diags.HasErrors() || len(bound) != 1 || bound[0].Address != s.Address || len(bound[0].Claims) == 0 {
			t.Fatalf("%s: %+v, %v", s.Address, bound, diags)
		}
		for _, c := range bound[0].Claims {
			if c.Property == "content" {
				contents[s.Address] = fmt.Sprint(c.Value)
			}
		}
	}
	if !slices.Contains(hidden, "hunter2!!") || slices.ContainsFunc(hidden, func(s string) bool { return s == "mine" || s == "1" }) {
		t.Errorf("hidden: %q", hidden)
	}
	delete(answers, plan.AnswerKey{Play: "p", Query: "key"})
	outputs, diags := p.Outputs(nil, answers)
	if diags.HasErrors() || len(outputs) != 2 || outputs[0].Value != "of a" || outputs[1].Value != "of b" {
		t.Errorf("outputs: %+v, %v", outputs, diags)
	}
}
