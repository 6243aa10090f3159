package plan

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"go.yaml.in/yaml/v3"

	"github.com/rcprov/rcprov/modules"
)

// byteOrderMark begins many UTF-8 files that Windows programs write.
const byteOrderMark = "\ufeff"

// decodeFunction returns a function of one text whose result has a type of its own. A byte order mark is no part of the text.
func decodeFunction(decode func(text string) (cty.Value, error)) function.Function {
	of := func(v cty.Value) (cty.Value, error) { return decode(strings.TrimPrefix(v.AsString(), byteOrderMark)) }
	return function.New(&function.Spec{
		Params: []function.Parameter{stringParam("text")},
		Type: func(args []cty.Value) (cty.Type, error) {
			if !args[0].IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			v, err := of(args[0])
			if err != nil {
				return cty.NilType, err
			}
			return v.Type(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return of(args[0]) },
	})
}

// csvDecode returns the rows of a table (RFC 4180) as objects with the columns that its first line names. Where a comma divides
// nothing there, semicolons or tabs may: spreadsheets write these where a comma is the decimal mark.
func csvDecode(text string) (cty.Value, error) {
	table := csv.NewReader(strings.NewReader(text))
	table.FieldsPerRecord = -1
	header, _, _ := strings.Cut(text, "\n")
	for _, comma := range []rune{';', '\t'} {
		if !strings.Contains(header, ",") && strings.ContainsRune(header, comma) {
			table.Comma = comma
			break
		}
	}
	columns, err := table.Read()
	if errors.Is(err, io.EOF) {
		return cty.NilVal, errors.New("the text is empty: its first line names the columns")
	}
	if err != nil {
		return cty.NilVal, csvProblem(err)
	}
	types := make(map[string]cty.Type, len(columns))
	for i, name := range columns {
		switch _, twice := types[name]; {
		case strings.TrimSpace(name) == "":
			return cty.NilVal, fmt.Errorf("column %d of %d has no name in the first line", i+1, len(columns))
		case twice:
			return cty.NilVal, fmt.Errorf("the first line names the column %q twice", name)
		}
		types[name] = cty.String
	}
	rows := []cty.Value{}
	for {
		cells, err := table.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return cty.NilVal, csvProblem(err)
		}
		if len(cells) != len(columns) {
			line, _ := table.FieldPos(0)
			return cty.NilVal, modules.WithHint(fmt.Errorf("line %d has %s, and the first line names %s", line, modules.Counted(len(cells), "value"), modules.Counted(len(columns), "column")),
				"A value with %q in it goes in double quotes.", table.Comma)
		}
		row := make(map[string]cty.Value, len(columns))
		for i, cell := range cells {
			row[columns[i]] = cty.StringVal(cell)
		}
		rows = append(rows, cty.ObjectVal(row))
	}
	if len(rows) == 0 {
		return cty.ListValEmpty(cty.Object(types)), nil
	}
	return cty.ListVal(rows), nil
}

func csvProblem(err error) error {
	var parse *csv.ParseError
	switch {
	case !errors.As(err, &parse):
		return err
	case errors.Is(err, csv.ErrBareQuote):
		return fmt.Errorf("line %d, column %d: a double quote inside a value: put the value in double quotes, and write each one in it twice", parse.Line, parse.Column)
	case errors.Is(err, csv.ErrQuote):
		return fmt.Errorf("line %d: the value in double quotes that begins on line %d has no end, or text behind its end", parse.Line, parse.StartLine)
	}
	return fmt.Errorf("line %d: %w", parse.Line, parse.Err)
}

// jsonDecode is cty's function, with messages that name the line and column.
func jsonDecode(text string) (cty.Value, error) {
	v, err := stdlib.JSONDecode(cty.StringVal(text))
	if err == nil {
		return v, nil
	}
	var syntax *json.SyntaxError
	var whole json.RawMessage
	if !errors.As(json.Unmarshal([]byte(text), &whole), &syntax) {
		return cty.NilVal, err
	}
	if strings.TrimSpace(text) == "" {
		return cty.NilVal, errors.New("the text is empty")
	}
	before := text[:max(0, min(int(syntax.Offset)-1, len(text)))]
	line, column := 1+strings.Count(before, "\n"), len(before)-strings.LastIndex(before, "\n")
	problem := syntax.Error()
	if parts := invalidJSON.FindStringSubmatch(problem); parts != nil {
		problem = parts[1] + " " + parts[2]
		if plain, ok := jsonProblems[parts[2]]; ok {
			problem = parts[1] + " stands " + plain
		}
	} else if strings.HasPrefix(problem, "unexpected end") {
		problem = "the text ends in the middle of a value"
	}
	return cty.NilVal, fmt.Errorf("line %d, column %d: %s", line, column, problem)
}

