package detect

import (
	"sync/atomic"

	"holdfast/internal/drift"
)

// Progress is how far a run has come.
type Progress struct {
	Stacks     int // that the run has, as far as is known
	StacksDone int
	Resources  int // looked at, in stacks that are not done too
	Findings   int // open ones, of stacks that are done
	Failed     int // stacks that are incomplete or could not be checked
}

// counters are the moving parts of Progress.
type counters struct{ stacks, stacksDone, resources, findings, failed atomic.Int64 }

// Progress tells how far the checker has come. It may be asked at any time.
func (c *Checker) Progress() Progress {
	return Progress{
		Stacks: int(c.counters.stacks.Load()), StacksDone: int(c.counters.stacksDone.Load()), Resources: int(c.counters.resources.Load()),
		Findings: int(c.counters.findings.Load()), Failed: int(c.counters.failed.Load()),
	}
}

// done counts a stack in.
func (c *counters) done(s drift.Stack) {
	c.stacksDone.Add(1)
	if s.Status == drift.StatusIncomplete || s.Status == drift.StatusError {
		c.failed.Add(1)
	}
	for _, f := range s.Findings {
		if f.Counts() {
			c.findings.Add(1)
		}
	}
}
