package cli

import (
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/term"
)

// terminal is what a reader's screen can do; the zero value is a file or pipe.
type terminal struct {
	size   func() (columns, rows int) // nil: no terminal
	moves  bool                       // the cursor can be moved
	colors bool
}

// terminal finds out by asking the operating system and the environment only: a question to the terminal itself
// would take a round trip, and would be answered into the input of the next program.
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

// env returns a variable of the environment, the last of that name, as exec does.
func (a *app) env(name string) string {
	for _, assignment := range slices.Backward(a.Environ) {
		if value, ok := strings.CutPrefix(assignment, name+"="); ok {
			return value
		}
	}
	return ""
}
