package swap

import (
	_ "embed"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// state is what a host says of a path that may be a swap file.
type state struct {
	Container bool
	Active    bool
	KiB       int64 // of an active one: without its first page
	Priority  int
	FS        string // type of the file system, as stat(1) calls it: "ext2/ext3", "btrfs"
	Room      int64  // bytes that are free there
	Signed    bool   // it was made by mkswap
}

//go:embed look.sh
var lookScript string

// escape is for names in /proc/swaps and fstab(5).
var escape = strings.NewReplacer(" ", `\040`, "\t", `\011`, `\`, `\134`)

var states = &observe.Kind[string, state]{
	Name: "swap",
	Script: func(paths []string) string {
		return shell.Script(lookScript, shell.Vars{"paths": shell.QuoteAll(paths)})
	},
	Parse: parseStates,
}

func parseStates(paths []string, reply observe.Reply) map[string]observe.Answer[state] {
	found, container, whole := make(map[string]state), false, false
	for _, line := range reply.Lines() {
		words := strings.Fields(line)
		switch {
		case line == "container":
			container = true
		case line == "swaps":
			whole = true
		case len(words) == 6 && words[0] == "swap":
			s := found[words[1]]
			size, err := strconv.ParseInt(words[3], 10, 64)
			priority, otherErr := strconv.Atoi(words[5])
			if err != nil || otherErr != nil {
				return nil
			}
			s.Active, s.KiB, s.Priority = true, size, priority
			found[words[1]] = s
		case len(words) == 4 && words[0] == "room":
			s := found[words[1]]
			s.FS = words[2]
			s.Room, _ = strconv.ParseInt(words[3], 10, 64) // none is an answer, too
			found[words[1]] = s
		case len(words) == 2 && words[0] == "signed":
			s := found[words[1]]
			s.Signed = true
			found[words[1]] = s
		}
	}
	answers := make(map[string]observe.Answer[state])
	if !whole {
		return answers // no /proc
	}
	for _, p := range paths {
		s := found[escape.Replace(p)]
		s.Container = container
		answers[p] = observe.Answer[state]{Value: s}
	}
	return answers
}
