package detect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/state"
)

// TestObject: what an object is called, and where it is; what is sensitive, or
// holds a secret, is not among it.
func TestObject(t *testing.T) {
	t.Parallel()
	aws := drift.ProviderConfig{Provider: "registry.terraform.io/hashicorp/aws"}
	east, other := aws, drift.ProviderConfig{Provider: "registry.terraform.io/hashicorp/azurerm"}
	east.Alias = "east"
	instance := func(pc drift.ProviderConfig, attributes string, sensitive ...cty.Path) state.Instance {
		return state.Instance{
			Address: drift.Address{Mode: drift.Managed, Type: "aws_sqs_queue", Name: "x"}, Provider: pc, Attributes: []byte(attributes), Sensitive: sensitive,
		}
	}
	const queue, bare = `{"arn":"arn:aws:sqs:eu-west-1:123456789012:orders","id":"https://x/orders","name":"orders"}`, `{"name":"orders","id":"orders"}`
	for _, c := range []struct {
		name            string
		inst            state.Instance
		others          []state.Instance
		region, account string
		names           string
	}{
		{"by its ARN", instance(aws, queue), nil, "eu-west-1", "123456789012", "arn id name"},
		{"an ARN of what it leads to", instance(aws, `{"id":"rule-bus","arn":"arn:aws:events:us-east-2:222222222222:event-bus/central"}`), []state.Instance{instance(aws, queue)},
			"eu-west-1", "123456789012", "arn id"},
		{"another cloud", instance(other, bare), nil, "", "", ""},
		{"nobody knows", instance(aws, bare), nil, "", "", "id name"},
		{"as its neighbours", instance(aws, bare), []state.Instance{instance(aws, queue)}, "eu-west-1", "123456789012", "id name"},
		{"of another configuration", instance(east, bare), []state.Instance{instance(aws, queue)}, "", "", "id name"},
		{"they do not agree", instance(aws, bare), []state.Instance{
			instance(aws, queue), instance(aws, strings.ReplaceAll(queue, "eu-west-1:1", "us-east-2:2")), instance(aws, queue),
		}, "", "", "id name"},
		{"a region of its own", instance(aws, `{"id":"orders","region":"eu-north-1"}`), []state.Instance{instance(aws, queue)}, "eu-north-1", "123456789012", "id"},
		{"an AWS policy tells no account", instance(aws, `{"arn":"arn:aws:iam::aws:policy/X","name":"X"}`), nil, "", "", "arn name"},
		{"sensitive in the state", instance(aws, `{"id":"orders","name":"CANARY"}`, cty.GetAttrPath("name")), nil, "", "", "id"},
		{"a secret of the stack", instance(aws, `{"id":"orders","name":"has-CANARY-in-it"}`), nil, "", "", "id"},
		{"sensitive as a whole", instance(aws, `{"id":"CANARY"}`, cty.Path{}), nil, "", "", ""},
	} {
		p := &pass{state: &state.State{Instances: append(c.others, c.inst)}}
		p.redact = newRedactor(p)
		p.redact.once.Do(func() {})
		p.redact.addOfStack("CANARY-in")
		o := p.object(c.inst)
		var names []string
		for _, i := range o.Identifiers {
			names = append(names, i.Name)
		}
		if o.Region != c.region || o.Account != c.account || strings.Join(names, " ") != c.names || strings.Contains(fmt.Sprint(o), "CANARY") {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}

// TestVisible: what the schema calls sensitive is no name, at any depth.
func TestVisible(t *testing.T) {
	t.Parallel()
	block := &schema.Block{
		Attributes: map[string]*schema.Attribute{"id": {Type: cty.String}, "name": {Type: cty.String, Sensitive: true}},
		Blocks: map[string]*schema.NestedBlock{"disk": {Nesting: schema.List, Block: schema.Block{
			Attributes: map[string]*schema.Attribute{"volume_id": {Type: cty.String, Sensitive: true}},
		}}},
	}
	for attributes, inst := range map[string]state.Instance{
		"as JSON":        {Attributes: []byte(`{"id":"orders","name":"CANARY","disk":[{"volume_id":"CANARY"}]}`)},
		"as flat values": {Flat: map[string]string{"id": "orders", "name": "CANARY"}},
	} {
		if got := visible(inst, block, nil); len(got) != 1 || got["id"] != "orders" {
			t.Errorf("%s: %v", attributes, got)
		}
	}
}
