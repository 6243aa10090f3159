package cli

import (
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/term"
)

// terminal describes what the reader's terminal can do; the zero value is a file or pipe.
type terminal struct {
	size   func() (columns, rows int) // nil: not a terminal
	moves  bool                       // its cursor can be moved
	colors bool
}

// terminal examines w. It asks only the operating system and the environment: asking the terminal itself would take a
// round trip, and its answer could end up in the input of the next program.
func (a *app) terminal(w io.Writer) terminal {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return terminal{}
	}
	name := a.env("TERM")
	moves := name != "dumb" && (name != "" || runtime.GOOS == "windows") && enableANSI(file)
	return terminal{
		size: func() (columns, rows int) {
			columns, rows, err := term.GetSize(int(file.Fd()))
			if err != nil || columns <= 0 || rows <= 0 {
				return 80, 24
			}
			return columns, rows
		},
		moves:  moves,
		colors: moves && !a.noColor && a.env("NO_COLOR") == "", // https://no-color.org
	}
}

// env returns an environment variable, the last of that name, as os/exec does.
func (a *app) env(name string) string {
	for _, assignment := range slices.Backward(a.Environ) {
		if value, ok := strings.CutPrefix(assignment, name+"="); ok {
			return value
		}
	}
	return ""
}
