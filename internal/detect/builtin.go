package detect

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/drift/verdict"
	"holdfast/internal/state"
)

// What Terraform itself provides, without a plugin: terraform_data, which lives
// in the state alone, and the data source terraform_remote_state.
// https://developer.hashicorp.com/terraform/language/resources/terraform-data
var (
	terraformData = &schema.Schema{Block: &schema.Block{Attributes: map[string]*schema.Attribute{
		"id":               {Type: cty.String, Computed: true},
		"input":            {Type: cty.DynamicPseudoType, Optional: true},
		"output":           {Type: cty.DynamicPseudoType, Computed: true},
		"triggers_replace": {Type: cty.DynamicPseudoType, Optional: true},
	}}}
	remoteState = cty.Object(map[string]cty.Type{
		"backend": cty.String, "config": cty.DynamicPseudoType, "defaults": cty.DynamicPseudoType,
		"outputs": cty.DynamicPseudoType, "workspace": cty.String,
	})
)

// decodeBuiltin decodes what was stored of one of them. Its dynamic attributes
// carry their types.
func decodeBuiltin(inst state.Instance) (cty.Value, error) {
	ty := terraformData.Block.ImpliedType()
	if inst.Address.Type == "terraform_remote_state" {
		ty = remoteState
	}
	return ctyjson.Unmarshal(inst.Attributes, ty)
}

// verdictBuiltin is the verdict on a terraform_data. Nobody can change it by
// hand, so it never drifts, but its source may not be applied yet.
func (p *pass) verdictBuiltin(s *subject, out outcome) (outcome, error) {
	stored, err := decodeBuiltin(s.inst)
	if err != nil {
		return out, fmt.Errorf("decoding its state: %w", err)
	}
	r := &reading{pass: p, subject: s, schema: terraformData, live: stored, source: p.eval.Source(s.addr, terraformData.Block)}
	if r.source.Existence == config.Absent {
		return out, nil
	}
	r.value, r.marks = r.source.Value.UnmarkDeepWithPaths()
	if conformed, ok := verdict.Conform(terraformData.Block, r.value); ok {
		r.planBuiltin(r.source.Ignore.Apply(stored, conformed))
	}
	out.pending = append(out.pending, r.pending(nil)...)
	return out, nil
}

// planBuiltin does what Terraform's own provider does to plan a terraform_data.
func (r *reading) planBuiltin(config cty.Value) {
	planned := r.live.AsValueMap()
	for _, name := range []string{"input", "triggers_replace"} {
		planned[name] = config.GetAttr(name)
	}
	if !drift.Equal(planned["input"], r.live.GetAttr("input")) {
		planned["output"] = cty.DynamicVal
	}
	r.wanted, r.wantedConfig = cty.ObjectVal(planned), config
	r.wantedReplace = []cty.Path{cty.GetAttrPath("triggers_replace")}
}
