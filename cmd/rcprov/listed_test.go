package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/modules/all"
)

// A listing is where people look for a module.
type listing struct {
	file, section string // section: a heading of the file, which is only searched from there to the next; empty: all of it
	want          string // regular expression for what stands there, with MODULE for the name
	lacks         map[string]string
}

// listings are those that a new module is easily forgotten in. lacks has the modules that are not there, and why.
var listings = []listing{
	{file: "README.md", want: "(?m)^\\| `MODULE` \\| \\S"},
	{file: "CHANGELOG.md", want: "`MODULE`"},
	{file: "plans/README.md", section: "## Coming from Ansible", want: "`MODULE`"},
	{
		file: "cmd/rcprov/internal/plan/elsewhere.go", want: "`MODULE`|\"MODULE\": true",
		lacks: map[string]string{
			"apt_upgrade": "an argument of apt elsewhere",
			"directory":   "a state of file elsewhere",
			"jitsi":       "a role elsewhere, of any name",
			"nginx":       "a role elsewhere, of any name",
			"nginx_site":  "a role elsewhere, of any name",
			"rocketchat":  "a role elsewhere, of any name",
			"sshd":        "a role elsewhere, of any name",
		},
	},
}

// missing returns the modules that are not in the text of a listing, although it has no reason for that, and those for which it has
// a reason although they are there or don't exist.
func (l listing) missing(text string, modules []string) (missing, idle []string) {
	if l.section != "" {
		_, text, _ = strings.Cut(text, "\n"+l.section)
		text, _, _ = strings.Cut(text, "\n## ")
	}
	left := maps.Clone(l.lacks)
	for _, module := range modules {
		there := regexp.MustCompile(strings.ReplaceAll(l.want, "MODULE", module)).MatchString(text)
		if _, exempt := l.lacks[module]; exempt != there {
			delete(left, module)
		} else if !exempt {
			missing = append(missing, module)
		}
	}
	return missing, slices.Sorted(maps.Keys(left))
}

// TestModulesAreListed fails if a module is missing where people look for it.
func TestModulesAreListed(t *testing.T) {
	t.Parallel()
	var names []string
	for _, m := range all.Modules() {
		names = append(names, m.Name)
	}
	for _, l := range listings {
		text, err := os.ReadFile("../../" + l.file)
		if err != nil {
			t.Fatal(err)
		}
		missing, idle := l.missing(string(text), names)
		for _, name := range missing {
			t.Errorf("%s has no %s: nothing there matches %s", strings.TrimSpace(l.file+" "+l.section), name, l.want)
		}
		for _, name := range idle {
			t.Errorf("lacks of %s has %s, which is there, or is no module", l.file, name)
		}
	}
}
