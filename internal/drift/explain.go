package drift

import (
	"fmt"
	"slices"
)

// ExplainByState gives findings that come of an unsound state their cause: that
// is not a change of the infrastructure, whatever events there are. It may be
// called again when more faults are known. A settled stack that has no other
// findings is not drifted any more.
func ExplainByState(s *Stack) {
	cloned := false
	for i, f := range s.Findings {
		fault, ok := s.explanation(f.Address)
		if !ok {
			continue
		}
		if !cloned { // others may be reading the findings
			s.Findings, cloned = slices.Clone(s.Findings), true
		}
		cause := &Cause{
			Class: CauseState, Rule: fault.Code,
			Summary: fmt.Sprintf("the state is unsound: %s (%s)", fault.Code, fault.Short),
		}
		if old := f.Cause; old != nil { // evidence is kept
			cause.Since, cause.Until, cause.Gaps, cause.Candidates, cause.Omitted = old.Since, old.Until, old.Gaps, old.Candidates, old.Omitted
		}
		s.Findings[i].Cause = cause
	}
	if s.Status == StatusDrifted && !slices.ContainsFunc(s.Findings, Finding.drifts) {
		s.Status = StatusIncomplete
	}
}

// explanation is the first kind of fault that explains a finding at an address.
func (s *Stack) explanation(address string) (Fault, bool) {
	for _, kind := range faults {
		for _, fault := range s.Integrity {
			if fault.Code != kind.Code {
				continue
			}
			at := fault.Address == address || fault.Related != "" && fault.Related == address
			if kind.Explains == ExplainsAll || kind.Explains == ExplainsAddress && at {
				return kind, true
			}
		}
	}
	return Fault{}, false
}
