package plan

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/rcprov/rcprov/modules"
)

// mistake returns an error at a place in the plan: summary says what is wrong, detail what to do about it.
func mistake(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	diag := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail}
	if at.Filename != "" {
		diag.Subject = &at
	}
	return diag
}

func unreadable(what, path string, err error) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf("The %s %s can't be read", what, path),
		Detail:   sentence(cause(err)),
	}
}

// cause returns the text of the operating system's error, without the path, which the message names already.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

func place(r hcl.Range) string { return fmt.Sprintf("%s line %d", r.Filename, r.Start.Line) }

func unexpectedArgument(attr *hclsyntax.Attribute, what string, args, blocks []string) *hcl.Diagnostic {
	summary := fmt.Sprintf("%s has no argument %q", what, attr.Name)
	if slices.Contains(blocks, attr.Name) {
		return mistake(attr.NameRange, summary, fmt.Sprintf("It is a block: write `%s { ... }`, without the equals sign.", attr.Name))
	}
	if ours, ok := keywordsElsewhere[attr.Name]; ok {
		return mistake(attr.NameRange, summary, "Here that is "+ours+".")
	}
	return mistake(attr.NameRange, summary, didYouMean(attr.Name, args, "The arguments are"))
}

func unexpectedBlock(b *hclsyntax.Block, what string, args, blocks []string) *hcl.Diagnostic {
	summary := fmt.Sprintf("%s has no block %q", what, b.Type)
	if slices.Contains(args, b.Type) {
		return mistake(b.TypeRange, summary, fmt.Sprintf("It is an argument: write `%s = ...`.", b.Type))
	}
	if len(blocks) == 0 {
		return mistake(b.TypeRange, summary, didYouMean(b.Type, args, "It has no blocks; its arguments are"))
	}
	return mistake(b.TypeRange, summary, didYouMean(b.Type, blocks, "The blocks are"))
}

// didYouMean suggests the known name that is most similar to given, and lists all known names unless they are too many to
// read.
func didYouMean(given string, known []string, list string) string {
	var sentences []string
	if near := nearest(given, known); near != "" {
		sentences = append(sentences, fmt.Sprintf("Did you mean %q?", near))
	}
	const readable = 40
	switch {
	case len(known) == 0:
		sentences = append(sentences, "There are none.")
	case len(known) <= readable:
		known = slices.Sorted(slices.Values(known))
		sentences = append(sentences, fmt.Sprintf("%s %s.", list, strings.Join(known, ", ")))
	}
	return strings.Join(sentences, " ")
}

// nearest returns the known name that was probably meant by given, or "". The threshold grows with the length: with three
// of four letters changed it is another name.
func nearest(given string, known []string) string {
	best, distance := "", 1+min(3, max(1, len(given)/3))
	for _, name := range slices.Sorted(slices.Values(known)) {
		d := levenshtein.Distance(given, name, nil)
		if d == 2 && sameLetters(given, name) {
			d = 1 // two swapped letters are one typo
		}
		if d < distance {
			best, distance = name, d
		}
	}
	return best
}

func sameLetters(a, b string) bool {
	x, y := []byte(a), []byte(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// tidy prepares diagnostics for readers: each mistake once, in the order of the files, without secrets.
func tidy(diags hcl.Diagnostics, secrets []string) hcl.Diagnostics {
	var kept hcl.Diagnostics
	secrets = slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return len(b) - len(a) })
	for _, diag := range diags {
		for _, secret := range secrets {
			if len(secret) < 3 {
				continue // one or two characters occur everywhere, and are no secret
			}
			diag.Summary = strings.ReplaceAll(diag.Summary, secret, "(sensitive)")
			diag.Detail = strings.ReplaceAll(diag.Detail, secret, "(sensitive)")
		}
	}
	for _, g := range group(diags) {
		diag := g.first
		if o := originOf(diag); !o.empty() {
			diag.Extra = nil
			for _, more := range []string{g.where(), g.included()} {
				diag.Detail = strings.TrimSpace(diag.Detail + " " + more)
			}
		}
		kept = append(kept, diag)
	}
	slices.SortStableFunc(kept, func(a, b *hcl.Diagnostic) int {
		switch {
		case a.Subject == nil && b.Subject == nil:
			return 0
		case a.Subject == nil:
			return -1
		case b.Subject == nil:
			return 1
		}
		return cmp.Or(cmp.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte))
	})
	return kept
}

// explain improves HCL's messages where more is known: which attributes or keys exist instead of a missing one, and why
// a function failed.
func explain(diags hcl.Diagnostics, vars []hcl.Traversal, ctx *hcl.EvalContext) hcl.Diagnostics {
	explainCalls(diags, refersToSecret(vars, ctx))
	for _, diag := range diags {
		if index, ok := diag.Expression.(*hclsyntax.IndexExpr); ok && diag.EvalContext != nil {
			explainIndex(diag, index, diag.EvalContext)
		}
		if diag.Subject == nil {
			continue
		}
		for _, t := range vars {
			for i := 1; i < len(t); i++ {
				if t[i].SourceRange() == *diag.Subject {
					explainMember(diag, t, i, ctx)
				}
			}
		}
	}
	return diags
}

