package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExcerpt: a person reads the first lines and the sum; the file has all of it.
func TestExcerpt(t *testing.T) {
	text := "Play p on demo\n+ a created on demo\n    + /a\n+ b created on demo\n    + /b\n\nApplied: 2 changed on 1 host\n\nOutputs:\n  url = \"x\"\n"
	var err error
	if whole, err = os.Create(filepath.Join(t.TempDir(), "log")); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = whole.Close() }()
	hidden := act{lines: 2, brief: true}.excerpt(strings.NewReader(text))
	if got := strings.Join(hidden, "|"); got != "    + /a|+ b created on demo|    + /b|Outputs:|  url = \"x\"" {
		t.Errorf("hidden: %s", got)
	}
	if all, err := os.ReadFile(whole.Name()); err != nil || string(all) != text {
		t.Errorf("the file has %q, %v", all, err)
	}
}

// TestStoriesAreShort: nobody reads more than a hundred lines. Each act shows an empty line, what is said, its command, the lines that it
// may show, how many more there are, and the sum; before the first and after the last act a few lines say where the host is from.
func TestStoriesAreShort(t *testing.T) {
	const most, around = 100, 12
	for name, story := range map[string]struct {
		acts  []act
		shown int // lines before them
	}{
		"first": {firstActs("demo.hcl"), planLines + 1},
		"prod":  {acts: prodActs("prod.hcl", "prod.vars.hcl")},
	} {
		lines := around + story.shown
		for _, a := range story.acts {
			lines += 2 + strings.Count(a.say, "\n") + a.lines
			if a.sh != "" {
				lines += 1 + strings.Count(a.sh, "\n")
			} else {
				lines += 3
			}
		}
		if lines > most {
			t.Errorf("%s may print %d lines, and %d are enough", name, lines, most)
		}
	}
}
