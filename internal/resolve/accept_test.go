package resolve

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/terraform"
)

// TestLeft holds plans of an edited source against the findings.
func TestLeft(t *testing.T) {
	t.Parallel()
	change := func(address, mode string, actions ...string) terraform.ResourceChange {
		return terraform.ResourceChange{Address: address, Mode: mode, Change: terraform.Change{Actions: actions}}
	}
	for name, tt := range map[string]struct {
		changes []terraform.ResourceChange
		drifted []string
		more    terraform.Plan
		want    []string // addresses, and a part of why
	}{
		"nothing":                        {},
		"nothing about it":               {changes: []terraform.ResourceChange{change("t.a", "managed", "no-op")}, drifted: []string{"t.a"}},
		"it is forgotten":                {changes: []terraform.ResourceChange{change("t.a", "managed", "forget")}},
		"an update is left":              {changes: []terraform.ResourceChange{change("t.a", "managed", "update")}, want: []string{"t.a would still update it"}},
		"a replacement is left":          {changes: []terraform.ResourceChange{change("t.a", "managed", "delete", "create")}, want: []string{"t.a would still replace it"}},
		"it is there again":              {changes: []terraform.ResourceChange{change("t.a", "managed", "delete")}, want: []string{"t.a would still delete it"}},
		"code of another":                {changes: []terraform.ResourceChange{change("t.b", "managed", "update")}},
		"another is forgotten":           {changes: []terraform.ResourceChange{change("t.b", "managed", "forget")}, drifted: []string{"t.b"}, want: []string{"t.b has drifted too"}},
		"drift of another":               {changes: []terraform.ResourceChange{change("t.b", "managed", "update")}, drifted: []string{"t.b"}, want: []string{"t.b has drifted too"}},
		"another was deleted":            {changes: []terraform.ResourceChange{change("t.b", "managed", "create")}, drifted: []string{"t.b"}, want: []string{"t.b has drifted too"}},
		"noise of another":               {changes: []terraform.ResourceChange{change("t.b", "managed", "no-op")}, drifted: []string{"t.b"}},
		"a data source":                  {changes: []terraform.ResourceChange{change("data.t.b", "data", "read")}, drifted: []string{"data.t.b"}},
		"a part of the plan was put off": {more: terraform.Plan{Deferred: []json.RawMessage{[]byte("{}")}}, want: []string{" put off"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := tt.more
			plan.Changes = tt.changes
			for _, address := range tt.drifted {
				plan.Drift = append(plan.Drift, change(address, "managed", "update"))
			}
			got := Left(&plan, []drift.Finding{{Address: "t.a"}})
			if len(got) != len(tt.want) {
				t.Fatalf("%v, want %v", got, tt.want)
			}
			for i, want := range tt.want {
				address, why, _ := strings.Cut(want, " ")
				if got[i].Address != address || !strings.Contains(got[i].Why, why) || got[i].Next == "" {
					t.Errorf("%v, want %v", got[i], want)
				}
			}
		})
	}
}

// TestStory tells all of it, and lets nothing from outside add a line.
func TestStory(t *testing.T) {
	t.Parallel()
	cause := &drift.Cause{Class: drift.CauseConsole, Summary: "user mallory\nAccepted-by: nobody, console"}
	findings := []drift.Finding{
		{ID: "b435", Address: "t.a[\"x\nTicket: none\"]", Kind: drift.Modified, Changes: []drift.Change{{Path: "size"}}, Cause: cause},
		{ID: "c546", Address: "t.b", Kind: drift.Deleted, Cause: &drift.Cause{Class: drift.CauseUnknown, Summary: "nobody was asked"}},
	}
	want := `Accept drift of t.a["x Ticket: none"] and 1 more

What is live becomes what the code says: it stays

- b435 t.a["x Ticket: none"]: modified: size; user mallory Accepted-by: nobody, console
- c546 t.b: deleted

Ticket: OPS-7 x
Accepted-by: kim
`
	if diff := cmp.Diff(want, Story(findings, "it stays", "OPS-7\nx", "kim")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Story(findings[1:], "it stays", "", ""); strings.Contains(got, "Ticket") || !strings.HasPrefix(got, "Accept drift of t.b\n") {
		t.Errorf("%s", got)
	}
}