// invalidJSON matches messages of encoding/json's scanner (Go 1.26, scanner.go), jsonProblems says the same in plain words.
var (
	invalidJSON  = regexp.MustCompile(`^invalid character ('.*') (.*)$`)
	jsonProblems = map[string]string{
		"looking for beginning of value":             "where a value should begin",
		"looking for beginning of object key string": "where a name in double quotes should begin",
		"after object key":                           "where a colon should follow the name",
		"after object key:value pair":                "where a comma or } should follow the value",
		"after array element":                        "where a comma or ] should follow the value",
		"after top-level value":                      "after the end of the document",
	}
)

// yamlDecode is cty's function, with plainer messages that name the line.
func yamlDecode(text string) (cty.Value, error) {
	if err := unfoldable(text); err != nil {
		return cty.NilVal, err
	}
	ty, err := ctyyaml.Standard.ImpliedType([]byte(text))
	if err == nil {
		var v cty.Value
		if v, err = ctyyaml.Standard.Unmarshal([]byte(text), ty); err == nil {
			return v, nil
		}
	}
	// The library (1.2.0, error.go) counts lines from 0, but for errors of its scanner, and leaves out line 0.
	line, problem := 1, err.Error()
	var at ctyyaml.Error
	if errors.As(err, &at) {
		problem = at.Cause().Error()
		line = at.Line
		if !yamlScanner.MatchString(problem) {
			line++
		}
	}
	if problem == "missing start of document" {
		return cty.NilVal, errors.New("the text is empty")
	}
	hint := ""
	if i := slices.IndexFunc(yamlProblems, func(p yamlProblem) bool { return strings.HasPrefix(problem, p.theirs) }); i >= 0 {
		problem, hint = yamlProblems[i].ours+strings.TrimPrefix(problem, yamlProblems[i].theirs), yamlProblems[i].hint
	}
	err = fmt.Errorf("line %d: %s", line, problem)
	if hint != "" {
		err = modules.WithHint(err, "%s", hint)
	}
	return cty.NilVal, err
}

// unfoldable returns an error for a text of a few lines whose aliases unfold to millions of values, or which nests too deep. cty's library
// has no limits; those of yaml/v3 are.
func unfoldable(text string) error {
	if !strings.ContainsAny(text, "*[{") && !strings.Contains(text, "- - ") {
		return nil
	}
	var unfolded any
	err := yaml.Unmarshal([]byte(text), &unfolded)
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "excessive aliasing"):
		return errors.New("its aliases (*NAME) unfold to far more than the text has")
	case strings.Contains(err.Error(), "max depth"):
		return errors.New("it nests deeper than 10,000 levels")
	}
	return nil // cty's library says it with the line
}

// yamlScanner matches the messages of the library's scanner (scannerc.go).
var yamlScanner = regexp.MustCompile(`^(mapping (keys|values) are not allowed|block sequence entries|could not find|did not find (URI|expected (whitespace|comment|alphabetic|hexdecimal|digit|version|tag|'!'|'\.'))|` +
	`found (character|a tab|unexpected|unknown escape|invalid|incompatible|extremely|an? |'|"))`)

type yamlProblem struct{ theirs, ours, hint string }

// yamlProblems says what the library's messages mean.
var yamlProblems = []yamlProblem{
	{"mapping values are not allowed in this context", "a name with a colon can't stand here", "The indentation differs from that of its neighbours, or a text with \": \" in it lacks quotes."},
	{"found character that cannot start any token", "no value may begin with this character", "Indent with spaces, not with tabs, and put a text that begins with @, ` or % in quotes."},
	{"only strings are allowed as mapping keys", "a mapping stands where a name is expected", "A text that begins with { goes in quotes: \"{{ x }}\"."},
	{"unsupported tag", "there is no tag", "What it marks can be read by the tool alone that the file was written for."},
	{"did not find expected key", "the indentation differs from that of the lines above", ""},
	{"did not find expected '-' indicator", "a list ends here: its elements begin with \"- \", all equally indented", ""},
	{"unexpected extra content after value", "a second document begins, and only one is read", ""},
	{"did not find expected <document start>", "the document ends above this line, and something follows", ""},
	{"did not find expected ',' or ']'", "a comma or ] is missing before this", ""},
	{"did not find expected ',' or '}'", "a comma or } is missing before this", ""},
	{"did not find expected node content", "a value is missing before this", ""},
	{"found unexpected end of stream", "a text in quotes has no end", ""},
	{"only a single document is allowed", "a second document begins, and only one is read", ""},
}
