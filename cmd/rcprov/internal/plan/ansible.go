package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

// ansibleDecode reads an inventory of Ansible's in YAML, or what `ansible-inventory --list` prints: an object with `hosts`, the vars
// of each, and `groups`, the names of their hosts. As in Ansible, a host is in all groups around its own, and a value of an inner group
// counts before that of an outer one, a host's own before both. The rules stand in Ansible's guide "How to build your inventory" and in
// lib/ansible/plugins/inventory/yaml.py (2.18).
func ansibleDecode(text string) (cty.Value, error) {
	v, err := yamlDecode(text)
	if err != nil {
		return cty.NilVal, modules.WithHint(err, "An inventory in the INI format becomes YAML with `ansible-inventory -i FILE --list --yaml`.")
	}
	if v.IsNull() || !v.Type().IsObjectType() {
		return cty.NilVal, modules.WithHint(fmt.Errorf("an inventory is a mapping with groups, not %s", describe(v)),
			"An inventory in the INI format becomes YAML with `ansible-inventory -i FILE --list --yaml`.")
	}
	r := &ansibleReader{groups: map[string]*ansibleGroup{}, hosts: map[string]map[string]cty.Value{}}
	groups := attributesOf(v)
	for _, name := range sortedKeys(groups) {
		group := groups[name]
		if name == "_meta" {
			err = r.meta(group)
		} else {
			err = r.group(name, group, nil)
		}
		if err != nil {
			return cty.NilVal, err
		}
	}
	if err := r.measure(); err != nil {
		return cty.NilVal, err
	}
	return r.value(), nil
}

// ansibleGroup is a group of an inventory.
type ansibleGroup struct {
	name   string
	depth  int // how many groups are around it, in the longest chain
	vars   map[string]cty.Value
	hosts  map[string]bool
	around map[string]bool // the groups that name it among their children
}

// ansibleReader collects what an inventory says, in as many places as it likes.
type ansibleReader struct {
	groups map[string]*ansibleGroup
	hosts  map[string]map[string]cty.Value
}

// attributesOf returns the attributes of an object; none of null.
func attributesOf(v cty.Value) map[string]cty.Value {
	if v.IsNull() {
		return nil
	}
	return v.AsValueMap()
}

// named returns the elements of a section by name: a mapping, whose values may be null, one name, or a list of names.
func (r *ansibleReader) named(group, section string, v cty.Value) (map[string]cty.Value, error) {
	ty := v.Type()
	names := []cty.Value{v}
	switch {
	case v.IsNull(), ty.IsObjectType():
		return attributesOf(v), nil
	case ty.IsTupleType():
		names = v.AsValueSlice()
	}
	found := map[string]cty.Value{}
	for _, name := range names {
		if name.IsNull() || name.Type() != cty.String || section == "vars" {
			return nil, fmt.Errorf("group %q: %s must be a mapping, not %s", group, section, describe(v))
		}
		found[name.AsString()] = cty.NullVal(cty.DynamicPseudoType)
	}
	return found, nil
}

// meta reads the vars of hosts where `ansible-inventory --list` has them.
func (r *ansibleReader) meta(v cty.Value) error {
	if v.IsNull() || !v.Type().IsObjectType() {
		return nil
	}
	vars, ok := attributesOf(v)["hostvars"]
	if !ok {
		return nil
	}
	hosts, err := r.named("_meta", "hostvars", vars)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(hosts) {
		if err := r.host(name, hosts[name]); err != nil {
			return err
		}
	}
	return nil
}

