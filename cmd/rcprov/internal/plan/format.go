package plan

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format returns the source of a plan, or of a variable file, in the standard style. If the syntax is broken, it returns src
// unchanged, and diagnostics. file shows the lines of the diagnostics.
func Format(name string, src []byte) (formatted []byte, file *hcl.File, diags hcl.Diagnostics) {
	file, diags = parseConfig(src, name)
	if diags.HasErrors() {
		return src, file, diags
	}
	return hclwrite.Format(src), file, diags
}
