package lab

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
