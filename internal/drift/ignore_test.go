package drift_test

import (
	"testing"
	"time"

	"holdfast/internal/drift"
)

func TestApplyIgnores(t *testing.T) {
	t.Parallel()
	day := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	modified := drift.Finding{
		Address: `aws_instance.web["a.b"]`, Type: "aws_instance", Kind: drift.Modified, Status: drift.Open, Certainty: drift.Certain,
		Changes: []drift.Change{{Path: `tags["owner"]`}, {Path: "ebs[0].size"}},
	}
	deleted := drift.Finding{Address: "module.x.aws_instance.web", Type: "aws_instance", Kind: drift.Deleted, Status: drift.Open, Certainty: drift.Certain}
	for _, c := range []struct {
		name    string
		finding drift.Finding
		rule    drift.IgnoreRule
		now     time.Time
		want    bool
	}{
		{"by address", modified, drift.IgnoreRule{Address: `aws_instance.web["a.b"]`}, day, true},
		{"by a pattern", modified, drift.IgnoreRule{Address: "aws_instance.*[*]"}, day, true},
		{"a star is no index", modified, drift.IgnoreRule{Address: "aws_instance.*"}, day, false},
		{"brackets are plain", modified, drift.IgnoreRule{Address: "aws_instance.we[b]*"}, day, false},
		{"a start is no match", modified, drift.IgnoreRule{Address: "aws_instance.web"}, day, false},
		{"in any module", deleted, drift.IgnoreRule{Address: "module.*.aws_instance.web"}, day, true},
		{"a star crosses no dot", deleted, drift.IgnoreRule{Address: "*.web"}, day, false},
		{"by type", modified, drift.IgnoreRule{Type: "aws_*"}, day, true},
		{"another type", modified, drift.IgnoreRule{Type: "google_*"}, day, false},
		{"both must match", modified, drift.IgnoreRule{Type: "aws_*", Address: "module.*"}, day, false},
		{"nothing named", modified, drift.IgnoreRule{Attributes: []drift.Pattern{"*"}}, day, false},
		{"all attributes", modified, drift.IgnoreRule{Type: "*", Attributes: []drift.Pattern{"tags", "ebs"}}, day, true},
		{"one of two attributes", modified, drift.IgnoreRule{Type: "*", Attributes: []drift.Pattern{"tags"}}, day, false},
		{"a longer name is another", modified, drift.IgnoreRule{Type: "*", Attributes: []drift.Pattern{"tag", "ebs"}}, day, false},
		{"attributes with stars", modified, drift.IgnoreRule{Type: "*", Attributes: []drift.Pattern{"t*", "ebs[*].size"}}, day, true},
		{"a deletion", deleted, drift.IgnoreRule{Type: "aws_instance"}, day, true},
		{"a deletion is no attribute", deleted, drift.IgnoreRule{Type: "aws_instance", Attributes: []drift.Pattern{"*"}}, day, false},
		{"on the last day", modified, drift.IgnoreRule{Type: "*", Until: day}, day.Add(24*time.Hour - 1), true},
		{"a day later", modified, drift.IgnoreRule{Type: "*", Until: day}, day.Add(24 * time.Hour), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.rule.Reason = "known"
			s := drift.Stack{Findings: []drift.Finding{c.finding}, Resources: drift.Counts{Checked: 1, Drifted: 1}, Status: drift.StatusDrifted}
			drift.ApplyIgnores(&s, []drift.IgnoreRule{c.rule}, c.now)
			got, reason, status := drift.Open, "", drift.StatusDrifted
			if c.want {
				got, reason, status = drift.Ignored, "known", drift.StatusClean
			}
			if f := s.Findings[0]; f.Status != got || f.IgnoreReason != reason || s.Status != status {
				t.Errorf("%s %q, stack %s; want %s, stack %s", f.Status, f.IgnoreReason, s.Status, got, status)
			}
		})
	}
}

// An ignored finding hides nothing else: what was not checked stays so.
func TestApplyIgnoresKeepsDoubt(t *testing.T) {
	t.Parallel()
	s := drift.Stack{
		Status:   drift.StatusDrifted,
		Findings: []drift.Finding{{Address: "a.b", Type: "a", Status: drift.Open, Certainty: drift.Certain}},
		Errors:   []drift.Error{{Address: "a.c", Code: "failed", Message: "denied"}},
	}
	drift.ApplyIgnores(&s, []drift.IgnoreRule{{Type: "a", Reason: "known"}}, time.Now())
	if s.Status != drift.StatusIncomplete {
		t.Errorf("status %s", s.Status)
	}
	s = drift.Stack{Status: drift.StatusError, Findings: []drift.Finding{{Address: "a.b", Type: "a", Status: drift.Waived}}}
	drift.ApplyIgnores(&s, []drift.IgnoreRule{{Type: "a", Reason: "known"}}, time.Now())
	if s.Findings[0].Status != drift.Waived || s.Status != drift.StatusError {
		t.Errorf("a waived finding became %s, the stack %s", s.Findings[0].Status, s.Status)
	}
}
