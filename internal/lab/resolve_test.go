package lab

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const someState = `{"version": 4, "resources": [
	{"mode": "managed", "type": "aws_vpc", "name": "a", "instances": [
		{"attributes": {"id": "vpc-1", "big": 12345678901234567890, "on": true, "none": null, "tags": {"Na.me": "x}y"}, "list": [{"deep": ["one", "two"]}]}},
		{"deposed": "0000", "attributes": {"id": "vpc-old"}}]},
	{"mode": "managed", "type": "aws_vpc", "name": "ab", "instances": [{"attributes": {"id": "vpc-2"}}]},
	{"module": "module.m[\"k.1\"].module.n[0]", "mode": "managed", "type": "aws_sqs_queue", "name": "q", "instances": [
		{"index_key": 0, "attributes": {"id": "q-0"}}, {"index_key": "a}\"b", "attributes": {"id": "q-s"}}]},
	{"mode": "data", "type": "aws_region", "name": "here", "instances": [{"attributes": {"name": "us-east-1"}}]}
]}`

func someStack(t *testing.T) *Stack {
	t.Helper()
	s := &Stack{Dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(s.Dir, "terraform.tfstate"), []byte(someState), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestResolve(t *testing.T) {
	t.Parallel()
	s := someStack(t)
	for text, want := range map[string]any{
		"plain":                                                "plain",
		"${aws_vpc.a.id}":                                      "vpc-1",
		"${aws_vpc.ab.id}":                                     "vpc-2",
		"a ${aws_vpc.a.id}, ${aws_vpc.ab.id} b":                "a vpc-1, vpc-2 b",
		"${aws_vpc.a.id}${aws_vpc.ab.id}":                      "vpc-1vpc-2",
		"${aws_vpc.a.big}":                                     json.Number("12345678901234567890"),
		"n=${aws_vpc.a.big} ${aws_vpc.a.on}":                   "n=12345678901234567890 true",
		"${aws_vpc.a.on}":                                      true,
		`${aws_vpc.a.tags["Na.me"]}`:                           "x}y",
		"${aws_vpc.a.list[0].deep[1]}":                         "two",
		"${aws_vpc.a.list.0.deep.1}":                           "two",
		"${data.aws_region.here.name}":                         "us-east-1",
		"$${aws:username} ${aws_vpc.a.id}":                     "${aws:username} vpc-1",
		"${aws_vpc.a.id} $${x}":                                "vpc-1 ${x}",
		"${aws_vpc.a.list[0].deep}":                            []any{"one", "two"},
		`${module.m["k.1"].module.n[0].aws_sqs_queue.q[0].id}`: "q-0",
		`${module.m["k.1"].module.n[0].aws_sqs_queue.q["a}\"b"].id}-end`: "q-s-end",
	} {
		params := map[string]any{"A": map[string]any{"B": []any{text, 1}}}
		got, err := s.Resolve(t.Context(), Call{Service: "x", Params: params})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		wanted := map[string]any{"A": map[string]any{"B": []any{want, 1}}}
		if !reflect.DeepEqual(got.Params, wanted) {
			t.Errorf("%s: got %#v, want %#v", text, got.Params, wanted)
		}
		if params["A"].(map[string]any)["B"].([]any)[0] != text {
			t.Errorf("%s: the call itself was changed", text)
		}
	}
}

func TestResolveTypedSlices(t *testing.T) {
	t.Parallel()
	got, err := someStack(t).Resolve(t.Context(), Call{Params: map[string]any{
		"Ids":  []string{"${aws_vpc.a.id}"},
		"Tags": []map[string]any{{"Key": "k", "Value": "${aws_vpc.ab.id}"}},
	}})
	want := map[string]any{
		"Ids":  []any{"vpc-1"},
		"Tags": []any{map[string]any{"Key": "k", "Value": "vpc-2"}},
	}
	if err != nil || !reflect.DeepEqual(got.Params, want) {
		t.Errorf("got %#v, %v", got.Params, err)
	}
}

func TestResolveFailures(t *testing.T) {
	t.Parallel()
	s := someStack(t)
	for text, want := range map[string]string{
		"${aws_vpc.none.id}":       "no such resource instance",
		"${aws_vpc.a}":             "no such resource instance",
		"${aws_vpc.a.nosuch}":      "no nosuch",
		"${aws_vpc.a.none}":        ".none is null",
		"${aws_vpc.a.list[1]}":     "no element 1 of 1",
		"${aws_vpc.a.id.x}":        "string has no x",
		"x${aws_vpc.a.list}":       "can't be part of a text",
		"${aws_vpc.a.id":           "no } to the ${",
		`${aws_vpc.a.tags["Na.me}`: "no } to the ${",
		"${aws_vpc.a..id}":         "not an attribute path",
		"${aws:username}":          "no such resource instance",
	} {
		_, err := s.Resolve(t.Context(), Call{Service: "x", Params: map[string]any{"A": text}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// FuzzResolve: a text with every ${ escaped resolves to itself, and no text
// makes it panic.
func FuzzResolve(f *testing.F) {
	for _, text := range []string{"", "${", "$${a}", "${aws_vpc.a.id}", `${aws_vpc.a.tags["Na.me"]}`, "$$${", "${aws_vpc.a[", `${aws_vpc.a["x`} {
		f.Add(text)
	}
	values, err := instances([]byte(someState))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = values.replaceText(text)
		got, err := values.replaceText(strings.ReplaceAll(text, "${", "$${"))
		if err != nil || got != text {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	})
}
