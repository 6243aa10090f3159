package report

import (
	"regexp"
	"slices"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
	"github.com/rcprov/rcprov/modules"
)

// style paints words for a terminal; the zero value leaves them as they are. The colours are the terminal's own, so that
// they can be read on any background.
type style bool

const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s style) paint(code, text string) string {
	if !s || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// An actionStyle is how an action is shown.
type actionStyle struct {
	sign, color string
	will, did   string
}

var actionStyles = map[modules.Action]actionStyle{
	modules.Create: {sign: "+", color: green, will: "will be created", did: "created"},
	modules.Update: {sign: "~", color: yellow, will: "will be changed", did: "changed"},
	modules.Remove: {sign: "-", color: red, will: "will be removed", did: "removed"},
	modules.Ask:    {sign: ">", color: cyan, will: "will be asked for", did: "was given"},
	modules.Run:    {sign: ">", color: cyan, will: "will run", did: "ran"},
}

// overall returns the action of a change as a whole: that of its edits when they agree. What runs because of the others, such as a
// reload, doesn't count beside them. Edits with a condition count, so that plan and apply use the same word where it holds.
func overall(c modules.Change) modules.Action {
	edits := c.Edits
	if made := slices.DeleteFunc(slices.Clone(edits), func(e modules.Edit) bool { return e.Action == modules.Run }); len(made) > 0 {
		edits = made
	}
	action := edits[0].Action
	for _, e := range edits {
		if e.Action != action || e.Field != "" && action != modules.Run {
			return modules.Update
		}
	}
	return action
}

// escapes are the control sequences of ECMA-48 and the operating system commands (window titles) of xterm.
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\))`)

// withoutColors returns s, which a program wrote, without control sequences for a terminal.
func withoutColors(s string) string { return escapes.ReplaceAllString(s, "") }

// printable makes text from a host harmless and visible: see [visible.Text].
func printable(s string) string { return visible.Text(s) }

// value formats a short value within a line.
func value(s string) string { return visible.Line(s) }
