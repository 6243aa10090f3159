package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// snippet is a piece of a plan in a text that people read.
type snippet struct {
	file  string // as seen from the repository's root
	line  int
	text  string
	about string // the paragraph or message around it
	hint  bool   // from a string of the program: it may hold verbs of package fmt
}

func (s snippet) place() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

var (
	attributeStart  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]* += \S`)
	blockStart      = regexp.MustCompile(`^[a-z_]+( "[^"]*")* \{`)
	expressionShape = regexp.MustCompile(`^(\[[^A-Z\s].*\]|\{ [A-Za-z_"].* = .*\})$`)

	// What is seen as a snippet in a message without backquotes, too.
	labelledBlock = regexp.MustCompile(`\b[a-z_]{3,} "[\w%. -]*" \{`)
	bareAttribute = regexp.MustCompile(`\b[a-z_]{3,} = ("[\w%./-]*"|\[[^\]]*\]|true|false|\d+|%[dqv])`)
)

// isHCL reports whether a text in backquotes, or an indented one, is meant as a piece of a plan. A space on each side of
// the equals sign is what tells an argument from a line of shell.
func isHCL(text string) bool {
	text = strings.TrimSpace(text)
	return attributeStart.MatchString(text) || blockStart.MatchString(text) || expressionShape.MatchString(text)
}

// goSnippets finds the snippets in the comments and strings of Go source.
func goSnippets(name string, source []byte) ([]snippet, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var found []snippet
	for _, group := range file.Comments {
		var lines []string
		for _, c := range group.List {
			text, isLine := strings.CutPrefix(c.Text, "//")
			if !isLine {
				text = strings.TrimSuffix(strings.TrimPrefix(text, "/*"), "*/")
			}
			lines = append(lines, strings.Split(text, "\n")...)
		}
		found = append(found, proseSnippets(name, files.Position(group.Pos()).Line, lines, "\t")...)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field: // a struct tag is in backquotes and is no text
			ast.Inspect(n.Type, func(ast.Node) bool { return true })
			return n.Tag == nil
		case ast.Expr:
			text, lines, ok := message(files, n)
			if ok {
				found = append(found, messageSnippets(name, text, lines)...)
			}
			return !ok
		}
		return true
	})
	slices.SortStableFunc(found, func(a, b snippet) int { return cmp.Compare(a.line, b.line) })
	return found, nil
}

// message returns the text of a string literal, or of several joined by +, and the source line of each of its bytes.
// What is no literal is there as %s.
func message(files *token.FileSet, e ast.Expr) (text string, lines []int, ok bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return message(files, e.X)
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", nil, false
		}
		value, err := strconv.Unquote(e.Value)
		if err != nil {
			return "", nil, false
		}
		line := files.Position(e.Pos()).Line
		for i := range len(value) {
			lines = append(lines, line)
			if e.Value[0] == '`' && value[i] == '\n' {
				line++
			}
		}
		return value, lines, true
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", nil, false
		}
		left, leftLines, leftOK := message(files, e.X)
		right, rightLines, rightOK := message(files, e.Y)
		if !leftOK && !rightOK {
			return "", nil, false
		}
		line := files.Position(e.OpPos).Line
		if !leftOK {
			left, leftLines = "%s", []int{line, line}
		}
		if !rightOK {
			right, rightLines = "%s", []int{line, line}
		}
		return left + right, append(leftLines, rightLines...), true
	}
	return "", nil, false
}

// messageSnippets finds what is in backquotes in a message, and blocks with a label without them.
func messageSnippets(file, text string, lines []int) []snippet {
	var found []snippet
	add := func(start, end int) {
		found = append(found, snippet{file: file, line: lines[start], text: text[start:end], about: text, hint: true})
	}
	parts := strings.Split(text, "`")
	at := 0
	for i, part := range parts {
		quoted := i%2 == 1 && i < len(parts)-1
		switch {
		case quoted && isHCL(part):
			add(at, at+len(part))
		case !quoted:
			after := 0
			for _, m := range labelledBlock.FindAllStringIndex(part, -1) {
				if length, closed := blockLength(part[m[0]:]); closed {
					add(at+m[0], at+m[0]+length)
					after = m[0] + length
				}
			}
			for _, m := range bareAttribute.FindAllStringIndex(part[after:], -1) {
				add(at+after+m[0], at+after+m[1])
			}
		}
		at += len(part) + 1
	}
	return found
}

// blockLength is where the block that text starts with ends.
func blockLength(text string) (length int, closed bool) {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && inString:
			i++
		case c == '"':
			inString = !inString
		case c == '{' && !inString:
			depth++
		case c == '}' && !inString:
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return 0, false
}

