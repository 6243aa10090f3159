package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/rcprov/rcprov/modules"
)

// environPrefix is the prefix of environment variables that set variables of the plan.
const environPrefix = "RCPROV_VAR_"

type variable struct {
	name      string
	block     *hclsyntax.Block
	ty        cty.Type // DynamicPseudoType if the plan doesn't say
	optionals *typeexpr.Defaults
	text      bool // values from -var and the environment are strings, not expressions
	byDefault *cty.Value
	sensitive bool
	nullable  bool
	generate  string // how a value can be made; empty: by a person
}

// given is a value of a variable that was set outside of the plan.
type given struct {
	value  cty.Value
	text   *string // from -var and the environment: parsed according to the variable's type
	source string  // "-var", "RCPROV_VAR_domain", "prod.vars line 3"
	at     hcl.Range
}

// variables determines the values of all variables.
type variables struct {
	*Plan
	config *config // whose variables these are
	diags  hcl.Diagnostics
	given  map[string]given
	lost   bool // some values could not be read, so it is unknown which variables have none
}

func (v *variables) report(diags ...*hcl.Diagnostic) { v.diags = append(v.diags, diags...) }

func (p *Plan) setVariables() hcl.Diagnostics {
	v := &variables{Plan: p, config: p.config, given: map[string]given{}}
	for _, x := range p.config.variables {
		v.declare(x)
	}
	v.environ()
	for _, name := range p.opts.VarFiles {
		v.file(name)
	}
	for _, assignment := range p.opts.Vars {
		v.flag(assignment)
	}
	for _, x := range p.config.variables {
		value := v.value(x)
		if x.sensitive {
			p.Secrets = append(p.Secrets, texts(value)...)
			value = value.Mark(sensitive)
		}
		p.vars[x.name] = value
	}
	for _, x := range p.config.variables {
		v.validate(x)
	}
	return v.diags
}

// declare reads a variable block. Its expressions may call functions, but not refer to anything.
func (v *variables) declare(x *variable) {
	x.ty, x.nullable = cty.DynamicPseudoType, true
	attrs := x.block.Body.Attributes
	ctx := &hcl.EvalContext{Functions: v.config.dir.functions}
	if attr := attrs["type"]; attr != nil {
		ty, optionals, diags := typeexpr.TypeConstraintWithDefaults(attr.Expr)
		v.report(explainTypes(x, diags)...)
		if !diags.HasErrors() {
			x.ty, x.optionals = ty, optionals
		}
	}
	flag := func(name string, into *bool) {
		if attr := attrs[name]; attr != nil {
			value, diags := attr.Expr.Value(ctx)
			v.report(diags...)
			if diags.HasErrors() {
				return
			}
			value, err := convert.Convert(value, cty.Bool)
			if err != nil || value.IsNull() || !value.IsKnown() {
				v.report(mistake(attr.Expr.Range(), fmt.Sprintf("variable %q: %s must be true or false", x.name, name), ""))
				return
			}
			*into = value.True()
		}
	}
	flag("sensitive", &x.sensitive)
	flag("nullable", &x.nullable)
	if attr := attrs["default"]; attr != nil {
		v.setDefault(x, attr, ctx)
	}
	if attr := attrs["generate"]; attr != nil {
		v.setGenerate(x, attr, ctx)
	}
	x.text = x.ty.IsPrimitiveType() || (x.ty == cty.DynamicPseudoType && (x.byDefault == nil || x.byDefault.IsNull()))
}

// typeNames are the words of types; typeList says how they are written.
var typeNames = []string{"string", "number", "bool", "any", "list", "set", "map", "object", "tuple", "optional"}

const typeList = "The types are string, number, bool, any, list(TYPE), set(TYPE), map(TYPE), tuple([TYPE, ...]) and object({ NAME = TYPE, ... }), " +
	"in which optional(TYPE, DEFAULT) is an attribute that may be left out."

