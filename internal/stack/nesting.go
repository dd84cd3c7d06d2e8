package stack

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxNesting bounds how deep brackets and operators may stand inside each other.
// HCL's parsers recurse, and a stack that overflows takes the process down.
const maxNesting = 1000

// tooDeep reports whether source is nested deeper than maxNesting. It counts
// before anything is parsed, and without recursion.
func tooDeep(src []byte, isJSON bool) bool {
	if isJSON {
		return jsonDepth(src) > maxNesting
	}
	if nestable(src) <= maxNesting {
		return false // as nearly every file
	}
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos) // errors are the parser's to report
	return tokenDepth(tokens) > maxNesting
}

// nestable counts the characters that can nest at all.
func nestable(src []byte) int {
	n := 0
	for _, c := range src {
		switch c {
		case '(', '[', '{', '"', '<', '!', '-', '?':
			n++
		}
	}
	return n
}

// tokenDepth is the deepest nesting of a file's tokens. Operators that take
// what follows them as their operand nest too, until the expression ends.
func tokenDepth(tokens hclsyntax.Tokens) int {
	open, depth, deepest := []int{0}, 0, 0 // open: the operators at each level
	end := func() {
		depth -= open[len(open)-1]
		open[len(open)-1] = 0
	}
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open, depth = append(open, 0), depth+1
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			end()
			if len(open) > 1 {
				open, depth = open[:len(open)-1], depth-1
			}
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			open[len(open)-1]++
			depth++
		case hclsyntax.TokenComma:
			end()
		case hclsyntax.TokenNewline:
			if len(open) == 1 {
				end()
			}
		}
		deepest = max(deepest, depth)
	}
	return deepest
}

// jsonDepth is the deepest nesting of brackets outside strings.
func jsonDepth(src []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '"':
			for i++; i < len(src) && src[i] != '"'; i++ {
				if src[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}
