package line

import (
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

var _ modules.SecretKeeper = (*Step)(nil)

// SecretFiles implements [modules.SecretKeeper].
func (s *Step) SecretFiles() []string {
	if s.Sensitive && !s.Desired.absent {
		return []string{s.Path}
	}
	return nil
}

// changed returns the lines of a text before and after an edit that differ, without their neighbours. Those of a file that not
// everybody may read are nobody's business: they may be secrets.
func changed(text modules.Text) *modules.Text {
	old, desired := slices.Collect(strings.Lines(text.Old)), slices.Collect(strings.Lines(text.New))
	without := func(lines, others []string) string {
		others = slices.Clone(others)
		var kept strings.Builder
		for _, line := range lines {
			if i := slices.Index(others, line); i >= 0 {
				others = slices.Delete(others, i, i+1)
				continue
			}
			kept.WriteString(line)
		}
		return kept.String()
	}
	return &modules.Text{Old: without(old, desired), New: without(desired, old)}
}
