package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
