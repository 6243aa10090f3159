package sysctl

import (
	_ "embed"
	"errors"
	"strings"

	"github.com/rcprov/rcprov/modules/internal/deadman"
	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// parameter is the current value of a kernel parameter.
type parameter struct {
	There bool   // whether the kernel has the parameter
	Value string // words separated by one space; lines by "\n"
}

//go:embed live.sh
var liveScript string

// live answers the current value of a kernel parameter; its subject is the path below /proc/sys.
var live = &observe.Kind[string, parameter]{
	Name: "sysctl",
	Script: func(paths []string) string {
		return shell.Script(liveScript, shell.Vars{"paths": shell.QuoteAll(paths)})
	},
	Parse: parseLive,
}

func parseLive(paths []string, reply observe.Reply) map[string]observe.Answer[parameter] {
	answers := make(map[string]observe.Answer[parameter])
	for _, line := range reply.Lines() {
		if path, absent := strings.CutPrefix(line, "absent "); absent {
			answers[path] = observe.Answer[parameter]{}
			continue
		}
		path, value, _ := strings.Cut(line, ":")
		value = normal(value)
		if before, again := answers[path]; again && before.Value.There {
			value = before.Value.Value + "\n" + value
		}
		answers[path] = observe.Answer[parameter]{Value: parameter{There: true, Value: value}}
	}
	for _, path := range paths {
		if _, told := answers[path]; told {
			continue
		}
		// An empty parameter prints no line; one that can't be read has a line on standard error.
		answers[path] = observe.Answer[parameter]{Value: parameter{There: true}}
		for complaint := range strings.Lines(string(reply.Stderr)) {
			if rest, found := strings.CutPrefix(complaint, "grep: "+path+": "); found {
				answers[path] = observe.Answer[parameter]{Err: errors.New(strings.TrimSpace(rest))}
			}
		}
		if reply.Status > 2 { // no /proc or no grep; grep itself exits with 1 for no line and 2 after an error
			delete(answers, path)
		}
	}
	return answers
}

// undecided answers the state of the dead man's switch; its subject is always the empty struct.
var undecided = &observe.Kind[struct{}, deadman.State]{
	Name:   "sysctl switch",
	Script: func([]struct{}) string { return deadman.Ask(switchName) },
	Parse: func(_ []struct{}, reply observe.Reply) map[struct{}]observe.Answer[deadman.State] {
		var state deadman.State
		for _, line := range reply.Lines() {
			if found, ok := deadman.ParseLine(line); ok {
				state = found
			}
		}
		return map[struct{}]observe.Answer[deadman.State]{{}: {Value: state}}
	},
}

// normal separates the words of a value by one space; the kernel uses tabs.
func normal(value string) string { return strings.Join(strings.Fields(value), " ") }
