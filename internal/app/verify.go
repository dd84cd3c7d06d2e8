package app

import (
	"context"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/stack"
)

// Verify checks stacks by both engines, one after the other so that their times
// can be compared, and compares what they say. An error is one of usage.
func Verify(ctx context.Context, o CheckOptions) (drift.Verification, error) {
	v := drift.Verification{SchemaVersion: drift.SchemaVersion, Tool: Tool(), Stacks: []drift.VerifiedStack{}}
	found, err := findStacks(ctx, o)
	if err != nil {
		return v, err
	}
	if err := o.Selection.Check(); err != nil {
		return v, err
	}
	for _, candidate := range found.candidates {
		var sides [2]drift.Stack
		for i, engine := range []detect.Engine{detect.Direct, detect.Plan} {
			if ctx.Err() != nil {
				return v, nil //nolint:nilerr // who asked knows that it was interrupted
			}
			candidate.Stack.Engine = string(engine)
			checker, end, err := newChecker(ctx, o, found)
			if err != nil {
				return v, err
			}
			sides[i] = checkAll(ctx, checker, []stack.Candidate{candidate}, (*recorder)(nil).save)[0]
			end()
		}
		v.Stacks = append(v.Stacks, drift.Verify(sides[0], sides[1]))
	}
	v.Agree = drift.VerifyAll(v.Stacks)
	return v, nil
}