func (r *ansibleReader) group(name string, v cty.Value, around []string) error {
	if slices.Contains(around, name) {
		return fmt.Errorf("the group %q is one of its own children: %s", name, strings.Join(append(around[slices.Index(around, name):], name), " > "))
	}
	if !v.IsNull() && !v.Type().IsObjectType() {
		return fmt.Errorf("group %q must be a mapping with hosts, children and vars, not %s", name, describe(v))
	}
	g := r.groups[name]
	if g == nil {
		g = &ansibleGroup{name: name, vars: map[string]cty.Value{}, hosts: map[string]bool{}, around: map[string]bool{}}
		r.groups[name] = g
	}
	if len(around) > 0 {
		g.around[around[len(around)-1]] = true
	}
	if name != allHosts {
		g.depth = 1
	}
	sections := attributesOf(v)
	for _, section := range sortedKeys(sections) {
		if !slices.Contains([]string{"hosts", "children", "vars"}, section) {
			return modules.WithHint(fmt.Errorf("group %q has %q, which is none of hosts, children and vars", name, section), "Groups inside of a group stand below its `children`.")
		}
		elements, err := r.named(name, section, sections[section])
		if err != nil {
			return err
		}
		for _, key := range sortedKeys(elements) {
			switch section {
			case "vars":
				if first, ok := g.vars[key]; ok && !first.RawEquals(elements[key]) {
					return fmt.Errorf("group %q stands in several places, which differ in its var %q", name, key)
				}
				g.vars[key] = elements[key]
			case "children":
				if err := r.group(key, elements[key], append(slices.Clone(around), name)); err != nil {
					return err
				}
			default:
				hosts, err := ansibleRange(key)
				if err != nil {
					return fmt.Errorf("group %q: %w", name, err)
				}
				for _, host := range hosts {
					g.hosts[host] = true
					if err := r.host(host, elements[key]); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (r *ansibleReader) host(name string, v cty.Value) error {
	if r.hosts[name] == nil {
		r.hosts[name] = map[string]cty.Value{}
	}
	if !v.IsNull() && !v.Type().IsObjectType() {
		return fmt.Errorf("host %q must be a mapping with its vars, not %s", name, describe(v))
	}
	vars := attributesOf(v)
	for _, key := range sortedKeys(vars) {
		value := vars[key]
		if first, ok := r.hosts[name][key]; ok && !first.RawEquals(value) {
			return fmt.Errorf("host %q stands in several places, which differ in its var %q", name, key)
		}
		r.hosts[name][key] = value
	}
	return nil
}

// measure sets the depths of groups. A list of children may name groups that stand elsewhere.
func (r *ansibleReader) measure() error {
	for deeper := true; deeper; {
		deeper = false
		for _, g := range r.groups {
			for name := range g.around {
				if outer := r.groups[name]; g.depth <= outer.depth {
					g.depth, deeper = outer.depth+1, true
				}
			}
			if g.depth > len(r.groups)+1 {
				return fmt.Errorf("the group %q is one of its own children", g.name)
			}
		}
	}
	return nil
}

// value returns the hosts and groups that were read.
func (r *ansibleReader) value() cty.Value {
	of := map[string]map[string]*ansibleGroup{} // the groups of each host
	var join func(host string, g *ansibleGroup)
	join = func(host string, g *ansibleGroup) {
		of[host][g.name] = g
		for name := range g.around {
			join(host, r.groups[name])
		}
	}
	hosts, groups := map[string]cty.Value{}, map[string]cty.Value{}
	for host := range r.hosts {
		of[host] = map[string]*ansibleGroup{}
		if all := r.groups[allHosts]; all != nil {
			of[host][allHosts] = all
		}
		for _, g := range r.groups {
			if g.hosts[host] {
				join(host, g)
			}
		}
		vars := map[string]cty.Value{}
		for _, g := range slices.SortedFunc(maps.Values(of[host]), byAnsiblePrecedence) {
			maps.Copy(vars, g.vars)
		}
		delete(vars, ansiblePriority)
		maps.Copy(vars, r.hosts[host])
		hosts[host] = cty.ObjectVal(map[string]cty.Value{"vars": cty.ObjectVal(vars)})
	}
	for name := range r.groups {
		var names []cty.Value
		for _, host := range sortedKeys(of) {
			if of[host][name] != nil {
				names = append(names, cty.StringVal(host))
			}
		}
		groups[name] = cty.ListValEmpty(cty.String)
		if len(names) > 0 {
			groups[name] = cty.ListVal(names)
		}
	}
	delete(groups, allHosts)
	return cty.ObjectVal(map[string]cty.Value{"hosts": cty.ObjectVal(hosts), "groups": cty.ObjectVal(groups)})
}

// ansiblePriority is the var that orders groups of one depth.
const ansiblePriority = "ansible_group_priority"

// byAnsiblePrecedence sorts the groups of a host: what a later one says counts (lib/ansible/inventory/helpers.py, sort_groups).
func byAnsiblePrecedence(a, b *ansibleGroup) int {
	priority := func(g *ansibleGroup) int64 {
		v, ok := g.vars[ansiblePriority]
		if !ok || v.IsNull() || v.Type() != cty.Number {
			return 1
		}
		n, _ := v.AsBigFloat().Int64()
		return n
	}
	return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(priority(a), priority(b)), cmp.Compare(a.name, b.name))
}

// ansibleRange returns the hosts that a name with ranges stands for: web[01:03] and db-[a:c].example.com, each with a step if it has a
// third part.
func ansibleRange(name string) ([]string, error) {
	before, rest, ok := strings.Cut(name, "[")
	if !ok {
		return []string{name}, nil
	}
	inside, after, ok := strings.Cut(rest, "]")
	parts := strings.Split(inside, ":")
	wrong := fmt.Errorf("%q is no range of hosts: write web[01:20] or db[a:f]", name)
	if !ok || len(parts) < 2 || len(parts) > 3 {
		return nil, wrong
	}
	step := 1
	if len(parts) == 3 {
		var err error
		if step, err = strconv.Atoi(parts[2]); err != nil || step < 1 {
			return nil, wrong
		}
	}
	if parts[0] == "" {
		parts[0] = "0"
	}
	var middles []string
	first, err := strconv.Atoi(parts[0])
	last, err2 := strconv.Atoi(parts[1])
	const most = 100_000
	switch {
	case err == nil && err2 == nil && first >= 0 && first <= last && last-first < most:
		width := 1
		if strings.HasPrefix(parts[0], "0") {
			width = len(parts[0])
		}
		for n := first; n <= last; n += step {
			middles = append(middles, fmt.Sprintf("%0*d", width, n))
		}
	case len(parts[0]) == 1 && len(parts[1]) == 1 && err != nil && err2 != nil && parts[0] <= parts[1]:
		for c := int(parts[0][0]); c <= int(parts[1][0]); c += step {
			middles = append(middles, string(rune(c)))
		}
	default:
		return nil, wrong
	}
	ends, err := ansibleRange(after)
	if err != nil || len(middles)*len(ends) > most {
		return nil, wrong
	}
	var all []string
	for _, middle := range middles {
		for _, end := range ends {
			all = append(all, before+middle+end)
		}
	}
	return all, nil
}
