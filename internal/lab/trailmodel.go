package lab

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// apiModel is a service's model as botocore has it: what turns a request on the
// wire back into an operation and its parameters.
type apiModel struct {
	Metadata struct {
		EndpointPrefix string `json:"endpointPrefix"`
		Protocol       string `json:"protocol"`
	} `json:"metadata"`
	Operations map[string]operation `json:"operations"`
	Shapes     map[string]shape     `json:"shapes"`
}

type operation struct {
	HTTP struct {
		Method     string `json:"method"`
		RequestURI string `json:"requestUri"`
	} `json:"http"`
	Input member `json:"input"`
}

type shape struct {
	Type      string            `json:"type"`
	Members   map[string]member `json:"members"`
	Member    member            `json:"member"`
	Key       member            `json:"key"`
	Value     member            `json:"value"`
	Payload   string            `json:"payload"`
	Flattened bool              `json:"flattened"`
	Sensitive bool              `json:"sensitive"`
}

type member struct {
	Shape        string `json:"shape"`
	Location     string `json:"location"`
	LocationName string `json:"locationName"`
	QueryName    string `json:"queryName"`
	Flattened    bool   `json:"flattened"`
}

// modelFolders are services whose folder in botocore has another name than they
// are signed for.
var modelFolders = map[string]string{
	"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2", "elasticfilesystem": "efs", "states": "stepfunctions", "cognito-idp": "cognito-idp",
}

// models reads botocore's models, each once.
type models struct {
	dir    string
	mu     sync.Mutex
	loaded map[string]*apiModel
}

// findModels asks Python where botocore is.
func findModels(python string) (*models, error) {
	out, err := exec.Command(python, "-c", "import botocore, os; print(os.path.join(os.path.dirname(botocore.__file__), 'data'))").Output()
	if err != nil {
		return nil, fmt.Errorf("find botocore's models: %w", err)
	}
	return &models{dir: strings.TrimSpace(string(out)), loaded: map[string]*apiModel{}}, nil
}

func (m *models) get(service string) (*apiModel, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if model := m.loaded[service]; model != nil {
		return model, nil
	}
	folder := service
	if other, ok := modelFolders[service]; ok {
		folder = other
	}
	files, err := filepath.Glob(filepath.Join(m.dir, folder, "*", "service-2.json.gz"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("botocore has no model of %s", service)
	}
	slices.Sort(files)
	file, err := os.Open(files[len(files)-1])
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzip, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	model := &apiModel{}
	if err := json.NewDecoder(unzip).Decode(model); err != nil {
		return nil, fmt.Errorf("model of %s: %w", service, err)
	}
	m.loaded[service] = model
	return model, nil
}

// derived is a request as its service understands it.
type derived struct {
	source, event string
	params        map[string]any
	readOnly      bool
}

// derive turns a request into CloudTrail's words. ok is false for what no model
// knows.
func (m *models) derive(r Request) (d derived, ok bool) {
	model, err := m.get(r.Service)
	if err != nil {
		return d, false
	}
	name, params := model.read(r)
	if name == "" {
		return d, false
	}
	prefix := strings.TrimPrefix(model.Metadata.EndpointPrefix, "api.")
	d = derived{source: prefix + ".amazonaws.com", event: eventName(r.Service, name, model.Operations[name]), params: params}
	for _, verb := range []string{"Get", "List", "Describe", "Head", "Lookup", "Batch Get", "Query", "Scan"} {
		d.readOnly = d.readOnly || strings.HasPrefix(name, verb)
	}
	return d, true
}

// read finds the operation and its parameters.
func (m *apiModel) read(r Request) (name string, params map[string]any) {
	switch r.protocol {
	case awsJSON:
		return r.Action, m.named(m.Operations[r.Action].Input.Shape, decodeJSON(r.Body))
	case query, ec2Query:
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return "", nil
		}
		f := formReader{m, form, r.protocol == ec2Query}
		params, _ := f.read(m.Operations[r.Action].Input.Shape, "").(map[string]any)
		return r.Action, params
	}
	if _, op, found := strings.Cut(r.Path, "/operation/"); found {
		return op, m.named(m.Operations[op].Input.Shape, decodeCBOR(r.Body))
	}
	return m.rest(r)
}

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

// eventName is what CloudTrail calls an operation.
func eventName(service, name string, op operation) string {
	switch {
	case service == "lambda":
		date := strings.ReplaceAll(strings.SplitN(strings.Trim(op.HTTP.RequestURI, "/"), "/", 2)[0], "-", "")
		if slices.Contains([]string{"UpdateFunctionConfiguration", "UpdateFunctionCode", "AddPermission", "RemovePermission"}, name) {
			date += "v2"
		}
		return name + date
	case name == "PutPublicAccessBlock" || name == "DeletePublicAccessBlock":
		return strings.Replace(name, "Public", "BucketPublic", 1)
	case name == "PutBucketLifecycleConfiguration":
		return "PutBucketLifecycle"
	}
	return name
}

