package archive

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/observe"
)

//go:embed entry.sh
var entryScript string

// entryInfo is what an entry of a directory is, beyond what [observe.File] tells.
type entryInfo struct {
	Occupied bool // it is a directory with entries, or leads to one
	Dangling bool // it is a link that leads to nothing
}

// entry answers what the entry with a path is; an absent one is neither. It starts no program where all is root's.
var entry = &observe.Kind[string, entryInfo]{
	Name:   "directory entry",
	Script: func(paths []string) string { return hostfile.Each(entryScript, paths) },
	Parse: func(paths []string, reply observe.Reply) map[string]observe.Answer[entryInfo] {
		lines := reply.Lines()
		if len(lines) != len(paths) {
			return nil
		}
		answers := make(map[string]observe.Answer[entryInfo])
		for i, p := range paths {
			var a observe.Answer[entryInfo]
			switch lines[i] {
			case "occupied":
				a.Value.Occupied = true
			case "dangling":
				a.Value.Dangling = true
			case "other":
			case hostfile.Unknown:
				a.Err = errors.New("its owner gets no answer")
			default:
				a.Err = fmt.Errorf("the host answered %q", lines[i])
			}
			answers[p] = a
		}
		return answers
	},
}