// explainTypes adds to what is said of a wrong type which types there are.
func explainTypes(x *variable, diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		if _, word, ok := strings.Cut(d.Detail, `eyword "`); ok {
			word, _, _ = strings.Cut(word, `"`)
			d.Summary, d.Detail = fmt.Sprintf("variable %q: there is no type %q", x.name, word), ""
			if near := nearest(word, typeNames); near != "" {
				d.Detail = fmt.Sprintf("Did you mean %q?", near)
			}
		}
		d.Detail = strings.TrimSpace(d.Detail + " " + typeList)
	}
	return diags
}

func (v *variables) setDefault(x *variable, attr *hclsyntax.Attribute, ctx *hcl.EvalContext) {
	unknown := x.unknown()
	value, diags := attr.Expr.Value(ctx)
	v.report(diags...)
	if diags.HasErrors() {
		x.byDefault = &unknown
		return
	}
	if x.block.Body.Attributes["type"] == nil && value.Type().IsPrimitiveType() {
		x.ty = value.Type() // so that -var port=80 gives a number where the default is one
	}
	converted, err := x.convert(value)
	problem, hint := x.stray(nil, value.Type())
	if err != nil {
		problem, hint = mismatch(value, x.ty, err), ""
	}
	if problem != "" {
		v.report(mistake(attr.Expr.Range(), fmt.Sprintf("variable %q: the default %s", x.name, problem), hint))
		converted = unknown
	}
	x.byDefault = &converted
}

func (x *variable) unknown() cty.Value { return cty.UnknownVal(x.ty.WithoutOptionalAttributesDeep()) }

func (x *variable) convert(value cty.Value) (cty.Value, error) {
	if x.optionals != nil && !value.IsNull() {
		value = x.optionals.Apply(value)
	}
	return convert.Convert(value, x.ty)
}

func (v *variables) environ() {
	for _, entry := range v.opts.Environ {
		name, text, _ := strings.Cut(entry, "=")
		if short, ok := strings.CutPrefix(name, environPrefix); ok && v.declared(short) {
			v.given[short] = given{text: &text, source: name}
		}
	}
}

// file reads a file of `name = value` lines. Messages show these lines unless they may contain a secret that is not known to
// be one: the value of a sensitive variable that can't be read or whose name is misspelled.
func (v *variables) file(name string) {
	read := v.opts.ReadVarFile
	if read == nil {
		read = readPlain
	}
	text, secret, err := read(name)
	if err != nil {
		v.lost = true
		v.report(unreadableVars(name, err))
		return
	}
	if name == stdinName {
		name = stdinWords
	}
	file, diags := parseConfig(unixLines(text), name)
	v.report(diags...)
	if diags.HasErrors() {
		v.lost = true
		v.show(name, file, !secret && !v.haveSecrets())
		return
	}
	presentable := !secret
	defer func() { v.show(name, file, presentable) }()
	body := file.Body.(*hclsyntax.Body)
	for _, b := range body.Blocks {
		v.report(blockInValues(b))
	}
	ctx := &hcl.EvalContext{Functions: v.config.dir.functions}
	for _, attr := range sortedAttributes(body) {
		x := v.config.variable(attr.Name)
		if x == nil {
			presentable = presentable && !v.haveSecrets()
			v.report(v.undeclared(attr.NameRange, attr.Name))
			continue
		}
		value, diags := attr.Expr.Value(ctx)
		if diags.HasErrors() {
			presentable = presentable && !x.sensitive
			value = cty.DynamicVal
			explainCalls(diags, x.sensitive)
			valuesOnly(diags)
		}
		v.report(diags...)
		v.given[attr.Name] = given{value: value, source: place(attr.NameRange), at: attr.Expr.Range()}
	}
}

