package state_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/state"
)

func TestIntegrity(t *testing.T) {
	t.Parallel()
	if got := decode(t, "opentofu").Integrity(state.Code{}); len(got) > 0 {
		t.Errorf("a sound state has %v", got)
	}
	type fault struct {
		code     string
		severity drift.Severity
		address  string
	}
	var got []fault
	for _, f := range decode(t, "unsound").Integrity(state.Code{}) {
		got = append(got, fault{f.Code, f.Severity, f.Address})
		if f.Message == "" {
			t.Errorf("%s says nothing", f.Code)
		}
	}
	want := []fault{
		{"duplicate_instance", drift.SeverityError, "aws_sqs_queue.jobs[0]"},
		{"duplicate_instance", drift.SeverityError, "aws_sqs_queue.jobs[0]"},
		{"tainted_object", drift.SeverityWarning, "aws_sqs_queue.jobs[1]"},
		{"deposed_object", drift.SeverityWarning, "aws_sqs_queue.jobs[1]"},
		{"deposed_object", drift.SeverityWarning, "aws_sqs_queue.jobs[1]"},
		{"deposed_object", drift.SeverityWarning, "aws_sqs_queue.jobs[2]"},
		{"duplicate_instance", drift.SeverityError, `aws_sqs_queue.jobs["0"]`},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// edited is the state of the example, as Terraform wrote it, after one edit of the
// file, and of the instances of a resource of it.
func edited(t testing.TB, address string, edit func(file, resource map[string]any, first instance)) *state.State {
	t.Helper()
	var file map[string]any
	if err := json.Unmarshal(fixture(t, "device-tokens"), &file); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range file["resources"].([]any) {
		r := r.(map[string]any)
		if fmt.Sprintf("%s.%s", r["type"], r["name"]) == address {
			edit(file, r, r["instances"].([]any)[0].(map[string]any))
			found = true
		}
	}
	out, err := json.Marshal(file)
	if err != nil || !found {
		t.Fatal(err, found)
	}
	s, err := state.Decode(out)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type instance = map[string]any

const function, table = "aws_lambda_function.device_token", "aws_dynamodb_table.device_tokens"

// second puts a changed copy of an instance beside it.
func second(r map[string]any, first instance, change func(other, attributes instance)) {
	other, attributes := maps.Clone(first), maps.Clone(first["attributes"].(instance))
	other["index_key"], other["attributes"] = "other", attributes
	change(other, attributes)
	r["instances"] = []any{first, other}
}

// The state of the example is sound; one edit of it makes each of the faults, and
// no other.
func TestIntegrityOfOneEdit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address string // of the resource that is edited
		edit    func(file, resource map[string]any, first instance)
		want    string
		related string
	}{
		"nothing": {address: function, edit: func(_, _ map[string]any, _ instance) {}},
		"twice": {function, func(_, r map[string]any, first instance) { r["instances"] = []any{first, first} },
			"duplicate_instance error " + function, ""},
		"tainted": {function, func(_, _ map[string]any, first instance) { first["status"] = "tainted" }, "tainted_object warning " + function, ""},
		"deposed": {function, func(_, _ map[string]any, first instance) { first["deposed"] = "0a1b2c3d" }, "deposed_object warning " + function, ""},
		"no id": {table, func(_, _ map[string]any, first instance) { first["attributes"].(instance)["id"] = nil },
			"missing_id error " + table, ""},
		"an empty id": {table, func(_, _ map[string]any, first instance) { first["attributes"].(instance)["id"] = "" },
			"missing_id error " + table, ""},
		"a dependency that is gone": {function, func(_, _ map[string]any, first instance) {
			first["dependencies"] = append(first["dependencies"].([]any), "module.old.aws_iam_role.gone")
		}, "dangling_dependency info " + function, ""},
		"a dependency on an instance": {function, func(_, _ map[string]any, first instance) {
			first["dependencies"] = append(first["dependencies"].([]any), table+"[0]")
		}, "", ""},
		"under another index": {table, func(_, r map[string]any, first instance) {
			second(r, first, func(_, _ instance) {})
		}, "shared_object error " + table + `["other"]`, table},
		"the same object, read at another time": {table, func(_, r map[string]any, first instance) {
			second(r, first, func(_, attributes instance) { attributes["read_capacity"] = 17 })
		}, "shared_object error " + table + `["other"]`, table},
		"another object with the same id": {table, func(_, r map[string]any, first instance) {
			second(r, first, func(_, attributes instance) {
				attributes["arn"] = "arn:aws:dynamodb:eu-west-1:111122223333:table/other"
			})
		}, "", ""},
		"an object of the same name in another region": {table, func(_, r map[string]any, first instance) {
			second(r, first, func(_, attributes instance) {
				attributes["arn"] = strings.Replace(attributes["arn"].(string), "us-east-1", "eu-west-1", 1)
			})
		}, "", ""},
		"a permission of the same name for another function": {"aws_lambda_permission.api_gateway", func(_, r map[string]any, first instance) {
			second(r, first, func(_, attributes instance) { attributes["function_name"] = "other" })
		}, "", ""},
		"the same permission": {"aws_lambda_permission.api_gateway", func(_, r map[string]any, first instance) {
			second(r, first, func(_, _ instance) {})
		}, `shared_object error aws_lambda_permission.api_gateway["other"]`, "aws_lambda_permission.api_gateway"},
		"a part of it that is another type": {table, func(file, r map[string]any, _ instance) {
			other := maps.Clone(r)
			other["type"] = "aws_dynamodb_resource_policy"
			file["resources"] = append(file["resources"].([]any), other)
		}, "", ""},
		"through another configuration of the provider": {table, func(file, r map[string]any, _ instance) {
			other := maps.Clone(r)
			other["name"], other["provider"] = "west", r["provider"].(string)+".west"
			file["resources"] = append(file["resources"].([]any), other)
		}, "", ""},
		"two that send to the same": {table, func(_, r map[string]any, first instance) {
			second(r, first, func(_, attributes instance) { attributes["id"] = "other-rule-target" })
		}, "", ""},
		"twice, and under another index": {table, func(_, r map[string]any, first instance) {
			second(r, first, func(_, _ instance) {})
			r["instances"] = append(r["instances"].([]any), first)
		}, "shared_object error " + table + "[\"other\"]\nduplicate_instance error " + table, ""},
		"a newer Terraform": {function, func(file, _ map[string]any, _ instance) { file["terraform_version"] = "1.12.0" },
			"newer_terraform warning ", ""},
		"an older Terraform": {address: function, edit: func(file, _ map[string]any, _ instance) { file["terraform_version"] = "1.3.0" }},
		"a provider that nobody knows": {function, func(_, r map[string]any, _ instance) { r["provider"] = `provider["example.com/old/aws"]` },
			"unknown_provider warning " + function, ""},
		"a provider that nobody knows, of two objects": {"aws_api_gateway_method.device_tokens", func(_, r map[string]any, _ instance) {
			r["provider"] = `provider["example.com/old/aws"]`
		}, `unknown_provider warning aws_api_gateway_method.device_tokens["DELETE"]`, ""},
		"the provider in Terraform itself": {address: function, edit: func(_, r map[string]any, _ instance) {
			r["provider"] = `provider["terraform.io/builtin/terraform"]`
		}},
		"OpenTofu's address of the provider": {address: function, edit: func(_, r map[string]any, _ instance) {
			r["provider"] = `provider["registry.opentofu.org/hashicorp/aws"]`
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			related := ""
			for _, f := range edited(t, c.address, c.edit).Integrity(source) {
				got = append(got, fmt.Sprintf("%s %s %s", f.Code, f.Severity, f.Address))
				related = f.Related
			}
			if strings.Join(got, "\n") != c.want || related != c.related {
				t.Errorf("got  %q, related %q\nwant %q, related %q", got, related, c.want, c.related)
			}
		})
	}
}

// source is what the source of the example says.
var source = state.Code{
	Declares: func(place string) bool { return place == "aws_api_gateway_authorizer.cognito" }, // with no instances
	Uses:     func(provider string) bool { return drift.SameProvider(provider, "registry.terraform.io/hashicorp/aws") },
	Versions: []string{">= 1.5", "~> 1.11.0, != 1.11.2"},
}

func TestNewerTerraform(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wrote, constraint string
		newer             bool
	}{
		{"1.11.4", "~> 1.11.0", false},
		{"1.12.0", "~> 1.11.0", true},
		{"1.10.5", "~> 1.11.0", false}, // older: the next apply brings it up to date
		{"1.11.4", ">= 1.5, < 1.11", true},
		{"1.11.0", "< 1.11.0", true},
		{"1.11.0", "<= 1.11.0", false},
		{"1.4.0", ">= 1.5, < 1.11", false},
		{"1.5.0", "> 1.5.0", false},
		{"1.11.4", "= 1.11.3", true},
		{"1.11.4", "1.11.3", true},
		{"1.11.2", "1.11.3", false},
		{"1.11.4", "!= 1.11.4", false},
		{"1.12.0-beta1", "~> 1.11.0", true},
		{"1.12.0-beta1", ">= 1.12.0", false},
		{"2.0.0", ">= 1.5", false},
		{"", "~> 1.11.0", false},
		{"1.11.4", "", false},
		{"1.11.4", "newest", false},
	} {
		s := edited(t, function, func(file, _ map[string]any, _ instance) { file["terraform_version"] = c.wrote })
		got := s.Integrity(state.Code{Versions: []string{c.constraint}})
		if (len(got) > 0) != c.newer {
			t.Errorf("written by %q, asked for %q: %v", c.wrote, c.constraint, got)
		}
	}
	if !state.Newer("1.12.0", "1.11.4") || state.Newer("1.11.4", "1.11.4") || state.Newer("1.9.0", "1.11.4") || state.Newer("x", "1.0.0") {
		t.Error("versions are not held against each other right")
	}
}
