package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/rcprov/rcprov/modules/observe"
)

// An evaluation computes values of a plan on demand, each once, and collects the mistakes. It is for one goroutine.
type evaluation struct {
	*Plan
	facts      map[string]*observe.Facts // by host; those of other hosts are unknown
	flawed     bool                      // values may be unknown because of mistakes that were found before, or of variables without one
	binding    *scope                    // the scope in which unknown values are a mistake; nil while a plan is checked
	scopes     map[scopeKey]*scope
	path       []node // what is being evaluated, each needed by the one before
	diags      hcl.Diagnostics
	unknowable int          // mistakes that checkKnown found
	answers    Answers      // to queries; those that are not there are unknown
	guessing   bool         // the answers are made up
	lenient    bool         // unknown values are no mistake for now
	current    subject      // what a block is being evaluated for
	nullInputs map[any]bool // variables of libraries of which was said that they must not be null
	varies     bool         // the block may differ between the hosts of its play
	hidden     []string     // strings from sensitive values, which messages may contain
}

// node is a value that is being evaluated.
type node struct {
	id   any
	name string    // as in expressions
	at   hcl.Range // of the reference that needs it
	from *scope    // of what is evaluated; nil for hosts and groups
}

// A scope is the context of an expression: the names that it may refer to, and their values.
type scope struct {
	*evaluation
	scopeKey
	config *config // whose names expressions see
	steps  map[*stepBlock]*expansion
	values map[any]cty.Value // of locals, by their attribute, and *stepBlock; in a library also of *variable and *outputBlock

	included map[*includeBlock]*inclusions
	children map[childKey]*scope
	meta     *Step // see inherited

	// Of a library.
	up   *scope    // of the include
	each cty.Value // of the include; NilVal without for_each
	key  string    // of each
}

type scopeKey struct {
	kind scopeKind
	play *Play // nil outside of plays
	host *Host // the current host; nil outside of plays
}

type scopeKind int

const (
	staticScope  scopeKind = iota // blocks that are the same for all hosts: no self, facts, steps
	outputScope                   // after a run: no self, facts
	anyHostScope                  // to check locals: any host, with nothing known about it
	stepScope                     // a play on a host
)

func (p *Plan) evaluation(facts map[string]*observe.Facts) *evaluation {
	return &evaluation{Plan: p, facts: facts, scopes: map[scopeKey]*scope{}}
}

// scope returns the scope of a play on a host, in the files that have the play; or one outside of plays, in the plan.
func (e *evaluation) scope(kind scopeKind, play *Play, host *Host) *scope {
	s := e.root(scopeKey{kind, play, host})
	if play != nil {
		return s.inside(play.block.config)
	}
	return s
}

// root returns the scope in the files of the plan.
func (e *evaluation) root(key scopeKey) *scope {
	if e.scopes[key] == nil {
		e.scopes[key] = newScope(e, key, e.config)
	}
	return e.scopes[key]
}

func newScope(e *evaluation, key scopeKey, c *config) *scope {
	return &scope{
		evaluation: e, scopeKey: key, config: c, each: cty.NilVal,
		steps: map[*stepBlock]*expansion{}, values: map[any]cty.Value{},
		included: map[*includeBlock]*inclusions{}, children: map[childKey]*scope{},
	}
}

// bound reports whether unknown values are a mistake in the scope.
func (s *scope) bound() bool {
	if s.lenient {
		return false
	}
	for ; s != nil; s = s.up {
		if s == s.binding {
			return true
		}
	}
	return false
}

// ofPlay returns the scope of the file that has the play, in which the play's own arguments are evaluated.
func (s *scope) ofPlay() *scope {
	for s.config != s.play.block.config {
		s = s.up
	}
	return s
}

// report reports mistakes, each with its origin.
func (s *scope) report(diags ...*hcl.Diagnostic) { s.reportFor(false, diags...) }

