package plan

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// nulls replaces what HCL says of a null that can't be used: by which reference it is, and where an include sets it. Of the input of
// an include there is one mistake, however often its library uses it.
func (s *scope) nulls(diags hcl.Diagnostics, vars []hcl.Traversal, ctx *hcl.EvalContext) hcl.Diagnostics {
	var kept hcl.Diagnostics
	for _, d := range diags {
		if d.Summary != "Operation failed" && !aboutNull.MatchString(quotes.ReplaceAllString(d.Summary+" "+d.Detail, "")) {
			kept = append(kept, d)
			continue
		}
		among := vars
		if d.Expression != nil {
			among = d.Expression.Variables()
		}
		if d.EvalContext != nil {
			ctx = d.EvalContext
		}
		t := firstNull(among, ctx)
		switch {
		case t == nil:
			kept = append(kept, d)
		case !s.nullInput(t, t.SourceRange()):
			kept = append(kept, mistake(t.SourceRange(), traversalText(t)+" is null, which can't be used here", "Give it a value, or compare it with null first."))
		}
	}
	return kept
}

var (
	aboutNull = regexp.MustCompile(`\bnull\b`)
	quotes    = regexp.MustCompile(`"[^"]*"`)
)

// firstNull returns the first reference to a null; nil if there is none.
func firstNull(vars []hcl.Traversal, ctx *hcl.EvalContext) hcl.Traversal {
	for _, t := range vars {
		for n := 1; n <= len(t); n++ {
			v, diags := t[:n].TraverseAbs(ctx)
			if diags.HasErrors() {
				break
			}
			if v, _ := v.Unmark(); v.IsKnown() && v.IsNull() {
				return t[:n]
			}
		}
	}
	return nil
}

// nullInput reports that an include sets a variable of its library to null, which is used at at, if t is that variable.
func (s *scope) nullInput(t hcl.Traversal, at hcl.Range) bool {
	if s.config.in == nil || t.RootName() != "var" || len(t) != 2 {
		return false
	}
	x := s.config.variable(memberName(t[1]))
	if x == nil {
		return false
	}
	attr := s.config.in.block.Body.Attributes[x.name]
	if attr == nil {
		return false
	}
	type id struct {
		scope *scope
		of    *variable
	}
	if s.nullInputs[id{s, x}] {
		return true
	}
	if s.nullInputs == nil {
		s.nullInputs = map[any]bool{}
	}
	s.nullInputs[id{s, x}] = true
	if e, ok := attr.Expr.(*hclsyntax.ScopeTraversalExpr); ok && s.up.nullInput(e.Traversal, at) {
		return true
	}
	defer s.evaluatedFor(s.subject())()
	s.up.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s must not be null", s.name(), x.name),
		fmt.Sprintf("The library uses it at %s. Its variable is at %s.", place(at), place(x.block.DefRange()))))
	return true
}

// nullGiven reports, for an argument that is null and can't be, that an include sets it to null; false if that is not so.
func (s *scope) nullGiven(attr *hclsyntax.Attribute) bool {
	e, ok := attr.Expr.(*hclsyntax.ScopeTraversalExpr)
	return ok && s.nullInput(e.Traversal, attr.Expr.Range())
}
