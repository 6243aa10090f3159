package plan

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Library describes a directory that plans include, for people.
type Library struct {
	Text    string // the comment at the head of main.hcl, or of its first file
	Inputs  []Input
	Outputs []NamedText
	Steps   []string // addresses, in the order in which they are applied; those of plays begin with "play NAME: "
	Plays   bool     // it has plays: it is included at the top level
}

// Input is a variable of a library.
type Input struct {
	NamedText
	Type      string // as the library writes it; "any" if it doesn't
	Default   string // an expression, as the library writes it; empty: required
	Sensitive bool
	Rules     []string // the messages of its validations
}

// NamedText is a name and what its description or the comment above it says; Text may be empty.
type NamedText struct{ Name, Text string }

// Describe reads the library at path. If the diagnostics have errors, files show their lines.
func Describe(path string, opts Options) (lib Library, files map[string]*hcl.File, diags hcl.Diagnostics) {
	p := &Plan{
		Path: path, Files: map[string]*hcl.File{}, opts: opts,
		libraries: map[string]*library{}, expanded: map[*includeBlock][]*config{},
	}
	read := p.readLibrary(path)
	if read.diags.HasErrors() {
		return lib, p.Files, tidy(read.diags, nil)
	}
	if plans := wholePlans(read.bodies); len(plans) > 0 {
		return lib, p.Files, hcl.Diagnostics{mistake(hcl.Range{}, fmt.Sprintf("%s has whole plans, not a library: %s", path, fewOf(plans)), noLibrary)}
	}
	p.config = newConfig(p.directory(path, "library"), knownModules(opts.Modules))
	i := &includeBlock{config: p.config, label: "library", block: &hclsyntax.Block{Body: &hclsyntax.Body{}}, bodies: read.bodies}
	if abs, err := real(path); err == nil {
		i.dirs = []string{abs}
	}
	has := func(types ...string) bool {
		return slices.ContainsFunc(read.bodies, func(b *hclsyntax.Body) bool {
			return slices.ContainsFunc(b.Blocks, func(b *hclsyntax.Block) bool { return slices.Contains(types, b.Type) })
		})
	}
	var c *config
	if lib.Plays = has("play"); !lib.Plays {
		i.play = &playBlock{config: p.config}
	}
	c, diags = p.declareLibrary(i, p.config.dir)
	if !lib.Plays && diags.HasErrors() && has("include") && !has(slices.Collect(maps.Keys(p.config.modules))...) {
		i.play = nil // all that it has may be plays of other libraries
		if as, more := p.declareLibrary(i, p.config.dir); !more.HasErrors() {
			lib.Plays, c, diags = true, as, more
		}
	}
	for _, d := range diags {
		if o, ok := d.Extra.(origin); ok {
			o.trail = o.trail[:len(o.trail)-1] // the last is i, which stands nowhere
			d.Extra = o
		}
	}
	if diags.HasErrors() {
		return lib, p.Files, tidy(diags, nil)
	}
	comments := commentsOf(read.sources)
	lib.Text = headOf(read.sources)
	for _, x := range c.variables {
		lib.Inputs = append(lib.Inputs, p.inputOf(x, comments))
	}
	for _, o := range c.outputs {
		text := comments.above(o.block.DefRange())
		if attr := o.block.Body.Attributes["description"]; attr != nil {
			if v, diags := attr.Expr.Value(nil); !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
				text = v.AsString()
			}
		}
		lib.Outputs = append(lib.Outputs, NamedText{o.name, text})
	}
	lib.Steps = addresses(c.items, "")
	return lib, p.Files, nil
}

func (p *Plan) inputOf(x *variable, comments comments) Input {
	attrs := x.block.Body.Attributes
	in := Input{NamedText: NamedText{x.name, x.description()}, Type: "any", Sensitive: x.sensitive}
	if in.Text == "" {
		in.Text = comments.above(x.block.DefRange())
	}
	if attr := attrs["type"]; attr != nil {
		in.Type = p.sourceOf(attr.Expr)
	} else if x.ty.IsPrimitiveType() {
		in.Type = x.ty.FriendlyName()
	}
	if attr := attrs["default"]; attr != nil {
		in.Default = p.sourceOf(attr.Expr)
	}
	for _, b := range x.block.Body.Blocks {
		if attr := b.Body.Attributes["error_message"]; attr != nil {
			if v, diags := attr.Expr.Value(nil); !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
				in.Rules = append(in.Rules, v.AsString())
			}
		}
	}
	return in
}

// sourceOf returns an expression as its file writes it, on one line.
func (p *Plan) sourceOf(expr hcl.Expression) string {
	return strings.Join(strings.Fields(string(expr.Range().SliceBytes(p.Files[expr.Range().Filename].Bytes))), " ")
}

// addresses are those of the steps in items.
func addresses(items []item, prefix string) []string {
	var all []string
	for _, i := range items {
		switch {
		case i.step != nil:
			all = append(all, prefix+i.step.address())
		case i.play != nil:
			for _, inner := range addresses(i.play.items, "") {
				all = append(all, fmt.Sprintf("play %s%s: %s", prefix, i.play.name, inner))
			}
		case i.include.inner != nil:
			all = append(all, addresses(i.include.inner.items, prefix+i.include.label+"/")...)
		}
	}
	return all
}

// Addresses returns the addresses of the play's steps, without the keys of for_each and the parts of products.
func (p *Play) Addresses() []string { return addresses(p.block.items, "") }

// comments are the lines of comments, without their marks, by file and line.
type comments map[string]map[int]string

func commentsOf(sources []source) comments {
	found := comments{}
	for _, s := range sources {
		lines := map[int]string{}
		tokens, _ := hclsyntax.LexConfig(s.text, s.name, hcl.InitialPos)
		for i, t := range tokens {
			begins := i == 0 || tokens[i-1].Range.End.Line < t.Range.Start.Line || tokens[i-1].Range.End.Column == 1
			if text, ok := strings.CutPrefix(string(t.Bytes), "#"); ok && t.Type == hclsyntax.TokenComment && begins {
				lines[t.Range.Start.Line] = strings.TrimSpace(text)
			}
		}
		found[s.name] = lines
	}
	return found
}

// above returns the comment that ends on the line above a block.
func (c comments) above(at hcl.Range) string {
	lines := c[at.Filename]
	first := at.Start.Line
	for ; ; first-- {
		if _, ok := lines[first-1]; !ok {
			return textOf(lines, first, at.Start.Line)
		}
	}
}

// textOf joins lines; an empty one ends a paragraph.
func textOf(lines map[int]string, from, to int) string {
	var paragraphs []string
	var words []string
	for n := from; n <= to; n++ {
		if n < to && lines[n] != "" {
			words = append(words, lines[n])
		} else if len(words) > 0 {
			paragraphs, words = append(paragraphs, strings.Join(words, " ")), nil
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// headOf returns the comment that a library begins with.
func headOf(sources []source) string {
	main := slices.IndexFunc(sources, func(s source) bool { return filepath.Base(s.name) == "main.hcl" })
	s := sources[max(0, main)]
	lines := commentsOf([]source{s})[s.name]
	last := 1
	for n := range maps.Keys(lines) {
		last = max(last, n+1)
	}
	for n := 1; n < last; n++ {
		if _, ok := lines[n]; !ok {
			last = n
		}
	}
	return textOf(lines, 1, last)
}
