package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/rcprov/rcprov/modules"
)

// decoded holds the arguments of a step on one host.
type decoded struct {
	args      any                  // a pointer to the module's Args
	values    map[string]cty.Value // the same for expressions, by argument
	sensitive map[string]bool      // arguments, or nested blocks, with values from sensitive variables
	secrets   []string             // the secret strings among the values
	unknown   bool                 // some values are unknown: args is not complete
	wrong     bool                 // a mistake was reported: args is not complete
}

func (d *decoded) complete() bool { return !d.unknown && !d.wrong }

// decoder fills one struct with the arguments and blocks of one body.
type decoder struct {
	*scope
	*decoded
	module *module
	what   string // names the block in messages
	each   cty.Value
	top    string // the argument of the step that this is a part of; "" in the step's own body
	meta   []string
}

// decode evaluates the arguments of a step, once.
func (s *scope) decode(i *instance) {
	if i.decoded != nil {
		return
	}
	b := i.block
	i.decoded = &decoded{args: b.module.NewArgs(), sensitive: map[string]bool{}}
	d := &decoder{scope: s, decoded: i.decoded, module: b.module, what: i.String(), each: i.each}
	for _, name := range stepMeta {
		if b.module.spec.find(name) == nil && !b.isQuery() {
			d.meta = append(d.meta, name)
		}
	}
	before := len(s.diags)
	i.values = d.body(b.module.spec, b.block.Body, b.block.DefRange(), reflect.ValueOf(i.args).Elem())
	i.wrong = i.wrong || len(s.diags) > before
}

// body decodes body into target and returns its values for expressions.
func (d *decoder) body(spec *bodySpec, body *hclsyntax.Body, header hcl.Range, target reflect.Value) map[string]cty.Value {
	values := map[string]cty.Value{}
	known := append(spec.argNames(), d.meta...)
	var meant []string // by misspelled arguments: to report these as missing would be a second message for one typo
	for _, attr := range sortedAttributes(body) {
		switch {
		case spec.find(attr.Name) != nil || slices.Contains(d.meta, attr.Name):
		case attr.Name == "depends_on" && d.top == "":
			d.report(mistake(attr.NameRange, fmt.Sprintf("%s has no argument \"depends_on\"", d.what),
				"Steps run in the order of the file: move it after the steps that it needs. Only plays have depends_on."))
		default:
			d.report(unexpectedArgument(attr, d.what, known, spec.blockNames()))
			meant = append(meant, nearest(attr.Name, known))
		}
	}
	var missing []string
	for _, arg := range spec.args {
		attr := body.Attributes[arg.name]
		v, given := d.argument(arg, attr)
		switch {
		case given || !arg.required || slices.Contains(meant, arg.name):
		case attr != nil && d.nullGiven(attr):
			d.wrong = true
		default:
			missing = append(missing, arg.name)
		}
		d.set(arg, v, attr, target.Field(arg.field))
		values[arg.name] = v
		if arg.secret {
			values[arg.name] = v.Mark(sensitive)
		}
	}
	if len(missing) > 0 {
		d.report(d.missing(header, missing))
	}
	for _, inner := range body.Blocks {
		if spec.block(inner.Type) == nil {
			d.report(unexpectedBlock(inner, d.what, known, spec.blockNames()))
		}
	}
	for _, block := range spec.blocks {
		values[block.name] = d.blocks(block, body, header, target.Field(block.field))
	}
	return values
}

func (d *decoder) missing(header hcl.Range, names []string) *hcl.Diagnostic {
	if len(names) == 1 {
		return mistake(header, fmt.Sprintf("%s: the argument %s is missing", d.what, names[0]), fmt.Sprintf("Add `%s = ...`.", names[0]))
	}
	last := len(names) - 1
	return mistake(header, fmt.Sprintf("%s: the arguments %s and %s are missing", d.what, strings.Join(names[:last], ", "), names[last]), "")
}

// argument evaluates an argument and converts it to its type. given is false if it is left out or null; then the value is
// the default or null.
func (d *decoder) argument(arg *argSpec, attr *hclsyntax.Attribute) (v cty.Value, given bool) {
	absent := cty.NullVal(arg.ty)
	if arg.fallback != cty.NilVal {
		absent = arg.fallback
	}
	if attr == nil {
		return absent, false
	}
	v, ok := d.eval(attr.Expr, d.each)
	if !ok {
		d.wrong = true
		return cty.UnknownVal(arg.ty), true
	}
	d.hide(v)
	if arg.secret {
		d.hidden = append(d.hidden, arg.secrets(v)...)
	}
	if arg.files {
		if v, ok = d.files(v, attr); !ok {
			return cty.UnknownVal(arg.ty), true
		}
	}
	converted, err := convert.Convert(v, arg.ty)
	if err != nil {
		d.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s %s", d.what, attr.Name, mismatch(v, arg.ty, err)), ""))
		return cty.UnknownVal(arg.ty), true
	}
	if converted.IsNull() {
		return absent, false
	}
	return converted, true
}

