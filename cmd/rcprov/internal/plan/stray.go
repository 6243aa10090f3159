package plan

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// stray returns where a value of type ty has an attribute that the variable's type does not have, as a text that follows the name of the
// value, and a hint; empty if it has none. Only literals and data are held to that: of a reference, such as one to a host or a step,
// a type may take a part, unless it is a misspelled name that is missing for it.
func (x *variable) stray(expr hcl.Expression, ty cty.Type) (problem, hint string) {
	problem, hint = strayAt(expr, ty, x.ty, "")
	if problem != "" && x.sensitive {
		return "has an unknown attribute", "Its type is in the variable's block."
	}
	return problem, hint
}

func strayAt(expr hcl.Expression, ty, want cty.Type, path string) (problem, hint string) {
	var items map[string]hcl.Expression
	whole, each := true, expr
	switch e := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return strayAt(e.Expression, ty, want, path)
	case *hclsyntax.ScopeTraversalExpr, *hclsyntax.RelativeTraversalExpr, *hclsyntax.IndexExpr, *hclsyntax.SplatExpr:
		whole = false
	case *hclsyntax.ConditionalExpr:
		if problem, hint = strayAt(e.TrueResult, ty, want, path); problem != "" {
			return problem, hint
		}
		return strayAt(e.FalseResult, ty, want, path)
	case *hclsyntax.ForExpr:
		whole = false
		if !e.Group {
			each = e.ValExpr
		}
	case *hclsyntax.FunctionCallExpr:
		whole = strings.HasSuffix(e.Name, "decode") // otherwise it may hand on a reference
	case *hclsyntax.ObjectConsExpr:
		items = map[string]hcl.Expression{}
		for _, item := range e.Items {
			if key, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && key.Type() == cty.String && key.IsKnown() && !key.IsNull() {
				items[key.AsString()] = item.ValueExpr
			}
		}
	}
	same := func(name string) hcl.Expression {
		if items == nil {
			return each
		}
		return items[name] // nil: with a computed name
	}
	switch {
	case ty.IsObjectType() && want.IsObjectType():
		known := sortedKeys(want.AttributeTypes())
		for _, name := range sortedKeys(ty.AttributeTypes()) {
			if want.HasAttribute(name) {
				continue
			}
			var missing []string
			for _, other := range known {
				if !ty.HasAttribute(other) {
					missing = append(missing, other)
				}
			}
			if near := nearest(name, missing); whole || near != "" {
				problem = fmt.Sprintf("has the unknown attribute %q", name)
				if path != "" {
					problem += " in " + strings.TrimPrefix(path, ".")
				}
				return problem, didYouMean(name, known, "The type has")
			}
		}
		for _, name := range known {
			if ty.HasAttribute(name) {
				if problem, hint = strayAt(same(name), ty.AttributeType(name), want.AttributeType(name), path+"."+name); problem != "" {
					return problem, hint
				}
			}
		}
	case ty.IsObjectType() && want.IsMapType():
		for _, name := range sortedKeys(ty.AttributeTypes()) {
			if problem, hint = strayAt(same(name), ty.AttributeType(name), want.ElementType(), fmt.Sprintf("%s[%q]", path, name)); problem != "" {
				return problem, hint
			}
		}
	case ty.IsTupleType() && (want.IsListType() || want.IsSetType() || want.IsTupleType()):
		elements, literal := []hclsyntax.Expression(nil), false
		if e, ok := expr.(*hclsyntax.TupleConsExpr); ok {
			elements, literal = e.Exprs, len(e.Exprs) == ty.Length()
		}
		for i, element := range ty.TupleElementTypes() {
			inner := each
			if literal {
				inner = elements[i]
			}
			to := cty.DynamicPseudoType
			switch {
			case !want.IsTupleType():
				to = want.ElementType()
			case i < want.Length():
				to = want.TupleElementType(i)
			}
			if problem, hint = strayAt(inner, element, to, fmt.Sprintf("%s[%d]", path, i)); problem != "" {
				return problem, hint
			}
		}
	case (ty.IsListType() || ty.IsSetType()) && (want.IsListType() || want.IsSetType()), ty.IsMapType() && want.IsMapType():
		return strayAt(each, ty.ElementType(), want.ElementType(), path+"[...]")
	}
	return "", ""
}
