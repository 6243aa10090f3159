// Package manual makes the manual of a module from the source of its arguments: the struct Args with its tags and
// comments is the only place where they are described.
package manual

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"

	"github.com/rcprov/rcprov/modules"
)

// Manual is what a person needs to know to use a module.
type Manual struct {
	Name    string   `json:"name"`
	Summary string   `json:"summary"`           // "a regular file: its content, mode and owner"
	Text    string   `json:"text,omitempty"`    // paragraphs
	Example string   `json:"example,omitempty"` // a piece of a plan
	Args    []Arg    `json:"args"`
	Outputs []Output `json:"outputs,omitempty"`
	Steps   []string `json:"steps,omitempty"` // of a library: their addresses
}

// Arg is an argument, or a nested block.
type Arg struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"` // as plans name it: "string", "list of strings", ...; "block" or "blocks"
	Required bool     `json:"required,omitempty"`
	Default  string   `json:"default,omitempty"` // as in a plan: quoted if it is a string; empty if there is none
	Secret   bool     `json:"secret,omitempty"`  // may be sensitive
	OneOf    []string `json:"oneof,omitempty"`   // the only values it may have; empty: any
	Text     string   `json:"text,omitempty"`
	Args     []Arg    `json:"args,omitempty"` // of a nested block
}

// Output is a value that other blocks may refer to, beside the arguments.
type Output struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Text string `json:"text,omitempty"`
}

// Of returns the manual of m. An error means that the module's source is wrong.
func Of(m modules.Module) (Manual, error) {
	file, err := parser.ParseFile(token.NewFileSet(), m.Name+"/args.go", m.Source, parser.ParseComments)
	if err != nil {
		return Manual{}, fmt.Errorf("manual of %s: %w", m.Name, err)
	}
	s := source{structs: map[string]*ast.StructType{}, docs: map[string]string{}}
	s.collect(file)
	argsType := reflect.TypeOf(m.NewArgs()).Elem()
	doc, ok := s.docs[argsType.Name()]
	if !ok {
		return Manual{}, fmt.Errorf("manual of %s: its source has no struct %s", m.Name, argsType.Name())
	}
	manual := Manual{Name: m.Name}
	manual.Summary, manual.Text, manual.Example = split(doc)
	if manual.Args, err = s.args(argsType.Name()); err != nil {
		return Manual{}, fmt.Errorf("manual of %s: %w", m.Name, err)
	}
	if m.OutputsType != nil {
		manual.Outputs = s.outputs(m.OutputsType)
	}
	return manual, nil
}

// source holds the structs that a file declares, and their comments, by name.
type source struct {
	structs map[string]*ast.StructType
	docs    map[string]string
}

func (s source) collect(file *ast.File) {
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			spec := spec.(*ast.TypeSpec)
			if structure, ok := spec.Type.(*ast.StructType); ok {
				doc := spec.Doc
				if doc == nil {
					doc = general.Doc
				}
				s.structs[spec.Name.Name], s.docs[spec.Name.Name] = structure, doc.Text()
			}
		}
	}
}

// args describes the fields of the struct name that plans can set.
func (s source) args(name string) ([]Arg, error) {
	structure, ok := s.structs[name]
	if !ok {
		return nil, fmt.Errorf("its source has no struct %s", name)
	}
	var args []Arg
	for _, field := range structure.Fields.List {
		tag := tagOf(field)
		argName, kind, _ := strings.Cut(tag.Get("hcl"), ",")
		if embedded := typeName(field.Type); len(field.Names) == 0 && s.structs[embedded] != nil {
			more, err := s.args(embedded)
			if err != nil {
				return nil, err
			}
			args = append(args, more...)
			continue
		}
		if argName == "" || kind == "remain" || strings.HasSuffix(kind, "_range") {
			continue
		}
		arg := Arg{Name: argName, Required: kind == "" || kind == "attr", Text: strings.TrimSpace(field.Doc.Text())}
		if oneOf := tag.Get("oneof"); oneOf != "" {
			arg.OneOf = strings.Split(oneOf, ",")
		}
		switch kind {
		case "block":
			arg.Type = "block"
			if _, several := field.Type.(*ast.ArrayType); several {
				arg.Type = "blocks"
			}
			var err error
			if arg.Args, err = s.args(typeName(field.Type)); err != nil {
				return nil, err
			}
		case "label":
			arg.Type, arg.Required = "label", true
		default:
			arg.Type = planType(field.Type)
			arg.Secret = tag.Get("secret") == "yes" || strings.Contains(arg.Type, "secret")
			arg.Default = tag.Get("default")
			if arg.Type == "string" && arg.Default != "" {
				arg.Default = strconv.Quote(arg.Default)
			}
		}
		args = append(args, arg)
	}
	return args, nil
}

