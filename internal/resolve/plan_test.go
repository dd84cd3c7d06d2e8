package resolve

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/stack"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	j := &Job{
		Stack:  stack.Stack{Dir: "/stack", DataDir: "/stack/.terraform", Workspace: "prod", Env: []string{"A=1", "TF_WORKSPACE=other", "TF_CLI_ARGS=-refresh=false"}},
		Binary: "/bin/terraform", LockTimeout: time.Minute,
	}
	plan := j.planCmd("/t/plan", []string{`-target=aws_x.y["a"]`}, []string{"b", "a"})
	if got, want := strings.Join(plan.Args, " "), `plan -input=false -no-color -lock=true -lock-timeout=1m0s -refresh=true -out=/t/plan -target=aws_x.y["a"] -var-file=b -var-file=a`; got != want {
		t.Errorf("it plans with\n%s, want\n%s", got, want)
	}
	apply := j.applyCmd("/t/plan")
	if got, want := strings.Join(apply.Args, " "), "apply -input=false -no-color -lock-timeout=1m0s /t/plan"; got != want {
		t.Errorf("it applies with\n%s, want\n%s", got, want)
	}
	for _, c := range [][]string{plan.Env, apply.Env} {
		if !slices.Contains(c, "TF_WORKSPACE=prod") || !slices.Contains(c, "TF_DATA_DIR=/stack/.terraform") || slices.Contains(c, "TF_WORKSPACE=other") || slices.Contains(c, "TF_CLI_ARGS=-refresh=false") {
			t.Errorf("its environment is %v", c)
		}
	}
}

// TestLook refuses what is another thing than when the plan was made.
func TestLook(t *testing.T) {
	t.Parallel()
	f := drift.Finding{ID: "f", Address: "aws_x.y", Revision: "1", Kind: drift.Modified, Certainty: drift.Certain}
	changed, doubtful := f, f
	changed.Revision = "2"
	doubtful.Certainty, doubtful.Doubt = drift.Possible, "an apply is under way"
	for name, tt := range map[string]struct {
		now  drift.Stack
		want string
	}{
		"the same":       {drift.Stack{Status: drift.StatusDrifted, Findings: []drift.Finding{f}}, ""},
		"gone":           {drift.Stack{Status: drift.StatusClean}, "not there any more"},
		"changed":        {drift.Stack{Status: drift.StatusDrifted, Findings: []drift.Finding{changed}}, "changed again"},
		"doubtful":       {drift.Stack{Status: drift.StatusIncomplete, Findings: []drift.Finding{doubtful}}, "an apply is under way"},
		"not looked at":  {drift.Stack{Status: drift.StatusIncomplete, Errors: []drift.Error{{Address: "aws_x.y", Message: "the cloud is down"}}}, "the cloud is down"},
		"no stack":       {drift.Stack{Status: drift.StatusError, Errors: []drift.Error{{Message: "no state"}}}, "no state"},
		"something else": {drift.Stack{Status: drift.StatusDrifted, Findings: []drift.Finding{{ID: "g", Address: "aws_x.y", Kind: drift.Deleted}}}, "now it is deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := Look([]drift.Finding{f}, tt.now)
			if (len(refused) == 0) != (tt.want == "") || tt.want != "" && !strings.Contains(refused[0].String(), tt.want) {
				t.Errorf("refused: %v, want %q", refused, tt.want)
			}
		})
	}
}

func TestUnfit(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]stack.Stack{
		"":                     {Backend: "s3"},
		"HCP Terraform":        {Backend: "cloud"},
		"named by hand":        {Backend: "local", StateNamed: true},
		"give it providers":    {Backend: "local", ProviderOverrides: map[string]map[string]any{"aws": {"region": "x"}}},
		"Terraform would use":  {NoSource: true},
		"run in HCP Terraform": {Backend: "remote"},
	} {
		refused := (&Job{Stack: s}).unfit()
		if (len(refused) == 0) != (want == "") || want != "" && !strings.Contains(refused[0].String(), want) {
			t.Errorf("%+v: %v, want %q", s, refused, want)
		}
	}
}
