package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// includeBlock is a block `include`: the steps of a library in a play or in another library; at the top level, the plays of one.
type includeBlock struct {
	config *config    // of the files that it is in
	play   *playBlock // in which its steps are; nil at the top level
	label  string
	block  *hclsyntax.Block
	inner  *config // of its library; nil if that can't be read
	bodies []*hclsyntax.Body
	dirs   []string // see [declarer]
	uses   uses
}

// library is a directory of *.hcl that includes read.
type library struct {
	sources []source
	bodies  []*hclsyntax.Body
	diags   hcl.Diagnostics
}

// includeMeta are the arguments of each include that are not inputs of its library; no variable of a library has the name of one, or
// of dependsArg, which plays have.
var includeMeta = append([]string{sourceArg}, stepMeta...)

const (
	sourceArg   = "source"
	dependsArg  = "depends_on"
	maxIncludes = 10_000 // in a plan: libraries that include two others each, 14 levels deep, are a mistake
)

func (b *includeBlock) String() string { return fmt.Sprintf("include %q", b.label) }

// meta returns the meta-argument with this name, or nil.
func (b *includeBlock) meta(name string) *hclsyntax.Attribute {
	if b.inner == nil {
		return nil
	}
	return b.block.Body.Attributes[name]
}

// include adds an include to items: those of a play, of a library or of the plan.
func (d *declarer) include(b *hclsyntax.Block, p *playBlock, items *[]item) {
	label, ok := d.identifier(b)
	if !ok {
		return
	}
	for _, i := range *items {
		if other := i.include; other != nil && other.label == label {
			d.duplicate(b, "includes", other.block)
			return
		}
	}
	i := &includeBlock{config: d.config, play: p, label: label, block: b}
	*items = append(*items, item{include: i})
	d.includes = append(d.includes, i)
	lib, dir, ok := d.read(i)
	if !ok {
		return
	}
	if d.plan.includes++; d.plan.includes > maxIncludes {
		if d.plan.includes == maxIncludes+1 {
			d.report(mistake(b.DefRange(), "The plan has too many includes", fmt.Sprintf("There may be %d. Includes of one library in the other multiply.", maxIncludes)))
		}
		return
	}
	i.bodies, i.dirs = lib.bodies, d.dirs
	if abs, err := real(dir.path); err == nil {
		i.dirs = append(slices.Clone(d.dirs), abs)
	}
	var diags hcl.Diagnostics
	i.inner, diags = d.plan.declareLibrary(i, dir)
	d.diags = append(d.diags, diags...)
	d.plan.noteSources(lib.sources, i.inner.variables)
	d.inputs(i)
}

// declareLibrary declares the blocks of an include's library, for this include.
func (p *Plan) declareLibrary(i *includeBlock, dir *directory) (*config, hcl.Diagnostics) {
	inner := newConfig(dir, i.config.modules)
	inner.in = i
	d := &declarer{config: inner, plan: p, dirs: i.dirs, library: i.play}
	for _, body := range i.bodies {
		d.file(body)
	}
	v := &variables{Plan: p, config: inner}
	for _, x := range inner.variables {
		v.declare(x)
		if reserved(x.name) {
			v.report(mistake(x.block.DefRange(), fmt.Sprintf("A library can't have a variable %q", x.name),
				fmt.Sprintf("In an include, `%s` %s. Take another name.", x.name, meansInInclude(x.name))))
		}
		if attr := x.block.Body.Attributes["generate"]; attr != nil {
			v.report(mistake(attr.NameRange, fmt.Sprintf("variable %q: generate has no effect in a library", x.name),
				"`rcprov secrets init` makes values for variables of the plan: put it there, and set this one in the include."))
		}
	}
	return inner, includedAt(append(d.diags, v.diags...), inner)
}

// reserved reports whether an argument of an include can't be an input of its library.
func reserved(name string) bool { return slices.Contains(includeMeta, name) || name == dependsArg }

func meansInInclude(name string) string {
	switch name {
	case sourceArg:
		return "names the library"
	case dependsArg:
		return "would read like that of a play"
	}
	return "is an argument of the include itself"
}

