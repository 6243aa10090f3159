package plan

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// TestCollections: toset and tolist answer as those of cty do, also for what they convert themselves.
func TestCollections(t *testing.T) {
	t.Parallel()
	a, b, n := cty.StringVal("a"), cty.StringVal("b"), cty.NumberIntVal(1)
	for _, v := range []cty.Value{
		cty.EmptyTupleVal, cty.TupleVal([]cty.Value{a}), cty.TupleVal([]cty.Value{b, a, a}), cty.TupleVal([]cty.Value{n, n}),
		cty.TupleVal([]cty.Value{a, n}), cty.TupleVal([]cty.Value{a, cty.NullVal(cty.String)}), cty.TupleVal([]cty.Value{a, cty.UnknownVal(cty.String)}),
		cty.TupleVal([]cty.Value{a, b.Mark("secret")}), cty.TupleVal([]cty.Value{cty.TupleVal([]cty.Value{a}), cty.TupleVal([]cty.Value{b})}),
		cty.TupleVal([]cty.Value{a}).Mark("secret"), cty.ListVal([]cty.Value{a, b}), cty.SetVal([]cty.Value{a}), cty.DynamicVal,
		cty.NullVal(cty.Tuple([]cty.Type{cty.String})), cty.UnknownVal(cty.Tuple([]cty.Type{cty.String})), a, cty.ObjectVal(map[string]cty.Value{"a": a}),
	} {
		for name, ty := range map[string]cty.Type{"toset": cty.Set(cty.DynamicPseudoType), "tolist": cty.List(cty.DynamicPseudoType)} {
			want, wantErr := stdlib.MakeToFunc(ty).Call([]cty.Value{v})
			got, err := pureFunctions[name].Call([]cty.Value{v})
			if (err == nil) != (wantErr == nil) || err == nil && !got.RawEquals(want) {
				t.Errorf("%s(%#v) = %#v, %v; want %#v, %v", name, v, got, err, want, wantErr)
			}
		}
	}
}
