package stack

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits on what a settings file may hold. Aliases can make a small file large.
const (
	maxValues = 100_000
	maxDepth  = 64
	maxErrors = 20
)

// scalar is a type that is written as one word and checks itself.
type scalar interface{ set(text string) error }

// special is a type that has more than one form.
type special interface {
	decode(d *decoder, n *yaml.Node)
}

// placed is a type that remembers its line, for errors that show later.
type placed interface{ place(line int) }

// decoder fills Go values from YAML, by the `yaml` tags of their fields. Unlike
// the library's it gives every error its line, notices keys given twice, and
// says which key was probably meant.
type decoder struct {
	file   string
	errs   []error
	values int
	depth  int
}

// decodeYAML fills into from a file of one document.
func decodeYAML(src []byte, file string, into any) error {
	d := &decoder{file: file}
	documents := yaml.NewDecoder(strings.NewReader(string(src)))
	var doc yaml.Node
	if err := documents.Decode(&doc); err != nil {
		return syntaxError(file, err)
	}
	var second yaml.Node
	if documents.Decode(&second) == nil {
		return fmt.Errorf("%s:%d: a second document starts here; write everything into one", file, second.Line)
	}
	if len(doc.Content) == 1 {
		d.value(doc.Content[0], reflect.ValueOf(into).Elem(), "the file")
	}
	return errors.Join(d.errs...)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError puts the file and line first, as everywhere.
func syntaxError(file string, err error) error {
	if err.Error() == "EOF" {
		return fmt.Errorf("%s: it is empty; start it with version: 1", file)
	}
	text, line := err.Error(), "1"
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if m[1] != "" {
			line = m[1]
		}
	}
	return fmt.Errorf("%s:%s: no YAML: %s", file, line, text)
}

func (d *decoder) errorf(n *yaml.Node, format string, args ...any) {
	if len(d.errs) < maxErrors {
		d.errs = append(d.errs, fmt.Errorf("%s:%d: %s", d.file, n.Line, fmt.Sprintf(format, args...)))
	}
}

// value fills v from a node. what names the value in messages; the value itself
// is never shown where it may be a secret.
func (d *decoder) value(n *yaml.Node, v reflect.Value, what string) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.values++
	d.depth++
	defer func() { d.depth-- }()
	if d.values > maxValues || d.depth > maxDepth {
		if d.values <= maxValues+1 {
			d.errorf(n, "there are more than %d values, or they are nested more than %d deep", maxValues, maxDepth)
			d.values = maxValues + 1
		}
		return
	}
	if p, ok := reflect.TypeAssert[placed](v.Addr()); ok {
		p.place(n.Line)
	}
	switch t := v.Addr().Interface().(type) {
	case special:
		t.decode(d, n)
		return
	case scalar:
		d.scalar(n, t, what)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, what)
	case reflect.Slice:
		d.sequence(n, v, what)
	case reflect.Map:
		d.entries(n, v, what)
	case reflect.Interface:
		d.any(n, v, what)
	default:
		d.basic(n, v, what)
	}
}

func (d *decoder) scalar(n *yaml.Node, s scalar, what string) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Tag == "!!bool" || n.Tag == "!!int" || n.Tag == "!!float" {
		d.errorf(n, "%s must be text", what)
		return
	}
	if err := s.set(n.Value); err != nil {
		d.errorf(n, "%s: %v", what, err)
	}
}

func (d *decoder) basic(n *yaml.Node, v reflect.Value, what string) {
	if n.Kind != yaml.ScalarNode {
		d.errorf(n, "%s must be %s", what, kindName(v.Kind()))
		return
	}
	switch {
	case v.Kind() == reflect.String && (n.Tag == "!!str" || n.Tag == "!!timestamp"):
		v.SetString(n.Value)
	case v.Kind() == reflect.Int && n.Tag == "!!int":
		i, err := strconv.ParseInt(n.Value, 0, 32)
		if err != nil {
			d.errorf(n, "%s must be a whole number", what)
		}
		v.SetInt(i)
	case v.Kind() == reflect.Bool && n.Tag == "!!bool":
		v.SetBool(strings.EqualFold(n.Value, "true"))
	default:
		d.errorf(n, "%s must be %s", what, kindName(v.Kind()))
	}
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Int:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	}
	return `text; put quotes around it if it looks like a number or like true`
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, what string) {
	if n.Kind != yaml.SequenceNode {
		d.errorf(n, "%s must be a list", what)
		return
	}
	for _, item := range n.Content {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(item, elem, "an entry of "+what)
		v.Set(reflect.Append(v, elem))
	}
}

// pairs calls do for the keys of a mapping, each once.
func (d *decoder) pairs(n *yaml.Node, what string, do func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.errorf(n, "%s must have keys and values", what)
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		first, twice := lines[key.Value]
		switch {
		case key.Tag == "!!merge":
			d.errorf(key, "<< is not supported; write what all stacks share under defaults")
		case key.Kind != yaml.ScalarNode:
			d.errorf(key, "a key of %s must be text", what)
		case twice:
			d.errorf(key, "%s is there twice; the first is in line %d", key.Value, first)
		default:
			lines[key.Value] = key.Line
			do(key, n.Content[i+1])
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, what string) {
	fields := fieldsOf(v.Type())
	d.pairs(n, what, func(key, value *yaml.Node) {
		index, ok := fields[key.Value]
		if !ok {
			d.errorf(key, "unknown key %q%s", key.Value, meant(key.Value, slices.Sorted(maps.Keys(fields))))
			return
		}
		d.value(value, v.FieldByIndex(index), key.Value)
	})
	if c, ok := reflect.TypeAssert[interface{ check() error }](v.Addr()); ok {
		if err := c.check(); err != nil {
			d.errorf(n, "%v", err)
		}
	}
}

// fieldsOf maps a struct's keys to its fields, those of embedded ones too.
func fieldsOf(t reflect.Type) map[string][]int {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if key := f.Tag.Get("yaml"); key != "" {
			fields[key] = f.Index
		}
	}
	return fields
}

func (d *decoder) entries(n *yaml.Node, v reflect.Value, what string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, what, func(key, value *yaml.Node) {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(value, elem, what+"."+key.Value)
		v.SetMapIndex(reflect.ValueOf(key.Value), elem)
	})
}

// any decodes a value whose shape somebody else knows, as JSON would be.
func (d *decoder) any(n *yaml.Node, v reflect.Value, what string) {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		mv := reflect.ValueOf(&m).Elem()
		d.entries(n, mv, what)
		v.Set(mv)
	case yaml.SequenceNode:
		list := []any{}
		lv := reflect.ValueOf(&list).Elem()
		d.sequence(n, lv, what)
		v.Set(lv)
	default:
		var out any
		if n.Tag == "!!timestamp" || n.Tag == "!!binary" {
			out = n.Value
		} else if err := n.Decode(&out); err != nil {
			d.errorf(n, "%s can't be read", what)
		}
		if i, ok := out.(int); ok {
			out = float64(i)
		}
		if out != nil {
			v.Set(reflect.ValueOf(out))
		}
	}
}

// meant names the key that was probably meant, or all there are.
func meant(key string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if n := edits(key, k); n < distance {
			best, distance = k, n
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; there are " + strings.Join(known, ", ")
}

// edits is how many characters to add, drop or change to get from a to b; two
// neighbours that changed places count as one.
func edits(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
