package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
	"github.com/rcprov/rcprov/modules"
)

// diffLines is how many lines of a diff are shown without --verbose.
const diffLines = 60

// hide returns c without the values of sensitive edits and without secrets. Every change goes through here before it is
// wrapped, shortened or encoded.
func hide(c modules.Change, secrets *redact.Redactor) modules.Change {
	var hidden modules.Change
	for _, e := range c.Edits {
		e.Subject, e.Field = secrets.String(e.Subject), secrets.String(e.Field)
		if e.Sensitive {
			e.From, e.To, e.Text = "", "", nil
		}
		e.From, e.To = secrets.String(e.From), secrets.String(e.To)
		e.If, e.Unless, e.Or = secrets.String(e.If), secrets.String(e.Unless), secrets.String(e.Or)
		if e.Text != nil {
			e.Text = &modules.Text{Old: secrets.String(e.Text.Old), New: secrets.String(e.Text.New)}
		}
		hidden.Edits = append(hidden.Edits, e)
	}
	for _, note := range c.Notes {
		hidden.Notes = append(hidden.Notes, secrets.String(note))
	}
	return hidden
}

// change renders the edits and notes of a change, whose secrets are hidden already, below the line of its step.
func (t *text) change(c modules.Change) string {
	var out strings.Builder
	for _, e := range c.Edits {
		look := actionStyles[e.Action]
		fmt.Fprintf(&out, "    %s %s\n", t.style.paint(look.color, look.sign), editLine(e))
		if e.Text != nil {
			out.WriteString(t.diff(*e.Text))
		}
	}
	for _, note := range c.Notes {
		fmt.Fprintf(&out, "    %s %s\n", t.style.paint(yellow, "note:"), value(note))
	}
	return out.String()
}

// editLine describes an edit in one line, with its condition: "nginx.service restart, if package nginx changes what it runs".
func editLine(e modules.Edit) string {
	line := plainLine(e)
	for _, condition := range conditions(e) {
		line += ", " + condition
	}
	return line
}

// conditions are those of an edit, each with its first word: "if package nginx changes what it runs".
func conditions(e modules.Edit) []string {
	var all []string
	for _, condition := range []struct{ words, clause string }{{"if ", e.If}, {"unless ", e.Unless}, {"or changed if ", e.Or}} {
		if condition.clause != "" {
			all = append(all, condition.words+value(condition.clause))
		}
	}
	return all
}

// plainLine describes an edit in one line: "/etc/motd mode: 0600 -> 0644".
func plainLine(e modules.Edit) string {
	line := value(e.Subject)
	if e.Field != "" {
		line += " " + value(e.Field)
	}
	from, to := value(e.From), value(e.To)
	switch {
	case e.Sensitive:
		return line + " " + redact.Mark
	case from != "" && to != "":
		return line + ": " + from + " -> " + to
	case to != "" && e.Action == modules.Update:
		return line + ": (none) -> " + to
	case from != "" && e.Action == modules.Update:
		return line + ": " + from + " -> (none)"
	case from+to != "":
		return line + ": " + from + to
	}
	return line
}

// diff renders a text before and after as a unified diff without file names: the line above has them.
func (t *text) diff(text modules.Text) string {
	const indent = "        "
	switch {
	case binary(text.Old) || binary(text.New):
		return fmt.Sprintf("%sbinary content, %d bytes -> %d bytes\n", indent, len(text.Old), len(text.New))
	case text.Old == text.New && text.New != "":
		return indent + "the difference is " + redact.Mark + "\n"
	case text.Old == text.New:
		return ""
	}
	lines := unified(text)
	more := 0
	if len(lines) > diffLines && !t.verbose {
		more = len(lines) - diffLines
		lines = lines[:diffLines]
	}
	var out strings.Builder
	for _, line := range lines {
		color := map[byte]string{'+': green, '-': red, '@': cyan}[line[0]]
		if color != "" {
			line = t.style.paint(color, line)
		}
		out.WriteString(indent + line + "\n")
	}
	if more > 0 {
		fmt.Fprintf(&out, "%s... and %s; --verbose shows all\n", indent, modules.Counted(more, "more line"))
	}
	return out.String()
}

// unified returns the lines of the unified diff of a text, without the names of files.
func unified(text modules.Text) []string {
	header := 2 // ---, +++
	if text.Old == "" {
		header = 3 // and @@: all of it is new
	}
	lines := strings.SplitAfter(udiff.Unified("old", "new", text.Old, text.New), "\n")[header:]
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	for i, line := range lines {
		lines[i] = printable(strings.TrimSuffix(line, "\n"))
	}
	return lines
}

func binary(s string) bool { return strings.ContainsRune(s, 0) || !utf8.ValidString(s) }
