package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// expandHosts sets the hosts of the plan: its blocks, those with for_each once for each element.
func (s *scope) expandHosts() {
	s.expanding = "host"
	for _, b := range s.config.hosts {
		for _, one := range s.named(b.name, b.block) {
			if first := s.hostBlocks[one.name]; first != nil {
				s.twoOf("hosts", one, first.block)
				continue
			}
			h := &hostBlock{name: one.name, block: b.block, each: one.each}
			s.hostBlocks[h.name] = h
			s.hostOrder = append(s.hostOrder, h)
		}
	}
	s.expanding = ""
}

// expandGroups sets the groups that have blocks.
func (s *scope) expandGroups() {
	s.expanding = "group"
	for _, b := range s.config.groups {
		for _, one := range s.named(b.name, b.block) {
			switch first := s.groupBlocks[one.name]; {
			case one.name == allHosts:
				s.report(mistake(one.at, "The group \"all\" can't be declared", "It already exists, with every host of the plan."))
			case first != nil:
				s.twoOf("groups", one, first.block)
			default:
				s.groupBlocks[one.name] = &groupBlock{one.name, b.block, one.each}
			}
		}
	}
	s.expanding = ""
}

// named is a host or group with its name.
type named struct {
	name string
	each cty.Value
	at   hcl.Range // of what names it
}

func (s *scope) twoOf(kind string, one named, first *hclsyntax.Block) {
	s.report(mistake(one.at, fmt.Sprintf("There are two %s %q", kind, one.name),
		fmt.Sprintf("The first is at %s. Give one of them another name.", place(first.DefRange()))))
}

// named returns a block under its name, or once for each element of its for_each, whose keys are the names.
func (s *scope) named(name string, b *hclsyntax.Block) []named {
	attr := b.Body.Attributes["for_each"]
	if attr == nil {
		return []named{{name, cty.NilVal, b.DefRange()}}
	}
	what := b.Type
	if len(b.Labels) == 1 {
		what = fmt.Sprintf("%s %q", b.Type, b.Labels[0])
	}
	v, ok := s.eval(attr.Expr, cty.NilVal)
	if ok {
		v, ok = s.byName(v, attr, what)
	}
	switch {
	case !ok:
		s.missingHosts = s.missingHosts || b.Type == "host"
		return nil
	case !v.IsKnown():
		s.missingHosts = s.missingHosts || b.Type == "host"
		if !s.flawed && len(s.diags) == 0 { // otherwise a mistake that was reported may be why
			s.report(mistake(attr.Expr.Range(), what+": for_each must be known before any host is", "Its keys are the names of hosts or groups."))
		}
		return nil
	}
	var all []named
	for _, each := range pairs(v) {
		key := each.GetAttr("key").AsString()
		if rule := nameRule(b.Type, key); rule != "" {
			end := s.evaluatedFor(subject{made: key, kind: "name"})
			s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %q can't be the name of a %s", what, key, b.Type), rule))
			end()
			s.missingHosts = s.missingHosts || b.Type == "host"
			continue
		}
		all = append(all, named{key, each, attr.Expr.Range()})
	}
	return all
}

// byName is [scope.elements]; beyond that, a list may have objects with an attribute name, as those of csvdecode.
func (s *scope) byName(v cty.Value, attr *hclsyntax.Attribute, what string) (cty.Value, bool) {
	ty := v.Type()
	if v.IsMarked() || !v.IsKnown() || v.IsNull() || !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType() {
		return s.elements(v, attr, what)
	}
	var all []cty.Value
	seen := map[string]bool{}
	for _, element := range v.AsValueSlice() {
		name := cty.NilVal
		if ty := element.Type(); !element.IsMarked() && element.IsKnown() && !element.IsNull() && ty.IsObjectType() && ty.HasAttribute("name") {
			name = element.GetAttr("name")
		}
		if ty := element.Type(); name == cty.NilVal && !element.IsMarked() && ty.IsObjectType() && element.IsKnown() {
			s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: for_each has an object without `name`, which names the %s", what, what[:strings.IndexAny(what+" ", " ")]), nameOf(sortedKeys(ty.AttributeTypes()))))
			return cty.DynamicVal, false
		}
		if name == cty.NilVal || name.IsMarked() || name.Type() != cty.String || !name.IsKnown() || name.IsNull() {
			return s.elements(v, attr, what) // it says what is wrong, or takes strings
		}
		if seen[name.AsString()] {
			s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: for_each has the name %q twice", what, name.AsString()), "Remove or rename one of them."))
			return cty.DynamicVal, false
		}
		seen[name.AsString()] = true
		all = append(all, cty.ObjectVal(map[string]cty.Value{"key": name, "value": element}))
	}
	return cty.TupleVal(all), true
}

