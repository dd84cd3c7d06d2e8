package baseline

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

func open(cty.Path, cty.Value) bool { return false }

func object(attributes map[string]cty.Value) cty.Value { return cty.ObjectVal(attributes) }

func factsOf(t *testing.T, r Resource) []drift.Fact {
	t.Helper()
	if r.Hidden == nil {
		r.Hidden = open
	}
	return Facts([]Resource{r})[0].Facts
}

// TestWords: what is off, empty or zero is said in other words, or not at all.
func TestWords(t *testing.T) {
	t.Parallel()
	ttl := func(on bool) cty.Value {
		return cty.ListVal([]cty.Value{object(map[string]cty.Value{"enabled": cty.BoolVal(on), "attribute_name": cty.StringVal("expiresAt")})})
	}
	for name, c := range map[string]struct {
		value map[string]cty.Value
		want  string
	}{
		"on":     {map[string]cty.Value{"ttl": ttl(true)}, "TTL: enabled on expiresAt"},
		"off":    {map[string]cty.Value{"ttl": ttl(false)}, "TTL: disabled"},
		"absent": {map[string]cty.Value{"hash_key": cty.StringVal("id")}, "Hash key: id"},
		"none":   {map[string]cty.Value{"ttl": cty.ListValEmpty(cty.EmptyObject)}, "TTL: disabled"},
		"zero":   {map[string]cty.Value{"read_capacity": cty.Zero, "hash_key": cty.StringVal("id")}, "Hash key: id"},
		"number": {map[string]cty.Value{"read_capacity": cty.NumberIntVal(5)}, "Read capacity: 5"},
		"a null": {map[string]cty.Value{"hash_key": cty.NullVal(cty.String), "billing_mode": cty.StringVal("PROVISIONED")}, "Billing: PROVISIONED"},
		"braces": {map[string]cty.Value{"hash_key": cty.StringVal("{ttl}\n{}")}, "Hash key: {ttl} {}"},
	} {
		var got []string
		for _, f := range factsOf(t, Resource{Type: "aws_dynamodb_table", Value: object(c.value)}) {
			got = append(got, f.Label+": "+f.Value)
		}
		if !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if name == "absent" && len(got) != 1 {
			t.Errorf("more is told than is there: %q", got)
		}
		if name == "zero" && strings.Contains(strings.Join(got, "\n"), "capacity") {
			t.Errorf("a capacity of zero is told: %q", got)
		}
	}
}

