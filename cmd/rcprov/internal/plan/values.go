package plan

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// typed evaluates an argument and converts it to ty. what names the block in messages. After a mistake, which it reports, the
// value is unknown and ok is false.
func (s *scope) typed(attr *hclsyntax.Attribute, what string, ty cty.Type, each cty.Value) (v cty.Value, ok bool) {
	raw, ok := s.eval(attr.Expr, each)
	if !ok {
		return cty.UnknownVal(ty), false
	}
	s.hide(raw)
	v, err := convert.Convert(raw, ty)
	if err != nil {
		s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s %s", what, attr.Name, mismatch(raw, ty, err)), ""))
		return cty.UnknownVal(ty), false
	}
	return v, true
}

// boolean returns the value of an argument; known is false if it is unknown or a mistake was reported.
func (s *scope) boolean(attr *hclsyntax.Attribute, what string, each cty.Value) (value, known bool) {
	v, ok := s.typed(attr, what, cty.Bool, each)
	v, _ = v.Unmark()
	if !ok || !v.IsKnown() {
		return false, false
	}
	if v.IsNull() {
		s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s must be true or false, not null", what, attr.Name), ""))
		return false, false
	}
	return v.True(), true
}

// text returns the value of an argument, "" for null; known is as for boolean.
func (s *scope) text(attr *hclsyntax.Attribute, what string, each cty.Value) (value string, known bool) {
	v, ok := s.typed(attr, what, cty.String, each)
	v, _ = v.Unmark()
	if !ok || !v.IsKnown() {
		return "", false
	}
	if v.IsNull() {
		return "", true
	}
	return v.AsString(), true
}

// count returns the value of an argument that is a whole number, at least least; otherwise if it is null or unknown.
func (s *scope) count(attr *hclsyntax.Attribute, what string, each cty.Value, least, otherwise int) int {
	v, ok := s.typed(attr, what, cty.Number, each)
	v, _ = v.Unmark()
	if !ok || !v.IsKnown() || v.IsNull() {
		return otherwise
	}
	const most = 1 << 30
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != 0 || n < int64(least) || n > most {
		s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s must be a whole number, at least %d", what, attr.Name, least), ""))
		return otherwise
	}
	return int(n)
}

// mismatch says why a value doesn't have a type. It follows the name of the argument: `must be a number, not "abc"`.
func mismatch(v cty.Value, want cty.Type, err error) string {
	path, inner, innerWant := culprit(v, want)
	switch {
	case len(path) == 0 && v.Type().IsObjectType() && want.IsObjectType():
		return fmt.Sprintf("must be an object: %s", err) // an attribute is missing, which cty names
	case len(path) == 0 && v.Type().IsTupleType() && want.IsTupleType():
		return fmt.Sprintf("must be a list of %d elements, not of %d", want.Length(), v.Type().Length())
	case len(path) == 0:
		return fmt.Sprintf("must be %s, not %s", noun(want), describe(v))
	}
	return fmt.Sprintf("must be %s, but %s is %s", noun(want), pathText(path), describeAgainst(inner, innerWant))
}

func describeAgainst(v cty.Value, want cty.Type) string {
	if want.IsObjectType() && v.Type().IsObjectType() {
		for _, name := range sortedKeys(want.AttributeTypes()) {
			if !v.Type().HasAttribute(name) && !want.AttributeOptional(name) {
				return fmt.Sprintf("an object without %s", name)
			}
		}
	}
	return describe(v)
}

// culprit finds the innermost part of v that can't be converted: cty only says that v as a whole can't.
func culprit(v cty.Value, want cty.Type) (path cty.Path, part cty.Value, partWant cty.Type) {
	v, _ = v.Unmark()
	ty := v.Type()
	if !v.IsKnown() || v.IsNull() || !(ty.IsTupleType() || ty.IsObjectType() || ty.IsCollectionType()) {
		return nil, v, want
	}
	listed := ty.IsTupleType() || ty.IsListType() || ty.IsSetType()
	for key, element := range v.Elements() {
		elementWant := cty.DynamicPseudoType
		switch {
		case listed && (want.IsListType() || want.IsSetType()), !listed && want.IsMapType():
			elementWant = want.ElementType()
		case ty.IsObjectType() && want.IsObjectType() && want.HasAttribute(key.AsString()):
			elementWant = want.AttributeType(key.AsString())
		}
		if _, err := convert.Convert(element, elementWant); err != nil {
			path, part, partWant = culprit(element, elementWant)
			return append(cty.Path{cty.IndexStep{Key: key}}, path...), part, partWant
		}
	}
	return nil, v, want
}

// noun returns the name of a type for people.
func noun(ty cty.Type) string {
	switch {
	case ty == cty.String:
		return "a string"
	case ty == cty.Number:
		return "a number"
	case ty == cty.Bool:
		return "true or false"
	case ty.IsTupleType():
		return "a list"
	case ty.IsObjectType():
		return "an object"
	case ty.IsListType(), ty.IsSetType():
		return "a list of " + plural(ty.ElementType())
	case ty.IsMapType():
		return "a map of " + plural(ty.ElementType())
	}
	return "a value"
}

func plural(ty cty.Type) string {
	switch ty {
	case cty.String:
		return "strings"
	case cty.Number:
		return "numbers"
	case cty.Bool:
		return "booleans"
	}
	return strings.TrimPrefix(strings.TrimPrefix(noun(ty), "a "), "an ") + "s"
}

// describe describes a value: the value itself if it is short and no secret, otherwise its type.
func describe(v cty.Value) string {
	if v.IsMarked() || !v.IsKnown() {
		if v.Type() == cty.Bool {
			return "a boolean"
		}
		return noun(v.Type())
	}
	const short = 60
	switch {
	case v.IsNull():
		return "null"
	case v.Type() == cty.String && len(v.AsString()) <= short:
		return fmt.Sprintf("%q", v.AsString())
	case v.Type() == cty.Number:
		return "the number " + numberText(v.AsBigFloat())
	case v.Type() == cty.Bool:
		return fmt.Sprint(v.True())
	}
	return noun(v.Type())
}

// pathText formats a path that [culprit] found: `[1]`, `["key"][0]`.
func pathText(path cty.Path) string {
	var b strings.Builder
	for _, step := range path {
		if index, ok := step.(cty.IndexStep); ok {
			fmt.Fprintf(&b, "[%s]", strings.TrimPrefix(describe(index.Key), "the number "))
		}
	}
	return b.String()
}

// holdsNull reports whether an element of v, at any depth, is null.
func holdsNull(v cty.Value) bool {
	found := false
	_ = cty.Walk(v, func(path cty.Path, inner cty.Value) (bool, error) {
		found = found || len(path) > 0 && inner.IsNull()
		return !inner.IsNull(), nil
	})
	return found
}
