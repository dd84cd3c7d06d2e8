package state_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holdfast/internal/drift"
	"holdfast/internal/state"
)

func named(path string) drift.StackRef {
	return drift.StackRef{ID: "id of " + path, Path: path, Workspace: "default"}
}

// listed are the faults of all stacks, each on a line.
func listed(o *state.Overlap) string {
	var lines []string
	for id, faults := range o.Faults() {
		for _, f := range faults {
			lines = append(lines, strings.TrimPrefix(id, "id of ")+": "+f.Code+" "+f.Address)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Two stacks whose states come of the example by one edit each.
func TestOverlap(t *testing.T) {
	t.Parallel()
	fresh := func(file map[string]any) { file["lineage"] = "another" }
	for name, c := range map[string]struct {
		address string
		edit    func(file, resource map[string]any, first instance)
		source  string // of the second one
		alone   bool   // the second one has nothing but the edited resource
		want    string
	}{
		"the same state": {function, func(_, _ map[string]any, _ instance) {}, "here", false,
			"a: state_in_two_stacks \nb: state_in_two_stacks "},
		"a copy of it": {function, func(_, _ map[string]any, _ instance) {}, "there", false,
			"a: state_copied \nb: state_copied "},
		"a copy with nothing but one object": {"aws_iam_role_policy.device_token", func(_, _ map[string]any, _ instance) {}, "there", true,
			"a: state_copied \nb: state_copied "},
		"the other part of a state that was split": {"aws_iam_role_policy.device_token", func(_, r map[string]any, _ instance) { r["name"] = "other" }, "there", true, ""},
		"an empty copy": {function, func(file, _ map[string]any, _ instance) { file["resources"] = []any{} }, "there", false, ""},
		"a copy in which it was made anew": {"aws_iam_role_policy.device_token", func(_, _ map[string]any, first instance) {
			first["attributes"].(instance)["id"] = "newer"
		}, "there", true, ""},
		"another state in a place of that name": {"aws_iam_role_policy.device_token", func(file, _ map[string]any, _ instance) { fresh(file) }, "here", true, ""},
		"one object": {table, func(file, r map[string]any, _ instance) { fresh(file); r["name"] = "other" }, "there", true,
			"a: object_in_two_stacks " + table + "\nb: object_in_two_stacks aws_dynamodb_table.other"},
		"an object of that name in another account": {table, func(file, _ map[string]any, first instance) {
			fresh(file)
			attributes := first["attributes"].(instance)
			attributes["arn"] = strings.Replace(attributes["arn"].(string), "123456789012", "111122223333", 1)
		}, "there", true, ""},
		"an id that is unique for its function only": {"aws_lambda_permission.api_gateway", func(file, _ map[string]any, _ instance) { fresh(file) }, "there", true, ""},
		"another type":     {table, func(file, r map[string]any, _ instance) { fresh(file); r["type"] = "aws_dynamodb_table_replica" }, "there", true, ""},
		"a data source":    {table, func(file, r map[string]any, _ instance) { fresh(file); r["mode"] = "data" }, "there", true, ""},
		"a deposed object": {table, func(file, _ map[string]any, first instance) { fresh(file); first["deposed"] = "0a1b2c3d" }, "there", true, ""},
		// Its arn is that of what it sends to.
		"a target of the same name and aim": {table, func(file, _ map[string]any, first instance) {
			fresh(file)
			first["attributes"].(instance)["id"] = "nightly-to-table"
		}, "there", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &state.Overlap{}
			o.Add(named("a"), "here", decode(t, "device-tokens"))
			o.Add(named("b"), c.source, edited(t, c.address, func(file, r map[string]any, first instance) {
				if c.alone {
					file["resources"] = []any{r}
				}
				c.edit(file, r, first)
			}))
			if got := listed(o); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// What identifies an object surely, over the shapes that ARNs have.
func TestOverlapARN(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id, arn, identifier string
		sure                bool
	}{
		{"f", "arn:aws:lambda:us-east-1:1:function:f", "", true},
		{"https://sqs.us-east-1.amazonaws.com/1/jobs", "arn:aws:sqs:us-east-1:1:jobs", "", true},
		{"arn:aws:sns:us-east-1:1:alerts", "arn:aws:sns:us-east-1:1:alerts", "", true},
		{"arn:aws:secretsmanager:us-east-1:1:secret:s|v1", "arn:aws:secretsmanager:us-east-1:1:secret:s", "", true},
		{"db-ABCD", "arn:aws:rds:us-east-1:1:db:main", "main", true},
		{"db-ABCD", "arn:aws:rds:us-east-1:1:db:main", "", false},
		{"rule-target", "arn:aws:lambda:us-east-1:1:function:target", "", false},
		{"1", "arn:aws:lambda:us-east-1:1:layer:x:11", "", false},
		{"f", "f", "", false},
		{"", "arn:aws:sqs:us-east-1:1:", "", false},
		{"y", "arn:aws:x", "arn:aws:x", false},
	} {
		with := func(lineage string) *state.State {
			return edited(t, table, func(file, r map[string]any, first instance) {
				file["lineage"], file["resources"] = lineage, []any{r}
				first["attributes"] = instance{"id": c.id, "arn": c.arn, "identifier": c.identifier}
			})
		}
		o := &state.Overlap{}
		o.Add(named("a"), "here", with("a"))
		o.Add(named("b"), "there", with("b"))
		if got := listed(o); (got != "") != c.sure {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// Both sides are told of each other, with stack and address.
func TestOverlapMessages(t *testing.T) {
	t.Parallel()
	o := &state.Overlap{}
	o.Add(named("live/eu"), "here", decode(t, "device-tokens"))
	o.Add(drift.StackRef{ID: "b", Path: "live/us", Workspace: "blue"}, "there", edited(t, table, func(file, r map[string]any, _ instance) {
		file["lineage"], file["resources"], r["name"] = "another", []any{r}, "other"
	}))
	faults := o.Faults()
	if got := faults["id of live/eu"][0].Message; !strings.Contains(got, "aws_dynamodb_table.other in the stack live/us (blue)") {
		t.Error(got)
	}
	if got := faults["b"][0].Message; !strings.Contains(got, table+" in the stack live/eu") {
		t.Error(got)
	}
}

// The order in which stacks come makes no difference.
func TestOverlapOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type one struct {
			ref    drift.StackRef
			source string
			state  *state.State
		}
		var all []one
		for i := range rapid.IntRange(2, 6).Draw(t, "stacks") {
			lineage := rapid.SampledFrom([]string{"l1", "l2", fmt.Sprint("own", i)}).Draw(t, "lineage")
			var rows []string
			for j := range rapid.IntRange(0, 3).Draw(t, "objects") {
				id := rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "id")
				rows = append(rows, fmt.Sprintf(`{"mode":"managed","type":"aws_sqs_queue","name":"n%d","provider":"provider[\"registry.terraform.io/hashicorp/aws\"]",
					"instances":[{"attributes":{"id":%q,"arn":"arn:aws:sqs:us-east-1:1:%s"}}]}`, j, id, id))
			}
			s, err := state.Decode(fmt.Appendf(nil, `{"version":4,"lineage":%q,"resources":[%s]}`, lineage, strings.Join(rows, ",")))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, one{named(fmt.Sprint("s", i)), rapid.SampledFrom([]string{"x", fmt.Sprint("y", i)}).Draw(t, "source"), s})
		}
		shuffled := rapid.Permutation(all).Draw(t, "order")
		told := func(list []one) string {
			o := &state.Overlap{}
			for _, s := range list {
				o.Add(s.ref, s.source, s.state)
			}
			var lines []string
			for id, faults := range o.Faults() {
				for _, f := range faults {
					lines = append(lines, id+f.Message)
				}
			}
			slices.Sort(lines)
			return strings.Join(lines, "\n")
		}
		if a, b := told(all), told(shuffled); a != b {
			t.Fatalf("one order:\n%s\nanother:\n%s", a, b)
		}
	})
}

// Ten thousand stacks of twenty objects take little memory.
func TestOverlapMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	o := &state.Overlap{}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 10_000 {
		s := &state.State{Lineage: fmt.Sprint("lineage", i)}
		for j := range 20 {
			s.Instances = append(s.Instances, state.Instance{
				Address:    drift.Address{Mode: drift.Managed, Type: "aws_sqs_queue", Name: fmt.Sprintf("queue_of_a_long_name_%d", j)},
				Attributes: fmt.Appendf(nil, `{"id":"https://sqs.us-east-1.amazonaws.com/1/q-%d-%d","arn":"arn:aws:sqs:us-east-1:1:q-%d-%d"}`, i, j, i, j),
			})
		}
		o.Add(named(fmt.Sprint("live/", i)), fmt.Sprint("s3://states/", i), s)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if faults := o.Faults(); len(faults) > 0 {
		t.Errorf("%d stacks have faults", len(faults))
	}
	const most = 48 << 20
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > most {
		t.Errorf("it keeps %d MiB of 200,000 objects, more than %d", grown>>20, most>>20)
	} else {
		t.Logf("%d KiB", grown>>10)
	}
}
