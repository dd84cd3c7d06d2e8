package app

import (
	"context"
	"errors"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
)

// Verify checks stacks by both engines, one after the other so that their times
// can be compared, and compares what they say. An error is one of usage.
func Verify(ctx context.Context, o CheckOptions) (drift.Verification, error) {
	v := drift.Verification{SchemaVersion: drift.SchemaVersion, Tool: Tool(), Stacks: []drift.VerifiedStack{}}
	if len(o.Paths) == 0 {
		o.Paths = []string{"."}
	}
	if o.State != "" && len(o.Paths) > 1 {
		return v, errors.New("--state names the state of one stack; name one path with it")
	}
	paths := o.Paths
	for _, path := range paths {
		o.Paths = []string{path}
		var sides [2][]drift.Stack
		for i, engine := range []detect.Engine{detect.Direct, detect.Plan} {
			if ctx.Err() != nil {
				return v, nil //nolint:nilerr // who asked knows that it was interrupted
			}
			o.Engine = string(engine)
			checker, end, err := newChecker(ctx, o)
			if err != nil {
				return v, err
			}
			sides[i] = checkAll(ctx, checker, o)
			end()
		}
		for i := range sides[0] {
			v.Stacks = append(v.Stacks, drift.Verify(sides[0][i], sides[1][i]))
		}
	}
	v.Agree = drift.VerifyAll(v.Stacks)
	return v, nil
}
