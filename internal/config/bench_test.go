package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

// large is a tree of 40 instances of a module, each with 50 instances of a
// resource that refers to others: 2000 in all, and as many data sources.
func large(tb testing.TB) (*Tree, objects, []drift.Address) {
	tb.Helper()
	tree := load(tb, `
locals {
  teams = { for i in range(40) : "team-${i}" => { size = i, tags = { team = "team-${i}" } } }
}
module "team" {
  source   = "./team"
  for_each = local.teams
  name     = each.key
  config   = each.value
  others   = [for k, v in local.teams : k if k != each.key]
}
-- team/main.tf --
variable "name" { type = string }
variable "config" {
  type = object({ size = number, tags = map(string), zone = optional(string, "a") })
}
variable "others" { type = list(string) }
locals {
  queues = { for i in range(50) : "q${i}" => { name = "${var.name}-${i}", size = i } }
}
data "x" "account" { for_each = local.queues }
resource "x" "queue" {
  for_each = local.queues
  name     = each.value.name
  size     = each.value.size + var.config.size
  names    = var.others
  tags     = merge(var.config.tags, { Name = each.value.name, Account = data.x.account[each.key].id })
  list {
    a = jsonencode({ Statement = [{ Action = ["sqs:*"], Resource = data.x.account[each.key].arn, Principal = "*" }] })
    dynamic "inner" {
      for_each = var.config.tags
      content {
        a = inner.value
        n = each.value.size
      }
    }
  }
  steps {
    port = each.value.size
  }
}
output "queues" { value = { for k, q in x.queue : k => q.id } }
`)
	values := objects{}
	var addrs []drift.Address
	for i := range 40 {
		module := drift.ModuleAddress{{Name: "team", Key: drift.StringKey(fmt.Sprintf("team-%d", i))}}
		for j := range 50 {
			key := drift.StringKey(fmt.Sprintf("q%d", j))
			data := drift.Address{Module: module, Mode: drift.Data, Type: "x", Name: "account", Key: key}
			values[data.String()] = cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal("1234"), "arn": cty.StringVal("arn:x")})
			addrs = append(addrs, drift.Address{Module: module, Mode: drift.Managed, Type: "x", Name: "queue", Key: key})
		}
	}
	return tree, values, addrs
}

// indexed is objects with an index, as detect has it.
type indexed map[string]map[drift.Key]cty.Value

func index(values objects) indexed {
	out := indexed{}
	for text, v := range values {
		addr, _ := drift.ParseAddress(text)
		key := addr.Module.String() + "|" + addr.Resource()
		if out[key] == nil {
			out[key] = map[drift.Key]cty.Value{}
		}
		out[key][addr.Key] = v
	}
	return out
}

func (x indexed) Instances(module drift.ModuleAddress, mode, typeName, name string) map[drift.Key]cty.Value {
	return x[module.String()+"|"+drift.Address{Mode: mode, Type: typeName, Name: name}.Resource()]
}

func BenchmarkSource(b *testing.B) {
	tree, values, addrs := large(b)
	in, block := index(values), thing()
	for b.Loop() {
		e := NewEvaluator(tree, Inputs{Workspace: "default", Values: in})
		for _, addr := range addrs {
			if src := e.Source(addr, block); src.Existence != Exists || len(src.Problems) > 0 {
				b.Fatal(texts(src.Problems))
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(addrs)), "µs/instance")
}

func BenchmarkMoves(b *testing.B) {
	tree, _, addrs := large(b)
	var moved strings.Builder
	for i := range 500 {
		fmt.Fprintf(&moved, "moved {\n  from = module.team[\"team-1\"].x.q%d\n  to = x.q%d\n}\n", i, i)
	}
	if err := tree.Root.addFile("moved.tf", []byte(moved.String()), false); err != nil {
		b.Fatal(err)
	}
	e := NewEvaluator(tree, Inputs{Values: objects{}})
	for b.Loop() {
		if _, err := e.Moves(addrs); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	tree, _, _ := large(b)
	for b.Loop() {
		if _, err := Load(tree.Root.Dir, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// What one evaluator spends on thousands of instances is far from its limit.
func TestLargeTree(t *testing.T) {
	t.Parallel()
	tree, values, addrs := large(t)
	e := NewEvaluator(tree, Inputs{Workspace: "default", Values: index(values)})
	src := e.Source(addrs[len(addrs)-1], thing())
	equal(t, "the last", set(src.Value)[:45], `group={a=null n=null} list=[{a="{\"Statement\`)
	for _, addr := range addrs {
		if src := e.Source(addr, thing()); src.Existence != Exists || len(src.Problems) > 0 {
			t.Fatal(addr, texts(src.Problems))
		}
	}
	if spent := maxTotal - e.left; spent > maxTotal/50 {
		t.Errorf("%d instances cost %d of %d", len(addrs), spent, maxTotal)
	}
	v, problems := e.evaluate(t, `length(module.team["team-3"].queues)`)
	equal(t, "outputs", show(v)+texts(problems), "50")
}
