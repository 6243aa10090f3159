package line

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules/internal/portion"
)

// desired is the line that a text should have, or not.
type desired struct {
	line   string
	regexp *regexp.Regexp // nil: lines that are equal to line
	place  portion.Place
	absent bool
}

// newContent returns the text with the desired line, which is old itself if it has converged, and notes for people. Line
// endings are kept: those of other lines and of a replaced line as they are; an added line gets that of
// the text's first line.
func newContent(old string, d desired) (text string, notes []string) {
	lines := slices.Collect(strings.Lines(old))
	var matches []int
	for i, l := range lines {
		body, _ := portion.CutEnd(l)
		if d.regexp != nil && d.regexp.MatchString(body) || d.regexp == nil && body == d.line {
			matches = append(matches, i)
		}
	}
	switch {
	case d.absent:
		lines = without(lines, matches)
	case len(matches) == 0:
		lines, notes = d.place.Add(lines, "the line", d.line)
	case d.regexp != nil:
		keep := matches[0]
		for _, i := range matches { // the line itself may be further down; it need not be moved
			if body, _ := portion.CutEnd(lines[i]); body == d.line {
				keep = i
				break
			}
		}
		_, end := portion.CutEnd(lines[keep])
		lines[keep] = d.line + end
		others := slices.DeleteFunc(matches, func(i int) bool { return i == keep })
		lines = without(lines, others)
	}
	return strings.Join(lines, ""), notes
}

// without returns lines without those at the given places.
func without(lines []string, places []int) []string {
	var rest []string
	for i, l := range lines {
		if !slices.Contains(places, i) {
			rest = append(rest, l)
		}
	}
	return rest
}