// ParseValues parses the text of a variable file, name, without evaluating it. It returns the variables that have a value there, and
// what no plan could read.
func ParseValues(text []byte, name string) ([]string, hcl.Diagnostics) {
	file, diags := parseConfig(unixLines(text), name)
	if diags.HasErrors() {
		return nil, diags
	}
	body := file.Body.(*hclsyntax.Body)
	for _, b := range body.Blocks {
		diags = append(diags, blockInValues(b))
	}
	var names []string
	for _, attr := range sortedAttributes(body) {
		names = append(names, attr.Name)
		if refers := attr.Expr.Variables(); len(refers) > 0 {
			at := refers[0].SourceRange()
			diags = append(diags, mistake(at, valuesReferToNothing, quotesNeeded))
		}
	}
	return names, diags
}

func blockInValues(b *hclsyntax.Block) *hcl.Diagnostic {
	return mistake(b.DefRange(), fmt.Sprintf("A variable file can't contain a block %q", b.Type),
		"It has a line `name = value` for each variable. Blocks belong in the plan.")
}

// stdinName is the standard input as a variable file.
const (
	stdinName  = "-"
	stdinWords = "the standard input" // in messages
)

func readPlain(name string) (content []byte, secret bool, err error) {
	content, err = ReadVarFile(name)
	return content, false, err
}

// unreadableVars is the mistake of a variable file that can't be read.
func unreadableVars(name string, err error) *hcl.Diagnostic {
	var hint *modules.HintError
	var path *fs.PathError
	switch {
	case errors.As(err, &hint):
		return mistake(hcl.Range{}, err.Error(), hint.Hint)
	case errors.As(err, &path) && path.Path == name:
		return unreadable("variable file", name, err)
	}
	return mistake(hcl.Range{}, err.Error(), "")
}

// show makes messages show the lines of a variable file, or say why they don't.
func (v *variables) show(name string, file *hcl.File, presentable bool) {
	if presentable {
		v.Files[name] = file
		return
	}
	for _, diag := range v.diags {
		if diag.Subject != nil && diag.Subject.Filename == name {
			diag.Detail = strings.TrimSpace(diag.Detail + " The line is not shown, because it may contain a secret.")
		}
	}
}

const (
	valuesReferToNothing = "A value here can't refer to anything"
	quotesNeeded         = `Strings need quotes; "${" in a string is written "$${".`
)

// valuesOnly improves HCL's message about references where there is nothing to refer to.
func valuesOnly(diags hcl.Diagnostics) {
	for _, diag := range diags {
		if diag.Summary == "Variables not allowed" {
			diag.Summary, diag.Detail = valuesReferToNothing, quotesNeeded
		}
	}
}

func (v *variables) haveSecrets() bool {
	return slices.ContainsFunc(v.config.variables, func(x *variable) bool { return x.sensitive })
}

func (v *variables) flag(assignment string) {
	name, text, ok := strings.Cut(assignment, "=")
	name = strings.TrimSpace(name)
	switch {
	case !ok:
		v.lost = true
		v.report(mistake(hcl.Range{}, fmt.Sprintf("-var %q has no value", assignment), "Write -var 'NAME=VALUE'."))
	case !v.declared(name):
		diag := v.undeclared(hcl.Range{}, name)
		diag.Summary = "-var: " + diag.Summary
		v.report(diag)
	default:
		v.given[name] = given{text: &text, source: "-var"}
	}
}

func (v *variables) declared(name string) bool { return v.config.variable(name) != nil }

func (c *config) variable(name string) *variable {
	for _, x := range c.variables {
		if x.name == name {
			return x
		}
	}
	return nil
}

func (c *config) variableNames() []string {
	var names []string
	for _, x := range c.variables {
		names = append(names, x.name)
	}
	return names
}

func (v *variables) undeclared(at hcl.Range, name string) *hcl.Diagnostic {
	return mistake(at, fmt.Sprintf("The plan has no variable %q", name),
		didYouMean(name, v.config.variableNames(), "Its variables are"))
}

