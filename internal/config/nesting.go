package config

import (
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxNesting bounds how deep brackets, operators and template directives may
// stand inside each other. HCL's parsers and evaluator recurse, and a stack
// that overflows takes the whole process down.
const maxNesting = 1000

// checkNesting complains of source that is nested deeper than maxNesting. It
// counts before anything is parsed, and without recursion.
func checkNesting(src []byte, file string, isJSON bool) error {
	if isJSON {
		return checkJSONNesting(src, file)
	}
	if isShallow(src) {
		return nil
	}
	tokens, _ := hclsyntax.LexConfig(src, file, hcl.InitialPos) // errors are the parser's to report
	return checkTokens(tokens)
}

// isShallow reports, at a glance, that there is too little in src to nest.
func isShallow(src []byte) bool {
	n := 0
	for _, c := range src {
		switch c {
		case '(', '[', '{', '"', '<', '>', '=', '!', '&', '|', '+', '-', '*', '/', '%', '?':
			n++
		}
	}
	return n <= maxNesting
}

// checkExpression is checkNesting for an expression on its own.
func checkExpression(text, from string) error {
	tokens, _ := hclsyntax.LexExpression([]byte(text), from, hcl.InitialPos)
	return checkTokens(tokens)
}

func tooDeep(r hcl.Range) error {
	return fmt.Errorf("%s: nested more than %d deep", place(r), maxNesting)
}

// level is an open bracket, quote or template sequence.
type level struct {
	closedBy hclsyntax.TokenType
	parts    int // what adds to the depth inside it: operators, open directives
}

var closers = map[hclsyntax.TokenType]hclsyntax.TokenType{
	hclsyntax.TokenOBrace:          hclsyntax.TokenCBrace,
	hclsyntax.TokenOBrack:          hclsyntax.TokenCBrack,
	hclsyntax.TokenOParen:          hclsyntax.TokenCParen,
	hclsyntax.TokenOQuote:          hclsyntax.TokenCQuote,
	hclsyntax.TokenOHeredoc:        hclsyntax.TokenCHeredoc,
	hclsyntax.TokenTemplateInterp:  hclsyntax.TokenTemplateSeqEnd,
	hclsyntax.TokenTemplateControl: hclsyntax.TokenTemplateSeqEnd,
}

// nesting counts the depth of a sequence of tokens.
type nesting struct {
	levels []level
	depth  int
}

func checkTokens(tokens hclsyntax.Tokens) error {
	n := nesting{levels: []level{{}}}
	for i, token := range tokens {
		n.add(token.Type)
		if token.Type == hclsyntax.TokenTemplateControl && i+1 < len(tokens) && len(n.levels) > 1 {
			n.directive(string(tokens[i+1].Bytes))
		}
		if n.depth > maxNesting {
			return tooDeep(token.Range)
		}
	}
	return nil
}

func (n *nesting) add(token hclsyntax.TokenType) {
	top := len(n.levels) - 1
	if closer, opens := closers[token]; opens {
		if token == hclsyntax.TokenOBrack {
			n.count(top, 1) // an index may follow an index
		}
		n.levels = append(n.levels, level{closedBy: closer})
		n.depth++
		return
	}
	switch token {
	case n.levels[top].closedBy:
		if top > 0 {
			n.depth -= 1 + n.levels[top].parts
			n.levels = n.levels[:top]
		}
	case hclsyntax.TokenComma:
		n.count(top, -n.levels[top].parts)
	case hclsyntax.TokenNewline:
		if top == 0 || n.levels[top].closedBy == hclsyntax.TokenCBrace {
			n.count(top, -n.levels[top].parts)
		}
	case hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenPercent,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
		hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenAnd, hclsyntax.TokenOr,
		hclsyntax.TokenBang, hclsyntax.TokenQuestion:
		n.count(top, 1)
	}
}

func (n *nesting) count(level, parts int) {
	n.levels[level].parts += parts
	n.depth += parts
}

// directive counts %{ if } and %{ for } in the template around them until
// their end.
func (n *nesting) directive(keyword string) {
	around := len(n.levels) - 2
	switch keyword {
	case "if", "for":
		n.count(around, 1)
	case "endif", "endfor":
		if n.levels[around].parts > 0 {
			n.count(around, -1)
		}
	}
}

// checkJSONNesting counts brackets, and inside every string what it would be
// as a template and, for it may be a type or a reference, as an expression.
func checkJSONNesting(src []byte, file string) error {
	depth, pos := 0, hcl.InitialPos
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '\n':
			pos.Line++
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '"':
			end := stringEnd(src, i)
			if err := checkJSONString(src[i:end], hcl.Range{Filename: file, Start: pos, End: pos}); err != nil {
				return err
			}
			i = end - 1
		}
		if depth > maxNesting {
			return tooDeep(hcl.Range{Filename: file, Start: pos, End: pos})
		}
	}
	return nil
}

// stringEnd is the index after the string that starts at i.
func stringEnd(src []byte, i int) int {
	for i++; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(src)
}

func checkJSONString(quoted []byte, at hcl.Range) error {
	var text string
	if len(quoted) <= maxNesting || json.Unmarshal(quoted, &text) != nil {
		return nil //nolint:nilerr // too short, or the parser's to report
	}
	template, _ := hclsyntax.LexTemplate([]byte(text), at.Filename, at.Start)
	if err := checkTokens(template); err != nil {
		return err
	}
	expression, _ := hclsyntax.LexExpression([]byte(text), at.Filename, at.Start)
	return checkTokens(expression)
}
