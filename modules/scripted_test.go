package modules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// TestScriptsBesideApply: a type that embeds the step of a module and has its own Apply would otherwise be changed by the script of the
// other.
func TestScriptsBesideApply(t *testing.T) {
	t.Parallel()
	applies, scripts, embeds := map[string]bool{}, map[string]bool{}, map[string]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv != nil && (n.Name.Name == "Apply" || n.Name.Name == "Script") {
					is := applies
					if n.Name.Name == "Script" {
						is = scripts
					}
					is[path.Dir(name)+"."+typeName(n.Recv.List[0].Type)] = true
				}
			case *ast.TypeSpec:
				fields, ok := n.Type.(*ast.StructType)
				for i := 0; ok && i < len(fields.Fields.List); i++ {
					if f := fields.Fields.List[i]; len(f.Names) == 0 && typeName(f.Type) == "Step" {
						embeds[path.Dir(name)+"."+n.Name.Name] = packageName(f.Type)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil || len(embeds) == 0 || len(scripts) == 0 {
		t.Fatal(err, embeds, scripts)
	}
	for name, of := range embeds {
		if applies[name] && !scripts[name] && scripts["primitive/"+of+".Step"] {
			t.Errorf("%s embeds %s.Step and has an Apply: it needs a Script as well", name, of)
		}
	}
}

// packageName is the package of an embedded type.
func packageName(x ast.Expr) string {
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if selector, ok := x.(*ast.SelectorExpr); ok {
		return typeName(selector.X)
	}
	return ""
}

// typeName is the name of a type, without package and pointer.
func typeName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return typeName(x.X)
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.Ident:
		return x.Name
	}
	return ""
}
