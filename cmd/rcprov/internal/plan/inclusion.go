package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// An include is expanded while a plan is loaded: each has a copy of its library's blocks, and for each host and element of its
// for_each a scope, in which its variables have their values.

// inclusions are the scopes of an include, seen from one scope: one, or one for each element of for_each.
type inclusions struct {
	scopes []*scope
	keyed  bool
	known  bool // false: the elements of for_each are unknown; one scope stands for all of them
}

type childKey struct {
	config *config
	key    string
}

// child returns the scope of a library that an include in s reads.
func (s *scope) child(c *config, key string, each cty.Value) *scope {
	k := childKey{c, key}
	if s.children[k] == nil {
		child := newScope(s.evaluation, s.scopeKey, c)
		child.up, child.key, child.each = s, key, each
		s.children[k] = child
	}
	return s.children[k]
}

// inside returns the scope of a library at the top level, or s for the plan itself.
func (s *scope) inside(c *config) *scope {
	if c.in == nil {
		return s
	}
	return s.inside(c.in.config).child(c, c.key, c.each)
}

// suffix is `["key"]` for an element of the include's for_each.
func (s *scope) suffix() string {
	if s.each == cty.NilVal {
		return ""
	}
	return fmt.Sprintf("[%q]", s.key)
}

// prefix is what names in the scope begin with, seen from the plan: `base/`, `base["a"]/inner/`; empty outside of libraries.
func (s *scope) prefix() string {
	if s.up == nil {
		return ""
	}
	return s.up.prefix() + s.config.in.label + s.suffix() + "/"
}

// inPlay is what the addresses of steps in the scope begin with: prefix without what the name of the play says.
func (s *scope) inPlay() string {
	if s.up == nil || s.play != nil && s.config == s.play.block.config {
		return ""
	}
	return s.up.inPlay() + s.config.in.label + s.suffix() + "/"
}

// name is what reports call the scope's include.
func (s *scope) name() string { return s.config.in.String() + s.suffix() }

// include returns the scopes of an include's library.
func (s *scope) include(b *includeBlock) *inclusions {
	if x, ok := s.included[b]; ok {
		return x
	}
	x := &inclusions{known: true}
	s.included[b] = x
	if b.inner == nil {
		return x
	}
	attr := b.meta("for_each")
	if attr == nil {
		x.scopes = []*scope{s.child(b.inner, "", cty.NilVal)}
		return x
	}
	x.keyed = true
	var all []element
	all, x.known = s.forEach(attr, b.String())
	for _, e := range all {
		x.scopes = append(x.scopes, s.child(b.inner, e.key, e.each))
	}
	return x
}

// walk calls do for each step block in items, also in includes, in the order in which the steps are applied.
func (s *scope) walk(items []item, do func(*scope, *stepBlock)) {
	for _, i := range items {
		if i.step != nil {
			do(s, i.step)
			continue
		}
		x := s.include(i.include)
		if !x.known {
			s.notKnown(i.include.meta("for_each"), i.include.String())
			continue
		}
		for _, child := range x.scopes {
			if child.inherited().Skip == "" {
				child.inputs()
				child.walk(child.config.items, do)
				continue
			}
			child.skipped(child.config.items, do)
		}
	}
}

// skipped calls do for each step block in items, also in includes, of which it evaluates nothing.
func (s *scope) skipped(items []item, do func(*scope, *stepBlock)) {
	for _, i := range items {
		switch {
		case i.step != nil:
			do(s, i.step)
		case i.include.inner != nil:
			child := s.child(i.include.inner, "", cty.NilVal)
			skip := s.inherited()
			skip.Included = append([]hcl.Range{i.include.block.DefRange()}, skip.Included...)
			child.meta = &skip
			child.skipped(child.config.items, do)
		}
	}
}

// inherited returns a Step with what the play and the includes around the scope say about each step.
func (s *scope) inherited() Step {
	if s.meta == nil {
		var step Step
		if s.up == nil {
			if s.play != nil {
				step.Tags, step.Levels = s.play.Tags, s.play.Preflight
				step.Depends = s.play.block.block.Body.Attributes["when"] != nil
			}
		} else {
			b := s.config.in
			defer s.evaluatedFor(s.subject())()
			step = s.up.metas(s.up.inherited(), b.meta, s.name(), fmt.Sprintf("when of %s is false", s.name()), s.each)
			step.Included = append([]hcl.Range{b.block.DefRange()}, step.Included...)
		}
		s.meta = &step
	}
	return *s.meta
}

// applies reports whether the conditions of all includes around the scope are true for any facts of the host.
func (s *scope) applies() bool {
	for ; s.up != nil; s = s.up {
		if !s.up.alwaysTrue(s.config.in.meta("when"), s.each) {
			return false
		}
	}
	return true
}

