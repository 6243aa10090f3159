package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/rcprov/rcprov/cmd/rcprov/internal/redact"
)

// labels returns the labels of a module's blocks in all plays.
func (c *config) labels(module string) []string {
	var labels []string
	for _, b := range c.blocks {
		if b.module.Name == module && !slices.Contains(labels, b.label) {
			labels = append(labels, b.label)
		}
	}
	return labels
}

// stepReference returns what MODULE.NAME is in expressions.
func (s *scope) stepReference(module, label string, at hcl.Range) cty.Value {
	name := stepAddress(module, label)
	if s.kind == staticScope {
		s.report(mistake(at, fmt.Sprintf("%s can't be used here", name), s.onlyInSteps("A step")))
		return cty.DynamicVal
	}
	blocks := s.config.steps(module, label)
	if i := slices.IndexFunc(blocks, func(b *stepBlock) bool { return s.play != nil && b.play == s.play.block }); i >= 0 {
		blocks = blocks[i : i+1]
	}
	switch len(blocks) {
	case 0:
		s.report(mistake(at, fmt.Sprintf("There is no step %s %q", module, label),
			didYouMean(label, s.config.labels(module), "The steps of this module are")))
		return cty.DynamicVal
	case 1:
	default:
		var plays []string
		for _, b := range blocks {
			plays = append(plays, fmt.Sprintf("%q", b.play.name))
		}
		s.report(mistake(at, fmt.Sprintf("%s is ambiguous", name),
			fmt.Sprintf("The plays %s have a step %s %q each. Rename the one that you mean.", strings.Join(plays, ", "), module, label)))
		return cty.DynamicVal
	}
	if s.play != nil && blocks[0].play == s.play.block {
		return s.stepValue(blocks[0], at)
	}
	play := blocks[0].play.play
	if play == nil || len(play.Hosts) == 0 {
		return cty.DynamicVal // the play's mistake was reported
	}
	host := play.Hosts[0]
	if s.host != nil && slices.Contains(play.Hosts, s.host) {
		host = s.host
	}
	return s.scope(stepScope, play, host).stepValue(blocks[0], at)
}

// stepValue returns the value of a step of the scope's play on its host.
func (s *scope) stepValue(b *stepBlock, at hcl.Range) cty.Value {
	return s.once(b, s.prefix()+b.address(), at, func() cty.Value {
		x := s.expand(b)
		if !x.known {
			return cty.DynamicVal
		}
		byKey := map[string]cty.Value{}
		for _, i := range x.instances {
			byKey[i.key] = s.instanceValue(i)
		}
		if x.keyed {
			return cty.ObjectVal(byKey)
		}
		return byKey[""]
	})
}

func (s *scope) instanceValue(i *instance) cty.Value {
	s.decode(i)
	attrs := map[string]cty.Value{}
	for name, value := range i.values {
		attrs[name] = value
	}
	if i.block.module.OutputsType == nil {
		return cty.ObjectVal(attrs)
	}
	s.build(i)
	ty, err := gocty.ImpliedType(reflect.Zero(i.block.module.OutputsType).Interface())
	if err != nil {
		panic(fmt.Sprintf("outputs of module %s: %v", i.block.module.Name, err)) // the module's own tests find it
	}
	outputs := cty.UnknownVal(ty)
	if i.built != nil {
		if outputs, err = gocty.ToCtyValue(i.built.Outputs, ty); err != nil {
			panic(fmt.Sprintf("outputs of module %s: %v", i.block.module.Name, err))
		}
	}
	for name, ty := range ty.AttributeTypes() {
		attrs[name] = i.output(outputs.GetAttr(name), ty, s.facts[s.host.Name] == nil)
	}
	return cty.ObjectVal(attrs)
}

// output returns one output: marked if it contains a sensitive argument in any form that [redact] finds, and unknown if it is null and the module doesn't have
// the facts yet.
func (i *instance) output(v cty.Value, ty cty.Type, factsMissing bool) cty.Value {
	if v.IsKnown() && v.IsNull() && factsMissing && i.block.module.NeedsFacts {
		return cty.UnknownVal(ty)
	}
	secrets := redact.New(i.secrets...)
	for _, text := range texts(v) {
		if secrets.String(text) != text || slices.ContainsFunc(i.secrets, func(s string) bool { return strings.Contains(text, s) }) {
			return v.Mark(sensitive)
		}
	}
	return v
}
