package manual

import (
	"fmt"
	"io"
	"strings"

	wordwrap "github.com/mitchellh/go-wordwrap"
)

// common names the arguments of every step, or of every include.
const common = "Every %s may also have when, for_each, tags, retries, timeout, run_once and preflight: see `rcprov doc language`."

// A Style is how a manual looks.
type Style struct {
	Width int                      // columns
	Bold  func(text string) string // nil: plain
}

func (s Style) bold(text string) string {
	if s.Bold == nil {
		return text
	}
	return s.Bold(text)
}

// Print writes the manual as text.
func (m Manual) Print(w io.Writer, s Style) error {
	var out strings.Builder
	out.WriteString(wordwrap.WrapString(s.bold(m.Name)+": "+m.Summary, uint(s.Width)) + "\n")
	if m.Text != "" {
		out.WriteString("\n" + wordwrap.WrapString(m.Text, uint(s.Width)) + "\n")
	}
	if m.Example != "" {
		out.WriteString("\n" + s.bold("Example") + "\n\n" + indent(m.Example, "  ") + "\n")
	}
	out.WriteString("\n" + s.bold("Arguments") + "\n")
	printArgs(&out, m.Args, "  ", s)
	block := "step"
	if len(m.Steps) > 0 {
		block = "include"
	}
	out.WriteString("\n" + indent(wordwrap.WrapString(fmt.Sprintf(common, block), uint(s.Width-2)), "  ") + "\n")
	if len(m.Outputs) > 0 {
		out.WriteString("\n" + s.bold("Outputs") + "\n")
		for _, o := range m.Outputs {
			out.WriteString("\n  " + strings.TrimRight(s.bold(o.Name)+"  "+o.Type, " ") + "\n")
			out.WriteString(paragraphs(o.Text, "      ", s.Width))
		}
	}
	if len(m.Steps) > 0 {
		out.WriteString("\n" + s.bold("Steps") + "\n\n" + indent(strings.Join(m.Steps, "\n"), "  ") + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func printArgs(out *strings.Builder, args []Arg, margin string, s Style) {
	for _, a := range args {
		fmt.Fprintf(out, "\n%s%s  %s\n", margin, s.bold(a.Name), a.Kind())
		out.WriteString(paragraphs(a.Text, margin+"    ", s.Width))
		printArgs(out, a.Args, margin+"    ", s)
	}
}

// Kind describes the values of an argument: `"present" or "absent", default "present"`.
func (a Arg) Kind() string {
	kind := a.Type
	if len(a.OneOf) > 0 {
		quoted := make([]string, len(a.OneOf))
		for i, word := range a.OneOf {
			quoted[i] = fmt.Sprintf("%q", word)
		}
		last := len(quoted) - 1
		kind = quoted[last]
		if last > 0 {
			kind = strings.Join(quoted[:last], ", ") + " or " + quoted[last]
		}
	}
	if a.Secret && !strings.Contains(kind, "secret") {
		kind += ", may be secret"
	}
	switch {
	case a.Required:
		kind += ", required"
	case a.Default != "":
		kind += ", default " + a.Default
	}
	return kind
}

// paragraphs wraps text to width columns, each line after a margin.
func paragraphs(text, margin string, width int) string {
	if text == "" {
		return ""
	}
	return indent(wordwrap.WrapString(Unfold(text), uint(max(20, width-len(margin)))), margin) + "\n"
}

func indent(text, margin string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = margin + line
		}
	}
	return strings.Join(lines, "\n")
}
