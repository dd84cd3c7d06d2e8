package drift_test

import (
	"strings"
	"testing"

	"holdfast/internal/drift"
)

// TestFate tells what a look makes of a finding that was to be resolved.
func TestFate(t *testing.T) {
	t.Parallel()
	f := drift.Finding{ID: "f", Address: "aws_x.y[0]", Kind: drift.Modified, Certainty: drift.Certain, Changes: []drift.Change{{Path: "size"}}}
	doubtful, deleted := f, f
	doubtful.Certainty, doubtful.Doubt = drift.Possible, "an apply is under way"
	deleted.ID, deleted.Kind = "g", drift.Deleted
	for name, tt := range map[string]struct {
		look drift.Look
		want drift.Fate
	}{
		"gone":          {drift.Look{Stack: drift.Stack{Status: drift.StatusClean}}, drift.Fate{Known: true, Gone: true}},
		"there":         {drift.Look{Stack: drift.Stack{Findings: []drift.Finding{f}}}, drift.Fate{Known: true, Left: "still there, modified: size"}},
		"there, maybe":  {drift.Look{Stack: drift.Stack{Findings: []drift.Finding{doubtful}}}, drift.Fate{Left: "an apply is under way"}},
		"deleted":       {drift.Look{Stack: drift.Stack{Findings: []drift.Finding{deleted}}}, drift.Fate{Known: true, Left: "now it is deleted"}},
		"pending":       {drift.Look{Stack: drift.Stack{Pending: []drift.Pending{{Address: "aws_x.y[0]"}}}}, drift.Fate{Known: true, Left: "the code says otherwise"}},
		"adopted":       {drift.Look{Stack: drift.Stack{Adopted: []drift.Paths{{Address: "aws_x.y[0]"}}}}, drift.Fate{Known: true, Left: "the code says now what is live"}},
		"an error":      {drift.Look{Stack: drift.Stack{Errors: []drift.Error{{Address: "aws_x.y", Message: "denied"}}}}, drift.Fate{Left: "denied"}},
		"no stack":      {drift.Look{Stack: drift.Stack{Status: drift.StatusError}}, drift.Fate{Left: "ended as error"}},
		"not looked at": {drift.Look{Covers: func(string) bool { return false }}, drift.Fate{Left: "could not be looked at"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.look.Fate(f)
			if got.Known != tt.want.Known || got.Gone != tt.want.Gone || !strings.Contains(got.Left, tt.want.Left) || tt.want.Left == "" && got.Left != "" {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestProtects(t *testing.T) {
	t.Parallel()
	f := drift.Finding{Address: "module.a.aws_db_instance.main", Type: "aws_db_instance"}
	for _, tt := range []struct {
		rule drift.Protection
		want bool
	}{
		{drift.Protection{Type: "aws_db_*"}, true},
		{drift.Protection{Type: "aws_kms_*"}, false},
		{drift.Protection{Address: "module.*.aws_db_instance.main"}, true},
		{drift.Protection{Address: "aws_db_instance.main"}, false},
		{drift.Protection{Address: "module.a.*.main", Type: "aws_kms_key"}, false},
		{drift.Protection{}, false},
	} {
		if got := tt.rule.Protects(f); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.rule, got, tt.want)
		}
	}
}
