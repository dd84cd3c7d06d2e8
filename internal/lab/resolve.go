package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Resolve returns the call with the placeholders in its parameters replaced by
// values of the stack's state. A placeholder is ${ADDRESS.PATH}, such as
// ${aws_lambda_function.this.arn} or
// ${module.a["x"].aws_vpc.b[0].tags["Name"]}: a resource instance's address as
// Terraform writes it, then attributes, with [0] and ["key"] as in Terraform.
// A string that is one placeholder and nothing else takes the value's type. $${
// is a literal ${, as in Terraform. What is not in the state, or is null, is an
// error.
func (s *Stack) Resolve(ctx context.Context, call Call) (Call, error) {
	data, err := s.State(ctx)
	if err != nil {
		return Call{}, fmt.Errorf("resolve %s %s: %w", call.Service, call.Method, err)
	}
	values, err := instances(data)
	if err != nil {
		return Call{}, fmt.Errorf("resolve %s %s: state of %s: %w", call.Service, call.Method, s.Dir, err)
	}
	params, err := values.replace(call.Params)
	if err != nil {
		return Call{}, fmt.Errorf("resolve %s %s: %w", call.Service, call.Method, err)
	}
	call.Params, _ = params.(map[string]any)
	return call, nil
}

// Call resolves the placeholders in the call and runs it on the emulator.
func (s *Stack) Call(ctx context.Context, e *Emulator, call Call) (map[string]any, error) {
	resolved, err := s.Resolve(ctx, call)
	if err != nil {
		return nil, err
	}
	return e.Call(ctx, resolved)
}

// attributes holds a state's instances by address.
type attributes map[string]map[string]any

// instances reads the current (not the deposed) instances of a version 4 state.
func instances(data []byte) (attributes, error) {
	var state struct {
		Resources []struct {
			Module, Mode, Type, Name string
			Instances                []struct {
				IndexKey   any            `json:"index_key"`
				Deposed    string         `json:"deposed"`
				Attributes map[string]any `json:"attributes"`
			}
		}
	}
	if err := decodeNumbers(data, &state); err != nil {
		return nil, err
	}
	all := attributes{}
	for _, resource := range state.Resources {
		address := resource.Type + "." + resource.Name
		if resource.Mode == "data" {
			address = "data." + address
		}
		if resource.Module != "" {
			address = resource.Module + "." + address
		}
		for _, instance := range resource.Instances {
			if instance.Deposed == "" {
				all[address+indexText(instance.IndexKey)] = instance.Attributes
			}
		}
	}
	return all, nil
}

func indexText(key any) string {
	switch k := key.(type) {
	case json.Number:
		return "[" + k.String() + "]"
	case string:
		return "[" + strconv.Quote(k) + "]"
	default:
		return ""
	}
}

// replace works on any value of a call's parameters, without changing it.
func (all attributes) replace(value any) (any, error) {
	switch v := value.(type) {
	case string:
		return all.replaceText(v)
	case map[string]any:
		replaced := make(map[string]any, len(v))
		for key, item := range v {
			result, err := all.replace(item)
			if err != nil {
				return nil, err
			}
			replaced[key] = result
		}
		return replaced, nil
	case []string:
		return all.replace(anySlice(v))
	case []map[string]any:
		return all.replace(anySlice(v))
	case []any:
		replaced := make([]any, len(v))
		for i, item := range v {
			result, err := all.replace(item)
			if err != nil {
				return nil, err
			}
			replaced[i] = result
		}
		return replaced, nil
	default:
		return value, nil
	}
}

func anySlice[T any](items []T) []any {
	result := make([]any, len(items))
	for i, item := range items {
		result[i] = item
	}
	return result
}

func (all attributes) replaceText(text string) (any, error) {
	var result strings.Builder
	for rest := text; ; {
		start := strings.Index(rest, "${")
		if start < 0 {
			result.WriteString(rest)
			return result.String(), nil
		}
		if start > 0 && rest[start-1] == '$' {
			result.WriteString(rest[:start-1] + "${")
			rest = rest[start+2:]
			continue
		}
		end := placeholderEnd(rest[start:])
		if end < 0 {
			return nil, fmt.Errorf("%q: no } to the ${", text)
		}
		value, err := all.lookup(rest[start+2 : start+end])
		if err != nil {
			return nil, err
		}
		if start == 0 && end+1 == len(rest) && len(rest) == len(text) {
			return value, nil
		}
		result.WriteString(rest[:start])
		if err := writeScalar(&result, value); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		rest = rest[start+end+1:]
	}
}

// placeholderEnd finds the } of a text that starts with ${, quotes respected.
func placeholderEnd(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '}' && !quoted:
			return i
		}
	}
	return -1
}

func writeScalar(to *strings.Builder, value any) error {
	switch v := value.(type) {
	case string:
		to.WriteString(v)
	case json.Number:
		to.WriteString(v.String())
	case bool:
		to.WriteString(strconv.FormatBool(v))
	default:
		return fmt.Errorf("a %T can't be part of a text", value)
	}
	return nil
}

// lookup finds the instance whose address the reference starts with, and
// follows the rest.
func (all attributes) lookup(reference string) (any, error) {
	for address, values := range all {
		path, ok := strings.CutPrefix(reference, address)
		if !ok || path == "" || path[0] != '.' {
			continue
		}
		value, err := follow(values, path)
		if err != nil {
			return nil, fmt.Errorf("${%s}: %w", reference, err)
		}
		return value, nil
	}
	return nil, fmt.Errorf("${%s}: no such resource instance in the state", reference)
}

// follow takes a path such as .list[0].map["key"], or .list.0.map.key.
func follow(value any, path string) (any, error) {
	for rest := path; rest != ""; {
		var step string
		var err error
		if step, rest, err = nextStep(rest); err != nil {
			return nil, err
		}
		if value, err = descend(value, step); err != nil {
			return nil, fmt.Errorf("at %s: %w", strings.TrimSuffix(path, rest), err)
		}
	}
	if value == nil {
		return nil, fmt.Errorf("%s is null", path)
	}
	return value, nil
}

// nextStep cuts the first name, number or key off a path.
func nextStep(path string) (step, rest string, err error) {
	switch {
	case path[0] == '.':
		end := strings.IndexAny(path[1:], ".[") + 1
		if end == 0 {
			end = len(path)
		}
		step, rest = path[1:end], path[end:]
	case strings.HasPrefix(path, `["`):
		quoted, err := strconv.QuotedPrefix(path[1:])
		if err != nil {
			return "", "", fmt.Errorf("%q: %w", path, err)
		}
		step, err = strconv.Unquote(quoted)
		if err != nil {
			return "", "", fmt.Errorf("%q: %w", path, err)
		}
		rest, _ = strings.CutPrefix(path[1+len(quoted):], "]")
	case path[0] == '[':
		step, rest, _ = strings.Cut(path[1:], "]")
	}
	if step == "" {
		return "", "", fmt.Errorf("%q is not an attribute path", path)
	}
	return step, rest, nil
}

func descend(value any, step string) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		item, ok := v[step]
		if !ok {
			return nil, fmt.Errorf("no %s", step)
		}
		return item, nil
	case []any:
		index, err := strconv.Atoi(step)
		if err != nil || index < 0 || index >= len(v) {
			return nil, fmt.Errorf("no element %s of %d", step, len(v))
		}
		return v[index], nil
	default:
		return nil, fmt.Errorf("%T has no %s", value, step)
	}
}
