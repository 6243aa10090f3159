package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/rcprov/rcprov/modules"
)

// config holds the declarations of a plan's files, or of a library's for one include, before anything is evaluated.
type config struct {
	dir       *directory
	modules   map[string]*module
	variables []*variable
	locals    map[string]*hclsyntax.Attribute
	hosts     []*hostBlock
	lostHosts bool // a host has a name that none can have
	groups    []*groupBlock
	plays     []*playBlock
	outputs   []*outputBlock

	items    []item          // plays and includes of a plan, or of a library at the top level; steps and includes of one in a play
	blocks   []*stepBlock    // all steps, but those of includes
	includes []*includeBlock // all includes, but those in includes

	in   *includeBlock // of a library: the include that it is read for; nil: these are the plan's own files
	each cty.Value     // of a library at the top level whose include has for_each; otherwise NilVal
	key  string        // of each
}

// item is a block whose place among others matters: one of these.
type item struct {
	play    *playBlock
	step    *stepBlock
	include *includeBlock
}

// module is a registered module with the shape of its arguments.
type module struct {
	modules.Module
	spec *bodySpec
}

// hostBlock is a host: a block `host`, or one element of its for_each.
type hostBlock struct {
	name   string
	block  *hclsyntax.Block
	each   cty.Value // NilVal without for_each
	groups []string  // that it names itself, once its value is known
}

// groupBlock is a group, as hostBlock is a host.
type groupBlock struct {
	name  string
	block *hclsyntax.Block
	each  cty.Value
}

type playBlock struct {
	config *config
	name   string
	block  *hclsyntax.Block
	play   *Play // set once its hosts are known
	items  []item
	uses   uses
}

type stepBlock struct {
	config *config
	play   *playBlock
	module *module
	label  string
	block  *hclsyntax.Block
	uses   uses
	asks   []queryUse // the answers that it depends on
	order  int        // among the steps of the play
}

type outputBlock struct {
	name  string
	block *hclsyntax.Block
}

// Names that expressions can start with, beside modules.
var roots = []string{"var", "local", "host", "group", "include", "self", "facts", "each", queryRoot}

// Blocks of the language and their arguments.
var (
	topBlocks     = []string{"variable", "locals", "host", "group", "play", "include", "output"}
	variableArgs  = []string{"type", "default", "description", "sensitive", "nullable", "generate"}
	validationArg = []string{"condition", "error_message"}
	hostArgs      = []string{
		"address", "port", "fallback_port", "user", "fallback_user", "identity_file", "proxy_jump", "password", "become", "become_password",
		"connection", "groups", "vars", "for_each",
	}
	groupArgs  = []string{"hosts", "vars", "for_each"}
	playArgs   = []string{"hosts", "serial", "max_fail", "depends_on", "tags", "when", "preflight"}
	outputArgs = []string{"value", "description", "sensitive"}
	stepMeta   = []string{"when", "for_each", "tags", "retries", "timeout", "run_once", "preflight"}
)

func newConfig(dir *directory, known map[string]*module) *config {
	return &config{
		dir: dir, modules: known, each: cty.NilVal,
		locals: map[string]*hclsyntax.Attribute{},
	}
}

func knownModules(list []modules.Module) map[string]*module {
	query := queryModule()
	known := map[string]*module{queryRoot: {Module: query, spec: newBodySpec(query.NewArgs())}}
	for _, m := range list {
		known[m.Name] = &module{Module: m}
	}
	return known
}

// play returns the play block with this name, or nil.
func (c *config) play(name string) *playBlock {
	for _, p := range c.plays {
		if p.name == name {
			return p
		}
	}
	return nil
}

// steps returns the blocks of a module with a label, in all plays.
func (c *config) steps(module, label string) []*stepBlock {
	var found []*stepBlock
	for _, b := range c.blocks {
		if b.module.Name == module && b.label == label {
			found = append(found, b)
		}
	}
	return found
}

// groupNames returns the names of all groups.
func (p *Plan) groupNames() []string {
	names := slices.Collect(maps.Keys(p.groupBlocks))
	for _, host := range p.hostOrder {
		names = append(names, host.groups...)
	}
	names = append(names, allHosts)
	slices.Sort(names)
	return slices.Compact(names)
}

func (b *stepBlock) String() string { return fmt.Sprintf("%s %q", b.module.Name, b.label) }

func (b *stepBlock) address() string { return stepAddress(b.module.Name, b.label) }

