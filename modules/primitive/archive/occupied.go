package archive

import (
	"fmt"

	"github.com/rcprov/rcprov/modules/observe"
	"github.com/rcprov/rcprov/modules/shell"
)

// occupied answers whether a directory has entries; an absent one has none. It starts no program.
var occupied = &observe.Kind[string, bool]{
	Name: "directory with entries",
	Script: func(paths []string) string {
		return "set -- " + shell.QuoteAll(paths) + `
for d do
	found=no
	for f in "$d"/* "$d"/.[!.]* "$d"/..?*; do
		if [ -e "$f" ] || [ -L "$f" ]; then found=yes; break; fi
	done
	echo $found
done
`
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
