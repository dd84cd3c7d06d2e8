package detect

import (
	"context"

	"holdfast/internal/drift"
	"holdfast/internal/stack"
	"holdfast/internal/terraform"
)

// Home is the region that an object names as its own.
var Home = home

// JudgePlan gives the plan engine's verdict by the JSON document of a plan that
// a test has made anyway.
func JudgePlan(ctx context.Context, c *Checker, s stack.Stack, doc []byte) (drift.Stack, error) {
	p, err := c.open(ctx, s)
	if err != nil {
		return drift.Stack{}, err
	}
	defer p.close()
	p.loadSchemas()
	plan, err := terraform.DecodePlan(doc)
	if err != nil {
		return drift.Stack{}, err
	}
	p.judgeAll(plan)
	p.guardPlanAbsence(plan)
	result := p.result()
	c.grade(&result)
	return result, nil
}
