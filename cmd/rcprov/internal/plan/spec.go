package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/rcprov/rcprov/modules"
)

// bodySpec describes a module's Args struct, or the struct of a nested block, by its tags. The tags are those of package
// gohcl. They are read here because gohcl can't handle sensitive values, unknown values, defaults and references to steps,
// and its messages don't name what exists.
type bodySpec struct {
	args   []*argSpec
	blocks []*blockSpec
	labels []int // indexes of the fields for a nested block's labels
}

type argSpec struct {
	name         string
	field        int
	ty           cty.Type
	required     bool
	fallback     cty.Value // of the default tag; NilVal without one
	words        []string  // of the oneof tag
	vars         string    // of the renders tag: the argument with the variables of the template that this one names
	secret       bool      // holds modules.Secret: what it is given is a secret
	takesSecrets bool      // may be sensitive: holds modules.Secret, or has the tag secret:"yes"
	exposed      string    // of the exposed tag: who can read the value, and where a secret belongs instead
	public       []string  // of the public tag: how the names of values in a map of secrets end that are none
	files        bool      // is modules.Files
}

type blockSpec struct {
	name     string
	field    int
	required bool
	many     bool // a slice
	body     *bodySpec
}

// repeats reports whether such blocks can have for_each: several are allowed, and they have no labels to tell them apart.
func (s *blockSpec) repeats() bool {
	return s.many && len(s.body.labels) == 0 && s.body.find("for_each") == nil
}

var (
	secretType = reflect.TypeFor[modules.Secret]()
	filesType  = reflect.TypeFor[modules.Files]()
)

// newBodySpec reads the tags of the struct that args points to. It panics if a tag is not valid: that is a bug in the
// module, which any test that uses it finds.
func newBodySpec(args any) *bodySpec { return structSpec(reflect.TypeOf(args).Elem()) }

func structSpec(ty reflect.Type) *bodySpec {
	spec := &bodySpec{}
	for i := range ty.NumField() {
		field := ty.Field(i)
		tag, ok := field.Tag.Lookup("hcl")
		if !ok {
			continue
		}
		name, kind, _ := strings.Cut(tag, ",")
		switch kind {
		case "", "attr":
			spec.args = append(spec.args, newArgSpec(field, i, name, true))
		case "optional":
			spec.args = append(spec.args, newArgSpec(field, i, name, false))
		case "block":
			spec.blocks = append(spec.blocks, newBlockSpec(field, i, name))
		case "label":
			spec.labels = append(spec.labels, i)
		default:
			panic(fmt.Sprintf("%s.%s: the tag hcl:%q is not understood", ty, field.Name, tag))
		}
	}
	return spec
}

func newArgSpec(field reflect.StructField, index int, name string, required bool) *argSpec {
	ty, err := gocty.ImpliedType(reflect.Zero(field.Type).Interface())
	if err != nil {
		panic(fmt.Sprintf("argument %s: %v", name, err))
	}
	spec := &argSpec{
		name: name, field: index, ty: ty, required: required,
		secret: holds(field.Type, secretType), files: field.Type == filesType,
	}
	spec.fallback, _ = modules.Default(field)
	spec.vars = field.Tag.Get("renders")
	spec.takesSecrets, spec.exposed = modules.TakesSecrets(field), field.Tag.Get("exposed")
	if ends, ok := field.Tag.Lookup("public"); ok {
		spec.public = strings.Split(ends, ",")
	}
	if words, ok := field.Tag.Lookup("oneof"); ok {
		spec.words = strings.Split(words, ",")
	}
	return spec
}

func newBlockSpec(field reflect.StructField, index int, name string) *blockSpec {
	spec := &blockSpec{name: name, field: index, required: true}
	ty := field.Type
	if ty.Kind() == reflect.Slice {
		spec.many, spec.required, ty = true, false, ty.Elem()
	}
	if ty.Kind() == reflect.Pointer {
		spec.required, ty = false, ty.Elem()
	}
	spec.body = structSpec(ty)
	return spec
}

// holds reports whether values of ty contain values of what.
func holds(ty, what reflect.Type) bool {
	if ty == what {
		return true
	}
	switch ty.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return holds(ty.Elem(), what)
	}
	return false
}

func (s *bodySpec) find(name string) *argSpec {
	if i := slices.IndexFunc(s.args, func(a *argSpec) bool { return a.name == name }); i >= 0 {
		return s.args[i]
	}
	return nil
}

func (s *bodySpec) block(name string) *blockSpec {
	if i := slices.IndexFunc(s.blocks, func(b *blockSpec) bool { return b.name == name }); i >= 0 {
		return s.blocks[i]
	}
	return nil
}

func (s *bodySpec) argNames() []string {
	var names []string
	for _, a := range s.args {
		names = append(names, a.name)
	}
	return names
}

func (s *bodySpec) blockNames() []string {
	var names []string
	for _, b := range s.blocks {
		names = append(names, b.name)
	}
	return names
}
