package archive

import (
	_ "embed"
	"fmt"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

//go:embed occupied.sh
var occupiedScript string

// occupied answers whether a directory has entries; an absent one has none. It starts no program.
var occupied = &observe.Kind[string, bool]{
	Name: "directory with entries",
	Script: func(paths []string) string {
		return shell.Script(occupiedScript, shell.Vars{"paths": shell.QuoteAll(paths)})
	},
	Parse: func(paths []string, reply observe.Reply) map[string]observe.Answer[bool] {
		answers := make(map[string]observe.Answer[bool])
		lines := reply.Lines()
		if len(lines) != len(paths) {
			return nil
		}
		for i, p := range paths {
			switch lines[i] {
			case "yes", "no":
				answers[p] = observe.Answer[bool]{Value: lines[i] == "yes"}
			default:
				answers[p] = observe.Answer[bool]{Err: fmt.Errorf("the host answered %q", lines[i])}
			}
		}
		return answers
	},
}