// proseSnippets finds the snippets in lines of prose: what is in backquotes, and code that is indented. Paragraphs end at
// empty lines. The first line has the number first.
func proseSnippets(file string, first int, lines []string, indent string) []snippet {
	var found []snippet
	for i := 0; i < len(lines); {
		end := i
		if strings.HasPrefix(lines[i], indent) { // code: up to the last indented line, empty ones included
			for j := i; j < len(lines) && (strings.HasPrefix(lines[j], indent) || strings.TrimSpace(lines[j]) == ""); j++ {
				if strings.TrimSpace(lines[j]) != "" {
					end = j + 1
				}
			}
			var code []string
			for _, line := range lines[i:end] {
				code = append(code, strings.TrimPrefix(line, indent))
			}
			if isHCL(code[0]) {
				text := strings.Join(code, "\n")
				found = append(found, snippet{file: file, line: first + i, text: text, about: text})
			}
			i = end
			continue
		}
		for end < len(lines) && strings.TrimSpace(lines[end]) != "" && (end == i || !strings.HasPrefix(lines[end], indent)) {
			end++
		}
		found = append(found, paragraphSnippets(file, first+i, lines[i:end])...)
		i = max(end, i+1)
	}
	return found
}

func paragraphSnippets(file string, first int, lines []string) []snippet {
	var found []snippet
	text := strings.Join(lines, "\n")
	parts := strings.Split(text, "`")
	at := 0
	for i, part := range parts {
		if i%2 == 1 && i < len(parts)-1 && isHCL(unwrap(part)) {
			line := first + strings.Count(text[:at], "\n")
			found = append(found, snippet{file: file, line: line, text: unwrap(part), about: text})
		}
		at += len(part) + 1
	}
	return found
}

// unwrap makes one line of a text that was wrapped.
func unwrap(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "")
}

// markdownSnippets finds the snippets of a page: fences of hcl, indented code, and what is in backquotes.
func markdownSnippets(file string, text []byte) []snippet {
	var found []snippet
	var prose []string // the page with its fences blanked
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		language, fence := strings.CutPrefix(strings.TrimSpace(lines[i]), "```")
		if !fence {
			prose = append(prose, lines[i])
			continue
		}
		start := i + 1
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
		}
		if language == "hcl" {
			code := strings.Join(lines[start:min(i, len(lines))], "\n")
			found = append(found, snippet{file: file, line: start + 1, text: code, about: code})
		}
		prose = append(prose, make([]string, min(i, len(lines)-1)-start+2)...)
	}
	found = append(found, proseSnippets(file, 1, prose, "    ")...)
	slices.SortStableFunc(found, func(a, b snippet) int { return cmp.Compare(a.line, b.line) })
	return found
}

// planSnippets finds the snippets in the comments of a plan. Plans themselves are validated as a whole.
func planSnippets(file string, text []byte) []snippet {
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		before, comment, _ := strings.Cut(line, "# ")
		if strings.TrimSpace(before) != "" && strings.Count(before, `"`)%2 == 1 {
			comment = "" // a string with a number sign
		}
		lines[i] = comment
	}
	return proseSnippets(file, 1, lines, "\t")
}

// manualSnippets finds the snippets of a page that is indented by two spaces throughout, as language.txt is.
func manualSnippets(file string, text []byte) []snippet {
	var found []snippet
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if line != "Example" {
			continue
		}
		end := i + 1
		for end < len(lines) && (strings.HasPrefix(lines[end], "  ") || lines[end] == "") {
			end++
		}
		code := slices.Clone(lines[i+2 : end])
		for j := range code {
			code[j] = strings.TrimPrefix(code[j], "  ")
			lines[i+2+j] = ""
		}
		text := strings.Join(code, "\n")
		found = append(found, snippet{file: file, line: i + 3, text: text, about: text})
	}
	found = append(found, proseSnippets(file, 1, lines, "\t")...)
	slices.SortStableFunc(found, func(a, b snippet) int { return cmp.Compare(a.line, b.line) })
	return found
}

// allSnippets finds the snippets of the repository at root, by file.
func allSnippets(root string) (map[string][]snippet, error) {
	found := map[string][]snippet{}
	add := func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch filepath.Ext(name) {
		case ".go":
			found[name], err = goSnippets(name, text)
		case ".md":
			found[name] = markdownSnippets(name, text)
		case ".hcl":
			found[name] = planSnippets(name, text)
		case ".txt":
			found[name] = manualSnippets(name, text)
		}
		return err
	}
	for _, page := range []string{
		"README.md", "CHANGELOG.md", "cmd/rcprov/README.md", "e2e/README.md", "e2e/bench/README.md", "modules/README.md", "plans/README.md",
		"cmd/rcprov/internal/plan/language.txt",
	} {
		if err := add(filepath.Join(root, page)); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{"modules", "cmd", "plans", "templates"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry os.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "testdata":
				return filepath.SkipDir
			case entry.IsDir() || strings.HasSuffix(path, "_test.go"):
				return nil
			case filepath.Ext(path) == ".go" || filepath.Ext(path) == ".hcl":
				return add(path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