// secrets returns the strings of an argument that holds secrets: all but those whose name in a map has one of the ends of the
// public tag, unless they come from a sensitive variable.
func (arg *argSpec) secrets(v cty.Value) []string {
	if len(arg.public) == 0 || v.IsMarked() || v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return texts(v)
	}
	var all []string
	for name, value := range v.AsValueMap() {
		open := slices.ContainsFunc(arg.public, func(end string) bool { return strings.HasSuffix(name, end) })
		if !open || value.ContainsMarked() {
			all = append(all, texts(value)...)
		}
	}
	return all
}

// set stores a value in the field of an argument, unless it is unknown.
func (d *decoder) set(arg *argSpec, v cty.Value, attr *hclsyntax.Attribute, field reflect.Value) {
	given := v
	v, marks := v.UnmarkDeep()
	if len(marks) > 0 {
		top := d.top
		if top == "" {
			top = arg.name
		}
		d.sensitive[top] = true
	}
	if len(marks) > 0 && !arg.takesSecrets {
		d.refuse(arg, attr)
		return
	}
	switch {
	case arg.secret:
		d.noteSecrets(arg.secrets(given))
	case len(marks) > 0:
		d.noteSensitive(given)
	}
	if arg.secret {
		d.secrets = append(d.secrets, arg.secrets(given)...)
	} else if len(marks) > 0 {
		d.secrets = append(d.secrets, texts(v)...)
	}
	switch {
	case !v.IsWhollyKnown():
		d.unknown = true
		if attr != nil {
			d.notKnown(attr, d.what)
		}
		return
	case v.IsNull():
		return // the field stays zero: nil, "", cty.NilVal
	}
	if len(arg.words) > 0 && attr != nil && !d.allowed(arg, v, attr) {
		return
	}
	if err := gocty.FromCtyValue(v, field.Addr().Interface()); err != nil && attr != nil {
		text := "contains a number that is out of range or not whole" // the only known values that have the type and don't fit
		switch {
		case holdsNull(v):
			text = "must not contain null: leave such elements out"
		case v.Type() == cty.Number && v.AsBigFloat().IsInt():
			text = "is out of range: " + numberText(v.AsBigFloat())
		case v.Type() == cty.Number:
			text = "must be a whole number, not " + numberText(v.AsBigFloat())
		}
		d.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s %s", d.what, attr.Name, text), ""))
	}
}

// allowed reports whether the oneof tag allows a string, or all strings of a list. It reports those that it doesn't.
func (d *decoder) allowed(arg *argSpec, v cty.Value, attr *hclsyntax.Attribute) bool {
	ok := true
	for _, word := range texts(v) {
		if !slices.Contains(arg.words, word) {
			detail := ""
			if near := nearest(word, arg.words); near != "" {
				detail = fmt.Sprintf("Did you mean %q?", near)
			}
			d.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s must be %s, not %q", d.what, arg.name, oneOf(arg.words), word), detail))
			ok = false
		}
	}
	return ok
}

// files turns references to steps that own files into paths.
func (d *decoder) files(v cty.Value, attr *hclsyntax.Attribute) (cty.Value, bool) {
	v, marks := v.Unmark()
	paths, known, err := filePaths(v)
	switch {
	case err != nil:
		d.report(mistake(attr.Expr.Range(), fmt.Sprintf("%s: %s %s", d.what, attr.Name, err),
			"Give paths, or steps that own files: `[\"/etc/x\", file.NAME]`."))
		return v, false
	case !known:
		return cty.UnknownVal(cty.List(cty.String)), true
	case v.IsNull():
		return cty.NullVal(cty.List(cty.String)), true
	case len(paths) == 0:
		return cty.ListValEmpty(cty.String).WithMarks(marks), true
	}
	return cty.ListVal(paths).WithMarks(marks), true
}

