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
