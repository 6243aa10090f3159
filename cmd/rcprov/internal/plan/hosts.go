package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

// allHosts is the group of all hosts.
const allHosts = "all"

func (p *Plan) hostNames() []string {
	names := make([]string, len(p.hostOrder))
	for i, h := range p.hostOrder {
		names[i] = h.name
	}
	return names
}

func (s *scope) evaluateHosts() {
	for _, h := range s.hostOrder {
		s.hostValue(h.name, h.block.DefRange())
	}
}

func (s *scope) evaluateGroups() {
	for _, name := range s.groupNames() {
		s.groupValue(name, hcl.Range{})
	}
}

// hostValue returns what host.NAME is in expressions.
func (s *scope) hostValue(name string, at hcl.Range) cty.Value {
	if value, ok := s.hostValues[name]; ok {
		return value
	}
	if s.expanding == "host" {
		return s.tooEarly("host", at)
	}
	h := s.hostBlocks[name]
	if h == nil {
		s.report(mistake(at, fmt.Sprintf("There is no host %q", name), didYouMean(name, s.hostNames(), "The hosts are")))
		return cty.DynamicVal
	}
	if !s.enter(h, "host."+name, at) {
		return cty.DynamicVal
	}
	defer s.leave()
	defer s.evaluatedFor(h.subject())()

	static := s.scope(staticScope, nil, nil)
	what := fmt.Sprintf("host %q", name)
	attrs := h.block.Body.Attributes
	value := map[string]cty.Value{
		"name":          cty.StringVal(name),
		"address":       cty.StringVal(name),
		"port":          cty.NullVal(cty.Number),
		"fallback_port": cty.NullVal(cty.Number),
		"user":          cty.NullVal(cty.String),
		"groups":        cty.ListValEmpty(cty.String),
		"vars":          cty.EmptyObjectVal,
	}
	for _, arg := range []struct {
		name string
		ty   cty.Type
	}{{"address", cty.String}, {"port", cty.Number}, {"fallback_port", cty.Number}, {"user", cty.String}, {"groups", cty.List(cty.String)}} {
		if attr := attrs[arg.name]; attr != nil {
			v, ok := static.public(attr, what, arg.ty, h.each)
			switch {
			case !ok:
				value[arg.name] = cty.UnknownVal(arg.ty) // so that the mistake causes no further messages
			case !v.IsNull():
				value[arg.name] = v
			}
		}
	}
	for _, group := range stringList(value["groups"]) {
		if rule := nameRule("group", group); rule != "" {
			s.report(mistake(attrs["groups"].Expr.Range(), fmt.Sprintf("%s: groups: %q can't be the name of a group", what, group), rule))
		}
	}
	if attr := attrs["vars"]; attr != nil {
		value["vars"] = static.varsOf(attr, what, h.each)
	}
	s.hostValues[name] = cty.ObjectVal(value)
	h.groups = hostGroups(s.hostValues[name])
	return s.hostValues[name]
}

// subject is what mistakes in the block of a host are about.
func (b *hostBlock) subject() subject {
	if b.each == cty.NilVal {
		return subject{}
	}
	return subject{made: b.name, kind: "host"}
}

// public is [scope.typed] for values that must be known before connecting, and that appear in reports.
func (s *scope) public(attr *hclsyntax.Attribute, what string, ty cty.Type, each cty.Value) (cty.Value, bool) {
	v, ok := s.typed(attr, what, ty, each)
	if !ok {
		return v, false
	}
	v, marks := v.UnmarkDeep()
	if len(marks) > 0 {
		s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s comes from a sensitive variable", what, attr.Name),
			"It appears in reports and in the host's own logs, so it can't be kept secret. Take it from a variable without `sensitive`."))
		return cty.UnknownVal(ty), false
	}
	return v, v.IsWhollyKnown()
}

func hostGroups(host cty.Value) []string {
	if !host.IsKnown() || !host.Type().HasAttribute("groups") {
		return nil
	}
	return stringList(host.GetAttr("groups"))
}

