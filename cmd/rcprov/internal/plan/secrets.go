package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// sensitive marks values of sensitive variables and secret arguments. cty and HCL carry the mark through every function and
// operator to all values that are made from them; TestMarksSurvive has each function of the language.
const sensitive = mark("sensitive")

type mark string

// refuse reports an argument that doesn't take secrets and got one.
func (d *decoder) refuse(arg *argSpec, attr *hclsyntax.Attribute) {
	how := arg.exposed
	if how == "" {
		how = "Its value appears in reports, in the journal or where other users of the host can read it."
	}
	spec := d.module.spec
	if takers := spec.takers(""); len(takers) > 0 && arg.exposed == "" {
		how += fmt.Sprintf(" %s can take secrets: %s.", d.module.Name, strings.Join(takers, ", "))
	}
	d.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s can't be sensitive", d.what, arg.name),
		how+" If this is no secret, write `nonsensitive(...)`."))
	d.wrong = true
}

// shown reports an argument of the plan language itself that got a secret: all of them appear in output.
func (s *scope) shown(attr *hclsyntax.Attribute, what string, v cty.Value) {
	if v.ContainsMarked() {
		s.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s can't be sensitive", what, attr.Name),
			"Its value appears in reports. If this is no secret, write `nonsensitive(...)`."))
	}
}

// takers returns the names of the arguments that take secrets, those of nested blocks as "block.argument".
func (s *bodySpec) takers(prefix string) []string {
	var names []string
	for _, arg := range s.args {
		if arg.takesSecrets {
			names = append(names, prefix+arg.name)
		}
	}
	for _, block := range s.blocks {
		names = append(names, block.body.takers(prefix+block.name+".")...)
	}
	return names
}

// noteSecret notes the strings in a sensitive value as secrets, which no output may contain: what an argument is in the end,
// and what functions make on the way. For a text of several lines these are its lines.
//
// What the plan itself says in plain text is no secret, even where a condition on a secret chooses it: otherwise a file with
// one password would hide "listen 80;" and "production" in all output.
func (p *Plan) noteSecret(v cty.Value) {
	var secrets []string
	for _, text := range texts(v) {
		for _, piece := range pieces(text) {
			if !p.plain(piece) {
				secrets = append(secrets, piece)
			}
		}
	}
	p.noteSecrets(secrets)
}

// noteSensitive notes the sensitive parts of a value: of a map with one secret that one, and not the domain beside it.
func (p *Plan) noteSensitive(v cty.Value) {
	v, paths := v.UnmarkDeepWithPaths()
	for _, at := range paths {
		part, err := at.Path.Apply(v)
		if err != nil { // an element of a set
			part = v
		}
		p.noteSecret(part)
	}
}

// lineLength is the length in bytes from which a line of a text is a secret by itself, as for package redact: shorter ones occur
// anywhere.
const lineLength = 8

// pieces returns the lines of a text if it has several, otherwise the text.
func pieces(text string) []string {
	if !strings.Contains(strings.TrimSuffix(text, "\n"), "\n") {
		return []string{text}
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= lineLength && !strings.HasPrefix(line, "-----") { // PEM's frame is no secret
			lines = append(lines, line)
		}
	}
	return lines
}

var wordEdge = regexp.MustCompile(`^\w|\w$`)

// plain reports whether the plan's files or its templates contain text, as whole words and outside of the defaults of sensitive
// variables.
func (p *Plan) plain(text string) bool {
	if len(text) < 2 {
		return true
	}
	p.plainMu.Lock()
	defer p.plainMu.Unlock()
	isWord := func(c byte) bool { return wordEdge.Match([]byte{c}) }
	return slices.ContainsFunc(p.plainTexts, func(source string) bool {
		for from := 0; ; {
			i := strings.Index(source[from:], text)
			if i < 0 {
				return false
			}
			begin, end := from+i, from+i+len(text)
			if (begin == 0 || !isWord(text[0]) || !isWord(source[begin-1])) &&
				(end == len(source) || !isWord(text[len(text)-1]) || !isWord(source[end])) {
				return true
			}
			from = begin + 1
		}
	})
}

// addPlain notes a file of the plan, without the defaults of its sensitive variables, or a template.
func (p *Plan) addPlain(text []byte, secret ...hcl.Range) {
	text = slices.Clone(text)
	for _, r := range secret {
		for i := r.Start.Byte; i < r.End.Byte && i < len(text); i++ {
			text[i] = 0
		}
	}
	p.plainMu.Lock()
	defer p.plainMu.Unlock()
	p.plainTexts = append(p.plainTexts, strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\"`, `"`).Replace(string(text)))
}

// noteSources notes what files with these variables say in plain text.
func (p *Plan) noteSources(sources []source, all []*variable) {
	for _, s := range sources {
		var hidden []hcl.Range
		for _, x := range all {
			if attr := x.block.Body.Attributes["default"]; attr != nil && x.sensitive && attr.Expr.Range().Filename == s.name {
				hidden = append(hidden, attr.Expr.Range())
			}
		}
		p.addPlain(s.text, hidden...)
	}
}

// sensitiveFunction marks a value, and notes it as a secret even if the plan itself has it.
func sensitiveFunction(p *Plan) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anything(function.Parameter{Name: "value", Type: cty.DynamicPseudoType})},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			p.noteSecrets(texts(args[0]))
			return args[0].Mark(sensitive), nil
		},
	})
}

// nonsensitiveFunction removes the marks of a value: the plan's author knows that it reveals no secret.
var nonsensitiveFunction = function.New(&function.Spec{
	Params: []function.Parameter{anything(function.Parameter{Name: "value", Type: cty.DynamicPseudoType})},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, _ := args[0].UnmarkDeep()
		return v, nil
	},
})

// keepKeyMarks makes OBJECT[KEY] carry the marks of the key. HCL drops them (hcl v2.25, hcl.Index), but for lists and maps not.
func keepKeyMarks(node hclsyntax.Node) {
	var found []*hclsyntax.IndexExpr
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		if index, ok := n.(*hclsyntax.IndexExpr); ok {
			found = append(found, index)
		}
		return nil
	})
	for _, index := range found {
		if _, literal := index.Key.(*hclsyntax.LiteralValueExpr); literal {
			continue
		}
		inner := &hclsyntax.ParenthesesExpr{Expression: index.Collection, SrcRange: index.Collection.Range()}
		index.Collection = &keyed{inner, index.Key}
	}
}

// keyed is an expression whose value, if it is an object, has the marks of a key. It is no function of the language: calling one walks
// its arguments, which takes ten milliseconds for two thousand hosts.
type keyed struct {
	*hclsyntax.ParenthesesExpr
	key hclsyntax.Expression
}

// Value implements [hclsyntax.Expression].
func (k *keyed) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := k.Expression.Value(ctx)
	if diags.HasErrors() || !v.Type().IsObjectType() {
		return v, diags
	}
	key, _ := k.key.Value(ctx) // whoever looks it up reports its mistakes
	return v.WithSameMarks(key), diags
}