// input returns the value of a library's variable.
func (s *scope) input(x *variable, at hcl.Range) cty.Value {
	return s.once(x, s.prefix()+"var."+x.name, at, func() cty.Value {
		v := s.given(x)
		if x.sensitive {
			s.noteSecrets(texts(v))
			v = v.Mark(sensitive)
		}
		return v
	})
}

// given returns what the include sets a variable to; otherwise its default. After a mistake it is unknown.
func (s *scope) given(x *variable) cty.Value {
	absent := x.unknown() // without a default, that was reported
	if x.byDefault != nil {
		absent = *x.byDefault
	}
	attr := s.config.in.block.Body.Attributes[x.name]
	if attr == nil || reserved(x.name) { // that was reported
		return absent
	}
	defer s.evaluatedFor(s.subject())()
	raw, ok := s.up.eval(attr.Expr, s.each)
	if !ok {
		return x.unknown()
	}
	s.hide(raw)
	wrong := func(problem string) cty.Value {
		s.up.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s %s", s.name(), x.name, problem),
			fmt.Sprintf("Its variable is at %s.", place(x.block.DefRange()))))
		return x.unknown()
	}
	v, err := x.convert(raw)
	if err == nil {
		if problem, hint := x.stray(attr.Expr, raw.Type()); problem != "" {
			s.up.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s %s", s.name(), x.name, problem),
				fmt.Sprintf("%s Its variable is at %s.", hint, place(x.block.DefRange()))))
			return x.unknown()
		}
	}
	switch {
	case err != nil && x.sensitive:
		return wrong(mismatch(raw.Mark(sensitive), x.ty, err))
	case err != nil:
		return wrong(mismatch(raw, x.ty, err))
	case v.IsNull() && !x.nullable && x.byDefault != nil:
		return absent
	case v.IsNull() && !x.nullable:
		return wrong("must not be null")
	}
	return v
}

// subject is what mistakes in the block of the scope's include are about.
func (s *scope) subject() subject { return subject{keys: s.suffix()} }

// inputs evaluates all variables of a library for one of its includes, and checks them.
func (s *scope) inputs() {
	for _, x := range s.config.variables {
		s.input(x, x.block.DefRange())
	}
	for _, x := range s.config.variables {
		s.validate(x, func(condition hcl.Range, text string) {
			attr := s.config.in.block.Body.Attributes[x.name]
			if attr == nil {
				s.report(mistake(condition, fmt.Sprintf("The default of variable %q is not valid", x.name), text))
				return
			}
			defer s.evaluatedFor(s.subject())()
			s.up.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: the value of %s is not valid", s.name(), x.name),
				fmt.Sprintf("%s Its variable is at %s.", sentence(text), place(x.block.DefRange()))))
		})
	}
}

// checkLibrary evaluates what a library has beside steps, which may be used nowhere.
func (s *scope) checkLibrary() {
	s.inputs()
	for _, name := range sortedKeys(s.config.locals) {
		s.local(name, s.config.locals[name].NameRange)
	}
	for _, b := range s.config.outputs {
		s.output(b, b.block.DefRange())
	}
}

// checkTop checks what the libraries of includes at the top level have beside plays.
func (s *scope) checkTop(c *config) {
	for _, i := range c.items {
		if i.include == nil {
			continue
		}
		for _, inner := range s.expandInclude(i.include) {
			s.inside(inner).checkLibrary()
			s.checkTop(inner)
		}
	}
}

// checkItems checks steps, and libraries, which are the same for all hosts of a play unless they use self.
func (s *scope) checkItems(items []item, first bool) {
	defer func(before bool) { s.varies = before }(s.varies)
	for _, i := range items {
		switch {
		case i.step != nil && (first || i.step.uses.self):
			s.varies = i.step.uses.self
			s.checkStep(i.step)
		case i.include != nil && (first || i.include.uses.self):
			s.varies = i.include.uses.self
			for _, child := range s.include(i.include).scopes {
				child.inherited()
				child.checkLibrary()
				child.checkItems(child.config.items, first)
			}
		}
	}
}

