package plan

import (
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/rcprov/rcprov/modules"
)

// templates renders the template files of a plan, each parsed once. It may be used concurrently.
type templates struct {
	read      func(name string) ([]byte, error)
	plan      *Plan // notes what is plain in templates, and secret in what is made from them
	functions map[string]function.Function

	mu     sync.Mutex
	parsed map[string]*template
}

type template struct {
	expr hclsyntax.Expression
	err  error
}

func (t *templates) parse(name string) (hclsyntax.Expression, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if got, ok := t.parsed[name]; ok {
		return got.expr, got.err
	}
	got := &template{}
	t.parsed[name] = got
	text, err := t.read(name)
	if err != nil {
		got.err = err
		return nil, err
	}
	t.plan.addPlain(text)
	if err := exact(text); err != nil {
		got.err = fmt.Errorf("%q %w: write them in that form", name, err)
		return nil, got.err
	}
	expr, diags := parseTemplate(text, name)
	got.expr, got.err = expr, templateError(name, diags)
	return got.expr, got.err
}

// render implements Env.Render of package modules.
func (t *templates) render(name string, vars cty.Value) (string, error) {
	v, err := t.value(name, vars)
	v, marks := v.Unmark()
	if len(marks) > 0 {
		t.plan.noteSecret(v)
	}
	switch {
	case err != nil:
		return "", err
	case !v.IsKnown():
		return "", fmt.Errorf("%q depends on values that are not known yet", name)
	}
	return v.AsString(), nil
}

// value returns the result of rendering a template: a string that may be unknown or marked. vars is an object, a map or null.
func (t *templates) value(name string, vars cty.Value) (cty.Value, error) {
	unknown := cty.UnknownVal(cty.String)
	expr, err := t.parse(name)
	if err != nil {
		return unknown, err
	}
	ctx := &hcl.EvalContext{Functions: t.functions, Variables: map[string]cty.Value{}}
	if vars != cty.NilVal && !vars.IsNull() {
		plain, marks := vars.Unmark()
		if !plain.Type().IsObjectType() && !plain.Type().IsMapType() {
			return unknown, fmt.Errorf("%q needs its variables as an object, not %s", name, describe(vars))
		}
		if !plain.IsKnown() {
			return unknown, nil
		}
		for key, value := range plain.AsValueMap() {
			ctx.Variables[key] = value.WithMarks(marks)
		}
	}
	for _, v := range expr.Variables() {
		if _, ok := ctx.Variables[v.RootName()]; !ok {
			err := fmt.Errorf("%q line %d: there is no variable %q", name, v.SourceRange().Start.Line, v.RootName())
			return unknown, modules.WithHint(err, "%s", didYouMean(v.RootName(), sortedKeys(ctx.Variables), "Its variables are"))
		}
	}
	v, diags := expr.Value(ctx)
	if diags.HasErrors() {
		return unknown, templateError(name, explain(diags, expr.Variables(), ctx))
	}
	text, err := convert.Convert(v, cty.String)
	if err != nil || text.IsNull() {
		return unknown, fmt.Errorf("%q does not render to a string, but to %s", name, describe(v))
	}
	return text, nil
}

// templateError joins the mistakes in a template file in one error; nil if there are none.
func templateError(name string, diags hcl.Diagnostics) error {
	if !diags.HasErrors() {
		return nil
	}
	var text []string
	for _, d := range diags {
		line := 1
		if d.Subject != nil {
			line = d.Subject.Start.Line
		}
		text = append(text, strings.TrimSuffix(fmt.Sprintf("%q line %d: %s: %s", name, line, d.Summary, d.Detail), ": "))
	}
	return fmt.Errorf("%s", strings.Join(text, "\n"))
}

// templateFunction returns templatefile(PATH, VARS).
func templateFunction(d *directory) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParam("path"), {Name: "vars", Type: cty.DynamicPseudoType, AllowMarked: true, AllowUnknown: true}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return d.templates.value(args[0].AsString(), args[1])
		},
	})
}
