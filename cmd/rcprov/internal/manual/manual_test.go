package manual

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/all"
)

var update = flag.Bool("update", false, "write what is printed to testdata")

// Args, Listen and Outputs are the types that testdata/site.go.txt declares.
type (
	Args    struct{}
	Outputs struct {
		URL   string   `cty:"url"`
		Ports []int    `cty:"ports"`
		Files []string `cty:"files"`
	}
)

// TestPrint makes the manual of a module with all kinds of arguments.
func TestPrint(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("testdata/site.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := modules.Product("site", string(source), func(Args, modules.Env) ([]modules.Part, Outputs, error) {
		return nil, Outputs{}, nil
	})
	page, err := Of(m)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := page.Print(&got, Style{Width: 60, Bold: strings.ToUpper}); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/site.txt", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/site.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("manual (-want +got); `go test -update` accepts it:\n%s", diff)
	}
}

// TestModules holds every module to what a manual needs: a summary, an example that is HCL, a comment for each
// argument.
func TestModules(t *testing.T) {
	t.Parallel()
	for _, m := range all.Modules() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			page, err := Of(m)
			if err != nil {
				t.Fatal(err)
			}
			if page.Summary == "" || len(page.Summary) > 100 {
				t.Errorf("the first sentence of the comment of Args is a summary of %d characters, more than 100: %q", len(page.Summary), page.Summary)
			}
			if !strings.Contains(page.Example, m.Name+` "`) {
				t.Errorf("the example has no block %s: %q", m.Name, page.Example)
			}
			if _, diags := hclsyntax.ParseConfig([]byte(page.Example), "example", hcl.InitialPos); diags.HasErrors() {
				t.Errorf("the example is not HCL: %v", diags)
			}
			checkArgs(t, page.Args)
		})
	}
}

func checkArgs(t *testing.T, args []Arg) {
	t.Helper()
	for _, arg := range args {
		if arg.Text == "" {
			t.Errorf("argument %s has no comment", arg.Name)
		}
		checkArgs(t, arg.Args)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, source, want string }{
		{"no Go", "packag x", "manual of site: site/args.go:1:1: expected 'package', found packag"},
		{"no Args", "package site", "manual of site: its source has no struct Args"},
		{
			"block of another file", "package site\ntype Args struct {\nTLS *TLS `hcl:\"tls,block\"`\n}",
			"manual of site: its source has no struct TLS",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Of(modules.Primitive("site", test.source, func(Args, modules.Env) (modules.Step, error) { return nil, nil }))
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}
