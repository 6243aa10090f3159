package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
)

// TestPlansShare: no five lines in sequence stand twice in the plans that people copy and their libraries. What several need is in a
// library. Blank lines don't count.
func TestPlansShare(t *testing.T) {
	t.Parallel()
	const most = 5
	var files []string
	for _, pattern := range []string{"*.hcl", "lib/*/*.hcl"} {
		found, err := filepath.Glob(filepath.Join("../../plans", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 10 {
		t.Fatalf("only %d plans and libraries", len(files))
	}
	seen := map[string]string{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(files))) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var lines, places []string
		for i, line := range strings.Split(string(text), "\n") {
			if line = strings.TrimSpace(line); line != "" {
				lines, places = append(lines, line), append(places, fmt.Sprintf("%s line %d", name, i+1))
			}
		}
		for i := 0; i+most <= len(lines); i++ {
			key := strings.Join(lines[i:i+most], "\n")
			if first, twice := seen[key]; twice {
				t.Errorf("%d lines stand at %s and at %s:\n%s", most, first, places[i], key)
			}
			seen[key] = places[i]
		}
		if strings.Contains(string(text), "not-in-use") {
			t.Errorf("%s has a placeholder", name)
		}
	}
}

// TestNginxComesAlone: a plan with an nginx step has no other step install its package. The package's script fails while a site
// lacks its certificate, and the nginx step first moves such a site aside.
func TestNginxComesAlone(t *testing.T) {
	t.Parallel()
	plans, err := filepath.Glob("../../plans/*.hcl")
	if err != nil || len(plans) < 4 {
		t.Fatal(plans, err)
	}
	step, installs := regexp.MustCompile(`(?m)^\s*nginx "`), regexp.MustCompile(`(?m)^\s*packages\s*=.*"nginx".*`)
	for _, name := range plans {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := installs.Find(text); found != nil && step.Match(text) {
			t.Errorf("%s installs nginx before its own step does:\n%s", name, found)
		}
	}
}

// TestPlansPage: plans/README.md names each plan and library, and each word of ours in its tables is one of the language, a module, a
// command or a flag.
func TestPlansPage(t *testing.T) {
	t.Parallel()
	read := func(pattern string) (text string) {
		t.Helper()
		names, err := filepath.Glob("../../" + pattern)
		if err != nil || len(names) == 0 {
			t.Fatal("no ", pattern, err)
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text += string(content)
		}
		return text
	}
	page := read("plans/README.md")
	for _, pattern := range []string{"*.hcl", "inventory/*.hcl", "lib/*"} {
		names, err := filepath.Glob("../../plans/" + pattern)
		if err != nil || len(names) == 0 {
			t.Fatal("no ", pattern, err)
		}
		for _, name := range names {
			name = strings.TrimPrefix(filepath.ToSlash(name), "../../plans/")
			if !strings.Contains(page, "| `"+name+"` |") {
				t.Errorf("plans/README.md does not list %s", name)
			}
		}
	}

	a := newAdviser(t)
	known := map[string]bool{"connection": true}
	for _, word := range regexp.MustCompile(`[a-z_0-9]+`).FindAllString(plan.Language(), -1) {
		known[word] = true
	}
	for name, page := range a.pages {
		known[name] = true
		for _, arg := range page.Args {
			known[arg.Name] = true
		}
	}
	commands := read("cmd/rcprov/internal/cli/*.go")
	_, tables, _ := strings.Cut(page, "\n### Words\n")
	words := 0
	for line := range strings.Lines(tables) {
		cells := strings.Split(line, " | ")
		if len(cells) != 2 {
			continue
		}
		for _, m := range regexp.MustCompile("(there is no )?`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			word := m[2]
			first, _, _ := strings.Cut(word, " ")
			flag, isFlag := strings.CutPrefix(first, "-")
			command, isCommand := strings.CutPrefix(word, "rcprov ")
			ok := true
			switch {
			case isCommand:
				command, _, _ = strings.Cut(command, " ")
				ok = strings.Contains(commands, `"`+command)
			case isFlag:
				ok = regexp.MustCompile(`\([^"(){}\n]*"` + strings.TrimPrefix(flag, "-") + `", `).MatchString(commands)
			case strings.ContainsAny(first, "*/~"):
				continue // a file
			default:
				for _, part := range regexp.MustCompile(`[a-z_0-9]+`).FindAllString(strings.TrimSuffix(first, ".NAME"), -1) {
					ok = ok && (known[part] || part == "web1")
				}
			}
			words++
			if ok == (m[1] != "") {
				t.Errorf("plans/README.md, %q: is there a `%s`? %v", strings.TrimSpace(cells[0]), word, ok)
			}
		}
	}
	if words < 80 {
		t.Errorf("only %d words in the tables", words)
	}
}
