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
	var out bytes.Buffer
	files := make(map[string]*hcl.File, len(o.Files))
	for name, file := range o.Files {
		if file != nil {
			shown := *file
			shown.Bytes = visible.SameLength(file.Bytes)
			files[value(name)] = &shown
		}
	}
	place := func(r *hcl.Range) *hcl.Range {
		if r == nil {
			return nil
		}
		shown := *r
		shown.Filename = value(r.Filename)
		return &shown
	}
	writer := hcl.NewDiagnosticTextWriter(&out, files, uint(max(0, o.width())), o.ErrColor)
	for _, d := range diags {
		hidden := *d
		hidden.Subject, hidden.Context = place(d.Subject), place(d.Context)
		hidden.Summary, hidden.Detail = printable(o.Secrets.String(d.Summary)), printable(o.Secrets.String(d.Detail))
		if err := writer.WriteDiagnostic(&hidden); err != nil {
			return fmt.Errorf("show diagnostic: %w", err)
		}
	}
	text := strings.TrimSuffix(withoutSource(out.String()), "\n")
	if closing != "" {
		text += "\n" + closing + "\n"
	}
	_, err := io.WriteString(o.Err, o.Secrets.String(text))
	return err
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
