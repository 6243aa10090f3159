package line

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// desired is the line that a text should have, or not.
type desired struct {
	line   string
	regexp *regexp.Regexp // nil: lines that are equal to line
	after  *regexp.Regexp // nil: no such place
	before *regexp.Regexp
	absent bool
}

// newContent returns the text with the desired line, which is old itself if it has converged, and notes for people. Line
// endings are kept: those of other lines and of a replaced line as they are; an added line gets that of
// the text's first line.
func newContent(old string, d desired) (text string, notes []string) {
	lines := slices.Collect(strings.Lines(old))
	var matches []int
	for i, l := range lines {
		body, _ := cutEnd(l)
		if d.regexp != nil && d.regexp.MatchString(body) || d.regexp == nil && body == d.line {
			matches = append(matches, i)
		}
	}
	switch {
	case d.absent:
		lines = without(lines, matches)
	case len(matches) == 0:
		lines, notes = d.add(lines)
	case d.regexp != nil:
		keep := matches[0]
		for _, i := range matches { // the line itself may be further down; it need not be moved
			if body, _ := cutEnd(lines[i]); body == d.line {
				keep = i
				break
			}
		}
		_, end := cutEnd(lines[keep])
		lines[keep] = d.line + end
		others := slices.DeleteFunc(matches, func(i int) bool { return i == keep })
		lines = without(lines, others)
	}
	return strings.Join(lines, ""), notes
}

// add puts the line in its place.
func (d desired) add(lines []string) (added []string, notes []string) {
	end := "\n"
	if len(lines) > 0 && strings.HasSuffix(lines[0], "\r\n") {
		end = "\r\n"
	}
	at := len(lines)
	matched := func(expression *regexp.Regexp) func(string) bool {
		return func(l string) bool {
			body, _ := cutEnd(l)
			return expression.MatchString(body)
		}
	}
	missing := func(arg string, expression *regexp.Regexp) []string {
		return []string{fmt.Sprintf("no line matches %s = %q: the line goes to the end", arg, expression)}
	}
	switch {
	case d.before != nil:
		if i := slices.IndexFunc(lines, matched(d.before)); i >= 0 {
			at = i
		} else {
			notes = missing("before", d.before)
		}
	case d.after != nil:
		last := -1
		for i, l := range lines {
			if matched(d.after)(l) {
				last = i
			}
		}
		if last >= 0 {
			at = last + 1
		} else {
			notes = missing("after", d.after)
		}
	}
	if at > 0 {
		if _, e := cutEnd(lines[at-1]); e == "" { // the last line of the text has no end
			lines[at-1] += end
		}
	}
	return slices.Insert(lines, at, d.line+end), notes
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

// cutEnd cuts a line into what it says and its end: "\n", "\r\n" or, at the end of a text, none.
func cutEnd(line string) (body, end string) {
	body, ended := strings.CutSuffix(line, "\n")
	if ended {
		body = strings.TrimSuffix(body, "\r")
	}
	return body, line[len(body):]
}