// stepAddress returns what expressions and reports call a step.
func stepAddress(module, label string) string {
	if hclsyntax.ValidIdentifier(label) {
		return module + "." + label
	}
	return fmt.Sprintf("%s[%q]", module, label)
}

// meta returns the meta-argument with this name, or nil. An argument of the module with the same name hides it.
func (b *stepBlock) meta(name string) *hclsyntax.Attribute {
	if b.module.spec.find(name) != nil {
		return nil
	}
	return b.block.Body.Attributes[name]
}

// declarer collects a config from files.
type declarer struct {
	*config
	plan  *Plan
	diags hcl.Diagnostics
	twice []twice

	dirs    []string   // of the libraries that include each other down to this one, and the plan's if it is one
	library *playBlock // of a library for a play: the play in which its steps are
}

func (d *declarer) report(diag *hcl.Diagnostic) { d.diags = append(d.diags, diag) }

func (d *declarer) file(body *hclsyntax.Body) {
	for _, attr := range sortedAttributes(body) {
		d.report(mistake(attr.NameRange, fmt.Sprintf("%q is outside of a block", attr.Name),
			fmt.Sprintf("Write `locals { %s = ... }`, or `variable %q { default = ... }` for a value that can be set when the "+
				"plan is run.", attr.Name, attr.Name)))
	}
	for _, b := range body.Blocks {
		switch b.Type {
		case "variable":
			d.variable(b)
		case "locals":
			d.localValues(b)
		case "include":
			d.include(b, d.library, &d.items)
		case "host", "group":
			switch {
			case d.library != nil && d.modules[b.Type] != nil && (b.Body.Attributes["hosts"] != nil || b.Body.Attributes["vars"] != nil):
				d.report(mistake(b.DefRange(), "A library can't have a group of hosts",
					"Hosts and groups belong to the plan. In a library, `group` is a step: a group of users on the host."))
			case d.library != nil && d.modules[b.Type] != nil: // a step of the module group
				d.step(d.library, b, &d.items)
			case d.in != nil:
				d.report(mistake(b.DefRange(), fmt.Sprintf("A library can't have a block %q", b.Type),
					"Hosts and groups belong to the plan. A library may refer to them; better, it has a variable that the include sets."))
			case b.Type == "host":
				d.host(b)
			default:
				d.group(b)
			}
		case "play":
			d.play(b)
		case "output":
			d.output(b)
		default:
			d.unknownTopBlock(b)
		}
	}
}

func (d *declarer) unknownTopBlock(b *hclsyntax.Block) {
	if _, ok := d.modules[b.Type]; ok || d.library != nil {
		if d.library != nil {
			d.step(d.library, b, &d.items)
			return
		}
		hint := "Put it into a block `play \"NAME\" { hosts = group.all ... }`, which says on which hosts it runs."
		if d.in != nil {
			hint = "Put the include into a play; outside of one, a library has plays."
		}
		d.report(mistake(b.DefRange(), fmt.Sprintf("The step %s %q is outside of a play", b.Type, strings.Join(b.Labels, " ")), hint))
		return
	}
	d.report(mistake(b.TypeRange, fmt.Sprintf("There is no block type %q", b.Type),
		instead(b.Type, topBlocks, "The block types are")))
}

func (d *declarer) variable(b *hclsyntax.Block) {
	name, ok := d.identifier(b)
	d.body(b, variableArgs, []string{"validation"})
	if !ok {
		return
	}
	for _, v := range d.variables {
		if v.name == name {
			d.duplicate(b, "variables", v.block)
			return
		}
	}
	d.variables = append(d.variables, &variable{name: name, block: b})
}

func (d *declarer) localValues(b *hclsyntax.Block) {
	d.labels(b, 0)
	for _, attr := range sortedAttributes(b.Body) {
		if first, ok := d.locals[attr.Name]; ok {
			d.report(mistake(attr.NameRange, fmt.Sprintf("There are two locals %q", attr.Name),
				fmt.Sprintf("The first is at %s. Give one of them another name.", place(first.NameRange))))
			continue
		}
		d.locals[attr.Name] = attr
	}
	for _, inner := range b.Body.Blocks {
		d.report(mistake(inner.DefRange(), "locals can't contain blocks",
			fmt.Sprintf("Write a value: `%s = { ... }`.", inner.Type)))
	}
}

