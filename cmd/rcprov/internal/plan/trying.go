package plan

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// tryingFunction is can or try, whose result is as sensitive as all that failed in it: that something fails tells about its values. Its
// type is said by the value alone, so that what is tried is not evaluated once more for it.
func tryingFunction(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type:     function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err != nil || !slices.ContainsFunc(args, triesSecret) {
				return v, err
			}
			return v.WithMarks(marksOfTried(args, f.VarParam() == nil)), nil
		},
	})
}

// triesSecret reports whether an expression refers to something sensitive.
func triesSecret(expression cty.Value) bool {
	tried := customdecode.ExpressionClosureFromVal(expression)
	return slices.ContainsFunc(tried.Expression.Variables(), func(t hcl.Traversal) bool { return len(marksOfReference(t, tried.EvalContext)) > 0 })
}

// marksOfTried returns the marks of what the expressions refer to that fail, up to the first that does not. If that is asked about, and
// not returned, its own marks count, too.
func marksOfTried(expressions []cty.Value, asked bool) cty.ValueMarks {
	marks := cty.ValueMarks{}
	for _, arg := range expressions {
		tried := customdecode.ExpressionClosureFromVal(arg)
		v, diags := tried.Value()
		if !diags.HasErrors() {
			if asked {
				_, own := v.UnmarkDeep()
				maps.Copy(marks, own)
			}
			break
		}
		for _, reference := range tried.Expression.Variables() {
			maps.Copy(marks, marksOfReference(reference, tried.EvalContext))
		}
	}
	return marks
}

// marksOfReference returns the marks of what t refers to, or of the last value on the way there.
func marksOfReference(t hcl.Traversal, ctx *hcl.EvalContext) cty.ValueMarks {
	for n := len(t); n > 0; n-- {
		v, diags := t[:n].TraverseAbs(ctx)
		if diags.HasErrors() {
			continue
		}
		if n < len(t) {
			return v.Marks()
		}
		_, marks := v.UnmarkDeep()
		return marks
	}
	return nil
}