// read reads the library that an include names; once for all includes that name it.
func (d *declarer) read(i *includeBlock) (*library, *directory, bool) {
	attr := i.block.Body.Attributes[sourceArg]
	wrong := func(at hcl.Range, problem, hint string) (*library, *directory, bool) {
		d.report(mistake(at, fmt.Sprintf("%s: %s", i, problem), hint))
		return nil, nil, false
	}
	const example = "Write the library's directory in quotes: `source = \"./lib/base\"`."
	if attr == nil {
		return wrong(i.block.DefRange(), "the argument source is missing", example)
	}
	v, diags := attr.Expr.Value(&hcl.EvalContext{Functions: d.dir.functions})
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || !v.IsKnown() || v.IsMarked() || v.AsString() == "" {
		return wrong(attr.Expr.Range(), "source must be a text that is known before anything else", example)
	}
	name := v.AsString()
	dir := d.plan.directory(d.dir.absolute(name), "library")
	abs, err := real(dir.path)
	info, statErr := os.Stat(dir.path)
	switch {
	case statErr != nil && (strings.Contains(name, "://") || strings.Contains(name, "::") || strings.HasPrefix(name, "github.com/")):
		return wrong(attr.Expr.Range(), "a library is a directory on this machine", "Check it out beside the plan, and name its directory: `source = \"./lib/base\"`.")
	case statErr != nil && danglingLink(dir.path) != "":
		return wrong(attr.Expr.Range(), fmt.Sprintf("the library %q is a link to %q, which does not exist", name, danglingLink(dir.path)), "Make the link lead to the library, or name the library's directory.")
	case err != nil || statErr != nil:
		return wrong(attr.Expr.Range(), fmt.Sprintf("the library %q can't be read: %s", name, cause(cmpErr(statErr, err))), d.near(name))
	case !info.IsDir():
		return wrong(attr.Expr.Range(), fmt.Sprintf("the library %q is not a directory", name), "A library is a directory with *.hcl files.")
	}
	if at := slices.Index(d.dirs, abs); at >= 0 {
		cycle := append(slices.Clone(d.dirs[at:]), abs)
		for k, one := range cycle {
			cycle[k] = filepath.Base(one)
		}
		return wrong(attr.Expr.Range(), fmt.Sprintf("the library %q includes itself", name),
			fmt.Sprintf("The cycle is %s. Remove one of these includes.", strings.Join(cycle, " -> ")))
	}
	lib := d.plan.libraries[abs]
	if lib == nil {
		lib = d.plan.readLibrary(dir.path)
		d.plan.libraries[abs] = lib
	}
	if lib.diags.HasErrors() {
		for _, diag := range lib.diags {
			one := *diag
			if one.Subject == nil {
				one.Subject = attr.Expr.Range().Ptr()
			}
			one.Extra = origin{trail: append(includes{i.block.DefRange()}, d.trail()...)}
			d.report(&one)
		}
		return nil, nil, false
	}
	if plans := wholePlans(lib.bodies); len(plans) > 0 {
		return wrong(attr.Expr.Range(), fmt.Sprintf("%q has whole plans, not a library: %s", name, fewOf(plans)), noLibrary)
	}
	return lib, dir, true
}

// noLibrary says what a library is, unlike a plan.
const noLibrary = "A library has variables, locals, outputs, and either steps or plays: hosts are the plan's. Name the directory of a library."

// wholePlans returns the files that are plans of their own: with hosts and plays.
func wholePlans(bodies []*hclsyntax.Body) []string {
	var names []string
	for _, body := range bodies {
		has := func(kind string) bool {
			return slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == kind })
		}
		if has("host") && has("play") {
			names = append(names, filepath.Base(body.SrcRange.Filename))
		}
	}
	return names
}

