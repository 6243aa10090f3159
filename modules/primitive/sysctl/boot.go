package sysctl

import (
	"cmp"
	_ "embed"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// assignment is a line of another file of sysctl.d(5) that sets a parameter after rcprov's file.
type assignment struct {
	File  string // empty: there is none
	Value string
}

//go:embed later.sh
var laterScript string

// later answers which line, in a file that sorts after rcprov's own, sets a kernel parameter at boot. Its subject is the
// path below /proc/sys.
//
// Letters sort after digits, so `k8s.conf` and `local.conf` come after all names that begin with 99. The shell skips names
// that can't sort after rcprov's, which mostly leaves nothing to read. Of files with the same name the one in the first
// directory counts; if it is empty or a link to /dev/null, it hides the others.
var later = &observe.Kind[string, assignment]{
	Name:   "sysctl later",
	Script: func([]string) string { return shell.Script(laterScript, nil) },
	Parse:  parseLater,
	// A file that an earlier step writes may say something else then.
	Future: func(f *observe.Forecast, _ string, seen assignment) observe.Outlook[assignment] {
		if f.Changes(seen.File) {
			seen = assignment{}
		}
		o := observe.Outlook[assignment]{Answer: observe.Answer[assignment]{Value: seen}}
		if by, ok := f.MayChange(seen.File); ok && seen.File != "" {
			o.Or = append(o.Or, observe.Alternative[assignment]{If: by + " changes " + seen.File})
		}
		return o
	},
}

func parseLater(paths []string, reply observe.Reply) map[string]observe.Answer[assignment] {
	answers := make(map[string]observe.Answer[assignment])
	var files []string // those that count
	lines := make(map[string][]string)
	for _, line := range reply.Lines() {
		if file, found := strings.CutPrefix(line, "file "); found {
			if !slices.ContainsFunc(files, func(f string) bool { return path.Base(f) == path.Base(file) }) {
				files = append(files, file)
			}
			continue
		}
		file, text, _ := strings.Cut(line, ".conf:")
		lines[file+".conf"] = append(lines[file+".conf"], text)
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	for _, p := range paths {
		var last assignment
		own := path.Base((&Step{Path: p}).file())
		for _, file := range files {
			for _, text := range lines[file] {
				if name, value, ok := parseAssignment(text); ok && name == p && path.Base(file) > own {
					last = assignment{File: file, Value: value}
				}
			}
		}
		answers[p] = observe.Answer[assignment]{Value: last}
	}
	if reply.Status > 1 { // grep: 1 is no line, 2 a file that can't be read
		for _, p := range paths {
			answers[p] = observe.Answer[assignment]{Err: errors.New(strings.TrimSpace(string(reply.Stderr)))}
		}
	}
	return answers
}

// parseAssignment reads a line of sysctl.d(5). Patterns do not apply to a parameter that is named in full elsewhere.
func parseAssignment(text string) (name, value string, ok bool) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' || text[0] == ';' {
		return "", "", false
	}
	name, value, ok = strings.Cut(text, "=")
	name = strings.TrimSpace(strings.TrimPrefix(name, "-")) // "-" means that a failure is ignored
	return procPath(name), normal(value), ok
}
