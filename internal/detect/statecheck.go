package detect

import (
	"context"
	"fmt"
	"slices"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// CheckStates looks at the states of stacks and at nothing else, side by side, as
// Run does with stacks. A result has the state, what is unsound about it, and what
// could not be read.
func (c *Checker) CheckStates(ctx context.Context, stacks []stack.Stack, emit func(n int, result drift.Stack)) {
	c.each(stacks, func(s stack.Stack) drift.Stack {
		result := c.checkState(ctx, s)
		result.ID, result.Path, result.Workspace, result.Name = s.ID(), s.Path, s.Workspace, s.Name
		return result
	}, emit)
}

func (c *Checker) checkState(ctx context.Context, s stack.Stack) (result drift.Stack) {
	defer func() {
		if r := recover(); r != nil {
			result = failed(s, coded("failed", "its state could not be checked, by a mistake of Holdfast's; please report it: %v", r))
		}
	}()
	p, err := c.open(ctx, s)
	if err != nil {
		return failed(s, err)
	}
	defer p.close()
	p.lookAtSchemas(func(source string) *provider.Schemas { return c.providers.KnownSchemas(p.where, source) })
	if p.held.err != nil {
		p.out.Errors = append(p.out.Errors, drift.Error{Code: "lock_unreadable", Message: p.redact.clean(
			fmt.Sprintf("whether the state is locked can't be told: %v", p.held.err))})
	}
	p.show(false)
	return p.result()
}

// held is a state's lock, or why it could not be read.
type held struct {
	lock *state.Lock
	err  error
}

// readWithLock reads a state and its lock side by side, so that the lock costs no
// time of its own.
func readWithLock(ctx context.Context, source state.Source) ([]byte, held, error) {
	asked := make(chan held, 1)
	go func() {
		lock, err := source.Lock(ctx)
		asked <- held{lock, err}
	}()
	raw, err := source.Read(ctx)
	return raw, <-asked, err
}

// staleLock is how long nothing needs a lock that is still at work.
const staleLock = 2 * time.Hour

// lookAtLock looks whether the state is locked for longer than anything takes.
func (p *pass) lookAtLock() {
	lock := p.held.lock
	if lock == nil || lock.Created.IsZero() {
		return
	}
	since := p.checker.options.Now().Sub(lock.Created)
	if since <= staleLock {
		return
	}
	who, way := "", "release it as the backend allows"
	if lock.Who != "" {
		who = " by " + lock.Who
	}
	if lock.ID != "" {
		way = "release it with terraform force-unlock " + lock.ID
	}
	p.out.Integrity = append(p.out.Integrity, drift.Unsound(drift.FaultLock, "",
		"the state has been locked for %s,%s since %s; if nothing of that is running any more, %s",
		lasting(since), who, lock.Created.UTC().Format(time.RFC3339), way))
}

// lasting is a duration of hours or days for people.
func lasting(d time.Duration) string {
	if hours := int(d.Hours()); hours < 48 {
		return fmt.Sprintf("%d hours", hours)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

// code is what the integrity of the state asks the source.
func (p *pass) code() state.Code {
	if p.stack.NoSource {
		return state.Code{}
	}
	return state.Code{
		Declares: func(place string) bool {
			addr, err := drift.ParseAddress(place)
			return err != nil || p.tree.Declares(addr)
		},
		Uses: func(source string) bool {
			for locked := range p.where.Lock {
				if drift.SameProvider(locked, source) {
					return true
				}
			}
			return p.tree.MayUse(source)
		},
		Versions: p.tree.Root.RequiredVersions,
	}
}

// loadedSchemas are the schemas that the check has at hand by now; nil for none.
func (p *pass) loadedSchemas(source string) *provider.Schemas {
	known, ok := p.schemaCache.Load(source)
	if !ok {
		return nil
	}
	return known.(*knownSchemas).Schemas
}

// lookAtSchemas looks for objects that a newer provider wrote than the one whose
// schemas are known.
func (p *pass) lookAtSchemas(known func(source string) *provider.Schemas) {
	schemas := map[string]*provider.Schemas{}
	for _, s := range p.subjects {
		source := s.inst.Provider.Provider
		if s.inst.SchemaVersion == 0 || source == drift.BuiltinProvider {
			continue
		}
		of, asked := schemas[source]
		if !asked {
			of = known(source)
			schemas[source] = of
		}
		if of == nil {
			continue
		}
		if sch, err := of.Resource(s.addr.Type); err == nil && sch != nil && s.inst.SchemaVersion > sch.Version {
			p.out.Integrity = append(p.out.Integrity, drift.Unsound(drift.FaultSchema, s.inst.Address.String(),
				"the state holds it in schema version %d, newer than version %d of the installed provider %s; upgrade the provider", s.inst.SchemaVersion, sch.Version, source))
		}
	}
}

// lookAtWriter looks whether a newer program wrote the state than the one that
// makes the plan.
func (p *pass) lookAtWriter(planner string) {
	told := slices.ContainsFunc(p.out.Integrity, func(f drift.Integrity) bool { return f.Code == drift.FaultTerraform })
	if !told && state.Newer(p.state.TerraformVersion, planner) {
		p.out.Integrity = append(p.out.Integrity, state.NewerTerraform(p.state.TerraformVersion, "the one at hand is "+planner))
	}
}

// show shows the state, after the last pass.
func (p *pass) show(again bool) {
	if o := p.checker.options; o.Opened != nil && !again {
		o.Opened(p.stack, p.source.String(), p.state)
	}
}
