package directory

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// entries answers how many entries a directory has, 0 if it is absent. It starts no program.
var entries = &observe.Kind[string, int]{
	Name: "directory entries",
	Script: func(paths []string) string {
		return "set -- " + shell.QuoteAll(paths) + `
for d do
	n=0
	for f in "$d"/* "$d"/.[!.]* "$d"/..?*; do
		if [ -e "$f" ] || [ -L "$f" ]; then n=$((n + 1)); fi
	done
	echo "$n"
done
`
	},
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
}
