package plan

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"golang.org/x/text/unicode/norm"

	"github.com/rcprov/rcprov/modules"
)

// functions returns the functions that expressions may call: the standard library of cty under the names that people know
// from Terraform, and functions that read the plan's directory and the environment. None depends on the time or on chance:
// otherwise each run would differ from the one before.
func functions(d *directory) map[string]function.Function {
	p := d.plan
	all := map[string]function.Function{
		"abspath":      abspathFunction(d),
		"env":          envFunction(p),
		"file":         fileFunction(d, fileText),
		"filebase64":   fileFunction(d, func(_ string, b []byte) (string, error) { return base64.StdEncoding.EncodeToString(b), nil }),
		"filesha256":   fileFunction(d, func(_ string, b []byte) (string, error) { return hashText(sha256.New)(string(b)) }),
		"fileexists":   fileExistsFunction(d),
		"sensitive":    sensitiveFunction(p),
		"templatefile": templateFunction(d),
	}
	maps.Copy(all, pureFunctions)
	for name, f := range all {
		all[name] = p.watched(f)
	}
	return all
}

// watched returns f, but notes the strings that it returns as secrets if an argument is sensitive: a message may show what an
// expression makes on the way.
func (p *Plan) watched(f function.Function) function.Function {
	spec := &function.Spec{
		Type: f.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err == nil && v.Type() != cty.Number { // a length is not worth hiding each such number
				p.noteSensitive(v)
			}
			return v, err
		},
	}
	for _, param := range f.Params() {
		spec.Params = append(spec.Params, anything(param))
	}
	if param := f.VarParam(); param != nil {
		all := anything(*param)
		spec.VarParam = &all
	}
	return function.New(spec)
}

// anything returns p as a parameter that accepts all special values: the watched function decides what to do with them.
func anything(p function.Parameter) function.Parameter {
	p.AllowNull, p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true, true
	return p
}

// withoutTemplates returns the functions for templates. They can't render templates, which might never end.
func withoutTemplates(all map[string]function.Function) map[string]function.Function {
	some := maps.Clone(all)
	delete(some, "templatefile")
	return some
}

var pureFunctions = map[string]function.Function{
	"abs":             stdlib.AbsoluteFunc,
	"alltrue":         everyFunction(true),
	"ansibledecode":   decodeFunction(ansibleDecode),
	"anytrue":         everyFunction(false),
	"base64decode":    textFunction(base64Decode),
	"base64encode":    textFunction(func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil }),
	"basename":        textFunction(func(s string) (string, error) { return path.Base(s), nil }),
	"can":             tryingFunction(tryfunc.CanFunc),
	"ceil":            stdlib.CeilFunc,
	"chomp":           stdlib.ChompFunc,
	"chunklist":       stdlib.ChunklistFunc,
	"cidrhost":        cidrHostFunction,
	"cidrnetmask":     textFunction(cidrNetmask),
	"cidrsubnet":      cidrSubnetFunction,
	"coalesce":        stdlib.CoalesceFunc,
	"coalescelist":    stdlib.CoalesceListFunc,
	"compact":         stdlib.CompactFunc,
	"concat":          stdlib.ConcatFunc,
	"contains":        stdlib.ContainsFunc,
	"csvdecode":       decodeFunction(csvDecode),
	"dirname":         textFunction(func(s string) (string, error) { return path.Dir(s), nil }),
	"distinct":        stdlib.DistinctFunc,
	"element":         stdlib.ElementFunc,
	"endswith":        compareFunction(strings.HasSuffix),
	"flatten":         stdlib.FlattenFunc,
	"floor":           stdlib.FloorFunc,
	"format":          stdlib.FormatFunc,
	"formatdate":      stdlib.FormatDateFunc,
	"formatlist":      stdlib.FormatListFunc,
	"indent":          stdlib.IndentFunc,
	"join":            stdlib.JoinFunc,
	"jsondecode":      decodeFunction(jsonDecode),
	"jsonencode":      stdlib.JSONEncodeFunc,
	"keys":            stdlib.KeysFunc,
	"length":          lengthFunction,
	"log":             stdlib.LogFunc,
	"lookup":          stdlib.LookupFunc,
	"lower":           stdlib.LowerFunc,
	"max":             stdlib.MaxFunc,
	"md5":             textFunction(hashText(md5.New)),
	"merge":           stdlib.MergeFunc,
	"min":             stdlib.MinFunc,
	"nonsensitive":    nonsensitiveFunction,
	"parseint":        stdlib.ParseIntFunc,
	"pow":             stdlib.PowFunc,
	"range":           stdlib.RangeFunc,
	"regex":           stdlib.RegexFunc,
	"regexall":        stdlib.RegexAllFunc,
	"regexreplace":    stdlib.RegexReplaceFunc,
	"replace":         stdlib.ReplaceFunc,
	"reverse":         stdlib.ReverseListFunc,
	"setintersection": stdlib.SetIntersectionFunc,
	"setproduct":      stdlib.SetProductFunc,
	"setsubtract":     stdlib.SetSubtractFunc,
	"setunion":        stdlib.SetUnionFunc,
	"sha1":            textFunction(hashText(sha1.New)),
	"sha256":          textFunction(hashText(sha256.New)),
	"sha512":          textFunction(hashText(sha512.New)),
	"signum":          stdlib.SignumFunc,
	"slice":           stdlib.SliceFunc,
	"sort":            stdlib.SortFunc,
	"split":           stdlib.SplitFunc,
	"startswith":      compareFunction(strings.HasPrefix),
	"strlen":          stdlib.StrlenFunc,
	"strrev":          stdlib.ReverseFunc,
	"substr":          stdlib.SubstrFunc,
	"sum":             sumFunction,
	"timeadd":         stdlib.TimeAddFunc,
	"title":           stdlib.TitleFunc,
	"tobool":          stdlib.MakeToFunc(cty.Bool),
	"tolist":          collectionFunction(stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), cty.List, cty.ListVal),
	"tomap":           stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
	"tonumber":        stdlib.MakeToFunc(cty.Number),
	"toset":           collectionFunction(stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), cty.Set, cty.SetVal),
	"tostring":        stdlib.MakeToFunc(cty.String),
	"trim":            stdlib.TrimFunc,
	"trimprefix":      stdlib.TrimPrefixFunc,
	"trimspace":       stdlib.TrimSpaceFunc,
	"trimsuffix":      stdlib.TrimSuffixFunc,
	"try":             tryingFunction(tryfunc.TryFunc),
	"upper":           stdlib.UpperFunc,
	"urlencode":       textFunction(func(s string) (string, error) { return url.QueryEscape(s), nil }),
	"values":          stdlib.ValuesFunc,
	"yamldecode":      decodeFunction(yamlDecode),
	"yamlencode":      ctyyaml.YAMLEncodeFunc,
	"zipmap":          stdlib.ZipmapFunc,
}

