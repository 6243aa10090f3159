package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zclconf/go-cty/cty/function"

	"github.com/rcprov/rcprov/modules"
)

// directory is where the relative paths start that stand in the files of a plan, or of a library.
type directory struct {
	plan      *Plan
	path      string // relative to the working directory, or absolute
	what      string // "plan" or "library"
	functions map[string]function.Function
	templates *templates
}

func (p *Plan) directory(path, what string) *directory {
	d := &directory{plan: p, path: path, what: what}
	d.templates = &templates{plan: p, read: d.readRegular, parsed: map[string]*template{}}
	d.functions = functions(d)
	d.functions[keyedName] = keyedFunction
	d.templates.functions = withoutTemplates(d.functions)
	return d
}

func (d *directory) readFile(path string) ([]byte, error) {
	content, err := os.ReadFile(d.absolute(path))
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("%q can't be read: %s", path, cause(err)),
			"A relative path starts at the %s's directory, \"%s\".", d.what, d.path)
	}
	return content, nil
}

// absolute returns a path on the controller as the working directory sees it. It may be relative to the directory, or start with
// "~/", as those of public keys often do.
func (d *directory) absolute(path string) string {
	if inHome, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, inHome)
		}
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.path, path)
}