// stringList returns the elements of a list of strings, without those that are null or unknown.
func stringList(list cty.Value) []string {
	list, _ = list.UnmarkDeep()
	if !list.IsKnown() || list.IsNull() {
		return nil
	}
	var found []string
	for _, v := range list.AsValueSlice() {
		if v.IsKnown() && !v.IsNull() {
			found = append(found, v.AsString())
		}
	}
	return found
}

// groupValue returns what group.NAME is in expressions, for a group that exists: a tuple of host objects.
func (s *scope) groupValue(name string, at hcl.Range) cty.Value {
	if value, ok := s.groups[name]; ok {
		return value
	}
	if s.expanding != "" {
		return s.tooEarly("group", at)
	}
	type id struct{ group string }
	if !s.enter(id{name}, "group."+name, at) {
		return cty.DynamicVal
	}
	defer s.leave()
	s.evaluateHosts()
	members := map[string]bool{}
	if b := s.groupBlocks[name]; b != nil {
		static := s.scope(staticScope, nil, nil)
		if b.each != cty.NilVal {
			defer s.evaluatedFor(subject{made: b.name, kind: "group"})()
		}
		attr := b.block.Body.Attributes["hosts"]
		switch {
		case attr != nil:
			names, _ := static.hostList(attr, fmt.Sprintf("group %q", name), b.each)
			for _, host := range names {
				members[host] = true
			}
		case b.block.Body.Attributes["vars"] == nil:
			s.report(mistake(b.block.DefRange(), fmt.Sprintf("group %q has no hosts", name), "Add `hosts = [host.NAME, ...]`."))
		}
	}
	var values []cty.Value
	for _, h := range s.hostOrder {
		value, ok := s.hostValues[h.name]
		if ok && (name == allHosts || members[h.name] || slices.Contains(h.groups, name)) {
			values = append(values, value)
		}
	}
	s.groups[name] = cty.TupleVal(values)
	return s.groups[name]
}

// hostList returns the names of the hosts that an argument lists: host objects in lists of any depth.
func (s *scope) hostList(attr *hclsyntax.Attribute, what string, each cty.Value) (names []string, ok bool) {
	v, ok := s.eval(attr.Expr, each)
	if !ok {
		return nil, false
	}
	v, _ = v.UnmarkDeep()
	names, ok = s.hostsIn(v, attr, what)
	seen := map[string]bool{}
	return slices.DeleteFunc(names, func(name string) bool {
		twice := seen[name]
		seen[name] = true
		return twice
	}), ok
}

func (s *scope) hostsIn(v cty.Value, attr *hclsyntax.Attribute, what string) (names []string, ok bool) {
	ty := v.Type()
	switch {
	case !v.IsKnown():
		return nil, false // the mistake was reported where the value comes from
	case v.IsNull():
	case ty.IsObjectType() && ty.HasAttribute("name") && ty.HasAttribute("address"):
		if name := v.GetAttr("name"); name.Type() == cty.String && name.IsKnown() && !name.IsNull() {
			if s.hostBlocks[name.AsString()] != nil {
				return []string{name.AsString()}, true
			}
		}
	case ty.IsTupleType() || ty.IsListType() || ty.IsSetType():
		ok = true
		for _, element := range v.AsValueSlice() {
			more, fine := s.hostsIn(element, attr, what)
			names, ok = append(names, more...), ok && fine
		}
		return names, ok
	case ty == cty.String:
		name := v.AsString()
		detail := "Write host.NAME or group.NAME, without quotes."
		if near := nearest(name, s.hostNames()); near != "" {
			detail = fmt.Sprintf("Did you mean host.%s?", near)
		}
		s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: the string %q is not a host", what, name), detail))
		return nil, false
	}
	s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: hosts must be a list of hosts, not %s", what, describe(v)),
		"Write `hosts = group.NAME`, `hosts = group.all` or `hosts = [host.NAME, ...]`."))
	return nil, false
}

