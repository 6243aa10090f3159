package plan

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// HCL's parser and evaluator recurse with the nesting of what they read, and Go ends a program whose stack overflows:
// 300,000 opening brackets did that (hcl v2.25). No plan that a person or a generator writes comes near these limits.
const (
	maxNesting = 1_000  // brackets and interpolations inside each other
	maxChain   = 10_000 // operators, indexes and template directives in one expression
)

// tooDeep reports the first place where tokens are nested so deeply that parsing them would be unsafe; nil if none is.
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
			return mistake(token.Range, "This is nested too deeply", "Name parts of it in locals and refer to them.")
		}
	}
	return nil
}

// parseConfig is [hclsyntax.ParseConfig] for text that may be anything.
func parseConfig(text []byte, name string) (*hcl.File, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexConfig(text, name, hcl.InitialPos) // its mistakes are told again by the parser
	if deep := tooDeep(tokens); deep != nil {
		return &hcl.File{Bytes: text, Body: &hclsyntax.Body{}}, hcl.Diagnostics{deep}
	}
	return hclsyntax.ParseConfig(text, name, hcl.InitialPos)
}

// parseTemplate is [hclsyntax.ParseTemplate] for text that may be anything.
func parseTemplate(text []byte, name string) (hclsyntax.Expression, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexTemplate(text, name, hcl.InitialPos)
	if deep := tooDeep(tokens); deep != nil {
		return nil, hcl.Diagnostics{deep}
	}
	return hclsyntax.ParseTemplate(text, name, hcl.InitialPos)
}

// parseExpression is [hclsyntax.ParseExpression] for text that may be anything.
func parseExpression(text []byte, name string) (hclsyntax.Expression, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexExpression(text, name, hcl.InitialPos)
	if deep := tooDeep(tokens); deep != nil {
		return nil, hcl.Diagnostics{deep}
	}
	return hclsyntax.ParseExpression(text, name, hcl.InitialPos)
}
