package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/visible"
)

// Diagnostics shows what is wrong with a plan: each mistake with its line, then, to people only, the line closing unless it
// is "".
func Diagnostics(diags hcl.Diagnostics, closing string, o Options) error {
	if o.JSON {
		return jsonDiagnostics(diags, o)
	}
	var printed hcl.Diagnostics
	for _, d := range diags {
		hidden := *d
		hidden.Summary, hidden.Detail = printable(o.Secrets.String(d.Summary)), printable(o.Secrets.String(d.Detail))
		printed = append(printed, &hidden)
	}
	text, err := withLines(printed, o.width(), o)
	if err != nil {
		return fmt.Errorf("show diagnostic: %w", err)
	}
	text = strings.TrimSuffix(text, "\n")
	if closing != "" {
		text += "\n" + closing + "\n"
	}
	_, err = io.WriteString(o.Err, o.Secrets.String(text))
	return err
}

// withLines returns diagnostics as text with the lines of the plan that they are about, of which neither what is in them nor the name
// of the file controls a terminal. width is in columns; 0 wraps nothing.
func withLines(diags hcl.Diagnostics, width int, o Options) (string, error) {
	named := func(r *hcl.Range) *hcl.Range {
		if r == nil {
			return nil
		}
		shown := *r
		shown.Filename = value(r.Filename)
		return &shown
	}
	files := map[string]*hcl.File{}
	var out bytes.Buffer
	writer := hcl.NewDiagnosticTextWriter(&out, files, uint(max(0, width)), o.ErrColor)
	for _, d := range diags {
		shown := *d
		shown.Subject, shown.Context = named(d.Subject), named(d.Context)
		if d.Subject != nil && files[shown.Subject.Filename] == nil {
			if file := o.Files[d.Subject.Filename]; file != nil {
				visibly := *file
				visibly.Bytes = visible.SameLength(file.Bytes)
				files[shown.Subject.Filename] = &visibly
			}
		}
		if err := writer.WriteDiagnostic(&shown); err != nil {
			return "", err
		}
	}
	return withoutSource(out.String()), nil
}

// withoutSource returns what HCL wrote about diagnostics, without its words for a file whose lines aren't shown: where it matters, the
// diagnostic says why.
func withoutSource(text string) string {
	return strings.ReplaceAll(text, ":\n  (source code not available)\n", "\n")
}

// Error shows an error outside of any host and plan.
func Error(err error, o Options) error {
	p := explain(err, o.Secrets)
	if o.JSON {
		return writeJSON(o.Out, jsonLine{Type: "error", Time: o.Now(), Error: &p})
	}
	_, writeErr := io.WriteString(o.Err, strings.TrimSuffix(p.render("", o), "\n"))
	return writeErr
}
