package drift

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checked is a result of three resources, two of them with something to say.
func checked() Stack {
	s := Stack{
		ID: "0123456789ab", Path: "p", Workspace: "default", DurationMS: 100, State: State{Serial: 7},
		Resources: Counts{Checked: 3, Clean: 2, Drifted: 1},
		Findings: []Finding{{
			Address: "a.drifted", Kind: Modified, Status: Open, Certainty: Certain,
			Changes: []Change{{Path: "size", Expected: json.RawMessage("1"), Actual: json.RawMessage(`{"a": 2, "b": 3}`)}, {Path: "name", Sensitive: true}},
		}},
		Pending: []Pending{{Address: "a.pending", Actions: []string{"update"}, Paths: []string{"y", "x"}}},
	}
	s.Settle(false)
	return s
}

func TestVerifyAgrees(t *testing.T) {
	t.Parallel()
	plan := checked()
	plan.Engine, plan.DurationMS = "plan", 1500
	// Order and layout are no difference.
	plan.Findings[0].Changes = []Change{{Path: "name", Sensitive: true}, {Path: "size", Expected: json.RawMessage("1"), Actual: json.RawMessage(`{"b":3,"a":2}`)}}
	plan.Pending[0].Paths = []string{"x", "y"}
	v := Verify(checked(), plan)
	if !v.Agree || len(v.Disagreements) > 0 || v.Resources != 3 || v.Agreeing != 3 || v.Ratio != 15 {
		t.Errorf("%+v", v)
	}
	if v.Direct.Findings != 1 || v.Plan.DurationMS != 1500 || !VerifyAll([]VerifiedStack{v}) {
		t.Errorf("%+v", v)
	}
}

// TestVerifyDisagrees changes one thing of one side at a time; each is told, and
// nothing else.
func TestVerifyDisagrees(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change        func(*Stack)
		address       string
		about         string
		direct, plan  string // verdicts
		stillAgreeing int
	}{
		"another path":     {func(s *Stack) { s.Findings[0].Changes[0].Path = "width" }, "a.drifted", "verdict", "modified", "modified", 2},
		"another value":    {func(s *Stack) { s.Findings[0].Changes[0].Actual = json.RawMessage(`{"a":2}`) }, "a.drifted", "verdict", "modified", "modified", 2},
		"no value":         {func(s *Stack) { s.Findings[0].Changes[0].Actual = nil }, "a.drifted", "verdict", "modified", "modified", 2},
		"not hidden":       {func(s *Stack) { s.Findings[0].Changes[1].Sensitive = false }, "a.drifted", "verdict", "modified", "modified", 2},
		"replaces":         {func(s *Stack) { s.Findings[0].Changes[0].RequiresReplace = true }, "a.drifted", "verdict", "modified", "modified", 2},
		"another kind":     {func(s *Stack) { s.Findings[0].Kind = Deleted }, "a.drifted", "verdict", "modified", "deleted", 2},
		"no finding":       {func(s *Stack) { s.Findings = nil }, "a.drifted", "verdict", "modified", "clean", 2},
		"one more":         {func(s *Stack) { s.Findings = append(s.Findings, Finding{Address: "a.other", Kind: Deleted}) }, "a.other", "verdict", "clean", "deleted", 2},
		"an error":         {func(s *Stack) { s.Errors = []Error{{Address: "a.other", Code: "timeout", Message: "m"}} }, "a.other", "verdict", "clean", "error", 2},
		"unsupported":      {func(s *Stack) { s.Errors = []Error{{Address: "a.other", Code: "unsupported"}} }, "a.other", "verdict", "clean", "unsupported", 2},
		"pending not":      {func(s *Stack) { s.Pending = nil }, "a.pending", "pending", "clean", "clean", 2},
		"pending more":     {func(s *Stack) { s.Pending[0].Paths = []string{"x", "y", "z"} }, "a.pending", "pending", "clean", "clean", 2},
		"pending in other": {func(s *Stack) { s.Pending[0].Actions = []string{"delete", "create"} }, "a.pending", "pending", "clean", "clean", 2},
		"fewer resources":  {func(s *Stack) { s.Resources.Checked = 2 }, "", "stack", "looked at 3 resources", "looked at 2 resources", 3},
		"another state":    {func(s *Stack) { s.State.Serial = 8 }, "", "stack", "looked at the state with serial 7", "looked at the state with serial 8", 3},
		"a doubt":          {func(s *Stack) { s.Errors = []Error{{Code: "everything_gone", Message: "all"}} }, "", "stack", "drifted", "drifted: all", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := checked()
			c.change(&plan)
			v := Verify(checked(), plan)
			if v.Agree || VerifyAll([]VerifiedStack{v}) || len(v.Disagreements) != 1 {
				t.Fatalf("%+v", v.Disagreements)
			}
			d := v.Disagreements[0]
			got := []string{d.Address, d.About, d.Direct.Verdict, d.Plan.Verdict}
			if diff := cmp.Diff([]string{c.address, c.about, c.direct, c.plan}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if v.Agreeing != c.stillAgreeing {
				t.Errorf("%d agree, want %d", v.Agreeing, c.stillAgreeing)
			}
		})
	}
}

// TestVerifyHides: what one side calls sensitive is not shown of the other side
// either, nor what is inside it.
func TestVerifyHides(t *testing.T) {
	t.Parallel()
	direct, plan := checked(), checked()
	plan.Findings[0].Changes = []Change{
		{Path: "name", Expected: json.RawMessage(`"not-a-real-name"`)},
		{Path: "name[0].inside", Actual: json.RawMessage(`"not-a-real-name"`)},
		{Path: "size", Actual: json.RawMessage("7")},
	}
	out, err := json.Marshal(Verify(direct, plan))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "not-a-real") || !strings.Contains(string(out), "7") {
		t.Errorf("%s", out)
	}
	if string(plan.Findings[0].Changes[0].Expected) != `"not-a-real-name"` {
		t.Error("the result itself was changed")
	}
}

// TestVerifyFailed: two engines that both failed agree on nothing.
func TestVerifyFailed(t *testing.T) {
	t.Parallel()
	failed := Stack{Errors: []Error{{Code: "no_state", Message: "there is no state"}}}
	failed.Settle(true)
	v := Verify(failed, failed)
	if v.Agree || v.Agreeing != 0 || !strings.Contains(v.Disagreements[0].Plan.Verdict, "there is no state") {
		t.Errorf("%+v", v)
	}
	both := checked()
	both.Errors = []Error{{Address: "a.drifted", Code: "timeout", Message: "m"}}
	if v := Verify(both, both); v.Agree {
		t.Error("a resource that neither could check is not agreed on")
	}
}
