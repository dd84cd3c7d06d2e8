package lab

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// formReader reads the parameters of the query protocols.
type formReader struct {
	model *apiModel
	form  url.Values
	ec2   bool
}

func (f formReader) has(prefix string) bool {
	for key := range f.form {
		if key == prefix || strings.HasPrefix(key, prefix+".") {
			return true
		}
	}
	return false
}

func under(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

func (f formReader) read(shapeName, prefix string) any {
	s := f.model.Shapes[shapeName]
	switch s.Type {
	case "structure":
		out := map[string]any{}
		for name, part := range s.Members {
			key := f.key(name, part)
			if !f.has(under(prefix, key)) {
				continue
			}
			below := f.read(part.Shape, under(prefix, key))
			out[f.name(name, key, below)] = below
		}
		return out
	case "list":
		return f.list(s, prefix)
	case "map":
		out := map[string]any{}
		at := prefix + ".entry"
		if s.Flattened {
			at = prefix
		}
		for i := 1; f.has(fmt.Sprintf("%s.%d", at, i)); i++ {
			item := fmt.Sprintf("%s.%d", at, i)
			out[f.form.Get(item+"."+or(s.Key.LocationName, "key"))] = f.form.Get(item + "." + or(s.Value.LocationName, "value"))
		}
		return out
	}
	if s.Sensitive {
		return withheld
	}
	value := f.form.Get(prefix)
	switch s.Type {
	case "boolean":
		return value == "true"
	case "integer", "long", "double", "float":
		return json.Number(value)
	}
	return value
}

func (f formReader) key(name string, part member) string {
	if f.ec2 {
		if part.QueryName != "" {
			return part.QueryName
		}
		if part.LocationName != "" {
			return strings.ToUpper(part.LocationName[:1]) + part.LocationName[1:]
		}
	}
	return or(part.LocationName, name)
}

// sets are the names that EC2's lists have in CloudTrail.
var sets = map[string]string{"ResourceId": "resourcesSet", "Tag": "tagSet", "InstanceId": "instancesSet"}

func (f formReader) name(name, key string, value any) string {
	items, _ := value.(map[string]any)
	if _, isList := items["items"]; f.ec2 && isList && sets[key] != "" {
		return sets[key]
	}
	return lowerFirst(name)
}

func (f formReader) list(s shape, prefix string) any {
	at := prefix
	if !f.ec2 && !s.Flattened {
		at = prefix + "." + or(s.Member.LocationName, "member")
	}
	out := []any{}
	for i := 1; f.has(fmt.Sprintf("%s.%d", at, i)); i++ {
		out = append(out, f.read(s.Member.Shape, fmt.Sprintf("%s.%d", at, i)))
	}
	if !f.ec2 {
		return out
	}
	last := prefix[strings.LastIndexByte(prefix, '.')+1:]
	for i, item := range out {
		if text, ok := item.(string); ok {
			out[i] = map[string]any{lowerFirst(last): text}
		}
	}
	return map[string]any{"items": out}
}