// makeHosts reads all of the host blocks.
func (s *scope) makeHosts() []*Host {
	var hosts []*Host
	byName := map[string]*Host{}
	for _, b := range s.hostOrder {
		h := s.makeHost(b)
		hosts, byName[b.name] = append(hosts, h), h
	}
	for name, value := range s.groups {
		if name == allHosts {
			continue
		}
		for _, member := range value.AsValueSlice() {
			h := byName[member.GetAttr("name").AsString()]
			if !slices.Contains(h.Groups, name) {
				h.Groups = append(h.Groups, name)
			}
		}
	}
	for _, h := range hosts {
		slices.Sort(h.Groups)
	}
	return hosts
}

func (s *scope) makeHost(b *hostBlock) *Host {
	h := &Host{Name: b.name, Address: b.name, Connection: "ssh", Become: Become{Method: "sudo"}, Range: b.block.DefRange()}
	defer s.evaluatedFor(b.subject())()
	what := fmt.Sprintf("host %q", b.name)
	attrs := b.block.Body.Attributes
	value, ok := s.hostValues[b.name]
	if !ok {
		return h // part of a cycle, which was reported
	}
	if address := value.GetAttr("address"); address.IsKnown() {
		h.Address = address.AsString()
	}
	if user := value.GetAttr("user"); user.IsKnown() && !user.IsNull() {
		h.User = user.AsString()
	}
	port := func(name string) int {
		v := value.GetAttr(name)
		if !v.IsKnown() || v.IsNull() {
			return 0
		}
		n, accuracy := v.AsBigFloat().Int64()
		if accuracy != 0 || n < 1 || n > 65535 {
			s.report(mistake(attrs[name].Expr.Range(), what+": "+name+" must be a number from 1 to 65535", ""))
		}
		return int(n)
	}
	h.Port, h.FallbackPort = port("port"), port("fallback_port")
	if strings.TrimSpace(h.Address) == "" {
		s.report(mistake(attrs["address"].Expr.Range(), what+": address is empty", "Leave it out if the host's name is its address."))
	}
	h.Groups = slices.Clone(b.groups)
	text := func(name, otherwise string, words ...string) string {
		attr := attrs[name]
		if attr == nil {
			return otherwise
		}
		v, ok := s.public(attr, what, cty.String, b.each)
		if !ok || v.IsNull() {
			return otherwise
		}
		if len(words) > 0 && !slices.Contains(words, v.AsString()) {
			s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s must be %s, not %q", what, name, oneOf(words), v.AsString()), ""))
		}
		return v.AsString()
	}
	h.IdentityFile = text("identity_file", "")
	h.FallbackUser = text("fallback_user", "")
	if attr := attrs["fallback_user"]; attr != nil && h.FallbackUser != "" && (h.User == "" || h.FallbackUser == h.User) {
		s.report(mistake(attr.NameRange, what+": fallback_user needs another user beside it", "It is who logs in until the plan has made `user`: write `user = \"deploy\"`, for example."))
	}
	h.ProxyJump = text("proxy_jump", "")
	h.Become.Method = text("become", "sudo", "sudo", "none")
	h.Connection = text("connection", "ssh", "ssh", "local")
	h.Password = s.secret(attrs["password"], what, b.each)
	h.Become.Password = s.secret(attrs["become_password"], what, b.each)
	return h
}

// secret returns a password of a host block and notes it as one of the plan's secrets.
func (s *scope) secret(attr *hclsyntax.Attribute, what string, each cty.Value) modules.Secret {
	if attr == nil {
		return ""
	}
	v, ok := s.typed(attr, what, cty.String, each)
	v, _ = v.Unmark()
	if !ok || !v.IsKnown() || v.IsNull() {
		return ""
	}
	s.Secrets = append(s.Secrets, texts(v)...)
	return modules.Secret(v.AsString())
}

func oneOf(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, fmt.Sprintf("%q", w))
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}
