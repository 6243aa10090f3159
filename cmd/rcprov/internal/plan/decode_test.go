package plan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

func TestDecode(t *testing.T) {
	three, seven := 3, 7
	defaults := shapesArgs{Flag: true, Ratio: 0.5, Pointer: &three}
	tests := []struct {
		name      string
		body      string
		want      func(a *shapesArgs)
		sensitive []string
	}{
		{name: "nothing", body: ``, want: func(*shapesArgs) {}},
		{name: "null is left out", body: "flag = null\npointer = null\nfiles = null\nany = null\nnode = null", want: func(*shapesArgs) {}},
		{name: "numbers and bools from text", body: "flag = \"false\"\nratio = \"2.5\"\npointer = \"7\"\nname = 5", want: func(a *shapesArgs) {
			a.Flag, a.Ratio, a.Pointer, a.Name = false, 2.5, &seven, "5"
		}},
		{name: "collections", body: "words = [\"red\", \"green\"]\nnumbers = toset([2, 1])\nby_name = { a = \"x\" }", want: func(a *shapesArgs) {
			a.Words, a.Numbers, a.ByName = []string{"red", "green"}, []int{1, 2}, map[string]modules.Secret{"a": "x"}
		}},
		{name: "part of a step", body: "node = file.one", want: func(a *shapesArgs) { a.Node = &nodeRef{"/one", "0600"} }},
		{name: "anything", body: "any = { a = [1] }", want: func(a *shapesArgs) {
			a.Any = cty.ObjectVal(map[string]cty.Value{"a": cty.TupleVal([]cty.Value{cty.NumberIntVal(1)})})
		}},
		{name: "files: one path", body: `files = "/x"`, want: func(a *shapesArgs) { a.Files = []string{"/x"} }},
		{name: "files: a step", body: `files = file.one`, want: func(a *shapesArgs) { a.Files = []string{"/one"} }},
		{name: "files: all instances, nested lists", body: `files = [file.each, [file.one, ["/y"]]]`, want: func(a *shapesArgs) {
			a.Files = []string{"/each/a", "/each/b", "/one", "/y"}
		}},
		{name: "files: a step that owns several", body: `files = [shapes.owner]`, want: func(a *shapesArgs) { a.Files = []string{"/1", "/2"} }},
		{name: "files: none", body: `files = []`, want: func(a *shapesArgs) { a.Files = []string{} }},
		{name: "blocks", body: `
one {
  files = [file.one]
  deep "x" "y" { c = var.secret }
}
many {}
many { value = "second" }
`, want: func(a *shapesArgs) {
			a.One = &shapesInner{Value: "inner", Files: []string{"/one"}, Deep: []shapesLeaf{{"x", "y", "geheim"}}}
			a.Many = []*shapesInner{{Value: "inner"}, {Value: "second"}}
		}, sensitive: []string{"one"}},
		{name: "blocks by for_each", body: `
many { value = "first" }
many {
  for_each = ["b", "a"]
  value    = "${each.key}${each.value}"
  files    = file.each[each.key]
}
many {
  for_each = { x = var.secret }
  value    = each.value
}
many {
  for_each = []
}
`, want: func(a *shapesArgs) {
			a.Many = []*shapesInner{{Value: "first"}, {Value: "bb", Files: []string{"/each/b"}}, {Value: "aa", Files: []string{"/each/a"}}, {Value: "geheim"}}
		}, sensitive: []string{"many"}},
		{name: "sensitive", body: "name = \"x${var.secret}\"\nsecrets = [var.secret, \"b\"]\nany = { x = var.secret }", want: func(a *shapesArgs) {
			a.Name, a.Secrets = "xgeheim", []modules.Secret{"geheim", "b"}
			a.Any = cty.ObjectVal(map[string]cty.Value{"x": cty.StringVal("geheim")})
		}, sensitive: []string{"name", "secrets", "any"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := load(t, `
variable "secret" {
  default   = "geheim"
  sensitive = true
}
host "a" {}
play "p" {
  hosts = host.a
  shapes "it" {
    `+test.body+`
  }
  shapes "owner" { files = ["/1", "/2"] }
  file "one" {
    path = "/one"
    mode = "0600"
  }
  file "each" {
    for_each = ["b", "a"]
    path     = "/each/${each.key}"
  }
}
`)
			step := bind(t, p, "p", "a", nil)[0].Step.(*fakeStep)
			want := defaults
			test.want(&want)
			equal := cmp.Comparer(func(a, b cty.Value) bool {
				return a == cty.NilVal && b == cty.NilVal || a != cty.NilVal && b != cty.NilVal && a.RawEquals(b)
			})
			// Secrets print as (sensitive) in a diff, but are compared.
			if got := step.Args.(shapesArgs); !cmp.Equal(want, got, equal) {
				t.Errorf("arguments (-want +got):\n%s", cmp.Diff(want, got, equal))
			}
			for _, arg := range []string{"name", "secrets", "any", "one", "many", "files"} {
				if got, want := step.Env.Sensitive(arg), slices.Contains(test.sensitive, arg); got != want {
					t.Errorf("argument %s is sensitive: %v, want %v", arg, got, want)
				}
			}
		})
	}
}

// TestPublicValues: of a map of secrets, what the module's tag calls public is no secret, unless it comes from a sensitive variable.
func TestPublicValues(t *testing.T) {
	t.Parallel()
	p := load(t, `
variable "token" {
  default   = "geheim-1"
  sensitive = true
}
variable "address" { default = "10.0.0.1:53" }
host "a" {}
play "p" {
  hosts = host.a
  shapes "x" {
    by_name = { DNS_SERVER = var.address, DNS_TTL = 60, DNS_KEY = "geheim-2", OTHER_SERVER = var.token }
  }
}
`)
	for text, want := range map[string]bool{"10.0.0.1:53": false, "60": false, "geheim-2": true, "geheim-1": true} {
		if got := slices.Contains(p.Secrets, text); got != want {
			t.Errorf("%q is a secret: %v, want %v; secrets are %q", text, got, want, p.Secrets)
		}
	}
}
