package detect_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/stack"
)

// compareEngines holds the plan engine's findings against the direct engine's:
// the same ids and revisions, so that who changes the engine gets no new
// findings, the same values, the same secrets hidden.
func compareEngines(t *testing.T, s *appliedStack, plan *lab.Plan, direct drift.Stack) {
	t.Helper()
	opened, err := stack.Open(s.Dir, stack.Options{Env: s.Env()})
	if err != nil {
		t.Fatal(err)
	}
	byPlan, err := detect.JudgePlan(t.Context(), detect.New(manager(t), detect.Options{}), opened, plan.Raw)
	if err != nil {
		t.Fatal(err)
	}
	searchCanaries(t, byPlan)
	for _, e := range byPlan.Errors {
		t.Errorf("the plan engine did not check %s: %s: %s", e.Address, e.Code, e.Message)
	}
	if diff := cmp.Diff(direct.Findings, byPlan.Findings, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("findings of the plan engine (-direct +plan):\n%s", diff)
	}
	if diff := cmp.Diff(direct.Resources, byPlan.Resources); diff != "" {
		t.Errorf("resources (-direct +plan):\n%s", diff)
	}
	if diff := cmp.Diff(inPendingOrder(direct.Pending), inPendingOrder(byPlan.Pending), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("pending (-direct +plan):\n%s", diff)
	}
}

func inPendingOrder(list []drift.Pending) []drift.Pending {
	out := slices.Clone(list)
	for i := range out {
		out[i].Paths = sortedCopy(out[i].Paths)
	}
	return out
}
