package plan

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Heading returns the first sentence of the comment at the head of a plan.
func Heading(text []byte) string {
	head, _, _ := strings.Cut(headOf([]source{{text: text}}), "\n\n")
	if sentence, _, more := strings.Cut(head, ". "); more {
		return sentence
	}
	return strings.TrimSuffix(head, ".")
}

// Needs returns the names of the files in all that the plan name uses, itself among them, sorted: the libraries that it includes, and the
// files that its expressions name as they stand.
func Needs(all fs.FS, name string) ([]string, error) {
	n := &needs{all: all, seen: map[string]bool{}}
	err := n.file(name)
	slices.Sort(n.files)
	return n.files, err
}

type needs struct {
	all   fs.FS
	seen  map[string]bool
	files []string
}

func (n *needs) file(name string) error {
	if n.seen[name] {
		return nil
	}
	n.seen[name] = true
	n.files = append(n.files, name)
	text, err := fs.ReadFile(n.all, name)
	if err != nil || path.Ext(name) != ".hcl" {
		return err
	}
	file, diags := parseConfig(text, name)
	if diags.HasErrors() {
		return diags
	}
	var failed error
	_ = hclsyntax.VisitAll(file.Body.(*hclsyntax.Body), func(node hclsyntax.Node) hcl.Diagnostics {
		literal, ok := node.(*hclsyntax.TemplateExpr)
		if !ok || !literal.IsStringLiteral() || failed != nil {
			return nil
		}
		if v, diags := literal.Value(nil); !diags.HasErrors() && v.Type() == cty.String {
			failed = n.named(path.Dir(name), v.AsString())
		}
		return nil
	})
	return failed
}

// named adds a file, or a library whose path begins with a dot, if text names one.
func (n *needs) named(dir, text string) error {
	name := path.Join(dir, text)
	if !fs.ValidPath(name) {
		return nil
	}
	info, err := fs.Stat(n.all, name)
	switch {
	case err != nil:
		return nil // a text that is no path
	case !info.IsDir():
		return n.file(name)
	case n.seen[name] || !strings.HasPrefix(text, "./") && !strings.HasPrefix(text, "../"):
		return nil
	}
	n.seen[name] = true
	return fs.WalkDir(n.all, name, func(inner string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("library %s: %w", name, err)
		case entry.IsDir():
			return nil
		}
		return n.file(inner)
	})
}
