package plan

import (
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Output is the value of an output block.
type Output struct {
	Name        string
	Description string
	Known       bool // false if it depends on facts or answers that the run did not observe

	// Value has a type that encoding/json decodes to: string, float64, bool, nil, []any, map[string]any. For a sensitive
	// output it is a modules.Secret: the string, or the JSON of another value.
	Value any
}

// Outputs evaluates the output blocks. facts holds those that the run observed, by host, and answers those of its queries, each with its
// host. A step or query has its value for the first host of its play.
func (p *Plan) Outputs(facts map[string]*observe.Facts, answers Answers) ([]Output, hcl.Diagnostics) {
	e := p.evaluation(facts)
	e.answers = answers
	outputs := e.outputs()
	return outputs, e.result()
}

func (e *evaluation) outputs() []Output {
	s := e.scope(outputScope, nil, nil)
	var outputs []Output
	for _, b := range e.config.outputs {
		attrs := b.block.Body.Attributes
		what := fmt.Sprintf("output %q", b.name)
		o := Output{Name: b.name}
		if attr := attrs["description"]; attr != nil {
			o.Description, _ = s.text(attr, what, cty.NilVal)
		}
		secret := false
		if attr := attrs["sensitive"]; attr != nil {
			secret, _ = s.boolean(attr, what, cty.NilVal)
		}
		attr := attrs["value"]
		v, ok := s.eval(attr.Expr, cty.NilVal)
		if !ok {
			continue
		}
		v, marks := v.UnmarkDeep()
		if len(marks) > 0 && !secret {
			s.report(mistake(attr.Expr.Range(), what+" comes from a sensitive value",
				"Outputs are shown. Add `sensitive = true` to hide it."))
			continue
		}
		if v.IsWhollyKnown() {
			o.Known = true
			var err error
			if o.Value, err = goValue(v, secret); err != nil {
				s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s can't be written as JSON: %s", what, err), ""))
				continue
			}
		}
		outputs = append(outputs, o)
	}
	return outputs
}

func goValue(v cty.Value, secret bool) (any, error) {
	if secret && v.Type() == cty.String && !v.IsNull() {
		return modules.Secret(v.AsString()), nil
	}
	text, err := json.Marshal(ctyjson.SimpleJSONValue{Value: v})
	if err != nil || secret {
		return modules.Secret(text), err
	}
	var value any
	err = json.Unmarshal(text, &value)
	return value, err
}