// value returns the value of a variable: unknown after a mistake, so that it causes no further messages.
func (v *variables) value(x *variable) cty.Value {
	unknown := x.unknown()
	g, ok := v.given[x.name]
	if !ok {
		if x.byDefault != nil {
			return *x.byDefault
		}
		if g, ok = v.ask(x); !ok {
			return unknown
		}
	}
	if g.text != nil {
		value, err := x.parse(*g.text)
		if err != nil {
			diag := mistake(x.block.DefRange(), fmt.Sprintf("The value of variable %q in %s is not an HCL expression", x.name, g.source),
				fmt.Sprintf("%s It must be %s, written as in a plan.", sentence(err.Error()), noun(x.ty)))
			if example := x.asList(*g.text); example != "" {
				diag.Summary = fmt.Sprintf("The value of variable %q in %s is not a list", x.name, g.source)
				diag.Detail = fmt.Sprintf("Write it as in a plan, in single quotes for the shell: '%s'.", example)
			}
			v.report(diag)
			return unknown
		}
		g.value, g.at = value, x.block.DefRange()
	}
	value, err := x.convert(g.value)
	if err != nil {
		shown := g.value
		if x.sensitive {
			shown, g.at = cty.UnknownVal(shown.Type()), x.block.DefRange() // neither the value nor its line
		}
		v.report(mistake(g.at, fmt.Sprintf("The value of variable %q in %s %s", x.name, g.source, mismatch(shown, x.ty, err)), ""))
		return unknown
	}
	if problem, hint := x.stray(nil, g.value.Type()); problem != "" {
		if x.sensitive {
			g.at = x.block.DefRange() // not the line of the value
		}
		v.report(mistake(g.at, fmt.Sprintf("The value of variable %q in %s %s", x.name, g.source, problem), hint))
		return unknown
	}
	if value.IsNull() && !x.nullable {
		if x.byDefault != nil {
			return *x.byDefault
		}
		v.report(mistake(g.at, fmt.Sprintf("The value of variable %q in %s must not be null", x.name, g.source), ""))
		return unknown
	}
	return value
}

// ask asks a person for the value of a variable that has none. ok is false if it needs none, or a mistake was reported, here or
// before when it may be the reason why there is no value.
func (v *variables) ask(x *variable) (g given, ok bool) {
	if v.lost {
		return given{}, false
	}
	if v.opts.Unset == UnsetAny || v.opts.Unset == UnsetSecrets && x.sensitive {
		v.Unset = append(v.Unset, x.name)
		return given{}, false
	}
	if v.opts.Ask == nil {
		v.report(x.withoutValue())
		return given{}, false
	}
	text, err := v.opts.Ask(Question{Variable: x.name, Description: x.description(), Sensitive: x.sensitive})
	if err != nil {
		v.report(mistake(x.block.DefRange(), fmt.Sprintf("The variable %q has no value: %s", x.name, err), x.howToSet()))
		return given{}, false
	}
	return given{text: &text, source: "your answer"}, true
}

func (x *variable) withoutValue() *hcl.Diagnostic {
	return mistake(x.block.DefRange(), fmt.Sprintf("The variable %q has no value", x.name), x.howToSet())
}

func (x *variable) howToSet() string {
	description := ""
	if d := x.description(); d != "" {
		description = fmt.Sprintf("Description: %s\n", sentence(d))
	}
	if x.sensitive {
		return description + fmt.Sprintf("Set %s%s in the environment, write `%s = ...` into a file for -var-file that only you can "+
			"read, or add a default here.", environPrefix, x.name, x.name)
	}
	return description + fmt.Sprintf("Set it with -var '%s=...', with a line `%s = ...` in a file for -var-file, or with %s%s in the "+
		"environment, or add a default here.", x.name, x.name, environPrefix, x.name)
}

func (x *variable) description() string {
	if attr := x.block.Body.Attributes["description"]; attr != nil {
		if value, diags := attr.Expr.Value(nil); !diags.HasErrors() && value.Type() == cty.String && value.IsKnown() && !value.IsNull() {
			return value.AsString()
		}
	}
	return ""
}

