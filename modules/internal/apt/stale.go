package apt

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// failedLists is the file in which [Update] notes what it could not fetch; see update.sh.
const failedLists = "/var/lib/rcprov/apt-update-failed"

// StaleLists are package lists that apt could not fetch when it last tried, so that it went on with the previous ones.
type StaleLists struct {
	Since    string   // when it tried, for people; empty: it could fetch all
	Why      []string // apt's complaints, without "W: " and "E: "
	Packages []string // what was installed from the previous lists, by the names of the plan
}

//go:embed stale.sh
var staleScript string

// Stale answers which package lists were not fetched. Its subject is always the empty struct.
var Stale = &observe.Kind[struct{}, StaleLists]{
	Name: "apt's failed update",
	Script: func([]struct{}) string {
		return shell.Script(staleScript, shell.Vars{"failed": failedLists, "lists": lists})
	},
	Future: func(_ *observe.Forecast, _ struct{}, seen StaleLists) observe.Outlook[StaleLists] {
		return observe.Outlook[StaleLists]{Answer: observe.Answer[StaleLists]{Value: seen}} // only a note comes from it
	},
	Parse: func(_ []struct{}, reply observe.Reply) map[struct{}]observe.Answer[StaleLists] {
		if reply.Status != 0 {
			return map[struct{}]observe.Answer[StaleLists]{{}: {Err: fmt.Errorf("%s: %s", failedLists, strings.TrimSpace(string(reply.Stderr)))}}
		}
		return map[struct{}]observe.Answer[StaleLists]{{}: {Value: parseStale(reply.Lines())}}
	},
}

func parseStale(lines []string) (s StaleLists) {
	if len(lines) == 0 {
		return s
	}
	s.Since = lines[0]
	for _, line := range lines[1:] {
		if name, found := strings.CutPrefix(line, "package "); found && !slices.Contains(s.Packages, name) {
			s.Packages = append(s.Packages, name)
		}
	}
	s.Why = findComplaints([]byte(strings.Join(lines, "\n")), "W: ", "E: ")
	return s
}
