package detect

import (
	"context"
	"errors"
	"fmt"

	"holdfast/internal/drift"
)

// Engine says how a stack's verdict is found.
type Engine string

// The engines. docs/engines.md compares them.
const (
	// Direct asks the providers itself.
	Direct Engine = "direct"
	// Plan runs terraform plan and reads what it says.
	Plan Engine = "plan"
	// Auto is Direct, and Plan for a stack with a provider configuration that
	// can't be evaluated here.
	Auto Engine = "auto"
)

// Engines lists what a user may ask for.
func Engines() []Engine { return []Engine{Auto, Direct, Plan} }

// unevaluatedError says that a provider configuration can't be evaluated here,
// or must not be trusted. Terraform itself may know more.
type unevaluatedError struct{ err error }

func (e *unevaluatedError) Error() string { return e.err.Error() }
func (e *unevaluatedError) Unwrap() error { return e.err }

func unevaluated(err error) error {
	if err == nil {
		return nil
	}
	return &unevaluatedError{err}
}

// unevaluatedReason is why the direct engine can't check all of the stack
// though Terraform might; "" where it can.
func (p *pass) unevaluatedReason() string {
	reason := ""
	for pc, l := range p.leases {
		var e *unevaluatedError
		if errors.As(l.err, &e) && (reason == "" || pc.String() < reason) {
			reason = p.redact.clean(e.Error())
		}
	}
	return reason
}

// fallBack checks the stack by the plan engine where the direct one can't
// configure a provider. done is false where that isn't needed, or can't be done:
// then the direct engine checks what it can.
func (p *pass) fallBack(ctx context.Context, last bool) (again, done bool) {
	reason := p.unevaluatedReason()
	if reason == "" {
		return false, false
	}
	again, err := p.checkByPlan(ctx, last)
	if err != nil {
		p.out.Errors = append(p.out.Errors, drift.Error{
			Code:    planCode(err),
			Message: p.redact.clean(fmt.Sprintf("the plan engine had to check this stack, because %s; but %v", reason, err)),
		})
		return false, false
	}
	p.out.EngineReason = reason
	return again, true
}

// onlyPlan checks the stack by the plan engine alone.
func (p *pass) onlyPlan(ctx context.Context, last bool) (result drift.Stack, again bool) {
	again, err := p.checkByPlan(ctx, last)
	if err == nil {
		return p.result(), again
	}
	p.out.Engine = string(Plan)
	p.out.Errors = append(p.out.Errors, drift.Error{Code: planCode(err), Message: p.redact.clean(err.Error())})
	complete(&p.out)
	p.out.Settle(true)
	return p.out, false
}
