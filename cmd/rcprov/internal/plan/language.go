package plan

import (
	_ "embed"
	"maps"
	"slices"
	"strings"

	wordwrap "github.com/mitchellh/go-wordwrap"
)

//go:embed language.txt
var language string

// Language is the manual of plans themselves, for people: blocks, arguments that every step may have, what expressions
// refer to, and the functions that they may call.
func Language() string {
	names := strings.Join(slices.Sorted(maps.Keys(functions(&directory{plan: &Plan{}}))), ", ")
	var b strings.Builder
	b.WriteString(language)
	for line := range strings.Lines(wordwrap.WrapString(names, 76)) {
		b.WriteString("    " + line)
	}
	b.WriteString("\n")
	return b.String()
}
