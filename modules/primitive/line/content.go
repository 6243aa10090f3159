package line

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// wish says which line shall be in a text, or shall not.
type wish struct {
	line   string
	regexp *regexp.Regexp // nil: lines that are equal to line
	after  *regexp.Regexp // nil: no such place
	before *regexp.Regexp
	absent bool
}

// newContent returns the text as w wants it, which is old itself when nothing is to do, and what a person should know
// about it. Line ends are kept: those of other lines and of a replaced line as they are; an added line gets that of
// the text's first line.
func newContent(old string, w wish) (text string, notes []string) {
	lines := slices.Collect(strings.Lines(old))
	var matches []int
	for i, l := range lines {
		body, _ := cutEnd(l)
		if w.regexp != nil && w.regexp.MatchString(body) || w.regexp == nil && body == w.line {
			matches = append(matches, i)
		}
	}
	switch {
	case w.absent:
		lines = without(lines, matches)
	case len(matches) == 0:
		lines, notes = w.add(lines)
	case w.regexp != nil:
		keep := matches[0]
		for _, i := range matches { // the line itself may stand further down: no need to move it
			if body, _ := cutEnd(lines[i]); body == w.line {
				keep = i
				break
			}
		}
		_, end := cutEnd(lines[keep])
		lines[keep] = w.line + end
		others := slices.DeleteFunc(matches, func(i int) bool { return i == keep })
		lines = without(lines, others)
	}
	return strings.Join(lines, ""), notes
}

// add puts the line in its place.
func (w wish) add(lines []string) (added []string, notes []string) {
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
	case w.before != nil:
		if i := slices.IndexFunc(lines, matched(w.before)); i >= 0 {
			at = i
		} else {
			notes = missing("before", w.before)
		}
	case w.after != nil:
		last := -1
		for i, l := range lines {
			if matched(w.after)(l) {
				last = i
			}
		}
		if last >= 0 {
			at = last + 1
		} else {
			notes = missing("after", w.after)
		}
	}
	if at > 0 {
		if _, e := cutEnd(lines[at-1]); e == "" { // the last line of the text has no end
			lines[at-1] += end
		}
	}
	return slices.Insert(lines, at, w.line+end), notes
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
