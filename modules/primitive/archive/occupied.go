package archive

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/observe"
)

//go:embed occupied.sh
var occupiedScript string

// occupied answers whether a directory has entries; an absent one has none. It starts no program where all is root's.
var occupied = &observe.Kind[string, bool]{
	Name:   "directory with entries",
	Script: func(paths []string) string { return hostfile.Each(occupiedScript, paths) },
	Parse:  parseYesNo,
}

//go:embed dangling.sh
var danglingScript string

// dangling answers whether a path is a link that leads to nothing. It starts no program where all is root's.
var dangling = &observe.Kind[string, bool]{
	Name:   "link to nothing",
	Script: func(paths []string) string { return hostfile.Each(danglingScript, paths) },
	Parse:  parseYesNo,
}

// parseYesNo reads a line for each path.
func parseYesNo(paths []string, reply observe.Reply) map[string]observe.Answer[bool] {
	answers := make(map[string]observe.Answer[bool])
	lines := reply.Lines()
	if len(lines) != len(paths) {
		return nil
	}
	for i, p := range paths {
		switch lines[i] {
		case "yes", "no":
			answers[p] = observe.Answer[bool]{Value: lines[i] == "yes"}
		case hostfile.Unknown:
			answers[p] = observe.Answer[bool]{Err: errors.New("its owner gets no answer")}
		default:
			answers[p] = observe.Answer[bool]{Err: fmt.Errorf("the host answered %q", lines[i])}
		}
	}
	return answers
}