// nameOf says how objects without an attribute name get one. attributes are those that they have.
func nameOf(attributes []string) string {
	detail := "It has " + strings.Join(attributes, ", ") + "."
	near := nearest("name", attributes)
	for _, usual := range []string{"name", "host", "hostname", "host_name", "fqdn", "server", "machine", "node"} {
		i := slices.IndexFunc(attributes, func(a string) bool { return strings.EqualFold(a, usual) })
		if i >= 0 {
			near = attributes[i]
			break
		}
	}
	switch {
	case len(attributes) == 0:
		return "Add one, or write an object: its keys are the names."
	case near == "":
		return detail + " Add name, or take another one: `{ for x in LIST : x.OTHER => x }`."
	case !hclsyntax.ValidIdentifier(near):
		return fmt.Sprintf("%s If it is %q, call that name, or write `{ for x in LIST : x[%q] => x }`.", detail, near, near)
	}
	return fmt.Sprintf("%s If it is %q, call that name, or write `{ for x in LIST : x.%s => x }`.", detail, near, near)
}

// tooEarly reports a reference to hosts or groups in an expression that decides which there are.
func (s *scope) tooEarly(root string, at hcl.Range) cty.Value {
	s.report(mistake(at, fmt.Sprintf("%s can't be used in for_each of a %s", root, s.expanding), "It decides which hosts or groups there are."))
	return cty.DynamicVal
}

// varsOf returns the vars of a host or group: an object or a map; unknown after a mistake.
func (s *scope) varsOf(attr *hclsyntax.Attribute, what string, each cty.Value) cty.Value {
	v, ok := s.eval(attr.Expr, each)
	unmarked, _ := v.Unmark()
	switch {
	case !ok:
		return cty.DynamicVal
	case v.IsKnown() && (unmarked.IsNull() || !v.Type().IsObjectType() && !v.Type().IsMapType()):
		s.report(mistake(attr.Expr.Range(), what+": vars must be an object", "Write `vars = { NAME = VALUE }`."))
		return cty.DynamicVal
	}
	return v
}

// inheritedVar is where a host has a value of vars from.
type inheritedVar struct {
	value cty.Value
	group string
	at    hcl.Range
}

// inheritVars adds the vars of groups to those of their hosts, whose own count first. It reports whether there are any.
func (s *scope) inheritVars() bool {
	vars := map[string]map[string]cty.Value{}
	for _, name := range sortedKeys(s.groupBlocks) {
		b := s.groupBlocks[name]
		attr := b.block.Body.Attributes["vars"]
		if attr == nil {
			continue
		}
		v := s.varsOf(attr, fmt.Sprintf("group %q", name), b.each)
		unmarked, marks := v.Unmark()
		vars[name] = map[string]cty.Value{}
		if unmarked.IsKnown() {
			for key, value := range unmarked.AsValueMap() {
				vars[name][key] = value.WithMarks(marks)
			}
		}
	}
	if len(vars) == 0 {
		return false
	}
	groups := map[string][]string{} // by host
	for _, name := range sortedKeys(vars) {
		for _, member := range s.groups[name].AsValueSlice() {
			host := member.GetAttr("name").AsString()
			groups[host] = append(groups[host], name)
		}
	}
	type dispute struct{ one, other, key string }
	reported := map[dispute]bool{}
	for _, h := range s.hostOrder {
		value, ok := s.hostValues[h.name]
		if !ok || len(groups[h.name]) == 0 {
			continue
		}
		attrs := value.AsValueMap()
		own, marks := attrs["vars"].Unmark()
		if !own.IsKnown() {
			continue // a mistake, or a variable without a value
		}
		all := map[string]cty.Value{}
		for key, value := range own.AsValueMap() {
			all[key] = value
		}
		from := map[string]inheritedVar{}
		for _, name := range groups[h.name] {
			at := s.groupBlocks[name].block.Body.Attributes["vars"].Expr.Range()
			for _, key := range sortedKeys(vars[name]) {
				v := vars[name][key]
				if first, ok := from[key]; ok {
					if d := (dispute{first.group, name, key}); !first.value.RawEquals(v) && !reported[d] {
						reported[d] = true
						s.report(mistake(at, fmt.Sprintf("host %q is in the groups %q and %q, which differ in vars.%s", h.name, first.group, name, key),
							fmt.Sprintf("Here it is %s, at %s %s. Set it in the host's own vars, which count first, or give the groups one value.",
								describe(v), place(first.at), describe(first.value))))
					}
					continue
				}
				if _, ok := all[key]; !ok {
					all[key], from[key] = v, inheritedVar{v, name, at}
				}
			}
		}
		attrs["vars"] = cty.ObjectVal(all).WithMarks(marks)
		s.hostValues[h.name] = cty.ObjectVal(attrs)
	}
	for name, group := range s.groups {
		members := group.AsValueSlice()
		for i, member := range members {
			members[i] = s.hostValues[member.GetAttr("name").AsString()]
		}
		s.groups[name] = cty.TupleVal(members)
	}
	return true
}