// TestOtherTypes: of a type that the table doesn't have, what the source sets is
// told, as it was applied, and nothing that is hidden.
func TestOtherTypes(t *testing.T) {
	t.Parallel()
	value := object(map[string]cty.Value{
		"size": cty.NumberIntVal(3), "computed": cty.StringVal("x"), "password": cty.StringVal("not-a-real-password"), "off": cty.False,
		"nested": object(map[string]cty.Value{"token": cty.StringVal("not-a-real-token"), "a": cty.True}),
		"names":  cty.SetVal([]cty.Value{cty.StringVal("b"), cty.StringVal("a")}), "long": cty.StringVal(strings.Repeat("x", 1000)),
	})
	source := object(map[string]cty.Value{
		"size": cty.NumberIntVal(4), "computed": cty.NullVal(cty.String), "password": cty.StringVal("not-a-real-password"), "off": cty.False,
		"nested": cty.UnknownVal(cty.DynamicPseudoType), "names": cty.EmptyTupleVal, "long": cty.StringVal("y"), "gone": cty.True,
	})
	hidden := func(path cty.Path, _ cty.Value) bool {
		return strings.Contains(drift.FormatPath(path), "password") || strings.Contains(drift.FormatPath(path), "token")
	}
	got := factsOf(t, Resource{Type: "other_thing", Value: value, Source: source, Hidden: hidden})
	want := []drift.Fact{{Label: "long", Value: strings.Repeat("x", maxValue-3) + "..."}, {Label: "off", Value: "false"}, {Label: "size", Value: "3"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := factsOf(t, Resource{Type: "other_thing", Value: value}); len(got) != 0 {
		t.Errorf("without a source there is nothing to say, not %v", got)
	}
	if got := Facts([]Resource{{Address: "a.b", Type: "other_thing"}}); got[0].Address != "a.b" || got[0].Facts == nil {
		t.Errorf("what can't be decoded is still listed: %+v", got)
	}
}

// TestHidden: a hidden attribute is told in no words, nor inside another fact.
func TestHidden(t *testing.T) {
	t.Parallel()
	hidden := func(path cty.Path, _ cty.Value) bool {
		return strings.HasSuffix(drift.FormatPath(path), "role") || strings.HasSuffix(drift.FormatPath(path), "namespace")
	}
	got := factsOf(t, Resource{Type: "aws_lambda_function", Hidden: hidden, Value: object(map[string]cty.Value{"role": cty.StringVal("not-a-real-role"), "runtime": cty.StringVal("x")})})
	if diff := cmp.Diff([]drift.Fact{{Label: "Runtime", Value: "x"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = factsOf(t, Resource{Type: "aws_cloudwatch_metric_alarm", Hidden: hidden, Value: object(map[string]cty.Value{
		"namespace": cty.StringVal("not-a-real-namespace"), "metric_name": cty.StringVal("Errors"),
	})})
	if diff := cmp.Diff([]drift.Fact{{Label: "Metric", Value: "Errors"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPermissions: what a role may do is what its policies allow.
func TestPermissions(t *testing.T) {
	t.Parallel()
	text := func(attributes ...string) cty.Value {
		m := map[string]cty.Value{}
		for i := 0; i < len(attributes); i += 2 {
			m[attributes[i]] = cty.StringVal(attributes[i+1])
		}
		return object(m)
	}
	resources := []Resource{
		{Address: "aws_iam_role.r", Type: "aws_iam_role", Value: text("name", "r", "assume_role_policy", `{"Statement":{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com"]}}}`)},
		{Address: "aws_iam_role_policy.p", Type: "aws_iam_role_policy", Value: text("name", "p", "role", "r", "policy",
			`{"Statement":[{"Effect":"Allow","Action":["dynamodb:PutItem","kms:Decrypt"]},{"Effect":"Deny","Action":"s3:*"},{"Effect":"Allow","Action":"sqs:SendMessage"}]}`)},
		{Address: "aws_iam_role_policy_attachment.a", Type: "aws_iam_role_policy_attachment", Value: text("role", "r", "policy_arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")},
		{Address: "aws_iam_role_policy_attachment.b", Type: "aws_iam_role_policy_attachment", Value: text("role", "r", "policy_arn", "arn:b")},
		{Address: "aws_iam_policy.b", Type: "aws_iam_policy", Value: text("arn", "arn:b", "policy", `{"Statement":[{"Effect":"Allow","Action":"*"}]}`)},
		{Address: "aws_iam_role_policy.other", Type: "aws_iam_role_policy", Value: text("name", "q", "role", "other", "policy", "no policy")},
	}
	for i := range resources {
		resources[i].Hidden = open
	}
	got := map[string]string{}
	for _, r := range Facts(resources) {
		for _, f := range r.Facts {
			got[r.Address+" "+f.Label] = f.Value
		}
	}
	for what, value := range map[string]string{
		"aws_iam_role.r Kind": "Lambda execution role", "aws_iam_role.r Permissions": "DynamoDB, KMS, ReadOnlyAccess, SQS and all",
		"aws_iam_role_policy.p Part of": "aws_iam_role.r", "aws_iam_role_policy.other Part of": "", "aws_iam_role_policy.other Permissions": "",
	} {
		if got[what] != value {
			t.Errorf("%s: got %q, want %q", what, got[what], value)
		}
	}
}

// TestTable: every line of a grouped type speaks of facts that there can be.
func TestTable(t *testing.T) {
	t.Parallel()
	label := regexp.MustCompile(`\{([^}]*)\}`)
	derived := map[string]bool{"name": true, "Kind": true, "Permissions": true, "Path": true, "Made of": true}
	for name, k := range notable {
		if k.Title == "" || (k.Group == "") != (k.Line == "") {
			t.Errorf("%s: it needs a title, and a line if it is in a group", name)
		}
		labels := map[string]bool{}
		for _, f := range k.facts {
			if labels[f.label] || f.label == "" || f.path == "" {
				t.Errorf("%s: fact %q is there twice, or lacks something", name, f.label)
			}
			labels[f.label] = true
		}
		for _, m := range label.FindAllStringSubmatch(k.Line, -1) {
			if !labels[m[1]] && !derived[m[1]] {
				t.Errorf("%s: its line speaks of %q, which is no fact", name, m[1])
			}
		}
	}
}

// TestCompare: what came, went and changed.
func TestCompare(t *testing.T) {
	t.Parallel()
	one := func(address, name string, facts ...drift.Fact) drift.BaselineResource {
		return drift.BaselineResource{Address: address, Type: "aws_kms_alias", Name: name, Facts: facts}
	}
	got := Compare(
		[]drift.BaselineResource{one("a.gone", "g"), one("a.kept", "k", drift.Fact{Label: "A", Value: "1"}, drift.Fact{Label: "B", Value: "2"})},
		[]drift.BaselineResource{one("a.kept", "l", drift.Fact{Label: "B", Value: "3"}, drift.Fact{Label: "C", Value: "4"}), one("a.new", "")},
	)
	want := []Difference{
		{"a.gone", "", "KMS Alias g", ""}, {"a.kept", "name", "k", "l"}, {"a.kept", "A", "1", ""}, {"a.kept", "B", "2", "3"}, {"a.kept", "C", "", "4"}, {"a.new", "", "", "KMS Alias"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
