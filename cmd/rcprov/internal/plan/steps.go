package plan

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/rcprov/rcprov/modules"
	"github.com/rcprov/rcprov/modules/observe"
)

// expansion is what a step block becomes on one host: one instance, or one for each element of for_each.
type expansion struct {
	instances []*instance
	keyed     bool // has for_each
	known     bool // false: the elements of for_each are not known; instances has one that stands for all
}

// instance is one step on one host.
type instance struct {
	*decoded
	block *stepBlock
	key   string
	keyed bool
	each  cty.Value // NilVal without for_each
	built *modules.Built
	tried bool // built is set, or a mistake was reported
}

func (i *instance) suffix() string {
	if i.keyed {
		return fmt.Sprintf("[%q]", i.key)
	}
	return ""
}

func (i *instance) String() string { return i.block.String() + i.suffix() }

// Bind returns the steps of a play on one of its hosts, in the order in which they are applied. facts may be nil
// when [Plan.NeedsFacts] is false.
func (p *Plan) Bind(play *Play, host *Host, facts *observe.Facts) ([]Step, hcl.Diagnostics) {
	e := p.evaluation(map[string]*observe.Facts{host.Name: facts})
	s := e.scope(stepScope, play, host)
	e.binding = s
	applies, known := s.playApplies()
	if !known {
		return nil, tidy(e.diags, p.Secrets)
	}
	var steps []Step
	for _, b := range play.block.steps {
		if !applies {
			steps = append(steps, Step{
				Address: b.address(), Module: b.module.Name, Tags: play.Tags, Range: b.block.DefRange(),
				Skip: "when of the play is false", ArgRange: b.argRange,
			})
			continue
		}
		steps = append(steps, s.bindStep(b)...)
	}
	return steps, tidy(e.diags, p.Secrets)
}

func (s *scope) bindStep(b *stepBlock) []Step {
	if !s.enterStep(b, b.block.DefRange()) {
		return nil
	}
	defer s.leave()
	var steps []Step
	x := s.expand(b)
	if !x.known {
		s.notKnown(b.meta("for_each"), b.String())
		return nil
	}
	for _, i := range x.instances {
		step := s.metaArguments(i)
		step.Address = b.address() + i.suffix()
		if step.Skip != "" {
			steps = append(steps, step)
			continue
		}
		s.decode(i)
		s.build(i)
		if i.built == nil {
			continue
		}
		for _, part := range i.built.Parts {
			one := step
			one.Step = part.Step
			if part.Name != "" {
				one.Address += "/" + part.Name
			}
			steps = append(steps, one)
		}
	}
	return steps
}

// checkStep evaluates all of a step without the facts of the host.
func (s *scope) checkStep(b *stepBlock) {
	if !s.enterStep(b, b.block.DefRange()) {
		return
	}
	defer s.leave()
	for _, i := range s.expand(b).instances {
		s.metaArguments(i)
		s.decode(i)
		s.build(i)
	}
}

func (s *scope) enterStep(b *stepBlock, at hcl.Range) bool {
	type id struct {
		scope *scope
		block *stepBlock
	}
	return s.enter(id{s, b}, b.address(), at)
}

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
	v, ok := s.eval(attr.Expr, cty.NilVal)
	if ok {
		v, ok = s.elements(v, attr, b)
	}
	if !ok || !v.IsKnown() {
		x.known = false
		x.instances = []*instance{{block: b, key: "...", keyed: true, each: cty.ObjectVal(map[string]cty.Value{
			"key": cty.UnknownVal(cty.String).RefineNotNull(), "value": elementOf(v.Type()),
		})}}
		return x
	}
	for key, value := range v.Elements() {
		each := value
		if !v.Type().IsTupleType() {
			each = cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})
		}
		x.instances = append(x.instances, &instance{block: b, key: each.GetAttr("key").AsString(), keyed: true, each: each})
	}
	return x
}

func elementOf(ty cty.Type) cty.Value {
	if ty.IsCollectionType() {
		return cty.UnknownVal(ty.ElementType())
	}
	return cty.DynamicVal
}

