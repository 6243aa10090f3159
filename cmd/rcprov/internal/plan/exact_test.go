package plan_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/plan"
)

// decomposed is "é" as two characters, which Unicode's normal form C has as one. cty would store that one.
const decomposed = "e\u0301"

// TestExact has texts that strings of the plan language can't hold as they are: no other bytes reach hosts in their place.
func TestExact(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ expression, want string }{
		"file":         {`file("nfd.txt")`, `"nfd.txt" has characters that are not in Unicode's normal form C, in which the plan language keeps text: use the argument ` + "`source` of a step"},
		"base64decode": {`base64decode("ZcyB")`, "the decoded text has characters that are not in Unicode's normal form C"},
		"template":     {`templatefile("nfd.txt", {})`, `"nfd.txt" has characters that are not in Unicode's normal form C, in which the plan language keeps text: write them in that form`},
		"a literal":    {`"` + decomposed + `"`, "This text has characters that are not in Unicode's normal form C"},
		"a heredoc":    {"<<EOT\n" + decomposed + "\nEOT\n", "This text has characters that are not in Unicode's normal form C"},
		"a comment":    {`"x" # ` + decomposed, ""},
		"form C":       {"\"\u00e9\"", ""},
		"its bytes":    {`filesha256("nfd.txt")`, ""},
		"their text":   {`filebase64("nfd.txt")`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"nfd.txt": decomposed, "plan.hcl": "output \"o\" {\n value = " + c.expression + "\n}\n"})
			p, diags := plan.Load(filepath.Join(dir, "plan.hcl"), plan.Options{})
			got := diagnostics(p.Files, diags)
			if (c.want == "") == diags.HasErrors() || !strings.Contains(strings.Join(strings.Fields(got), " "), c.want) {
				t.Errorf("got %s\nwant %q", got, c.want)
			}
		})
	}
}