func stringParam(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.String}
}

func textFunction(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParam("text")},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := f(args[0].AsString())
			return cty.StringVal(text), err
		},
	})
}

func compareFunction(f func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParam("text"), stringParam("part")},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func hashText(newHash func() hash.Hash) func(string) (string, error) {
	return func(s string) (string, error) {
		h := newHash()
		h.Write([]byte(s))
		return hex.EncodeToString(h.Sum(nil)), nil
	}
}

func base64Decode(s string) (string, error) {
	text, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(text) {
		return "", fmt.Errorf("the decoded text is not UTF-8")
	}
	if err := exact(text); err != nil {
		return "", fmt.Errorf("the decoded text %w", err)
	}
	return string(text), nil
}

// everyFunction returns alltrue for true, anytrue for false.
func everyFunction(all bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			unknown := false
			for _, v := range args[0].AsValueSlice() {
				switch {
				case !v.IsKnown():
					unknown = true
				case v.IsNull() || v.True() != all:
					if all || !v.IsNull() {
						return cty.BoolVal(!all), nil
					}
				}
			}
			if unknown {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(all), nil
		},
	})
}

// lengthFunction counts the elements of collections and objects (steps with for_each, too) and the characters of strings, as in
// Terraform.
var lengthFunction = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowMarked: true}},
	Type: func(args []cty.Value) (cty.Type, error) {
		ty := args[0].Type()
		if ty.IsCollectionType() || ty.IsTupleType() || ty.IsObjectType() || ty == cty.String || ty == cty.DynamicPseudoType {
			return cty.Number, nil
		}
		return cty.NilType, function.NewArgErrorf(0, "must be a list, a set, a map, an object or a string")
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark() // sensitive elements don't make their number sensitive
		switch ty := v.Type(); {
		case ty.IsObjectType():
			v = cty.NumberIntVal(int64(len(ty.AttributeTypes())))
		case ty == cty.String:
			length, err := stdlib.Strlen(v)
			if err != nil {
				return cty.NilVal, err
			}
			v = length
		default:
			v = v.Length()
		}
		return v.WithMarks(marks), nil
	},
})

var sumFunction = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Number)}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		total := cty.Zero
		for i, v := range args[0].AsValueSlice() {
			if v.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "element %d is null", i)
			}
			total = total.Add(v)
		}
		return total, nil
	},
})

