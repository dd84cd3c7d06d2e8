package verdict_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/drift/verdict"
)

// recorded is what a real Terraform did; see testdata/record, which wrote it.
type recorded struct {
	Schema   blockJSON       `json:"schema"`
	Ignore   []string        `json:"ignore"`
	Source   json.RawMessage `json:"source"` // the configuration before ignore_changes
	Prior    json.RawMessage `json:"prior"`
	Config   json.RawMessage `json:"config"`
	Proposed json.RawMessage `json:"proposed"`
}

type blockJSON struct {
	Nesting    schema.Nesting       `json:"nesting"`
	Attributes map[string]attrJSON  `json:"attributes"`
	Blocks     map[string]blockJSON `json:"blocks"`
}

type attrJSON struct {
	Type   json.RawMessage `json:"type"`
	Nested *blockJSON      `json:"nested"`
	Flags  string          `json:"flags"`
}

// TestTerraform holds Propose and Ignore.Apply to what Terraform sent to a
// provider for random schemas, states and configurations.
func TestTerraform(t *testing.T) {
	t.Parallel()
	name := "testdata/terraform.json"
	if other := os.Getenv("HOLDFAST_RECORDED"); other != "" {
		name = other // a larger recording
	}
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []recorded }
	if err := json.Unmarshal(src, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for i, c := range file.Cases {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

func (c recorded) check(t *testing.T) {
	t.Helper()
	block := c.Schema.block(t)
	decode := func(raw json.RawMessage) cty.Value {
		v, err := ctyjson.Unmarshal(raw, block.ImpliedType())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	prior, config := decode(c.Prior), decode(c.Config)
	if got, want := verdict.Propose(block, prior, config), decode(c.Proposed); !got.RawEquals(want) {
		t.Errorf("proposed differs at %s:\nprior    %#v\nconfig   %#v\ngot      %#v\nwant     %#v", formatPaths(drift.Diff(got, want)), prior, config, got, want)
	}
	if len(c.Ignore) == 0 || c.Ignore[0] == "all" {
		return
	}
	source := decode(c.Source)
	if got := (verdict.Ignore{Paths: paths(t, c.Ignore...)}).Apply(prior, source); !got.RawEquals(config) {
		t.Errorf("ignoring %q:\nprior    %#v\nsource   %#v\ngot      %#v\nwant     %#v", c.Ignore, prior, source, got, config)
	}
}

func (b blockJSON) block(t *testing.T) *schema.Block {
	t.Helper()
	out := &schema.Block{Attributes: attributes(t, b.Attributes), Blocks: map[string]*schema.NestedBlock{}}
	for name, nested := range b.Blocks {
		inner := nested.block(t)
		out.Blocks[name] = &schema.NestedBlock{
			Block: schema.Block{Attributes: inner.Attributes, Blocks: inner.Blocks}, Nesting: nested.Nesting,
		}
	}
	return out
}

func attributes(t *testing.T, described map[string]attrJSON) map[string]*schema.Attribute {
	t.Helper()
	out := map[string]*schema.Attribute{}
	for name, a := range described {
		attr := &schema.Attribute{
			Required: strings.Contains(a.Flags, "r"), Optional: strings.Contains(a.Flags, "o"),
			Computed: strings.Contains(a.Flags, "c"), WriteOnly: strings.Contains(a.Flags, "w"),
		}
		if a.Nested != nil {
			attr.Nested = &schema.Object{Nesting: a.Nested.Nesting, Attributes: attributes(t, a.Nested.Attributes)}
		} else {
			ty, err := ctyjson.UnmarshalType(a.Type)
			if err != nil {
				t.Fatal(err)
			}
			attr.Type = ty
		}
		out[name] = attr
	}
	return out
}

// paths reads paths in Terraform's notation.
func paths(t *testing.T, list ...string) []cty.Path {
	t.Helper()
	var out []cty.Path
	for _, s := range list {
		traversal, diags := hclsyntax.ParseTraversalAbs([]byte(s), "", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatalf("%q: %v", s, diags)
		}
		var path cty.Path
		for _, step := range traversal {
			switch step := step.(type) {
			case hcl.TraverseRoot:
				path = path.GetAttr(step.Name)
			case hcl.TraverseAttr:
				path = path.GetAttr(step.Name)
			case hcl.TraverseIndex:
				path = path.Index(step.Key)
			}
		}
		out = append(out, path)
	}
	return out
}

func formatPaths(list []cty.Path) []string {
	out := []string{}
	for _, path := range list {
		out = append(out, drift.FormatPath(path))
	}
	return out
}

func sortedPaths(list []cty.Path) []string {
	out := formatPaths(list)
	slices.Sort(out)
	return slices.Compact(out)
}
