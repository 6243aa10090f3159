package plan

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/rcprov/rcprov/modules"
)

// expansion holds the instances of a step block on one host: one, or one for each element of for_each.
type expansion struct {
	instances []*instance
	keyed     bool // has for_each
	known     bool // false: the elements of for_each are unknown; one instance stands for all of them
}

// instance is one step on one host.
type instance struct {
	*decoded
	block *stepBlock
	key   string
	keyed bool
	each  cty.Value // NilVal without for_each
	built *modules.Built
	tried bool // build has run: built is set, or a mistake was reported
}

func (i *instance) suffix() string {
	if i.keyed {
		return fmt.Sprintf("[%q]", i.key)
	}
	return ""
}

func (i *instance) String() string { return i.block.String() + i.suffix() }

// expand evaluates for_each.
func (s *scope) expand(b *stepBlock) *expansion {
	if x, ok := s.steps[b]; ok {
		return x
	}
	x := &expansion{known: true}
	s.steps[b] = x
	attr := b.meta("for_each")
	if attr == nil {
		x.instances = []*instance{{block: b, each: cty.NilVal}}
		return x
	}
	x.keyed = true
	var all []element
	all, x.known = s.forEach(attr, b.String())
	for _, e := range all {
		x.instances = append(x.instances, &instance{block: b, key: e.key, keyed: true, each: e.each})
	}
	return x
}

// element is one of those of for_each: its key, and the value of each.
type element struct {
	key  string
	each cty.Value
}

// forEach returns the elements of attr, the for_each of the block called name. If they aren't known, one stands for all.
func (s *scope) forEach(attr *hclsyntax.Attribute, name string) (all []element, known bool) {
	v, ok := s.eval(attr.Expr, cty.NilVal)
	if ok {
		v, ok = s.elements(v, attr, name)
	}
	if !ok || !v.IsKnown() {
		return []element{{"...", someElement(v.Type())}}, false
	}
	for _, each := range pairs(v) {
		all = append(all, element{each.GetAttr("key").AsString(), each})
	}
	return all, true
}

// pairs returns the values of each for a value that elements returned.
func pairs(v cty.Value) []cty.Value {
	var all []cty.Value
	for key, value := range v.Elements() {
		each := value
		if !v.Type().IsTupleType() {
			each = cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})
		}
		all = append(all, each)
	}
	return all
}

// someElement returns each while the elements are unknown.
func someElement(ty cty.Type) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"key": cty.UnknownVal(cty.String).RefineNotNull(), "value": elementOf(ty)})
}

func elementOf(ty cty.Type) cty.Value {
	if ty.IsCollectionType() {
		return cty.UnknownVal(ty.ElementType())
	}
	return cty.DynamicVal
}

// elements checks the value of for_each of the block what. It returns an object or map, whose keys are each.key; or, to keep
// the order of a list, a tuple of objects with key and value.
func (s *scope) elements(v cty.Value, attr *hclsyntax.Attribute, what string) (cty.Value, bool) {
	wrong := func(format string, a ...any) (cty.Value, bool) {
		s.report(mistake(attr.Expr.Range(), what+": for_each "+fmt.Sprintf(format, a...),
			"Give a list of different strings, or a map or object: its keys are each.key."))
		return cty.DynamicVal, false
	}
	secret := func() (cty.Value, bool) {
		s.report(mistake(attr.Expr.Range(), what+": for_each must not be sensitive: its keys are shown",
			"Give the keys without their values, if they are no secret: nonsensitive(keys(...))."))
		return cty.DynamicVal, false
	}
	if v.IsMarked() {
		return secret()
	}
	ty := v.Type()
	switch {
	case !v.IsKnown():
		return v, true
	case v.IsNull():
		if s.nullGiven(attr) {
			return cty.DynamicVal, false
		}
		return wrong("must not be null")
	case ty.IsObjectType(), ty.IsMapType():
		return v, true
	case !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType():
		return wrong("must be a list, a set or a map, not %s", describe(v))
	}
	var pairs []cty.Value
	seen := map[string]bool{}
	for _, element := range v.AsValueSlice() {
		if element.IsMarked() {
			return secret()
		}
		key, err := convert.Convert(element, cty.String)
		switch {
		case err != nil:
			return wrong("must have strings as keys, not %s; write `{ for x in LIST : x.NAME => x }`", describe(element))
		case !key.IsKnown():
			return cty.UnknownVal(cty.List(cty.String)), true
		case key.IsNull():
			return wrong("must not contain null")
		case seen[key.AsString()]:
			return wrong("contains %q twice", key.AsString())
		}
		seen[key.AsString()] = true
		pairs = append(pairs, cty.ObjectVal(map[string]cty.Value{"key": key, "value": key}))
	}
	return cty.TupleVal(pairs), true
}