// reportFor is report for mistakes in an expression; self is whether it refers to self.
func (s *scope) reportFor(self bool, diags ...*hcl.Diagnostic) {
	o := origin{s.config.trail(), s.current}
	if s.kind == stepScope && s.varies {
		o.host, o.of, o.self = s.host.Name, len(s.play.Hosts), self
	}
	keys := ""
	for in := s; in.up != nil; in = in.up {
		keys = in.suffix() + keys
	}
	o.keys = keys + o.keys
	for _, d := range diags {
		if _, ok := d.Extra.(origin); !ok && !o.empty() {
			d.Extra = o
		}
	}
	s.evaluation.report(diags...)
}

// evaluatedFor sets what a block is being evaluated for, until the function that it returns is called.
func (e *evaluation) evaluatedFor(i subject) (end func()) {
	before := e.current
	e.current = i
	return func() { e.current = before }
}

// result returns the diagnostics.
func (e *evaluation) result() hcl.Diagnostics {
	return tidy(e.diags, slices.Concat(e.Secrets, e.hidden))
}

// hide keeps the strings in a value out of all messages if the value is sensitive.
func (e *evaluation) hide(v cty.Value) {
	if v.ContainsMarked() {
		e.hidden = append(e.hidden, texts(v)...)
	}
}

func (e *evaluation) report(diags ...*hcl.Diagnostic) { e.diags = append(e.diags, diags...) }

// enter notes that the value named name is being evaluated for the reference at at. If it is already being evaluated, enter
// reports the cycle and returns false.
func (e *evaluation) enter(id any, name string, at hcl.Range) bool {
	return e.enterFrom(nil, id, name, at)
}

func (e *evaluation) enterFrom(from *scope, id any, name string, at hcl.Range) bool {
	start := slices.IndexFunc(e.path, func(n node) bool { return n.id == id })
	if start < 0 {
		e.path = append(e.path, node{id, name, at, from})
		return true
	}
	// The same cycle is found from different ends: always start at the name that sorts first.
	cycle := slices.Clone(e.path[start:])
	cycle[0].at, cycle[0].from = at, from
	first := 0
	for i, n := range cycle {
		if n.name < cycle[first].name {
			first = i
		}
	}
	cycle = slices.Concat(cycle[first:], cycle[:first], cycle[first:first+1])
	var names []string
	for _, n := range cycle {
		names = append(names, n.name)
	}
	diag := mistake(cycle[1].at, names[0]+" refers to itself",
		fmt.Sprintf("The cycle is %s. Remove one of these references.", strings.Join(names, " -> ")))
	if trail := cycle[1].from.trailOf(cycle[1].at); len(trail) > 0 {
		diag.Extra = origin{trail: trail}
	}
	e.report(diag)
	return false
}

func (e *evaluation) leave() { e.path = e.path[:len(e.path)-1] }

// eval returns the value of an expression; unknown and false if a mistake was reported. each is cty.NilVal outside of steps
// with for_each.
func (s *scope) eval(expr hcl.Expression, each cty.Value) (cty.Value, bool) {
	before := len(s.diags)
	vars := expr.Variables()
	ctx := s.context(vars, each)
	value, diags := expr.Value(ctx)
	if diags.HasErrors() {
		self := slices.ContainsFunc(vars, func(t hcl.Traversal) bool { return t.RootName() == "self" })
		s.reportFor(self, s.nulls(explain(diags, vars, ctx), vars, ctx)...)
		return cty.DynamicVal, false
	}
	return value, len(s.diags) == before
}

// context collects the values of references. Those that don't exist are reported, and unknown so that HCL doesn't report them
// again.
func (s *scope) context(vars []hcl.Traversal, each cty.Value) *hcl.EvalContext {
	values := map[string]cty.Value{}
	byRoot := map[string]map[string]cty.Value{}
	for _, t := range vars {
		root := t.RootName()
		switch root {
		case "self":
			values[root] = s.self(t)
			continue
		case "facts":
			values[root] = s.factsValue(t)
			continue
		case "each":
			if each == cty.NilVal {
				s.report(mistake(t.SourceRange(), "each can't be used here", "each.key and each.value can only be used in steps and nested blocks with for_each."))
				each = cty.DynamicVal
			}
			values[root] = each
			continue
		}
		if byRoot[root] == nil {
			byRoot[root] = map[string]cty.Value{}
		}
		s.members(t, byRoot[root], values)
	}
	for root, members := range byRoot {
		if _, ok := values[root]; !ok {
			values[root] = cty.ObjectVal(members)
		}
	}
	return &hcl.EvalContext{Variables: values, Functions: s.config.dir.functions}
}

