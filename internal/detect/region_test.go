package detect_test

import (
	"slices"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/lab/cases"
	"holdfast/internal/stack"
)

// inParis is a region in which nothing of the example was made.
var inParis = []config.VarOption{{Name: "region", Value: "eu-west-3"}}

// The provider works in another region than the objects were made in. What is
// global is found from there too, and in the right account; all the rest is not,
// and nobody has deleted it. Both engines see that.
func TestWrongRegion(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	result := s.check(t, detect.Options{Variables: inParis})
	onlyPossible(t, result, "wrong_region")
	i := slices.IndexFunc(result.Errors, func(e drift.Error) bool { return e.Code == "wrong_region" })
	for _, part := range []string{"were made in us-east-1", "works in eu-west-3", "AWS_REGION"} {
		if i >= 0 && !strings.Contains(result.Errors[i].Message, part) {
			t.Errorf("it does not say %q: %s", part, result.Errors[i].Message)
		}
	}
	if result.Resources.Clean == 0 || result.Resources.Checked != 20 {
		t.Errorf("the case is about global objects that are found: %+v", result.Resources)
	}

	plan := s.plan(t, "-var=region=eu-west-3")
	opened, err := stack.Open(s.Dir, stack.Options{Env: s.Env()})
	if err != nil {
		t.Fatal(err)
	}
	byPlan, err := detect.JudgePlan(t.Context(), detect.New(manager(t), detect.Options{Variables: inParis}), opened, plan.Raw)
	if err != nil {
		t.Fatal(err)
	}
	onlyPossible(t, byPlan, "everything_gone")
}

// One object alone is enough: its ARN says where it was made.
func TestWrongRegionForOne(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	result := s.check(t, detect.Options{Variables: inParis, Selection: drift.Selection{
		Targets: []string{"aws_dynamodb_table.device_tokens", "aws_iam_role.device_token"},
	}})
	onlyPossible(t, result, "wrong_region")
	if len(result.Findings) != 1 || result.Resources.Clean != 1 {
		t.Errorf("%+v", result.Resources)
	}
}

// In the right region a deletion is certain, whatever else was found.
func TestDeletedInTheRightRegion(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	do(t, s, cases.Call("dynamodb", "delete_table", cases.Params{"TableName": "${aws_dynamodb_table.device_tokens.name}"}))
	result := s.check(t, detect.Options{Selection: drift.Selection{
		Targets: []string{"aws_dynamodb_table.device_tokens", "aws_iam_role.device_token"},
	}})
	if result.Status != drift.StatusDrifted || len(result.Findings) != 1 || result.Findings[0].Certainty != drift.Certain || len(result.Errors) > 0 {
		t.Errorf("status %s, %+v, %+v", result.Status, result.Findings, result.Errors)
	}
}

// onlyPossible expects deletions, none of them certain, and why.
func onlyPossible(t *testing.T, result drift.Stack, code string) {
	t.Helper()
	if result.Status != drift.StatusIncomplete || exitCode(result) != drift.ExitIncomplete || !slices.Contains(errorCodes(result), code) {
		t.Errorf("status %s, %v: want only doubts, for %s", result.Status, errorCodes(result), code)
	}
	if len(result.Findings) == 0 {
		t.Error("nothing is gone")
	}
	for _, f := range result.Findings {
		if f.Kind != drift.Deleted || f.Certainty != drift.Possible || f.Doubt == "" {
			t.Errorf("%s is %s, %s, %q", f.Address, f.Kind, f.Certainty, f.Doubt)
		}
	}
}