// metaArguments returns a Step with the values of the meta-arguments.
func (s *scope) metaArguments(i *instance) Step {
	step := s.metas(s.inherited(), i.block.meta, i.String(), "when is false", i.each)
	step.Module, step.Range, step.ArgRange = i.block.module.Name, i.block.block.DefRange(), i.block.argRange
	return step
}

// metas returns step with the values of the meta-arguments of a block: a step, or an include around steps. without says why it is
// skipped when its condition is false.
func (s *scope) metas(step Step, meta func(string) *hclsyntax.Attribute, what, without string, each cty.Value) Step {
	s.metaKnown(meta, what, each)
	if attr := meta("when"); attr != nil {
		step.Depends = true
		if applies, known := s.boolean(attr, what, each); known && !applies && step.Skip == "" {
			step.Skip = without
		}
	}
	step.Tags = slices.Clone(step.Tags)
	if attr := meta("tags"); attr != nil {
		v, _ := s.typed(attr, what, cty.List(cty.String), each)
		s.shown(attr, what, v)
		step.Tags = append(step.Tags, stringList(v)...)
		if !s.loaded {
			s.Tags, s.OpenTags = append(s.Tags, stringList(v)...), s.OpenTags || !v.IsWhollyKnown()
		}
	}
	if attr := meta("retries"); attr != nil {
		step.Retries = s.count(attr, what, each, 0, 0)
	}
	if attr := meta("timeout"); attr != nil {
		v, _ := s.typed(attr, what, cty.String, each)
		s.shown(attr, what, v)
		if !v.IsMarked() && v.IsKnown() && !v.IsNull() && v.AsString() != "" {
			text := v.AsString()
			d, err := time.ParseDuration(text)
			if err != nil || d <= 0 {
				s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: timeout must be a duration, not %q", what, text),
					`Write "30s", "5m" or "1h30m".`))
			}
			step.Timeout = d
		}
	}
	if attr := meta("run_once"); attr != nil {
		step.RunOnce, _ = s.boolean(attr, what, each)
	}
	step.Levels = maps.Clone(step.Levels)
	if attr := meta("preflight"); attr != nil {
		own := s.preflight(attr, what, each)
		if step.Levels == nil {
			step.Levels = own
		}
		maps.Copy(step.Levels, own)
	}
	return step
}

// metaKnown reports meta-arguments that are unknown when they must be known.
func (s *scope) metaKnown(meta func(string) *hclsyntax.Attribute, what string, each cty.Value) {
	if !s.bound() {
		return
	}
	for _, name := range stepMeta {
		if attr := meta(name); attr != nil && name != "for_each" {
			if v, ok := s.eval(attr.Expr, each); ok && !v.IsWhollyKnown() {
				s.notKnown(attr, what)
			}
		}
	}
}

// notKnown reports an argument that must be known now and is unknown: it depends on the facts of another host.
func (s *scope) notKnown(attr *hclsyntax.Attribute, what string) {
	if !s.bound() || len(s.diags) > 0 {
		return
	}
	s.report(s.notKnownHere(attr, what))
}

func (s *scope) notKnownHere(attr *hclsyntax.Attribute, what string) *hcl.Diagnostic {
	return mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s is not known on host %q", what, attr.Name, s.host.Name),
		"It refers to a step of a play that does not run on this host, and that step depends on facts of another host. "+
			"Refer to something that depends on the plan alone, such as the address of that host.")
}