// members adds the member that t refers to to found; all members if t doesn't show which. If the root doesn't exist, it adds an
// unknown value for it to values.
func (s *scope) members(t hcl.Traversal, found, values map[string]cty.Value) {
	root := t.RootName()
	names, get := s.namespace(root)
	if get == nil {
		s.report(s.unknownRoot(t))
		values[root] = cty.DynamicVal
		return
	}
	if len(t) > 1 {
		if name := memberName(t[1]); name != "" {
			if _, ok := found[name]; !ok {
				found[name] = get(name, t.SourceRange())
			}
			return
		}
	}
	for _, name := range names() {
		if _, ok := found[name]; !ok {
			found[name] = get(name, t.SourceRange())
		}
	}
}

// namespace returns the names below a root of expressions and the function that gives their values, or nil.
func (s *scope) namespace(root string) (names func() []string, get func(name string, at hcl.Range) cty.Value) {
	switch root {
	case "var":
		return s.config.variableNames, s.variable
	case "local":
		return func() []string { return sortedKeys(s.config.locals) }, s.local
	case "host":
		return s.hostNames, s.hostValue
	case queryRoot:
		return func() []string { return s.config.labels(queryRoot) }, s.queryReference
	case "include":
		names := func() []string {
			var names []string
			for _, b := range s.config.includes {
				names = append(names, b.label)
			}
			return names
		}
		return names, s.includeReference
	case "group":
		if s.expanding != "" {
			return func() []string { return nil }, func(_ string, at hcl.Range) cty.Value { return s.tooEarly(root, at) }
		}
		all := func() []string {
			s.evaluateHosts()
			return s.groupNames()
		}
		return all, func(name string, at hcl.Range) cty.Value {
			if slices.Contains(all(), name) {
				return s.groupValue(name, at)
			}
			if _, ok := s.config.modules[root]; ok && len(s.config.steps(root, name)) > 0 {
				return s.stepReference(root, name, at)
			}
			if !s.missingHosts || nearest(name, all()) != "" { // otherwise it may be one of theirs
				s.report(mistake(at, fmt.Sprintf("There is no group %q", name), didYouMean(name, all(), "The groups are")))
			}
			return cty.DynamicVal
		}
	}
	if _, ok := s.config.modules[root]; ok {
		return func() []string { return s.config.labels(root) },
			func(name string, at hcl.Range) cty.Value { return s.stepReference(root, name, at) }
	}
	return nil, nil
}

func (s *scope) unknownRoot(t hcl.Traversal) *hcl.Diagnostic {
	root := t.RootName()
	summary := fmt.Sprintf("There is nothing named %q", root)
	if s.config.variable(root) != nil {
		return mistake(t.SourceRange(), summary, fmt.Sprintf("Did you mean var.%s?", root))
	}
	if s.config.locals[root] != nil {
		return mistake(t.SourceRange(), summary, fmt.Sprintf("Did you mean local.%s?", root))
	}
	if s.hostBlocks[root] != nil {
		return mistake(t.SourceRange(), summary, fmt.Sprintf("Did you mean host.%s?", root))
	}
	known := append(slices.Collect(maps.Keys(s.config.modules)), roots...)
	detail := "An expression refers to var.NAME, local.NAME, host.NAME, group.NAME, self, facts.NAME, each.key, each.value, " +
		"query.NAME, include.NAME, or to a step as MODULE.NAME. Strings need quotes."
	if near := nearest(root, known); near != "" {
		detail = fmt.Sprintf("Did you mean %q? %s", near, detail)
	}
	return mistake(t.SourceRange(), summary, detail)
}

