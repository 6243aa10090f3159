package plan

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules/all"
	"github.com/rcprov/rcprov/modules/observe"
)

// The manual of the language names all that there is, and its example is a plan.
func TestLanguage(t *testing.T) {
	t.Parallel()
	page := Language()
	words := slices.Concat(topBlocks, variableArgs, validationArg, hostArgs, groupArgs, playArgs, outputArgs, stepMeta, roots,
		slices.Collect(maps.Keys(functions(&directory{plan: &Plan{}}))))
	for _, what := range []reflect.Type{reflect.TypeFor[observe.Facts](), reflect.TypeFor[observe.OS]()} {
		for i := range what.NumField() {
			words = append(words, what.Field(i).Tag.Get("cty"))
		}
	}
	for _, word := range words {
		if !regexp.MustCompile(`\b` + word + `\b`).MatchString(page) {
			t.Errorf("it does not name %s", word)
		}
	}
	_, example, _ := strings.Cut(page, "\nExample\n")
	example, _, _ = strings.Cut(example, "\nBlocks\n")
	dir := t.TempDir()
	for name, text := range map[string]string{"plan.hcl": example, "app.service": "[Service]\nExecStart=/bin/true\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if p, diags := Load(filepath.Join(dir, "plan.hcl"), Options{Modules: all.Modules()}); len(diags) > 0 || len(p.Plays) != 1 {
		t.Errorf("the example: %v", diags)
	}
}
