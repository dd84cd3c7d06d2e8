package lab

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// rest matches a path with the operations' templates: the one with the most fixed
// parts and query parameters wins.
func (m *apiModel) rest(r Request) (string, map[string]any) {
	asked, _ := url.ParseQuery(r.Query)
	best, score := "", -1
	var found map[string]string
	for _, name := range slices.Sorted(maps.Keys(m.Operations)) {
		op := m.Operations[name]
		template, fixed, _ := strings.Cut(op.HTTP.RequestURI, "?")
		values, n, ok := matchPath(template, r.Path)
		if op.HTTP.Method != r.Method || !ok {
			continue
		}
		for part := range strings.SplitSeq(fixed, "&") {
			if key, _, _ := strings.Cut(part, "="); key != "" {
				if ok = ok && asked.Has(key); ok {
					n += 10
				}
			}
		}
		if ok && n > score {
			best, score, found = name, n, values
		}
	}
	if best == "" {
		return "", nil
	}
	return best, m.restParams(r, m.Operations[best], found, asked)
}

func matchPath(template, path string) (values map[string]string, fixed int, ok bool) {
	t, p := strings.Split(strings.Trim(template, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	values = map[string]string{}
	for i, part := range t {
		switch {
		case strings.HasPrefix(part, "{") && strings.HasSuffix(part, "+}"):
			if i >= len(p) {
				return nil, 0, false
			}
			values[strings.Trim(part, "{+}")] = strings.Join(p[i:], "/")
			return values, fixed, true
		case i >= len(p):
			return nil, 0, false
		case strings.HasPrefix(part, "{"):
			if p[i] == "" {
				return nil, 0, false
			}
			values[strings.Trim(part, "{}")] = p[i]
		case part != p[i]:
			return nil, 0, false
		default:
			fixed++
		}
	}
	return values, fixed, len(t) == len(p)
}

func (m *apiModel) restParams(r Request, op operation, path map[string]string, asked url.Values) map[string]any {
	in := m.Shapes[op.Input.Shape]
	out := map[string]any{}
	for name, part := range in.Members {
		switch part.Location {
		case "uri":
			if value, ok := path[part.LocationName]; ok {
				if plain, err := url.PathUnescape(value); err == nil {
					value = plain
				}
				out[restName(r.Service, name)] = value
			}
		case "querystring":
			if asked.Has(part.LocationName) {
				out[lowerFirst(name)] = list(asked[part.LocationName])
			}
		}
	}
	if len(r.Body) == 0 {
		return out
	}
	var body map[string]any
	switch {
	case r.protocol == restXML && r.Body[0] == '{':
		body = map[string]any{"bucketPolicy": decodeJSON(r.Body)}
	case r.protocol == restXML:
		body = decodeXML(r.Body)
	default:
		body = m.named(op.Input.Shape, decodeJSON(r.Body))
	}
	if r.Service == "apigateway" && (r.Method == "PATCH" || r.Method == "PUT") {
		out[lowerFirst(opName(m, op))+"Input"] = body
		return out
	}
	maps.Copy(out, body)
	return out
}

func opName(m *apiModel, op operation) string {
	for name, other := range m.Operations {
		if other.HTTP == op.HTTP {
			return name
		}
	}
	return ""
}

func list(values []string) any {
	if len(values) == 1 {
		return values[0]
	}
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func restName(service, name string) string {
	if service == "s3" && name == "Bucket" {
		return "bucketName"
	}
	return lowerFirst(name)
}
