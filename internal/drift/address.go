package drift

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Key is the instance key of a resource or module: none, a number (count) or
// a string (for_each). It is comparable, so it can key a map.
type Key struct {
	kind byte // 0 none, 'i' number, 's' string
	num  int
	str  string
}

// NoKey is the key of a resource without count or for_each.
var NoKey = Key{}

// IntKey is the key of an instance made by count.
func IntKey(n int) Key { return Key{kind: 'i', num: n} }

// StringKey is the key of an instance made by for_each.
func StringKey(s string) Key { return Key{kind: 's', str: s} }

// Int returns the number of a count key.
func (k Key) Int() (int, bool) { return k.num, k.kind == 'i' }

// Str returns the string of a for_each key.
func (k Key) Str() (string, bool) { return k.str, k.kind == 's' }

// String renders the key as Terraform does: "", [0] or ["name"].
func (k Key) String() string {
	switch k.kind {
	case 'i':
		return "[" + strconv.Itoa(k.num) + "]"
	case 's':
		return "[" + quote(k.str) + "]"
	}
	return ""
}

// quote renders s as a quoted HCL template without interpolation, with the
// escapes that Terraform uses. What can't be printed is escaped too, so that a
// key can't work on the terminal that shows it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch r {
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '$', '%':
			b.WriteRune(r)
			if strings.HasPrefix(s[i+1:], "{") {
				b.WriteRune(r)
			}
		default:
			writePrintable(&b, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func writePrintable(b *strings.Builder, r rune) {
	switch {
	case unicode.IsPrint(r):
		b.WriteRune(r)
	case r <= 0xffff:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}

// ModuleStep is one call on the way from the root module to a module instance.
type ModuleStep struct {
	Name string
	Key  Key
}

// ModuleAddress is the address of a module instance; empty for the root.
type ModuleAddress []ModuleStep

// String renders the address as Terraform does: module.a["x"].module.b.
func (m ModuleAddress) String() string {
	parts := make([]string, len(m))
	for i, step := range m {
		parts[i] = "module." + step.Name + step.Key.String()
	}
	return strings.Join(parts, ".")
}

// Path is the address without keys: the module's place in the source.
func (m ModuleAddress) Path() string {
	names := make([]string, len(m))
	for i, step := range m {
		names[i] = step.Name
	}
	return strings.Join(names, ".")
}

// Child returns the address of an instance of a module called from m.
func (m ModuleAddress) Child(name string, key Key) ModuleAddress {
	return append(append(make(ModuleAddress, 0, len(m)+1), m...), ModuleStep{name, key})
}

// Equal reports whether both name the same module instance.
func (m ModuleAddress) Equal(o ModuleAddress) bool {
	return len(m) == len(o) && m.HasPrefix(o)
}

// HasPrefix reports whether m is o or lies below it.
func (m ModuleAddress) HasPrefix(o ModuleAddress) bool {
	if len(m) < len(o) {
		return false
	}
	for i, step := range o {
		if m[i] != step {
			return false
		}
	}
	return true
}

// Resource modes, as the state file writes them.
const (
	Managed = "managed"
	Data    = "data"
)

// Address is the address of a resource instance.
type Address struct {
	Module ModuleAddress
	Mode   string // Managed or Data
	Type   string
	Name   string
	Key    Key
}

// String renders the address as Terraform does.
func (a Address) String() string {
	s := a.Resource() + a.Key.String()
	if len(a.Module) > 0 {
		return a.Module.String() + "." + s
	}
	return s
}

// Resource is the address within its module, without the instance key.
func (a Address) Resource() string {
	if a.Mode == Data {
		return "data." + a.Type + "." + a.Name
	}
	return a.Type + "." + a.Name
}

// ParseAddress reads the address of a resource or of an instance of one.
func ParseAddress(s string) (Address, error) {
	traversal, err := parseTraversal(s)
	if err != nil {
		return Address{}, err
	}
	addr, err := AddressOf(traversal)
	if err != nil {
		return Address{}, fmt.Errorf("%q is not a resource address: %w", s, err)
	}
	return addr, nil
}

// ParseModule reads the address of a module instance; "" is the root.
func ParseModule(s string) (ModuleAddress, error) {
	if s == "" {
		return nil, nil
	}
	traversal, err := parseTraversal(s)
	if err != nil {
		return nil, err
	}
	module, rest, err := modulePrefix(traversal)
	if err != nil {
		return nil, fmt.Errorf("%q is not a module address: %w", s, err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%q is not a module address", s)
	}
	return module, nil
}

func parseTraversal(s string) (hcl.Traversal, error) {
	traversal, diags := hclsyntax.ParseTraversalAbs([]byte(s), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("%q is not an address: %s", s, diags[0].Summary)
	}
	return traversal, nil
}

// AddressOf reads a resource address from a parsed traversal, such as one end
// of a moved block.
func AddressOf(traversal hcl.Traversal) (Address, error) {
	module, rest, err := modulePrefix(traversal)
	if err != nil {
		return Address{}, err
	}
	addr := Address{Module: module, Mode: Managed}
	if stepName(rest, 0) == "data" {
		addr.Mode, rest = Data, rest[1:]
	}
	addr.Type, addr.Name = stepName(rest, 0), stepName(rest, 1)
	if addr.Type == "" || addr.Name == "" {
		return Address{}, fmt.Errorf("a type and a name are needed")
	}
	if len(rest) == 3 {
		if addr.Key, err = keyOf(rest[2]); err != nil {
			return Address{}, err
		}
	}
	if len(rest) > 3 {
		return Address{}, fmt.Errorf("it goes on after the instance")
	}
	return addr, nil
}

// ModuleOf reads a module address from a parsed traversal; false when the
// traversal names something else.
func ModuleOf(traversal hcl.Traversal) (ModuleAddress, bool) {
	module, rest, err := modulePrefix(traversal)
	return module, err == nil && len(module) > 0 && len(rest) == 0
}

// modulePrefix splits the leading module.NAME[KEY] steps off.
func modulePrefix(t hcl.Traversal) (ModuleAddress, hcl.Traversal, error) {
	var module ModuleAddress
	for stepName(t, 0) == "module" {
		name := stepName(t, 1)
		if name == "" {
			return nil, nil, fmt.Errorf("a module name is needed")
		}
		step := ModuleStep{Name: name}
		t = t[2:]
		if len(t) > 0 {
			if index, ok := t[0].(hcl.TraverseIndex); ok {
				key, err := keyOf(index)
				if err != nil {
					return nil, nil, err
				}
				step.Key, t = key, t[1:]
			}
		}
		module = append(module, step)
	}
	return module, t, nil
}

// stepName is the name of step i, or "" where it isn't a name.
func stepName(t hcl.Traversal, i int) string {
	if i >= len(t) {
		return ""
	}
	switch step := t[i].(type) {
	case hcl.TraverseRoot:
		return step.Name
	case hcl.TraverseAttr:
		return step.Name
	}
	return ""
}

func keyOf(step hcl.Traverser) (Key, error) {
	index, ok := step.(hcl.TraverseIndex)
	if !ok {
		return NoKey, fmt.Errorf("an instance key is written in brackets")
	}
	key, ok := KeyFrom(index.Key)
	if !ok {
		return NoKey, fmt.Errorf("an instance key is a whole number or a string")
	}
	return key, nil
}

// KeyFrom turns a value such as each.key or an index of the source into a Key;
// false when it is no whole number and no string.
func KeyFrom(v cty.Value) (Key, bool) {
	v, _ = v.Unmark()
	if v.IsNull() || !v.IsKnown() {
		return NoKey, false
	}
	switch v.Type() {
	case cty.String:
		return StringKey(v.AsString()), true
	case cty.Number:
		n, acc := v.AsBigFloat().Int64()
		if acc == big.Exact && n >= 0 && n <= math.MaxInt {
			return IntKey(int(n)), true
		}
	}
	return NoKey, false
}

// Value is the key as each.key or count.index gives it; null without a key.
func (k Key) Value() cty.Value {
	switch k.kind {
	case 'i':
		return cty.NumberIntVal(int64(k.num))
	case 's':
		return cty.StringVal(k.str)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// Declaration is the address without keys: the resource's place in the source.
func (a Address) Declaration() string {
	keyless := make(ModuleAddress, len(a.Module))
	for i, step := range a.Module {
		keyless[i] = ModuleStep{Name: step.Name}
	}
	return (Address{Module: keyless, Mode: a.Mode, Type: a.Type, Name: a.Name}).String()
}
