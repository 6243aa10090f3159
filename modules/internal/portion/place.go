package portion

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// Place is where new lines go: after the last line that matches After, before the first that matches Before, or else to the end.
type Place struct {
	After, Before *regexp.Regexp // nil: no such place
}

// ReadPlace compiles the arguments after and before, and returns all mistakes.
func ReadPlace(after, before *string, absent bool) (p Place, errs []error) {
	p.After = Compile("after", after, &errs)
	p.Before = Compile("before", before, &errs)
	if after != nil && before != nil {
		errs = append(errs, modules.Argf("before", "conflicts with after"))
	}
	if absent && (after != nil || before != nil) {
		errs = append(errs, modules.Argf("state", "is absent, which conflicts with after and before"))
	}
	return p, errs
}

// Compile compiles the regular expression of an argument, nil if it is left out, and adds a mistake to errs.
func Compile(arg string, text *string, errs *[]error) *regexp.Regexp {
	if text == nil {
		return nil
	}
	if *text == "" {
		*errs = append(*errs, &modules.ArgError{
			Arg: arg, Err: errors.New("is empty, and an empty expression matches every line"), Hint: "Leave it out, or write what to look for.",
		})
		return nil
	}
	compiled, err := regexp.Compile(*text)
	if err != nil {
		*errs = append(*errs, modules.Argf(arg, "%w", err))
	}
	return compiled
}

// Add puts lines without ends into their place among those of a text, with ends as its first line has, and returns notes for
// people. what is what they are: "the line".
func (p Place) Add(lines []string, what string, added ...string) (all, notes []string) {
	end := LineEnd(lines)
	at := len(lines)
	matched := func(expression *regexp.Regexp) func(string) bool {
		return func(l string) bool {
			body, _ := CutEnd(l)
			return expression.MatchString(body)
		}
	}
	missing := func(arg string, expression *regexp.Regexp) []string {
		return []string{fmt.Sprintf("no line matches %s = %q: %s goes to the end", arg, expression, what)}
	}
	switch {
	case p.Before != nil:
		if i := slices.IndexFunc(lines, matched(p.Before)); i >= 0 {
			at = i
		} else {
			notes = missing("before", p.Before)
		}
	case p.After != nil:
		last := -1
		for i, l := range lines {
			if matched(p.After)(l) {
				last = i
			}
		}
		if last >= 0 {
			at = last + 1
		} else {
			notes = missing("after", p.After)
		}
	}
	if at > 0 {
		if _, e := CutEnd(lines[at-1]); e == "" { // the last line of the text has no end
			lines[at-1] += end
		}
	}
	ended := make([]string, len(added))
	for i, l := range added {
		ended[i] = l + end
	}
	return slices.Insert(lines, at, ended...), notes
}

// LineEnd returns how lines of a text end: "\r\n" if its first one does.
func LineEnd(lines []string) string {
	if len(lines) > 0 && strings.HasSuffix(lines[0], "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// CutEnd cuts a line into what it says and its end: "\n", "\r\n" or, at the end of a text, none.
func CutEnd(line string) (body, end string) {
	body, ended := strings.CutSuffix(line, "\n")
	if ended {
		body = strings.TrimSuffix(body, "\r")
	}
	return body, line[len(body):]
}
