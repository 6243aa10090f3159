package plan

import (
	"cmp"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// Bind returns the steps of a play on one of its hosts, in the order in which they are applied. facts may be nil if
// [Plan.NeedsFacts] is false.
func (p *Plan) Bind(play *Play, host *Host, facts *observe.Facts) ([]Step, hcl.Diagnostics) {
	e := p.evaluation(map[string]*observe.Facts{host.Name: facts})
	s := e.scope(stepScope, play, host)
	e.binding = s
	applies, known := s.playApplies()
	if !known {
		s.notKnown(play.block.block.Body.Attributes["when"], fmt.Sprintf("play %q", play.Name))
		return nil, e.result()
	}
	var steps []Step
	scopes := map[string]*scope{}
	if why := s.inherited().Skip; why != "" || !applies {
		s.skipped(play.block.items, func(in *scope, b *stepBlock) {
			steps = append(steps, in.skippedStep(b, cmp.Or(why, "when of the play is false")))
		})
		return steps, e.result()
	}
	s.walk(play.block.items, func(in *scope, b *stepBlock) {
		if why := in.inherited().Skip; why != "" {
			steps = append(steps, in.skippedStep(b, why))
			return
		}
		e.lenient = len(b.asks) > 0 && !b.isQuery()
		steps = append(steps, in.bindStep(b)...)
		e.lenient = false
		scopes[in.prefix()] = in
	})
	e.setNeeds(steps, scopes)
	return steps, e.result()
}

func (s *scope) skippedStep(b *stepBlock, why string) Step {
	around := s.inherited()
	return Step{
		Address: s.inPlay() + b.address(), play: s.play.Name, Module: b.module.Name, Tags: around.Tags, Range: b.block.DefRange(), Included: around.Included,
		Skip: why, ArgRange: b.argRange,
	}
}

func (s *scope) bindStep(b *stepBlock) []Step {
	if !s.enterStep(b, b.block.DefRange()) {
		return nil
	}
	defer s.leave()
	var steps []Step
	x := s.expand(b)
	if !x.known && s.lenient {
		return []Step{s.late(b, "", s.metaArguments(x.instances[0]))}
	}
	if !x.known {
		s.notKnown(b.meta("for_each"), b.String())
		return nil
	}
	for _, i := range x.instances {
		step := s.metaArguments(i)
		step.Address, step.play = s.inPlay()+b.address()+i.suffix(), s.play.Name
		if s.lenient && s.conditionUnknown(i) {
			steps = append(steps, s.late(b, i.suffix(), step))
			continue
		}
		if step.Skip != "" {
			steps = append(steps, step)
			continue
		}
		s.decode(i)
		if s.lenient && i.unknown && !i.wrong {
			steps = append(steps, s.late(b, i.suffix(), step))
			continue
		}
		s.build(i)
		if i.built == nil {
			continue
		}
		for _, part := range i.built.Parts {
			one := step
			one.Step, one.Claims = part.Step, modules.ClaimsOf(part.Step)
			if q, ok := part.Step.(*Query); ok {
				q.Name, q.block, q.prefix = s.inPlay()+b.label, b, s.prefix()
				one.Query = q
			}
			one.Requires = required(part.Requires, step.Levels)
			if part.Name != "" {
				one.Address += "/" + part.Name
			}
			steps = append(steps, one)
		}
	}
	return steps
}

// conditionUnknown reports whether the condition of a step depends on an answer that is not there yet.
func (s *scope) conditionUnknown(i *instance) bool {
	attr := i.block.meta("when")
	if attr == nil {
		return false
	}
	_, known := s.boolean(attr, i.String(), i.each)
	return !known
}

// checkStep evaluates a step without the facts of the host.
func (s *scope) checkStep(b *stepBlock) {
	if !s.enterStep(b, b.block.DefRange()) {
		return
	}
	defer s.leave()
	x := s.expand(b)
	if len(x.instances) == 0 && b.meta("tags") != nil {
		s.OpenTags = true // for_each is empty, perhaps only today: using its tags is no mistake
	}
	for _, i := range x.instances {
		end := s.evaluatedFor(i.subject(x.known))
		s.metaArguments(i)
		s.decode(i)
		s.build(i)
		s.checkTemplates(i)
		s.checkKnown(i)
		end()
	}
}

// subject is what mistakes in a step are about.
func (i *instance) subject(known bool) subject {
	if !known {
		return subject{}
	}
	return subject{keys: i.suffix()}
}

// checkTemplates reports mistakes in the templates of a step that could not be built because it depends on facts.
func (s *scope) checkTemplates(i *instance) {
	if i.complete() || i.wrong {
		return
	}
	for _, arg := range i.block.module.spec.args {
		name, _ := i.values[arg.name].Unmark()
		if arg.vars == "" || !name.IsKnown() || name.IsNull() {
			continue
		}
		if _, err := s.config.dir.templates.value(name.AsString(), i.values[arg.vars]); err != nil {
			s.report(i.argumentError(modules.Argf(arg.name, "%w", err)))
		}
	}
}

// checkKnown reports arguments that are unknown on the host whatever its facts are. [scope.notKnown] would report them too, but
// only when the facts are known: other hosts may have been changed by then.
func (s *scope) checkKnown(i *instance) {
	if len(i.block.asks) > 0 || s.flawed || len(s.diags) > s.unknowable || // something may be unknown for another mistake
		!s.ofPlay().alwaysTrue(s.play.block.block.Body.Attributes["when"], cty.NilVal) || !s.applies() || !s.alwaysTrue(i.block.meta("when"), i.each) {
		return
	}
	for _, attr := range sortedAttributes(i.block.block.Body) {
		if v, ok := i.values[attr.Name]; ok && !v.IsWhollyKnown() && !s.usesOwnFacts(i.block, attr.Expr) {
			s.unknowable++
			s.report(s.notKnownHere(attr, i.String()))
		}
	}
}

// alwaysTrue reports whether a condition is true for any facts of the host; a condition that is left out is.
func (s *scope) alwaysTrue(when *hclsyntax.Attribute, each cty.Value) bool {
	if when == nil {
		return true
	}
	applies, known := s.boolean(when, "when", each)
	return applies && known
}

func (s *scope) enterStep(b *stepBlock, at hcl.Range) bool {
	return s.enterOf(b, s.prefix()+b.address(), at)
}