var cidrHostFunction = function.New(&function.Spec{
	Params: []function.Parameter{stringParam("prefix"), {Name: "number", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		prefix, err := netip.ParsePrefix(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgError(0, err)
		}
		number, accuracy := args[1].AsBigFloat().Int(nil)
		if accuracy != big.Exact {
			return cty.NilVal, function.NewArgErrorf(1, "must be a whole number")
		}
		host, err := cidr.HostBig(cidrNet(prefix), number)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(host.String()), nil
	},
})

var cidrSubnetFunction = function.New(&function.Spec{
	Params: []function.Parameter{stringParam("prefix"), {Name: "bits", Type: cty.Number}, {Name: "number", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		prefix, err := netip.ParsePrefix(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgError(0, err)
		}
		bits, accuracy := args[1].AsBigFloat().Int64()
		if accuracy != big.Exact || bits < 0 || bits > 128 {
			return cty.NilVal, function.NewArgErrorf(1, "must be a whole number from 0 to 128")
		}
		number, accuracy := args[2].AsBigFloat().Int(nil)
		if accuracy != big.Exact {
			return cty.NilVal, function.NewArgErrorf(2, "must be a whole number")
		}
		subnet, err := cidr.SubnetBig(cidrNet(prefix), int(bits), number)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(subnet.String()), nil
	},
})

// envFunction returns env(NAME) and env(NAME, DEFAULT).
func envFunction(p *Plan) function.Function {
	return function.New(&function.Spec{
		Params:   []function.Parameter{stringParam("name")},
		VarParam: &function.Parameter{Name: "default", Type: cty.String},
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			p.reads.note(readEnvKind, name)
			for _, entry := range p.opts.Environ {
				if value, ok := strings.CutPrefix(entry, name+"="); ok {
					return cty.StringVal(value), nil
				}
			}
			switch len(args) {
			case 1:
				return cty.NilVal, fmt.Errorf("the environment variable %s is not set: set it, or write env(%q, \"default\")", name, name)
			case 2:
				return args[1], nil
			}
			return cty.NilVal, fmt.Errorf("it takes a name and a default")
		},
	})
}

func fileText(name string, content []byte) (string, error) {
	if !utf8.Valid(content) {
		return "", fmt.Errorf("%q is not UTF-8 text: save it as UTF-8, use filebase64, or the argument `source` of a step", name)
	}
	if err := exact(content); err != nil {
		return "", fmt.Errorf("%q %w: use the argument `source` of a step, which takes files as they are", name, err)
	}
	return string(content), nil
}

// exact returns an error for a text that strings of the plan language can't hold as it is: cty keeps them in Unicode's normal
// form C, so that other bytes would reach the host.
func exact(text []byte) error {
	if norm.NFC.IsNormal(text) {
		return nil
	}
	return errors.New("has characters that are not in Unicode's normal form C, in which the plan language keeps text")
}

// mostOfFile is how many bytes a file may have that becomes a value.
const mostOfFile = 64 << 20

func fileFunction(d *directory, read func(name string, content []byte) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParam("path")},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if info, err := os.Stat(d.absolute(name)); err == nil && info.Mode().IsRegular() && info.Size() > mostOfFile {
				return cty.NilVal, modules.WithHint(fmt.Errorf("%q has %d MB, and an expression takes at most %d", name, info.Size()>>20, mostOfFile>>20),
					"Name it as the `source` of a step: that is streamed.")
			}
			content, err := d.readRegular(name)
			if err != nil {
				return cty.NilVal, err
			}
			text, err := read(name, content)
			return cty.StringVal(text), err
		},
	})
}

// readRegular reads a file for an expression or a step. It rejects devices and pipes: they may have no end, and return something else
// the next time.
func (d *directory) readRegular(name string) ([]byte, error) {
	info, err := os.Stat(d.absolute(name))
	if err == nil && info.IsDir() {
		return nil, fmt.Errorf("%q is a directory", name)
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", name)
	}
	return d.readFile(name)
}

// abspathFunction returns abspath(PATH): a path for another directory's files, such as the argument of an include. An empty path
// stays empty: it often means none.
func abspathFunction(d *directory) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParam("path")},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if name == "" {
				return args[0], nil
			}
			name, err := filepath.Abs(d.absolute(name))
			return cty.StringVal(name), err
		},
	})
}

func fileExistsFunction(d *directory) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParam("path")},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			d.plan.reads.note(readExistsKind, d.absolute(args[0].AsString()))
			info, err := os.Stat(d.absolute(args[0].AsString()))
			return cty.BoolVal(err == nil && info.Mode().IsRegular()), nil
		},
	})
}

func cidrNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func cidrNetmask(s string) (string, error) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return "", err
	}
	if !prefix.Addr().Is4() {
		return "", fmt.Errorf("only IPv4 networks have a netmask")
	}
	return net.IP(net.CIDRMask(prefix.Bits(), 32)).String(), nil
}

// collectionFunction is a conversion to a collection, which makes it itself of a tuple whose elements have one primitive type: cty
// compares the type of each with that of each other (convert.unify of go-cty 1.19), which takes seconds for ten thousand.
func collectionFunction(f function.Function, ty func(cty.Type) cty.Type, value func([]cty.Value) cty.Value) function.Function {
	alike := func(v cty.Value) []cty.Value {
		if !v.Type().IsTupleType() || v.ContainsMarked() || !v.IsWhollyKnown() || v.IsNull() || v.LengthInt() == 0 {
			return nil
		}
		all := v.AsValueSlice()
		for _, e := range all {
			if !e.Type().IsPrimitiveType() || e.Type() != all[0].Type() {
				return nil
			}
		}
		return all
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{anything(f.Params()[0])},
		Type: func(args []cty.Value) (cty.Type, error) {
			if all := alike(args[0]); all != nil {
				return ty(all[0].Type()), nil
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if all := alike(args[0]); all != nil {
				return value(all), nil
			}
			return f.Call(args)
		},
	})
}