// elements checks the value of for_each and returns an object or map, whose keys are the instances'; or, to keep the
// order of a list, a tuple of objects with key and value.
func (s *scope) elements(v cty.Value, attr *hclsyntax.Attribute, b *stepBlock) (cty.Value, bool) {
	wrong := func(format string, a ...any) (cty.Value, bool) {
		s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: for_each ", b)+fmt.Sprintf(format, a...),
			"Give a list of different strings, or a map or object: each.key is the name of the step."))
		return cty.DynamicVal, false
	}
	const secret = "must not be sensitive: its keys are names of steps"
	if v.IsMarked() {
		return wrong(secret)
	}
	ty := v.Type()
	switch {
	case !v.IsKnown():
		return v, true
	case v.IsNull():
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
			return wrong(secret)
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

// metaArguments returns a Step with all that the meta-arguments say.
func (s *scope) metaArguments(i *instance) Step {
	b, what := i.block, i.String()
	step := Step{Module: b.module.Name, Range: b.block.DefRange(), ArgRange: b.argRange}
	if attr := b.meta("when"); attr != nil {
		applies, known := s.boolean(attr, what, i.each)
		switch {
		case known && !applies:
			step.Skip = "when is false"
		case !known:
			s.notKnown(attr, what)
		}
	}
	step.Tags = slices.Clone(s.play.Tags)
	if attr := b.meta("tags"); attr != nil {
		v, _ := s.typed(attr, what, cty.List(cty.String), i.each)
		step.Tags = append(step.Tags, stringList(v)...)
	}
	if attr := b.meta("retries"); attr != nil {
		step.Retries = s.count(attr, what, i.each, 0, 0)
	}
	if attr := b.meta("timeout"); attr != nil {
		if text, known := s.text(attr, what, i.each); known && text != "" {
			d, err := time.ParseDuration(text)
			if err != nil || d <= 0 {
				s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: timeout must be a time, not %q", what, text),
					`Write "30s", "5m" or "1h30m".`))
			}
			step.Timeout = d
		}
	}
	if attr := b.meta("run_once"); attr != nil {
		step.RunOnce, _ = s.boolean(attr, what, i.each)
	}
	return step
}

// notKnown reports an argument that must be known now and is not: it depends on the facts of another host.
func (s *scope) notKnown(attr *hclsyntax.Attribute, what string) {
	if s.binding != s || len(s.diags) > 0 {
		return
	}
	s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s is not known on host %q", what, attr.Name, s.host.Name),
		"It refers to a step of a play that does not run on this host, and there it depends on facts of another host. "+
			"Refer to something that follows from the plan alone, such as the address of that host."))
}

// build makes the module's steps, once its arguments are known.
func (s *scope) build(i *instance) {
	if i.tried || !i.complete() {
		return
	}
	i.tried = true
	b := i.block
	env := modules.Env{
		Host: s.host.Name, Label: b.label, Facts: s.facts[s.host.Name], Templates: s.opts.Templates,
		Sensitive: func(arg string) bool { return i.sensitive[arg] },
		ReadFile:  s.readFile,
		Render:    s.templates.render,
	}
	for _, h := range s.play.Hosts {
		env.Peers = append(env.Peers, modules.Peer{Name: h.Name, Address: h.Address})
	}
	if i.keyed {
		env.Label += i.suffix()
	}
	built, err := b.module.Build(i.args, env)
	if err != nil {
		for _, one := range split(err) {
			s.report(i.argumentError(one))
		}
		return
	}
	i.built = &built
}

func (p *Plan) readFile(path string) ([]byte, error) {
	content, err := os.ReadFile(p.absolute(path))
	if err != nil {
		return nil, modules.WithHint(fmt.Errorf("%q can't be read: %s", path, cause(err)),
			"A relative path starts at the plan's directory, %s.", p.dir)
	}
	return content, nil
}

// absolute returns a path on the controller, which may be relative to the plan's directory.
func (p *Plan) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(p.dir, path)
}

// split returns the errors that were put together with errors.Join.
func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // only the outermost is a list of mistakes
	if !ok {
		return []error{err}
	}
	list := joined.Unwrap()
	if errors.Join(list...).Error() != err.Error() {
		return []error{err} // fmt.Errorf with several %w: one mistake
	}
	var all []error
	for _, one := range list {
		all = append(all, split(one)...)
	}
	return all
}

