package detect_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/lab/cases"
	"holdfast/internal/stack"
)

var update = flag.Bool("update", false, "write docs/permissions.md and the policies anew")

// needs are the IAM actions of requests that were seen, by what asked for them.
type needs map[string]map[string]bool

func (n needs) add(what, action string) {
	if n[what] == nil {
		n[what] = map[string]bool{}
	}
	n[what][action] = true
}

// TestPermissions checks both stacks, a resource type at a time, and holds docs/permissions.md and the policy of the example
// against what the provider really asks AWS for.
func TestPermissions(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	permissions, err := lab.NewPermissions(tools)
	if err != nil {
		t.Fatal(err)
	}
	all, example := needs{}, map[string]bool{}
	for _, name := range []string{"device-tokens", "features"} {
		seen := asked(t, permissions, name)
		for what, actions := range seen {
			for action := range actions {
				all.add(what, action)
				if name == "device-tokens" {
					example[action] = true
				}
			}
		}
	}
	named, err := permissions.Named()
	if err != nil {
		t.Fatal(err)
	}
	for what, actions := range all {
		for action := range actions {
			if !named[action] {
				t.Errorf("%s: no policy of AWS's own names %s; has it another name?", what, action)
			}
		}
	}
	golden(t, filepath.Join("..", "..", "deploy", "policies", "check-device-tokens.json"), policy(slices.Sorted(maps.Keys(example))))
	page := filepath.Join("..", "..", "docs", "permissions.md")
	src, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	out := between(t, src, "types", typesTable(all))
	golden(t, page, between(t, out, "managed", managedTable(t, permissions, all)))
}

// asked gives the actions that a check of each type of a stack needs. A check of all
// of it, changed by hand, must need no others.
func asked(t *testing.T, permissions *lab.Permissions, name string) needs {
	t.Helper()
	base, seen := applied(t, name), needs{}
	check := through(t, permissions, base)
	for what, addresses := range typesOf(t, base) {
		for action := range check(addresses...) {
			seen.add(what, action)
		}
	}
	var changes []cases.Case
	for _, batch := range cases.Batches(cases.All, false) {
		if batch[0].Stack == name && len(batch) > len(changes) {
			changes = batch
		}
	}
	for action := range through(t, permissions, base.changed(t, changes...))() {
		if !slices.ContainsFunc(slices.Collect(maps.Values(seen)), func(actions map[string]bool) bool { return actions[action] }) {
			t.Errorf("only what has changed in %s needs %s", name, action)
		}
	}
	return seen
}

// through gives a check of parts of a stack that tells the actions it has needed.
func through(t *testing.T, permissions *lab.Permissions, s *appliedStack) func(addresses ...string) map[string]bool {
	t.Helper()
	proxy, err := lab.NewProxy(s.emulator.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	providers := manager(t)
	opened, err := stack.Open(s.Dir, stack.Options{Env: s.With(proxy).Env()})
	if err != nil {
		t.Fatal(err)
	}
	return func(addresses ...string) map[string]bool {
		t.Helper()
		proxy.Forget()
		result := detect.New(providers, detect.Options{Selection: drift.Selection{Targets: addresses}}).Check(t.Context(), opened)
		if len(result.Errors) > 0 || result.Resources.Checked == 0 {
			t.Errorf("%v: %d checked, %v", addresses, result.Resources.Checked, result.Errors)
		}
		actions := map[string]bool{}
		for _, r := range proxy.Requests() {
			action, err := permissions.Action(r)
			if err != nil {
				t.Error(err)
			}
			actions[action] = true
		}
		delete(actions, "sts:GetCallerIdentity") // allowed to everybody
		return actions
	}
}

// typesOf are the addresses of a stack's managed resources by type.
func typesOf(t *testing.T, s *appliedStack) map[string][]string {
	t.Helper()
	src, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Resources []struct{ Module, Mode, Type, Name string }
	}
	if err := json.Unmarshal(src, &state); err != nil {
		t.Fatal(err)
	}
	types := map[string][]string{}
	for _, r := range state.Resources {
		if r.Mode == "managed" && strings.HasPrefix(r.Type, "aws_") {
			types[r.Type] = append(types[r.Type], strings.TrimPrefix(r.Module+"."+r.Type+"."+r.Name, "."))
		}
	}
	return types
}

func typesTable(all needs) string {
	var b strings.Builder
	b.WriteString("| resource type | actions |\n|---|---|\n")
	for _, what := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", what, strings.Join(slices.Sorted(maps.Keys(all[what])), "`, `"))
	}
	return b.String()
}

// managedTable says what policies of AWS's own lack and have too much of.
func managedTable(t *testing.T, permissions *lab.Permissions, all needs) string {
	t.Helper()
	needed := map[string]bool{}
	for _, actions := range all {
		maps.Copy(needed, actions)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Of the %d actions above:\n\n| policy | does not allow | allows, and no check needs |\n|---|---|---|\n", len(needed))
	for _, name := range []string{"ReadOnlyAccess", "SecurityAudit", "ViewOnlyAccess"} {
		allows, err := permissions.Managed(name)
		if err != nil {
			t.Fatal(err)
		}
		var lacks, data []string
		for _, action := range slices.Sorted(maps.Keys(needed)) {
			if !allows(action) {
				lacks = append(lacks, action)
			}
		}
		for _, action := range []string{"dynamodb:Scan", "logs:FilterLogEvents", "s3:GetObject", "sqs:ReceiveMessage", "kinesis:GetRecords"} {
			if allows(action) && !needed[action] {
				data = append(data, action)
			}
		}
		lacking := "nothing"
		switch {
		case len(lacks) > 12:
			lacking = fmt.Sprintf("%d of them, `%s` among them", len(lacks), strings.Join(lacks[:3], "`, `"))
		case len(lacks) > 0:
			lacking = "`" + strings.Join(lacks, "`, `") + "`"
		}
		content := "no content that was looked for"
		if len(data) > 0 {
			content = "`" + strings.Join(data, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, lacking, content)
	}
	return b.String()
}

// policy allows the actions, a statement a service.
func policy(actions []string) []byte {
	type statement struct {
		Sid      string
		Effect   string
		Action   []string
		Resource string
	}
	document := struct {
		Version   string
		Statement []statement
	}{Version: "2012-10-17"}
	for _, action := range actions {
		service, _, _ := strings.Cut(action, ":")
		sid := "Read" + strings.ToUpper(service[:1]) + service[1:]
		if n := len(document.Statement); n == 0 || document.Statement[n-1].Sid != sid {
			document.Statement = append(document.Statement, statement{Sid: sid, Effect: "Allow", Resource: "*"})
		}
		last := &document.Statement[len(document.Statement)-1]
		last.Action = append(last.Action, action)
	}
	out, _ := json.MarshalIndent(document, "", "  ") // of strings alone
	return append(out, '\n')
}

// between puts text between the marks of a name.
func between(t *testing.T, page []byte, name, text string) []byte {
	t.Helper()
	begin, end := []byte("<!-- "+name+": begin -->\n"), []byte("<!-- "+name+": end -->\n")
	head, rest, ok := bytes.Cut(page, begin)
	_, tail, closed := bytes.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("the page has no marks of %s", name)
	}
	return slices.Concat(head, begin, []byte("\n"+text+"\n"), end, tail)
}

// golden holds a file against what it should be, or writes it.
func golden(t *testing.T, file string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what is seen (%v); go test ./internal/detect -run TestPermissions -update writes it:\n%s", file, err, want)
	}
}