func lowerFirst(name string) string {
	return strings.ToLower(name[:min(1, len(name))]) + name[min(1, len(name)):]
}

// withheld is what stands in place of sensitive values.
const withheld = "HIDDEN_DUE_TO_SECURITY_REASONS"

// named writes a structure's members as CloudTrail does. Keys of maps stay.
func (m *apiModel) named(shapeName string, value any) map[string]any {
	out, _ := m.rename(shapeName, value, 0).(map[string]any)
	return out
}

func (m *apiModel) rename(shapeName string, value any, depth int) any {
	s := m.Shapes[shapeName]
	if s.Sensitive && s.Type != "structure" && value != nil {
		return withheld
	}
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			switch s.Type {
			case "map":
				out[name] = m.rename(s.Value.Shape, inner, depth+1)
			default:
				part, ok := s.Members[name]
				if !ok {
					for _, other := range s.Members {
						if other.LocationName == name {
							part = other
						}
					}
				}
				out[lowerFirst(name)] = m.rename(part.Shape, inner, depth+1)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = m.rename(s.Member.Shape, item, depth+1)
		}
		return out
	}
	return value
}

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

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func decodeJSON(body []byte) any {
	var value any
	_ = decodeNumbers(body, &value)
	return value
}

// decodeXML turns a document into nested maps, the root's name at the top.
func decodeXML(body []byte) map[string]any {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	root := map[string]any{}
	stack := []map[string]any{root}
	var names []string
	var text strings.Builder
	for {
		token, err := decoder.Token()
		if err != nil {
			return root
		}
		switch t := token.(type) {
		case xml.StartElement:
			text.Reset()
			names, stack = append(names, t.Name.Local), append(stack, map[string]any{})
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			last := len(stack) - 1
			var value any = stack[last]
			if len(stack[last]) == 0 {
				value = text.String()
			}
			name := names[len(names)-1]
			stack, names = stack[:last], names[:len(names)-1]
			parent := stack[len(stack)-1]
			switch old := parent[name].(type) {
			case nil:
				parent[name] = value
			case []any:
				parent[name] = append(old, value)
			default:
				parent[name] = []any{old, value}
			}
			text.Reset()
		}
	}
}

// decodeCBOR reads what CloudWatch's clients send; RFC 8949, without what they
// don't use.
func decodeCBOR(body []byte) any {
	c := cborReader{bytes.NewReader(body)}
	value, err := c.read()
	if err != nil {
		return nil
	}
	return value
}

type cborReader struct{ in *bytes.Reader }

type cborBreak struct{}

func (c cborReader) read() (any, error) {
	head, err := c.in.ReadByte()
	if err != nil {
		return nil, err
	}
	kind, info := head>>5, head&31
	if kind == 7 {
		return c.simple(info)
	}
	n, err := c.length(info)
	if err != nil {
		return nil, err
	}
	switch kind {
	case 0:
		return json.Number(strconv.FormatInt(n, 10)), nil
	case 1:
		return json.Number(strconv.FormatInt(-1-n, 10)), nil
	case 2, 3:
		text := make([]byte, max(n, 0))
		_, err := io.ReadFull(c.in, text)
		return string(text), err
	case 4:
		return c.list(n)
	case 5:
		return c.fields(n)
	}
	return c.read() // a tag: what it is of
}

// list reads n items, or all up to the end where n is -1.
func (c cborReader) list(n int64) (any, error) {
	out := []any{}
	for i := int64(0); n < 0 || i < n; i++ {
		item, err := c.read()
		if _, end := item.(cborBreak); end || err != nil {
			return out, err
		}
		out = append(out, item)
	}
	return out, nil
}

func (c cborReader) fields(n int64) (any, error) {
	out := map[string]any{}
	for i := int64(0); n < 0 || i < n; i++ {
		key, err := c.read()
		if _, end := key.(cborBreak); end || err != nil {
			return out, err
		}
		if out[fmt.Sprint(key)], err = c.read(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c cborReader) length(info byte) (int64, error) {
	if info < 24 {
		return int64(info), nil
	}
	if info == 31 {
		return -1, nil
	}
	return c.number(1 << (info - 24))
}

func (c cborReader) number(size int) (int64, error) {
	var n uint64
	for range size {
		b, err := c.in.ReadByte()
		if err != nil {
			return 0, err
		}
		n = n<<8 | uint64(b)
	}
	return int64(n), nil
}

func (c cborReader) simple(info byte) (any, error) {
	switch info {
	case 20, 21:
		return info == 21, nil
	case 31:
		return cborBreak{}, nil
	case 26:
		n, err := c.number(4)
		return json.Number(strconv.FormatFloat(float64(math.Float32frombits(uint32(n))), 'g', -1, 32)), err
	case 27:
		n, err := c.number(8)
		return json.Number(strconv.FormatFloat(math.Float64frombits(uint64(n)), 'g', -1, 64)), err
	}
	return nil, nil
}
