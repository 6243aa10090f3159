package plan

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// HCL's parser and evaluator recurse for each level of nesting, and Go ends a program whose stack overflows: 300,000 opening
// brackets did that (hcl v2.25). No plan that a person or a generator writes comes near these limits.
const (
	maxNesting = 1_000  // brackets and interpolations inside each other
	maxChain   = 10_000 // operators, indexes and template directives in one expression
)

// tooDeep returns a mistake at the first place where tokens are nested too deeply to be parsed safely; nil if there is none.
func tooDeep(tokens hclsyntax.Tokens) *hcl.Diagnostic {
	nesting, chain := 0, 0
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenOQuote:
			nesting++
		case hclsyntax.TokenOBrack, hclsyntax.TokenTemplateControl:
			nesting++
			chain++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCQuote:
			nesting--
		case hclsyntax.TokenNewline, hclsyntax.TokenComment, hclsyntax.TokenComma:
			chain = 0
		case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit, hclsyntax.TokenStringLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenDot:
		default:
			chain++
		}
		if nesting > maxNesting || chain > maxChain {
			return mistake(token.Range, "This is nested too deeply", "Move parts of it to locals and refer to them.")
		}
	}
	return nil
}

// parseConfig is [hclsyntax.ParseConfig], safe for any text.
func parseConfig(text []byte, name string) (*hcl.File, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexConfig(text, name, hcl.InitialPos) // the parser reports the same mistakes
	if deep := tooDeep(tokens); deep != nil {
		return &hcl.File{Bytes: text, Body: &hclsyntax.Body{}}, hcl.Diagnostics{deep}
	}
	file, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	if file != nil {
		keepKeyMarks(file.Body.(*hclsyntax.Body))
	}
	return file, diags
}

// parseTemplate is [hclsyntax.ParseTemplate], safe for any text.
func parseTemplate(text []byte, name string) (hclsyntax.Expression, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexTemplate(text, name, hcl.InitialPos)
	if deep := tooDeep(tokens); deep != nil {
		return nil, hcl.Diagnostics{deep}
	}
	expr, diags := hclsyntax.ParseTemplate(text, name, hcl.InitialPos)
	if expr != nil {
		keepKeyMarks(expr)
	}
	return expr, diags
}

// parseExpression is [hclsyntax.ParseExpression], safe for any text.
func parseExpression(text []byte, name string) (hclsyntax.Expression, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexExpression(text, name, hcl.InitialPos)
	if deep := tooDeep(tokens); deep != nil {
		return nil, hcl.Diagnostics{deep}
	}
	return hclsyntax.ParseExpression(text, name, hcl.InitialPos)
}
