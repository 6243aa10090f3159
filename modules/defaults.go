package modules

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// Defaults gives the arguments that args leaves empty the values of their default tags, also in nested blocks that are
// there. args points to a module's Args struct. A plan needs no call, since the arguments that it leaves out are filled in
// while it is read; products call it for the primitives that they make, and tests for what they test.
//
// A bool stays as it is: false is as good as left out in Go, and whoever wrote it meant it.
//
// It panics when a default does not fit its field, which is a mistake in the module.
func Defaults(args any) { fill(reflect.ValueOf(args).Elem()) }

func fill(args reflect.Value) {
	for i := range args.NumField() {
		field, tag := args.Field(i), args.Type().Field(i)
		name, kind, _ := strings.Cut(tag.Tag.Get("hcl"), ",")
		switch {
		case kind == "block":
			fillBlocks(field)
		case name == "" || field.Kind() == reflect.Bool || !field.IsZero():
		default:
			if value, ok := Default(tag); ok {
				if err := gocty.FromCtyValue(value, field.Addr().Interface()); err != nil {
					panic(fmt.Sprintf("argument %s: the tag default:%q: %v", name, tag.Tag.Get("default"), err))
				}
			}
		}
	}
}

// fillBlocks fills the blocks in field: a struct, a pointer to one, or a slice of them.
func fillBlocks(field reflect.Value) {
	switch field.Kind() {
	case reflect.Struct:
		fill(field)
	case reflect.Pointer:
		if !field.IsNil() {
			fill(field.Elem())
		}
	case reflect.Slice:
		for i := range field.Len() {
			fillBlocks(field.Index(i))
		}
	}
}

// Default returns the value of an argument that is left out, from the default tag of its field; false: it has no such tag.
// It panics when the default is not of the field's type, which is a mistake in the module.
func Default(field reflect.StructField) (cty.Value, bool) {
	text, ok := field.Tag.Lookup("default")
	if !ok {
		return cty.NilVal, false
	}
	ty, err := gocty.ImpliedType(reflect.Zero(field.Type).Interface())
	if err != nil {
		panic(fmt.Sprintf("field %s: %v", field.Name, err))
	}
	value, err := convert.Convert(cty.StringVal(text), ty)
	if err != nil {
		panic(fmt.Sprintf("field %s: the tag default:%q: %v", field.Name, text, err))
	}
	return value, true
}
