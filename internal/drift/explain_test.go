package drift_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
)

func TestExplainByState(t *testing.T) {
	t.Parallel()
	const here, related, elsewhere = "aws_x.y[0]", "aws_x.other", "aws_x.z"
	event := &drift.Cause{
		Class: drift.CauseConsole, Summary: "by kim", Confidence: drift.Exact, Rule: "value",
		CauseEvent: drift.CauseEvent{Actor: "user kim", EventID: "1"}, Unexplained: []string{"size"},
		Gaps: []string{"no log"}, Candidates: []drift.CauseEvent{{EventID: "1"}}, Omitted: 2, Since: monday, Until: monday,
	}
	for _, kind := range drift.Faults() {
		for _, at := range []string{"", here, elsewhere} {
			for _, cause := range []*drift.Cause{nil, {Class: drift.CauseUnknown, Summary: "unknown"}, event} {
				f := seenAs()
				f.Cause = cause
				s := drift.Stack{Findings: []drift.Finding{f}, Integrity: []drift.Integrity{drift.Unsound(kind.Code, at, "m")}}
				drift.ExplainByState(&s)
				got := s.Findings[0].Cause
				if explains := kind.Explains == drift.ExplainsAll || kind.Explains == drift.ExplainsAddress && at == here; !explains {
					if got != cause {
						t.Errorf("%s at %q explains the finding: %+v", kind.Code, at, got)
					}
					continue
				}
				want := &drift.Cause{Class: drift.CauseState, Rule: kind.Code, Summary: "the state is unsound: " + kind.Code + " (" + kind.Short + ")"}
				if cause == event {
					want.Since, want.Until, want.Gaps, want.Candidates, want.Omitted = event.Since, event.Until, event.Gaps, event.Candidates, event.Omitted
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s at %q (-want +got):\n%s", kind.Code, at, diff)
				}
				drift.ExplainByState(&s)
				if diff := cmp.Diff(want, s.Findings[0].Cause); diff != "" {
					t.Errorf("%s a second time (-want +got):\n%s", kind.Code, diff)
				}
			}
		}
	}
	shared := drift.Unsound(drift.FaultShared, related, "m")
	shared.Related = here
	findings := []drift.Finding{seenAs(), seenAs(func(f *drift.Finding) { f.Address = elsewhere })}
	s := drift.Stack{Findings: findings, Integrity: []drift.Integrity{shared}}
	drift.ExplainByState(&s)
	if s.Findings[0].Cause == nil || s.Findings[1].Cause != nil {
		t.Errorf("the other address: %+v", s.Findings)
	}
	if findings[0].Cause != nil {
		t.Error("findings were changed that others may be reading")
	}
	s.Integrity = append(s.Integrity, drift.Unsound(drift.FaultSerial, "", "m"))
	drift.ExplainByState(&s)
	s.Settle(false)
	if s.Status != drift.StatusIncomplete {
		t.Errorf("a stack whose findings the state explains is %s", s.Status)
	}
	settled := drift.Stack{Findings: []drift.Finding{seenAs()}}
	settled.Settle(false)
	before := settled.Status
	settled.Integrity = []drift.Integrity{drift.Unsound(drift.FaultSerial, "", "m")}
	drift.ExplainByState(&settled)
	if before != drift.StatusDrifted || settled.Status != drift.StatusIncomplete {
		t.Errorf("a settled stack was %s, and is %s", before, settled.Status)
	}
	both := drift.Stack{Findings: findings, Integrity: []drift.Integrity{drift.Unsound(drift.FaultNoID, here, "m")}}
	drift.ExplainByState(&both)
	both.Settle(false)
	drift.ExplainByState(&both)
	if both.Status != drift.StatusDrifted {
		t.Errorf("a stack with another finding is %s", both.Status)
	}
	for _, f := range s.Findings {
		if f.Cause == nil || f.Cause.Rule != drift.FaultSerial {
			t.Errorf("with more faults: %+v", f.Cause)
		}
	}
}

// The table of the docs has the faults that there are, with their severities, and
// says of each what it means and the way out.
func TestFaultsInDocs(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("../../docs/integrity.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\| (.+) \\| (.+) \\| (.+) \\|$")
	var documented, known []string
	explains := map[drift.Explained]string{drift.ExplainsNone: "none", drift.ExplainsAddress: "at the address", drift.ExplainsAll: "all"}
	for _, m := range row.FindAllStringSubmatch(string(src), -1) {
		documented = append(documented, strings.Join([]string{m[1], m[2], m[5]}, " "))
	}
	for _, f := range drift.Faults() {
		known = append(known, strings.Join([]string{f.Code, string(f.Severity), explains[f.Explains]}, " "))
		if (f.Short == "") != (f.Explains == drift.ExplainsNone) {
			t.Errorf("%s: it explains %s and says %q", f.Code, explains[f.Explains], f.Short)
		}
	}
	slices.Sort(documented)
	slices.Sort(known)
	if diff := cmp.Diff(known, documented); diff != "" {
		t.Errorf("docs/integrity.md (-program +docs):\n%s", diff)
	}
	if got := drift.Unsound("nobody_knows", "", "m").Severity; got != drift.SeverityError {
		t.Errorf("a fault that nobody knows is %s", got)
	}
}