// argumentError shows a mistake that a module found at the argument to blame.
func (i *instance) argumentError(err error) *hcl.Diagnostic {
	at, text, hint := i.block.block.DefRange(), err.Error(), ""
	var arg *modules.ArgError
	if errors.As(err, &arg) {
		at, text, hint = i.block.argRange(arg.Arg), arg.Arg+" "+arg.Err.Error(), arg.Hint
	}
	var advice *modules.HintError
	if hint == "" && errors.As(err, &advice) {
		hint = advice.Hint
	}
	return mistake(at, fmt.Sprintf("%s: %s", i, text), hint)
}

// argRange returns where an argument is given, or the block's header. "rule.port" is an argument in a nested block.
func (b *stepBlock) argRange(arg string) hcl.Range {
	at, body := b.block.DefRange(), b.block.Body
	for _, name := range strings.Split(arg, ".") {
		if attr := body.Attributes[name]; attr != nil {
			return attr.SrcRange
		}
		i := slices.IndexFunc(body.Blocks, func(inner *hclsyntax.Block) bool { return inner.Type == name })
		if i < 0 {
			return at
		}
		at, body = body.Blocks[i].DefRange(), body.Blocks[i].Body
	}
	return at
}

// labels returns the labels of a module's blocks in all plays.
func (c *config) labels(module string) []string {
	var labels []string
	for _, p := range c.plays {
		for _, b := range p.steps {
			if b.module.Name == module && !slices.Contains(labels, b.label) {
				labels = append(labels, b.label)
			}
		}
	}
	return labels
}

// stepReference returns what MODULE.NAME is in expressions.
func (s *scope) stepReference(module, label string, at hcl.Range) cty.Value {
	name := stepAddress(module, label)
	if s.kind == staticScope {
		s.report(mistake(at, fmt.Sprintf("%s is not known here", name), s.onlyInSteps("A step")))
		return cty.DynamicVal
	}
	blocks := s.config.steps(module, label)
	if i := slices.IndexFunc(blocks, func(b *stepBlock) bool { return s.play != nil && b.play == s.play.block }); i >= 0 {
		blocks = blocks[i : i+1]
	}
	switch len(blocks) {
	case 0:
		s.report(mistake(at, fmt.Sprintf("There is no step %s %q", module, label),
			didYouMean(label, s.config.labels(module), fmt.Sprintf("The steps of this module are"))))
		return cty.DynamicVal
	case 1:
	default:
		var plays []string
		for _, b := range blocks {
			plays = append(plays, fmt.Sprintf("%q", b.play.name))
		}
		s.report(mistake(at, fmt.Sprintf("%s may be one of several steps", name),
			fmt.Sprintf("The plays %s have a step %s %q. Give the one that you mean another name.", strings.Join(plays, ", "), module, label)))
		return cty.DynamicVal
	}
	play := blocks[0].play.play
	if play == nil || len(play.Hosts) == 0 {
		return cty.DynamicVal // the play's mistake is reported
	}
	host := play.Hosts[0]
	if s.host != nil && slices.Contains(play.Hosts, s.host) {
		host = s.host
	}
	return s.scope(stepScope, play, host).stepValue(blocks[0], at)
}

// stepValue returns the value of a step of the scope's play on its host.
func (s *scope) stepValue(b *stepBlock, at hcl.Range) cty.Value {
	if value, ok := s.values[b]; ok {
		return value
	}
	if !s.enterStep(b, at) {
		return cty.DynamicVal
	}
	defer s.leave()
	x := s.expand(b)
	if !x.known {
		s.values[b] = cty.DynamicVal
		return cty.DynamicVal
	}
	byKey := map[string]cty.Value{}
	for _, i := range x.instances {
		byKey[i.key] = s.instanceValue(i)
	}
	if x.keyed {
		s.values[b] = cty.ObjectVal(byKey)
	} else {
		s.values[b] = byKey[""]
	}
	return s.values[b]
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
		panic(fmt.Sprintf("outputs of module %s: %v", i.block.module.Name, err)) // the module's own tests meet it
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

// output returns one output: marked when a sensitive argument went into it, and not known when it is null and the
// module still lacks the facts.
func (i *instance) output(v cty.Value, ty cty.Type, factsMissing bool) cty.Value {
	if v.IsKnown() && v.IsNull() && factsMissing && i.block.module.NeedsFacts {
		return cty.UnknownVal(ty)
	}
	for _, text := range texts(v) {
		for _, secret := range i.secrets {
			if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) || strings.Contains(text, url.PathEscape(secret)) {
				return v.Mark(sensitive)
			}
		}
	}
	return v
}