// refersToSecret reports whether an expression that refers to vars refers to a sensitive value.
func refersToSecret(vars []hcl.Traversal, ctx *hcl.EvalContext) bool {
	return slices.ContainsFunc(vars, func(t hcl.Traversal) bool {
		v, diags := t.TraverseAbs(ctx)
		return !diags.HasErrors() && v.ContainsMarked()
	})
}

// explainCalls improves the messages about functions that failed. secret means that they may have got a secret.
func explainCalls(diags hcl.Diagnostics, secret bool) {
	for _, diag := range diags {
		if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag); ok && call.FunctionCallError() != nil {
			explainCall(diag, call, secret)
		}
	}
}

func explainCall(diag *hcl.Diagnostic, call hclsyntax.FunctionCallDiagExtra, secret bool) {
	err := call.FunctionCallError()
	detail := ""
	if secret && call.CalledFunctionName() != "templatefile" { // whose messages contain no values
		diag.Summary = fmt.Sprintf("%s() failed", call.CalledFunctionName())
		diag.Detail = "The reason is not shown, because it may contain parts of a sensitive value."
		return
	}
	var arg function.ArgError
	if errors.As(err, &arg) {
		return // HCL names the parameter and shows the argument
	}
	var advice *modules.HintError
	if errors.As(err, &advice) {
		detail = advice.Hint
	}
	diag.Summary = fmt.Sprintf("%s(): %s", call.CalledFunctionName(), err)
	diag.Detail = detail
}

// explainIndex names the key that LIST[KEY] didn't find: often it is a fact, so that the source line doesn't show it.
func explainIndex(diag *hcl.Diagnostic, index *hclsyntax.IndexExpr, ctx *hcl.EvalContext) {
	collection, diags := index.Collection.Value(ctx)
	key, more := index.Key.Value(ctx)
	if diags.HasErrors() || more.HasErrors() || key.IsMarked() || !key.IsKnown() || key.IsNull() {
		return
	}
	collection, _ = collection.Unmark()
	if known, ok := members(collection); ok && key.Type() == cty.String && !slices.Contains(known, key.AsString()) {
		diag.Summary = fmt.Sprintf("There is no key %q", key.AsString())
		diag.Detail = didYouMean(key.AsString(), known, "The keys are")
		return
	}
	explainElement(diag, collection, key)
}

// explainElement says how long a list is that has no element with this number.
func explainElement(diag *hcl.Diagnostic, list, number cty.Value) {
	ty := list.Type()
	if number.Type() == cty.Number && (ty.IsTupleType() || ty.IsListType()) && list.IsKnown() && !list.IsNull() {
		diag.Summary = fmt.Sprintf("There is no element [%s]", numberText(number.AsBigFloat()))
		diag.Detail = fmt.Sprintf("Elements are counted from 0, and the list has %d.", list.LengthInt())
	}
}

func explainMember(diag *hcl.Diagnostic, t hcl.Traversal, i int, ctx *hcl.EvalContext) {
	parent, diags := t[:i].TraverseAbs(ctx)
	if diags.HasErrors() {
		return
	}
	parent, _ = parent.Unmark()
	name := memberName(t[i])
	if index, ok := t[i].(hcl.TraverseIndex); ok && name == "" {
		explainElement(diag, parent, index.Key)
	}
	if name == "" {
		return
	}
	if parent.Type().IsPrimitiveType() {
		diag.Summary = fmt.Sprintf("%s has no %q", traversalText(t[:i]), name)
		diag.Detail = fmt.Sprintf("It is %s.", describe(parent))
		return
	}
	known, ok := members(parent)
	if !ok || slices.Contains(known, name) {
		return
	}
	diag.Summary = fmt.Sprintf("%s has no %q", traversalText(t[:i]), name)
	diag.Detail = didYouMean(name, known, "It has")
	diag.Expression, diag.EvalContext = nil, nil
}

// members returns the attributes of an object or the keys of a map.
func members(v cty.Value) ([]string, bool) {
	switch {
	case v.Type().IsObjectType():
		return sortedKeys(v.Type().AttributeTypes()), true
	case v.Type().IsMapType() && v.IsKnown() && !v.IsNull():
		return sortedKeys(v.AsValueMap()), true
	}
	return nil, false
}

// memberName returns the name in `.name` or `["name"]`, or "".
func memberName(step hcl.Traverser) string {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() && !step.Key.IsMarked() {
			return step.Key.AsString()
		}
	}
	return ""
}

func traversalText(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(step.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			if name := memberName(step); name != "" {
				fmt.Fprintf(&b, "[%q]", name)
			} else {
				b.WriteString("[...]")
			}
		}
	}
	return b.String()
}