func tagOf(field *ast.Field) reflect.StructTag {
	if field.Tag == nil {
		return ""
	}
	tag, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		return ""
	}
	return reflect.StructTag(tag)
}

// typeName returns the name of a type without its package, pointer or slice.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ArrayType:
		return typeName(e.Elt)
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// planType returns what plans call a Go type.
func planType(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return planType(e.X)
	case *ast.ArrayType:
		return "list of " + plural(planType(e.Elt))
	case *ast.MapType:
		return "map of " + plural(planType(e.Value))
	}
	switch name := typeName(e); name {
	case "bool", "string":
		return name
	case "int", "int64", "uint", "uint16", "float64":
		return "number"
	case "Secret":
		return "secret string"
	case "Files":
		return "list of paths or steps"
	case "Value", "Expression":
		return "any value"
	default:
		return name
	}
}

func plural(name string) string {
	if strings.Contains(name, " ") {
		return name
	}
	return name + "s"
}

// outputs describes the fields of a module's outputs; their comments, if the struct is in the source too.
func (s source) outputs(t reflect.Type) []Output {
	texts := map[string]string{}
	if structure, ok := s.structs[t.Name()]; ok {
		for _, field := range structure.Fields.List {
			texts[tagOf(field).Get("cty")] = strings.TrimSpace(field.Doc.Text() + field.Comment.Text())
		}
	}
	var outputs []Output
	for field := range t.Fields() {
		if name := field.Tag.Get("cty"); name != "" {
			outputs = append(outputs, Output{Name: name, Type: goType(field.Type), Text: texts[name]})
		}
	}
	return outputs
}

// goType returns what plans call a Go type at run time.
func goType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return goType(t.Elem())
	case reflect.Slice:
		return "list of " + plural(goType(t.Elem()))
	case reflect.Map:
		return "map of " + plural(goType(t.Elem()))
	case reflect.Struct:
		return "object"
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	default:
		return "number"
	}
}

// split splits the comment of an Args struct: "Args describe SUMMARY. TEXT", and the indented EXAMPLE.
func split(doc string) (summary, text, example string) {
	var words, code []string
	inCode := false
	for line := range strings.Lines(doc) {
		line = strings.TrimRight(line, "\n")
		switch unindented, indented := strings.CutPrefix(line, "\t"); { // gofmt indents code by a tab
		case indented:
			inCode = true
			code = append(code, unindented)
		case line == "" && inCode:
			code = append(code, "")
		default:
			inCode = false
			words = append(words, line)
		}
	}
	prose := strings.TrimSpace(strings.Join(words, "\n"))
	summary, text, found := strings.Cut(prose, ". ")
	if before, after, paragraph := strings.Cut(prose, ".\n"); paragraph && (!found || len(before) < len(summary)) {
		summary, text = before, after
	}
	for _, opening := range []string{"Args describe ", "Args describes ", "Args are ", "Args is "} {
		summary = strings.TrimPrefix(summary, opening)
	}
	summary = strings.Join(strings.Fields(summary), " ")
	return strings.TrimSuffix(summary, "."), Unfold(text), strings.TrimSpace(strings.Join(code, "\n"))
}

// Unfold joins the lines of each paragraph and each list item, so that they can be wrapped again. Code, which gofmt
// indents by a tab, keeps its lines.
func Unfold(text string) string {
	var out strings.Builder
	after := "" // what ended the line before
	for line := range strings.Lines(strings.TrimSpace(text)) {
		code, isCode := strings.CutPrefix(line, "\t")
		words := strings.Join(strings.Fields(line), " ")
		separator := " "
		switch {
		case words == "":
			after = "\n\n"
			continue
		case isCode:
			separator, words = "\n", "  "+strings.TrimRight(code, "\n")
		case strings.HasPrefix(words, "- "):
			separator = "\n"
		}
		switch {
		case out.Len() == 0:
		case after != "":
			out.WriteString(after)
		default:
			out.WriteString(separator)
		}
		out.WriteString(words)
		after = ""
		if isCode {
			after = "\n"
		}
	}
	return out.String()
}