// includeReference returns what include.NAME is in expressions: an object of the library's outputs; with for_each, an object of
// these.
func (s *scope) includeReference(label string, at hcl.Range) cty.Value {
	name := "include." + label
	var blocks []*includeBlock
	var labels []string
	for _, b := range s.config.includes {
		if !slices.Contains(labels, b.label) {
			labels = append(labels, b.label)
		}
		if b.label == label {
			blocks = append(blocks, b)
		}
	}
	if i := slices.IndexFunc(blocks, func(b *includeBlock) bool { return s.play != nil && b.play == s.play.block }); i >= 0 {
		blocks = blocks[i : i+1]
	}
	switch len(blocks) {
	case 0:
		s.report(mistake(at, fmt.Sprintf("There is no include %q", label), didYouMean(label, labels, "The includes are")))
		return cty.DynamicVal
	case 1:
	default:
		var places []string
		for _, b := range blocks {
			places = append(places, place(b.block.DefRange()))
		}
		s.report(mistake(at, name+" is ambiguous", fmt.Sprintf("There is one at %s. Rename the one that you mean.", strings.Join(places, " and "))))
		return cty.DynamicVal
	}
	b := blocks[0]
	switch {
	case b.inner == nil:
		return cty.DynamicVal // its mistake was reported
	case b.play == nil:
		return s.plays(b, at)
	case s.kind == staticScope:
		s.report(mistake(at, name+" can't be used here", s.onlyInSteps("An include in a play")))
		return cty.DynamicVal
	case b.play == s.blockOfPlay() && b.config == s.config:
		return s.outputsOf(s.include(b), at)
	}
	play := b.play.play
	if play == nil || len(play.Hosts) == 0 {
		return cty.DynamicVal // the play's mistake was reported
	}
	host := play.Hosts[0]
	if s.host != nil && slices.Contains(play.Hosts, s.host) {
		host = s.host
	}
	in := s.scope(stepScope, play, host)
	return in.outputsOf(in.include(b), at)
}

func (s *scope) blockOfPlay() *playBlock {
	if s.play == nil {
		return nil
	}
	return s.play.block
}

// plays returns what an include at the top level is in expressions.
func (s *scope) plays(b *includeBlock, at hcl.Range) cty.Value {
	x := &inclusions{known: true, keyed: b.meta("for_each") != nil}
	root := s.root(s.scopeKey)
	for _, c := range s.expandInclude(b) {
		x.scopes = append(x.scopes, root.inside(c))
	}
	return s.outputsOf(x, at)
}

func (s *scope) outputsOf(x *inclusions, at hcl.Range) cty.Value {
	if !x.known {
		return cty.DynamicVal
	}
	byKey := map[string]cty.Value{}
	for _, child := range x.scopes {
		outputs := map[string]cty.Value{}
		for _, b := range child.config.outputs {
			outputs[b.name] = child.output(b, at)
		}
		byKey[child.key] = cty.ObjectVal(outputs)
	}
	if !x.keyed && len(x.scopes) == 1 {
		return byKey[""]
	}
	return cty.ObjectVal(byKey)
}

// output returns the value of one of a library's outputs.
func (s *scope) output(b *outputBlock, at hcl.Range) cty.Value {
	return s.once(b, s.prefix()+"output."+b.name, at, func() cty.Value {
		attrs := b.block.Body.Attributes
		v, _ := s.eval(attrs["value"].Expr, cty.NilVal)
		if attr := attrs["sensitive"]; attr != nil {
			if secret, _ := s.boolean(attr, fmt.Sprintf("output %q", b.name), cty.NilVal); secret {
				v = v.Mark(sensitive)
			}
		}
		return v
	})
}

// expandInclude returns the declarations of a library at the top level: one, or one for each element of the include's for_each.
func (e *evaluation) expandInclude(b *includeBlock) []*config {
	if b.inner == nil {
		return nil
	}
	attr := b.meta("for_each")
	if attr == nil {
		return []*config{b.inner}
	}
	if all, ok := e.expanded[b]; ok {
		return all
	}
	s := e.scope(staticScope, nil, nil).inside(b.config)
	v, ok := s.eval(attr.Expr, cty.NilVal)
	if ok {
		v, ok = s.elements(v, attr, b.String())
	}
	var all []*config
	switch {
	case ok && v.IsKnown():
		for _, each := range pairs(v) {
			c, _ := e.declareLibrary(b, b.inner.dir) // its mistakes were reported
			c.key, c.each = each.GetAttr("key").AsString(), each
			all = append(all, c)
		}
	case ok && !e.flawed:
		s.report(mistake(attr.Expr.Range(), b.String()+": for_each must be known before any host is", "It decides which plays there are."))
	}
	e.expanded[b] = all
	return all
}

// expandPlays returns the play blocks of c and of its includes, in the order of the files.
func (e *evaluation) expandPlays(c *config) []*playBlock {
	var all []*playBlock
	for _, i := range c.items {
		if i.play != nil {
			all = append(all, i.play)
			continue
		}
		for _, inner := range e.expandInclude(i.include) {
			all = append(all, e.expandPlays(inner)...)
		}
	}
	return all
}
