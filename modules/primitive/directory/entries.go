package directory

import (
	_ "embed"
	"errors"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/internal/hostfile"
	"github.com/rcprov/rcprov/modules/observe"
)

//go:embed entries.sh
var entriesScript string

// entries answers how many entries a directory has, 0 if it is absent. It starts no program where all is root's.
var entries = &observe.Kind[string, int]{
	Name:   "directory entries",
	Script: func(paths []string) string { return hostfile.Each(entriesScript, paths) },
	Parse: func(paths []string, reply observe.Reply) map[string]observe.Answer[int] {
		answers := make(map[string]observe.Answer[int])
		lines := reply.Lines()
		for i, p := range paths {
			if i >= len(lines) {
				break
			}
			n, err := strconv.Atoi(strings.TrimSpace(lines[i]))
			if err != nil {
				err = errors.New("the host answered " + strconv.Quote(lines[i]))
			}
			answers[p] = observe.Answer[int]{Value: n, Err: err}
		}
		return answers
	},
	Future: func(f *observe.Forecast, dir string, seen int) observe.Outlook[int] {
		return observe.Outlook[int]{Answer: observe.Answer[int]{Value: f.Entries(dir, seen)}}
	},
}