// filePaths returns the paths in v: a path, an object with files or path, the instances of a step with for_each, or a list
// of these. known is false if some of them are unknown.
func filePaths(v cty.Value) (paths []cty.Value, known bool, err error) {
	if v.IsMarked() {
		v, marks := v.Unmark()
		paths, known, err = filePaths(v)
		for i := range paths {
			paths[i] = paths[i].WithMarks(marks)
		}
		return paths, known, err
	}
	ty := v.Type()
	switch {
	case ty == cty.String && !v.IsNull():
		return []cty.Value{v}, v.IsKnown(), nil
	case !v.IsKnown():
		return nil, false, nil
	case v.IsNull():
		return nil, true, nil
	case ty.IsObjectType() && ty.HasAttribute("files"):
		return filePaths(v.GetAttr("files"))
	case ty.IsObjectType() && ty.HasAttribute("path") && !ty.AttributeType("path").IsObjectType():
		return filePaths(v.GetAttr("path"))
	case ty.IsObjectType(), ty.IsTupleType(), ty.IsListType(), ty.IsSetType():
		known = true
		for _, element := range v.Elements() {
			if ty.IsObjectType() && !element.Type().IsObjectType() && element.IsKnown() {
				return nil, false, fmt.Errorf("must name files, not an object without path or files")
			}
			more, sure, err := filePaths(element)
			if err != nil {
				return nil, false, err
			}
			paths, known = append(paths, more...), known && sure
		}
		return paths, known, nil
	}
	return nil, false, fmt.Errorf("must name files, not %s", describe(v))
}

// blocks decodes the nested blocks of one type.
func (d *decoder) blocks(spec *blockSpec, body *hclsyntax.Body, header hcl.Range, field reflect.Value) cty.Value {
	var found []*hclsyntax.Block
	for _, b := range body.Blocks {
		if b.Type == spec.name {
			found = append(found, b)
		}
	}
	switch {
	case len(found) == 0 && spec.required:
		d.report(mistake(header, fmt.Sprintf("%s: the block %s is missing", d.what, spec.name), fmt.Sprintf("Add `%s { ... }`.", spec.name)))
	case len(found) > 1 && !spec.many:
		d.report(mistake(found[1].DefRange(), fmt.Sprintf("%s has two blocks %s", d.what, spec.name),
			fmt.Sprintf("Only one is allowed. The first is at %s.", place(found[0].DefRange()))))
	}
	var values []cty.Value
	for _, b := range found {
		for _, inner := range d.repeat(spec, b) {
			target := field
			if spec.many {
				field.Set(reflect.Append(field, reflect.Zero(field.Type().Elem())))
				target = field.Index(field.Len() - 1)
			}
			if target.Kind() == reflect.Pointer {
				target.Set(reflect.New(target.Type().Elem()))
				target = target.Elem()
			}
			values = append(values, inner.block(spec, b, target))
		}
	}
	switch {
	case spec.many:
		return cty.TupleVal(values)
	case len(values) == 0:
		return cty.NullVal(cty.DynamicPseudoType)
	}
	return values[0]
}

// repeat returns a decoder for each element of a nested block's for_each; one for a block without it.
func (d *decoder) repeat(spec *blockSpec, b *hclsyntax.Block) []*decoder {
	inner := *d
	inner.meta = nil
	inner.what = d.what + ": " + spec.name
	if inner.top == "" {
		inner.top = spec.name
	}
	attr := b.Body.Attributes["for_each"]
	if attr == nil || !spec.repeats() {
		return []*decoder{&inner}
	}
	inner.meta = []string{"for_each"}
	v, ok := d.eval(attr.Expr, d.each)
	if ok {
		v, ok = d.elements(v, attr, inner.what)
	}
	if !ok || !v.IsKnown() {
		d.wrong, d.unknown = d.wrong || !ok, true
		if ok {
			d.notKnown(attr, inner.what)
		}
		inner.each = someElement(v.Type())
		return []*decoder{&inner}
	}
	var all []*decoder
	for _, each := range pairs(v) {
		one := inner
		one.each = each
		all = append(all, &one)
	}
	return all
}

// block decodes one nested block, of which d is the decoder.
func (d *decoder) block(spec *blockSpec, b *hclsyntax.Block, target reflect.Value) cty.Value {
	if len(b.Labels) != len(spec.body.labels) {
		d.report(mistake(b.DefRange(), fmt.Sprintf("%s has %s, but takes %d", d.what, modules.Counted(len(b.Labels), "label"), len(spec.body.labels)),
			fmt.Sprintf("Write `%s%s { ... }`.", spec.name, strings.Repeat(` "..."`, len(spec.body.labels)))))
	} else {
		for i, field := range spec.body.labels {
			target.Field(field).SetString(b.Labels[i])
		}
	}
	return cty.ObjectVal(d.body(spec.body, b.Body, b.DefRange(), target))
}