func (d *declarer) host(b *hclsyntax.Block) {
	d.body(b, hostArgs, nil)
	if b.Body.Attributes["for_each"] != nil && len(b.Labels) <= 1 { // the keys are the names
		d.hosts = append(d.hosts, &hostBlock{block: b, each: cty.NilVal})
		return
	}
	name, ok := d.word(b)
	if !ok {
		d.lostHosts = true
		return
	}
	for _, h := range d.hosts {
		if h.name == name {
			d.duplicate(b, "hosts", h.block)
			return
		}
	}
	d.hosts = append(d.hosts, &hostBlock{name: name, block: b, each: cty.NilVal})
}

func (d *declarer) group(b *hclsyntax.Block) {
	d.body(b, groupArgs, nil)
	if b.Body.Attributes["for_each"] != nil && len(b.Labels) <= 1 {
		d.groups = append(d.groups, &groupBlock{block: b, each: cty.NilVal})
		return
	}
	name, ok := d.word(b)
	if !ok {
		return
	}
	if name == allHosts {
		d.report(mistake(b.DefRange(), "The group \"all\" can't be declared", "It already exists, with every host of the plan."))
		return
	}
	for _, g := range d.groups {
		if g.name == name {
			d.duplicate(b, "groups", g.block)
			return
		}
	}
	d.groups = append(d.groups, &groupBlock{name: name, block: b, each: cty.NilVal})
}

func (d *declarer) output(b *hclsyntax.Block) {
	d.body(b, outputArgs, nil)
	name, ok := d.identifier(b)
	if !ok {
		return
	}
	for _, o := range d.outputs {
		if o.name == name {
			d.duplicate(b, "outputs", o.block)
			return
		}
	}
	if b.Body.Attributes["value"] == nil {
		d.report(mistake(b.DefRange(), fmt.Sprintf("output %q has no value", name), "Add `value = ...`."))
		return
	}
	d.outputs = append(d.outputs, &outputBlock{name: name, block: b})
}

func (d *declarer) play(b *hclsyntax.Block) {
	if d.library != nil {
		d.report(mistake(b.DefRange(), "A library that is included in a play can't have plays",
			"Move the block include out of the play, or the steps out of this one."))
		return
	}
	name, ok := d.name(b)
	if !ok {
		return
	}
	d.attributes(b.Body, fmt.Sprintf("play %q", name), playArgs, append(slices.Collect(maps.Keys(d.modules)), "include"))
	if first := d.config.play(name); first != nil {
		d.duplicate(b, "plays", first.block)
		return
	}
	p := &playBlock{config: d.config, name: name, block: b}
	d.plays = append(d.plays, p)
	d.items = append(d.items, item{play: p})
	for _, inner := range b.Body.Blocks {
		if inner.Type == "include" {
			d.include(inner, p, &p.items)
			continue
		}
		d.step(p, inner, &p.items)
	}
}

// step adds a step of a play to items: those of the play, or of the library for it.
func (d *declarer) step(p *playBlock, b *hclsyntax.Block, items *[]item) {
	m, ok := d.modules[b.Type]
	if !ok {
		d.report(mistake(b.TypeRange, fmt.Sprintf("There is no module %q", b.Type),
			instead(b.Type, slices.Collect(maps.Keys(d.modules)), "The modules are")))
		return
	}
	if m.spec == nil {
		m.spec = newBodySpec(m.NewArgs())
	}
	label, ok := d.name(b)
	if !ok {
		return
	}
	for _, i := range *items {
		if other := i.step; other != nil && other.module == m && other.label == label {
			what := fmt.Sprintf("play %q", p.name)
			if d.library != nil {
				what = "The library"
			}
			d.report(mistake(b.DefRange(), fmt.Sprintf("%s has two steps %s %q", what, b.Type, label),
				fmt.Sprintf("The first is at %s. The label names the step in references and reports: change one of them.",
					place(other.block.DefRange()))))
			return
		}
	}
	step := &stepBlock{config: d.config, play: p, module: m, label: label, block: b}
	d.blocks = append(d.blocks, step)
	*items = append(*items, item{step: step})
}

func (d *declarer) duplicate(b *hclsyntax.Block, kind string, first *hclsyntax.Block) {
	if first.DefRange().Filename != b.DefRange().Filename {
		d.twice = append(d.twice, twice{b.Type, b.Labels[0], first.DefRange().Filename, b.DefRange().Filename})
	}
	d.report(mistake(b.DefRange(), fmt.Sprintf("There are two %s %q", kind, b.Labels[0]),
		fmt.Sprintf("The first is at %s. Give one of them another name.", place(first.DefRange()))))
}

