package edit

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// node is a value in the text of a JSON document, with its place.
type node struct {
	span
	value cty.Value
	names []string // of an object, as they are read
	items []node   // of an object or a list
	whole []span   // of the items, with their names
}

// parseDocument finds the places of all values in a text that is JSON.
func parseDocument(src []byte) (node, bool) {
	p := docParser{src: src}
	n, ok := p.value()
	p.space()
	return n, ok && p.at == len(src)
}

type docParser struct {
	src   []byte
	at    int
	depth int
}

func (p *docParser) space() {
	for p.at < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.at]) >= 0 {
		p.at++
	}
}

func (p *docParser) take(c byte) bool {
	p.space()
	if p.at < len(p.src) && p.src[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *docParser) value() (n node, ok bool) {
	const most = 500
	if p.depth++; p.depth > most {
		return n, false
	}
	defer func() { p.depth-- }()
	p.space()
	n.start = p.at
	switch {
	case p.at == len(p.src):
		return n, false
	case p.src[p.at] == '{' || p.src[p.at] == '[':
		ok = p.members(&n)
	default:
		ok = p.scalar()
	}
	n.end = p.at
	if !ok {
		return n, false
	}
	if n.value == absent {
		n.value, ok = documentValue(p.src[n.start:n.end])
	}
	return n, ok
}

func documentValue(raw []byte) (cty.Value, bool) {
	ty, err := ctyjson.ImpliedType(raw)
	if err != nil {
		return absent, false
	}
	v, err := ctyjson.Unmarshal(raw, ty)
	return v, err == nil
}

// scalar passes over a string, a number or a word.
func (p *docParser) scalar() bool {
	start := p.at
	if p.src[p.at] == '"' {
		for p.at++; p.at < len(p.src) && p.src[p.at] != '"'; p.at++ {
			if p.src[p.at] == '\\' {
				p.at++
			}
		}
		p.at++
		return p.at <= len(p.src)
	}
	for p.at < len(p.src) && strings.IndexByte(" \t\r\n,]}", p.src[p.at]) < 0 {
		p.at++
	}
	return p.at > start
}

func (p *docParser) members(n *node) bool {
	closer := byte(']')
	object := p.src[p.at] == '{'
	if object {
		closer = '}'
	}
	p.at++
	for first := true; !p.take(closer); first = false {
		if !first && !p.take(',') {
			return false
		}
		p.space()
		start := p.at
		if object {
			var name string
			if p.at == len(p.src) || p.src[p.at] != '"' || !p.scalar() || json.Unmarshal(p.src[start:p.at], &name) != nil || !p.take(':') {
				return false
			}
			n.names = append(n.names, name)
		}
		item, ok := p.value()
		if !ok {
			return false
		}
		n.items, n.whole = append(n.items, item), append(n.whole, span{start, item.end})
	}
	if !object {
		values := make([]cty.Value, len(n.items))
		for i, item := range n.items {
			values[i] = item.value
		}
		n.value = cty.TupleVal(values)
		return true
	}
	values := map[string]cty.Value{}
	for i, item := range n.items {
		values[n.names[i]] = item.value
	}
	n.value = cty.ObjectVal(values)
	return len(values) == len(n.items) // a name twice is no document to edit
}

// editDocument changes the text of a JSON document so that it says want, and
// leaves alone what says so already. Not ok where it can't be done in place.
func editDocument(text string, want cty.Value) (string, bool) {
	src := []byte(text)
	for range 10_000 {
		root, ok := parseDocument(src)
		if !ok {
			return "", false
		}
		changes := root.toward(src, want)
		if len(changes) == 0 {
			return string(src), same(root.value, want)
		}
		src = changed(src, changes)
	}
	return "", false
}

func changed(src []byte, changes []change) []byte {
	splices := make([]splice, len(changes))
	for i, c := range changes {
		splices[i] = splice{"", c.start, c.end, c.text}
	}
	out, err := apply(src, splices)
	if err != nil {
		return src
	}
	return out
}

// toward are changes on the way to a value, at most one of which adds or removes
// something.
func (n node) toward(src []byte, want cty.Value) []change {
	c := container{src: src, open: n.start, close: n.end - 1, items: n.whole, commas: true, strict: true}
	switch {
	case same(n.value, want):
		return nil
	case n.value.Type().IsObjectType() && !want.IsNull() && isMapping(want):
		return n.towardObject(c, want.AsValueMap())
	case n.value.Type().IsTupleType() && !want.IsNull() && want.Type().IsTupleType():
		return n.towardList(c, want.AsValueSlice())
	}
	return []change{{n.start, n.end, jsonText(want, indentAt(src, n.start), bytes.IndexByte(src[n.start:n.end], '\n') >= 0)}}
}

func (n node) towardList(c container, want []cty.Value) []change {
	plan := align(n.value.AsValueSlice(), want, same)
	var changes []change
	for _, op := range plan.replace {
		changes = append(changes, n.items[op.i].toward(c.src, op.want)...)
	}
	switch {
	case len(changes) > 0:
		return changes
	case plan.then.kind == removeItem:
		return c.remove(plan.then.i)
	}
	return c.insert(plan.then.i, func(indent string) string { return jsonText(plan.then.want, indent, c.lines()) })
}

// lines reports whether items have lines of their own.
func (c container) lines() bool { return bytes.IndexByte(c.src[c.open:c.close], '\n') >= 0 }

func (n node) towardObject(c container, want map[string]cty.Value) []change {
	var changes []change
	for i, name := range n.names {
		if v, ok := want[name]; ok {
			changes = append(changes, n.items[i].toward(c.src, v)...)
		}
	}
	if len(changes) > 0 {
		return changes
	}
	for i, name := range n.names {
		if _, ok := want[name]; !ok {
			return c.remove(i)
		}
		delete(want, name)
	}
	name := sortedKeys(want)[0] // it differs, so there is one
	return c.append(func(indent string) string {
		return jsonText(cty.StringVal(name), "", false) + ": " + jsonText(want[name], indent, c.lines())
	})
}

// jsonText writes a value as JSON, over several lines if it is to.
func jsonText(v cty.Value, indent string, lines bool) string {
	raw, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return "null"
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if lines {
		encoder.SetIndent(indent, "  ")
	}
	var plain any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&plain) != nil || encoder.Encode(plain) != nil {
		return string(raw)
	}
	return strings.TrimSuffix(out.String(), "\n")
}