func (s *scope) variable(name string, at hcl.Range) cty.Value {
	if s.config.in != nil {
		if x := s.config.variable(name); x != nil {
			return s.input(x, at)
		}
	} else if value, ok := s.vars[name]; ok {
		return value
	}
	s.report(mistake(at, fmt.Sprintf("There is no variable %q", name),
		didYouMean(name, s.config.variableNames(), "The variables are")))
	return cty.DynamicVal
}

func (s *scope) local(name string, at hcl.Range) cty.Value {
	attr, ok := s.config.locals[name]
	if !ok {
		s.report(mistake(at, fmt.Sprintf("There is no local %q", name),
			didYouMean(name, sortedKeys(s.config.locals), "The locals are")))
		return cty.DynamicVal
	}
	return s.once(attr, "local."+name, at, func() cty.Value {
		value, _ := s.eval(attr.Expr, cty.NilVal)
		return value
	})
}

// once returns the value of what is called name, which evaluate makes when it is first needed; of tells it from all others of the
// scope. What needs itself is a mistake, and unknown.
func (s *scope) once(of any, name string, at hcl.Range, evaluate func() cty.Value) cty.Value {
	if value, ok := s.values[of]; ok {
		return value
	}
	if !s.enterOf(of, name, at) {
		return cty.DynamicVal
	}
	defer s.leave()
	value := evaluate()
	s.values[of] = value
	return value
}

// enterOf is enter for what of tells from all others of the scope.
func (s *scope) enterOf(of any, name string, at hcl.Range) bool {
	type id struct {
		scope *scope
		of    any
	}
	return s.enterFrom(s, id{s, of}, name, at)
}

func (s *scope) self(t hcl.Traversal) cty.Value {
	switch s.kind {
	case stepScope:
		return s.hostValues[s.host.Name]
	case anyHostScope:
		return cty.DynamicVal
	}
	s.report(mistake(t.SourceRange(), "self can't be used here", s.onlyInSteps("self")))
	return cty.DynamicVal
}

var factsType = func() cty.Type {
	ty, err := gocty.ImpliedType(observe.Facts{})
	if err != nil {
		panic(err) // a field of observe.Facts has a type that plans can't have: every test finds it
	}
	return ty
}()

func (s *scope) factsValue(t hcl.Traversal) cty.Value {
	if s.kind == staticScope || s.kind == outputScope {
		s.report(mistake(t.SourceRange(), "facts can't be used here", s.onlyInSteps("facts")))
		return cty.DynamicVal
	}
	if s.host == nil || s.facts[s.host.Name] == nil {
		return unknownFacts
	}
	value, err := gocty.ToCtyValue(*s.facts[s.host.Name], factsType)
	if err != nil {
		panic(err) // as for factsType
	}
	attrs := value.AsValueMap()
	for name, fact := range attrs {
		if fact.IsNull() && fact.Type().IsListType() {
			attrs[name] = cty.ListValEmpty(fact.Type().ElementType()) // what gocty makes of a nil slice
		}
	}
	return cty.ObjectVal(attrs)
}

// unknownFacts is an object of attributes that are unknown, but not null.
var unknownFacts = func() cty.Value {
	attrs := map[string]cty.Value{}
	for name, ty := range factsType.AttributeTypes() {
		attrs[name] = cty.UnknownVal(ty).RefineNotNull()
	}
	return cty.ObjectVal(attrs)
}()

func (s *scope) onlyInSteps(what string) string {
	text := what + " can only be used in the steps of a play and in its `when`, directly or through a local."
	if len(s.path) > 0 && strings.HasPrefix(s.path[len(s.path)-1].name, "local.") {
		var names []string
		for _, n := range s.path {
			names = append(names, n.name)
		}
		text += fmt.Sprintf(" The reference is %s.", strings.Join(names, " -> "))
	}
	return text
}