// labels checks the number of a block's labels.
func (d *declarer) labels(b *hclsyntax.Block, want int) bool {
	switch {
	case len(b.Labels) == want:
		return true
	case want == 0:
		d.report(mistake(b.LabelRanges[0], fmt.Sprintf("A block %s takes no name", b.Type), fmt.Sprintf("Write `%s { ... }`.", b.Type)))
	default:
		d.report(mistake(b.DefRange(), fmt.Sprintf("A block %s needs one name", b.Type), fmt.Sprintf("Write `%s \"NAME\" { ... }`.", b.Type)))
	}
	return false
}

// name returns the label of a block: any printable text.
func (d *declarer) name(b *hclsyntax.Block) (string, bool) {
	return d.label(b, unicode.IsPrint, "A name has at least one character and no control characters.")
}

// word returns the label of a host or group.
func (d *declarer) word(b *hclsyntax.Block) (string, bool) {
	if !d.labels(b, 1) {
		return "", false
	}
	if rule := nameRule(b.Type, b.Labels[0]); rule != "" {
		d.report(mistake(b.LabelRanges[0], fmt.Sprintf("%q can't be the name of a %s", b.Labels[0], b.Type), rule))
		return "", false
	}
	return b.Labels[0], true
}

// nameRule returns the rule that the name of a host or group breaks; empty: it is fine. `--limit` and `rcprov run` give some characters
// a meaning.
func nameRule(kind, name string) string {
	switch {
	case strings.TrimSpace(name) == "" || strings.ContainsFunc(name, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }):
		return "A name has at least one character, and no spaces or control characters."
	case strings.ContainsAny(name, `,&*?[\`), strings.HasPrefix(name, "!"), strings.HasPrefix(name, "@"):
		return "A name has none of the characters , & * ? [ \\ in it, and neither ! nor @ in front: they have a meaning in --limit."
	case kind == "host" && name == allHosts:
		return "It is the group of all hosts."
	}
	return ""
}

func (d *declarer) label(b *hclsyntax.Block, allowed func(rune) bool, rule string) (string, bool) {
	if !d.labels(b, 1) {
		return "", false
	}
	name := b.Labels[0]
	if strings.TrimSpace(name) == "" || strings.ContainsFunc(name, func(r rune) bool { return !allowed(r) }) {
		d.report(mistake(b.LabelRanges[0], fmt.Sprintf("%q can't be the name of a %s", name, b.Type), rule))
		return "", false
	}
	return name, true
}

// identifier returns the label of a block that expressions refer to.
func (d *declarer) identifier(b *hclsyntax.Block) (string, bool) {
	if !d.labels(b, 1) {
		return "", false
	}
	if !hclsyntax.ValidIdentifier(b.Labels[0]) {
		what := "a variable or output"
		if b.Type == "include" {
			what = "an include"
		}
		d.report(mistake(b.LabelRanges[0], fmt.Sprintf("%q can't be a name here", b.Labels[0]),
			fmt.Sprintf("The name of %s is a letter, followed by letters, digits, \"_\" and \"-\".", what)))
		return "", false
	}
	return b.Labels[0], true
}

// body reports attributes and blocks that are not allowed in a block of the language.
func (d *declarer) body(b *hclsyntax.Block, args, blocks []string) {
	what := b.Type
	if len(b.Labels) == 1 {
		what = fmt.Sprintf("%s %q", b.Type, b.Labels[0])
	}
	d.attributes(b.Body, what, args, blocks)
	for _, inner := range b.Body.Blocks {
		if !slices.Contains(blocks, inner.Type) {
			d.report(unexpectedBlock(inner, what, args, blocks))
		}
	}
}

func (d *declarer) attributes(body *hclsyntax.Body, what string, args, blocks []string) {
	for _, attr := range sortedAttributes(body) {
		if !slices.Contains(args, attr.Name) {
			d.report(unexpectedArgument(attr, what, args, blocks))
		}
	}
}

func sortedAttributes(body *hclsyntax.Body) []*hclsyntax.Attribute {
	attrs := slices.Collect(maps.Values(body.Attributes))
	slices.SortFunc(attrs, func(a, b *hclsyntax.Attribute) int { return a.NameRange.Start.Byte - b.NameRange.Start.Byte })
	return attrs
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
