package edit_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/resolve/edit"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unpack writes an archive into a folder; what comes before its first file is
// main.tf.
func unpack(t testing.TB, archive string) string {
	t.Helper()
	dir := t.TempDir()
	parsed := txtar.Parse([]byte(archive))
	if main := strings.TrimPrefix(string(parsed.Comment), "\n"); main != "" {
		parsed.Files = append(parsed.Files, txtar.File{Name: "main.tf", Data: []byte(main)})
	}
	for _, f := range parsed.Files {
		path := filepath.Join(dir, f.Name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, f.Data, 0o644))
	}
	return dir
}

// objects are what the state has, as JSON by address.
type objects map[string]string

func (o objects) Instances(module drift.ModuleAddress, mode, typeName, name string) map[drift.Key]cty.Value {
	out := map[drift.Key]cty.Value{}
	for s, raw := range o {
		addr, err := drift.ParseAddress(s)
		if err == nil && addr.Module.Equal(module) && addr.Mode == mode && addr.Type == typeName && addr.Name == name {
			ty, _ := ctyjson.ImpliedType([]byte(raw))
			out[addr.Key], _ = ctyjson.Unmarshal([]byte(raw), ty)
		}
	}
	return out
}

// finding is written as ADDRESS PATH EXPECTED ACTUAL, parted by tabs or " | "; a
// line a change. ADDRESS alone is a deletion; (secret) stands for a sensitive
// value.
func findings(t testing.TB, text string) []drift.Finding {
	t.Helper()
	var out []drift.Finding
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		parts := strings.SplitN(line, " | ", 3)
		if len(parts) == 1 {
			out = append(out, drift.Finding{Address: parts[0], Kind: drift.Deleted})
			continue
		}
		change := drift.Change{Path: parts[1], Actual: json.RawMessage(parts[2])}
		if parts[2] == "(secret)" {
			change.Actual, change.Sensitive = nil, true
		}
		if n := len(out) - 1; n >= 0 && out[n].Address == parts[0] {
			out[n].Changes = append(out[n].Changes, change)
			continue
		}
		out = append(out, drift.Finding{Address: parts[0], Kind: drift.Modified, Changes: []drift.Change{change}})
	}
	return out
}

func attr(ty cty.Type) *schema.Attribute { return &schema.Attribute{Type: ty, Optional: true} }

func computed(ty cty.Type) *schema.Attribute {
	return &schema.Attribute{Type: ty, Optional: true, Computed: true}
}

func nestedBlock(nesting schema.Nesting, attrs map[string]*schema.Attribute, blocks map[string]*schema.NestedBlock) *schema.NestedBlock {
	return &schema.NestedBlock{Nesting: nesting, Block: schema.Block{Attributes: attrs, Blocks: blocks}}
}

// thing is the schema of every resource in the tests.
var thing = &schema.Block{
	Attributes: map[string]*schema.Attribute{
		"id":       {Type: cty.String, Computed: true},
		"name":     attr(cty.String),
		"size":     attr(cty.Number),
		"on":       attr(cty.Bool),
		"policy":   attr(cty.String),
		"password": {Type: cty.String, Optional: true, Sensitive: true},
		"tags":     attr(cty.Map(cty.String)),
		"tags_all": computed(cty.Map(cty.String)),
		"list":     attr(cty.List(cty.String)),
		"set":      attr(cty.Set(cty.String)),
		"opts":     attr(cty.Object(map[string]cty.Type{"a": cty.String, "b": cty.List(cty.Number)})),
		"deny":     attr(cty.Set(cty.Object(map[string]cty.Type{"port": cty.Number, "text": cty.String}))),
	},
	Blocks: map[string]*schema.NestedBlock{
		"rule": nestedBlock(schema.List, map[string]*schema.Attribute{
			"port": {Type: cty.Number, Required: true}, "text": attr(cty.String), "ref": computed(cty.String),
		}, map[string]*schema.NestedBlock{
			"match": nestedBlock(schema.List, map[string]*schema.Attribute{"path": attr(cty.String)}, nil),
		}),
		"allow": nestedBlock(schema.Set, map[string]*schema.Attribute{
			"port": {Type: cty.Number, Required: true}, "text": attr(cty.String), "cidrs": attr(cty.List(cty.String)), "self": attr(cty.Bool),
		}, nil),
		"timeouts": nestedBlock(schema.Single, map[string]*schema.Attribute{"create": attr(cty.String)}, nil),
		"named":    nestedBlock(schema.Map, map[string]*schema.Attribute{"value": attr(cty.String)}, nil),
	},
}

// bed is what a case of the tests gives besides the source.
type bed struct {
	env     []string
	options []config.VarOption
	state   objects
	others  map[string]edit.Setting
	blind   bool // no schema
	forget  bool
	tofu    bool
	root    string // folder of the root module
}

func input(dir, accepted string, t testing.TB, b bed) edit.Input {
	root := filepath.Join(dir, b.root)
	in := edit.Input{
		Repository: dir, Dir: root, DataDir: filepath.Join(root, ".terraform"),
		Setting:  edit.Setting{Workspace: "default", Env: b.env, Options: b.options, Values: b.state},
		Others:   b.others,
		Findings: findings(t, accepted), Forget: b.forget, Tofu: b.tofu,
		Schema: func(drift.Address) *schema.Block { return thing },
	}
	if b.blind {
		in.Schema = nil
	}
	return in
}

// changedLines are the lines that a diff takes out and puts in.
func changedLines(r edit.Result) string {
	var b strings.Builder
	for line := range strings.Lines(string(r.Diff())) {
		if (line[0] == '-' || line[0] == '+') && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "+++") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// reasons are the refusals, one a line.
func reasons(r edit.Result) string {
	var b strings.Builder
	for _, refusal := range r.Refusals {
		b.WriteString(refusal.Address + " " + refusal.Path + ": " + refusal.Reason)
		if refusal.At != nil {
			b.WriteString(" (" + refusal.At.File + ")")
		}
		b.WriteString("; " + refusal.ByHand + "\n")
	}
	return b.String()
}

func formatted(src []byte) bool { return bytes.Equal(hclwrite.Format(src), src) }