// parse reads a value from text: the text itself for strings, numbers and bools, otherwise an expression.
func (x *variable) parse(text string) (cty.Value, error) {
	if x.text {
		return cty.StringVal(text), nil
	}
	expr, diags := parseExpression([]byte(text), x.name)
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("%s", diags[0].Detail)
	}
	value, diags := expr.Value(nil)
	if diags.HasErrors() {
		valuesOnly(diags)
		return cty.NilVal, fmt.Errorf("%s", diags[0].Detail)
	}
	return value, nil
}

// bareWords matches words with commas between them: what many people write for a list first.
var bareWords = regexp.MustCompile(`^[A-Za-z0-9_.:/@-]+( *, *[A-Za-z0-9_.:/@-]+)*$`)

// asList returns how to write bare words as the value of a variable that takes a list of strings; empty: it takes none, or text is
// something else, or a secret.
func (x *variable) asList(text string) string {
	list := x.ty == cty.List(cty.String) || x.ty == cty.Set(cty.String) ||
		x.ty == cty.DynamicPseudoType && x.byDefault != nil && x.byDefault.Type().IsTupleType()
	if !list || x.sensitive || !bareWords.MatchString(text) {
		return ""
	}
	words := strings.Split(text, ",")
	for i, word := range words {
		words[i] = strconv.Quote(strings.TrimSpace(word))
	}
	return fmt.Sprintf("%s=[%s]", x.name, strings.Join(words, ", "))
}

// validate checks a variable of the plan, once all variables have values.
func (v *variables) validate(x *variable) {
	s := v.evaluation(nil).scope(staticScope, nil, nil)
	s.validate(x, func(at hcl.Range, text string) {
		why := "is not valid"
		if g, isGiven := v.given[x.name]; isGiven {
			why = "in " + g.source + " is not valid"
			if g.text == nil && !x.sensitive {
				at = g.at
			}
		}
		s.report(mistake(at, fmt.Sprintf("The value of variable %q %s", x.name, why), text))
	})
	v.report(s.result()...)
}

// validate checks the validation blocks of a variable. It calls wrong for each that is not met, with the place of its condition and
// its message.
func (s *scope) validate(x *variable, wrong func(at hcl.Range, text string)) {
	for _, b := range x.block.Body.Blocks {
		if b.Type != "validation" {
			continue
		}
		condition, message := b.Body.Attributes["condition"], b.Body.Attributes["error_message"]
		for _, attr := range sortedAttributes(b.Body) {
			if attr != condition && attr != message {
				s.report(unexpectedArgument(attr, "validation", validationArg, nil))
			}
		}
		if condition == nil || message == nil {
			s.report(mistake(b.DefRange(), fmt.Sprintf("variable %q: a validation needs condition and error_message", x.name), ""))
			continue
		}
		ok, given := s.boolean(condition, fmt.Sprintf("variable %q", x.name), cty.NilVal)
		text, _ := s.text(message, fmt.Sprintf("variable %q", x.name), cty.NilVal)
		if given && !ok {
			wrong(condition.Expr.Range(), text)
		}
	}
}

// texts returns the strings in a value that are not empty, and its numbers as strings.
func texts(value cty.Value) []string {
	value, _ = value.UnmarkDeep()
	var found []string
	_ = cty.Walk(value, func(_ cty.Path, leaf cty.Value) (bool, error) {
		if leaf.IsNull() || !leaf.IsKnown() {
			return false, nil
		}
		switch leaf.Type() {
		case cty.String:
			if leaf.AsString() != "" {
				found = append(found, leaf.AsString())
			}
		case cty.Number:
			found = append(found, numberText(leaf.AsBigFloat()))
		}
		return true, nil
	})
	return found
}

func numberText(f *big.Float) string {
	v, err := convert.Convert(cty.NumberVal(f), cty.String)
	if err != nil {
		return f.String()
	}
	return v.AsString()
}