// danglingLink returns where a link leads that leads nowhere; empty for anything else.
func danglingLink(path string) string {
	to, err := os.Readlink(path)
	if _, statErr := os.Stat(path); err != nil || !errors.Is(statErr, fs.ErrNotExist) {
		return ""
	}
	return to
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// near says where a path starts, and which library was probably meant.
func (d *declarer) near(name string) string {
	hint := fmt.Sprintf("A relative path starts at the %s's directory, \"%s\".", d.dir.what, d.dir.path)
	entries, err := os.ReadDir(d.dir.absolute(filepath.Dir(name)))
	if err != nil {
		return hint
	}
	var names []string
	for _, e := range entries {
		if e.Name() != filepath.Base(name) {
			names = append(names, e.Name())
		}
	}
	if near := nearest(filepath.Base(name), names); near != "" {
		return fmt.Sprintf("Did you mean %q? %s", near, hint)
	}
	return hint
}

// readLibrary parses the files of a library.
func (p *Plan) readLibrary(path string) *library {
	_, sources, diags := readSources(path, p.opts.VarFiles)
	lib := &library{sources: sources}
	if diags.HasErrors() {
		for _, d := range diags {
			d.Summary = strings.Replace(d.Summary, "There is no plan in", "There is no library in", 1)
			d.Detail = strings.Replace(d.Detail, "A directory is a plan if it has", "A directory is a library if it has", 1)
		}
		lib.diags = diags
		return lib
	}
	lib.bodies, lib.diags = p.parse(sources)
	return lib
}

// real returns the one name of a directory, whatever links lead to it.
func real(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// inputs reports arguments of an include that its library has no variable for, and variables that need a value and get none.
func (d *declarer) inputs(i *includeBlock) {
	names := i.inner.variableNames()
	for _, attr := range sortedAttributes(i.block.Body) {
		switch {
		case i.inner.variable(attr.Name) != nil || slices.Contains(includeMeta, attr.Name):
		case attr.Name == dependsArg && i.play == nil:
			d.report(mistake(attr.NameRange, fmt.Sprintf("%s has no argument \"depends_on\"", i),
				"Plays run in the order of the file: move it after what it needs. Plays, also those of a library, "+
					"have depends_on: a list of names, such as \"INCLUDE/PLAY\"."))
		case attr.Name == dependsArg:
			d.report(mistake(attr.NameRange, fmt.Sprintf("%s has no argument \"depends_on\"", i),
				"Steps run in the order of the file: move it after what it needs. Only plays have depends_on."))
		default:
			diag := unexpectedArgument(attr, i.String(), append(names, includeMeta...), nil)
			diag.Detail += fmt.Sprintf(" The library has a variable for each input; it is in %s.", i.inner.dir.path)
			d.report(diag)
		}
	}
	for _, b := range i.block.Body.Blocks {
		d.report(unexpectedBlock(b, i.String(), names, nil))
	}
	for _, x := range i.inner.variables {
		if x.byDefault == nil && !reserved(x.name) && i.block.Body.Attributes[x.name] == nil {
			hint := fmt.Sprintf("Add `%s = ...`. ", x.name)
			if text := x.description(); text != "" {
				hint += fmt.Sprintf("Description: %s ", sentence(text))
			}
			d.report(mistake(i.block.DefRange(), fmt.Sprintf("%s: the argument %s is missing", i, x.name),
				hint+fmt.Sprintf("Its variable is at %s.", place(x.block.DefRange()))))
		}
	}
}

// trail returns the includes that the files of c are read for.
func (c *config) trail() includes {
	var trail includes
	for ; c.in != nil; c = c.in.config {
		trail = append(trail, c.in.block.DefRange())
	}
	return trail
}

// trailOf returns the includes that the file of a place is read for: one of the scope's files, or of those that include them.
func (s *scope) trailOf(at hcl.Range) includes {
	for ; s != nil && s.up != nil; s = s.up {
		if filepath.Dir(at.Filename) == filepath.Clean(s.config.dir.path) {
			return s.config.trail()
		}
	}
	return nil
}

// includedAt adds the includes of c's files to mistakes in them.
func includedAt(diags hcl.Diagnostics, c *config) hcl.Diagnostics {
	trail := c.trail()
	for _, d := range diags {
		if _, ok := d.Extra.(origin); !ok && len(trail) > 0 {
			d.Extra = origin{trail: trail}
		}
	}
	return diags
}

// Included returns a sentence about where something is included, from the innermost place: "Included at prod.hcl line 3." It is empty
// for no place.
func Included(at []hcl.Range) string {
	if len(at) == 0 {
		return ""
	}
	var places []string
	for _, r := range at {
		places = append(places, place(r))
	}
	return fmt.Sprintf("Included at %s.", strings.Join(places, ", which is included at "))
}
