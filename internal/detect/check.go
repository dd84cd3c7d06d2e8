// Package detect finds drift: it brings a stack's source, its state and its
// providers together and gives the verdict. It only reads.
package detect

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// Options hold for all stacks of a run.
type Options struct {
	// Parallelism is how many resources are read at the same time, over all
	// stacks; 0 means 64.
	Parallelism int
	// Stacks is how many stacks are checked at the same time; 0 means 8.
	Stacks int
	// ResourceTimeout bounds the check of one resource, and the start of one
	// provider; 0 means five minutes.
	ResourceTimeout time.Duration
	// Selection is the part of the resources to check.
	Selection drift.Selection
	// Engine says how verdicts are found; "" means as the stack says, and Direct
	// where it doesn't.
	Engine Engine
	// Terraform names the program of the plan engine, a path or a name; "" means
	// that of HOLDFAST_TERRAFORM, else terraform or tofu in the stack's PATH.
	Terraform string
	// Plans is how many plans are made at the same time; 0 means 2. One takes a
	// core and a gigabyte with a large provider.
	Plans int
	// TempDir is where plans are kept while they are read; "" means the system's
	// folder for such things. Nobody else can read them there.
	TempDir string
	// PlanTimeout bounds one plan; 0 means 30 minutes.
	PlanTimeout time.Duration
	// Variables are --var and --var-file, in their order.
	Variables []config.VarOption
	// Severity are the rules that say how bad findings are; those of package drift
	// hold beside them.
	Severity []drift.SeverityRule
	// Ignore are the rules by which findings don't count.
	Ignore []drift.IgnoreRule
	// Waivers are manual changes that are justified.
	Waivers []drift.Waiver
	// Place is the path by which waivers name a stack; nil means its own.
	Place func(stack.Stack) string
	// Now decides which rules and waivers have ended; nil means the clock.
	Now func() time.Time
	// Source opens the state of a stack whose state is not in a local file.
	Source func(stack.Stack) (state.Source, error)
	// Baseline asks whether the baseline of a stack is wanted, and Baselined is
	// given it after a check in which anything of the stack could be checked. Both
	// are called by several goroutines at a time; nil means that none is wanted.
	Baseline  func(stack.Stack) bool
	Baselined func(stack.Stack, drift.Baseline)
	// Opened is shown the state that a stack was checked against, and must not
	// keep it; source names where it is. It is called by several goroutines at a
	// time; nil means that nobody wants to see it.
	Opened func(s stack.Stack, source string, st *state.State)
}

// Checker checks stacks. It is safe for concurrent use.
type Checker struct {
	providers *provider.Manager
	options   Options
	limit     *limiter // of resources being read
	counters  counters
	plans     chan struct{} // one a plan being made
}

// New makes a checker that gets its providers from m.
func New(m *provider.Manager, o Options) *Checker {
	if o.Parallelism <= 0 {
		o.Parallelism = 64
	}
	if o.Stacks <= 0 {
		o.Stacks = 8
	}
	if o.ResourceTimeout <= 0 {
		o.ResourceTimeout = 5 * time.Minute
	}
	if o.Plans <= 0 {
		o.Plans = 2
	}
	if o.PlanTimeout <= 0 {
		o.PlanTimeout = 30 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Place == nil {
		o.Place = func(s stack.Stack) string { return s.Path }
	}
	return &Checker{providers: m, options: o, limit: newLimiter(o.Parallelism), plans: make(chan struct{}, o.Plans)}
}

// Run checks stacks side by side and hands on each result as soon as it is
// there, with the place of its stack in the list: nothing of a stack is kept.
// emit is called by one goroutine at a time.
func (c *Checker) Run(ctx context.Context, stacks []stack.Stack, emit func(n int, result drift.Stack)) {
	c.counters.stacks.Add(int64(len(stacks)))
	c.each(stacks, func(s stack.Stack) drift.Stack {
		result := c.Check(ctx, s)
		c.counters.done(result)
		return result
	}, emit)
}

// each does something with stacks, as many at a time as the options say.
func (c *Checker) each(stacks []stack.Stack, do func(stack.Stack) drift.Stack, emit func(n int, result drift.Stack)) {
	slots := make(chan struct{}, c.options.Stacks)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for n, s := range stacks {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			result := do(s)
			mu.Lock()
			defer mu.Unlock()
			emit(n, result)
		})
	}
	wg.Wait()
}

// maxPasses is how often a stack is checked when its state keeps changing
// underneath.
const maxPasses = 3

// Check checks one stack. What goes wrong is in the result.
func (c *Checker) Check(ctx context.Context, s stack.Stack) drift.Stack {
	started := time.Now()
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Timeout)
		defer cancel()
	}
	var result drift.Stack
	for n := 1; ; n++ {
		var again bool
		result, again = c.pass(ctx, s, n == maxPasses)
		if !again || ctx.Err() != nil {
			break
		}
	}
	result.ID, result.Path, result.Workspace, result.Name = s.ID(), s.Path, s.Workspace, s.Name
	c.grade(&result)
	now := c.options.Now()
	drift.ApplyIgnores(&result, c.options.Ignore, now)
	drift.ApplyWaivers(&result, c.options.Place(s), c.options.Waivers, now)
	drift.ExplainByState(&result)
	if result.Engine == "" {
		result.Engine = string(c.firstChoice(s))
	}
	result.DurationMS = time.Since(started).Milliseconds()
	return result
}

func (c *Checker) grade(result *drift.Stack) {
	for i := range result.Findings {
		drift.Grade(&result.Findings[i], c.options.Severity)
	}
}

// pass checks a stack once, and keeps a mistake of ours from taking the run down.
func (c *Checker) pass(ctx context.Context, s stack.Stack, last bool) (result drift.Stack, again bool) {
	defer func() {
		if r := recover(); r != nil {
			result, again = failed(s, coded("failed", "it could not be checked, by a mistake of Holdfast's; please report it: %v", r)), false
		}
	}()
	return c.look(ctx, s, last)
}

// look checks a stack once. again asks for another pass: the state has changed
// meanwhile. On the last one what was found is kept, but only as possible.
func (c *Checker) look(ctx context.Context, s stack.Stack, last bool) (result drift.Stack, again bool) {
	p, err := c.open(ctx, s)
	if err != nil {
		return failed(s, err), false
	}
	defer p.close()
	defer func() {
		p.offerBaseline(ctx, result, again)
		p.show(again)
	}()
	if c.engine(s) == Plan {
		return p.onlyPlan(ctx, last)
	}
	p.lease(ctx)
	if c.engine(s) == Auto {
		if again, done := p.fallBack(ctx, last); done {
			return p.result(), again
		}
	}
	p.lookAtSchemas(p.loadedSchemas)
	p.checkAll(ctx)
	p.guardAbsence(ctx)
	again = p.guardApply(ctx, last)
	return p.result(), again
}

// engine is how a stack is to be checked.
func (c *Checker) engine(s stack.Stack) Engine {
	return cmp.Or(c.options.Engine, Engine(s.Engine), Direct)
}

// firstChoice is the engine that checks a stack unless another one has to.
func (c *Checker) firstChoice(s stack.Stack) Engine {
	if c.engine(s) == Plan {
		return Plan
	}
	return Direct
}

// open reads a stack's state and source.
func (c *Checker) open(ctx context.Context, s stack.Stack) (*pass, error) {
	source, err := c.source(s)
	if err != nil {
		return nil, err
	}
	lock, err := provider.ReadLock(filepath.Join(s.Dir, provider.LockFile))
	if err != nil {
		return nil, wrapped("lock_file_unreadable", err)
	}
	tree, err := loadSource(s, lock)
	if err != nil {
		return nil, err
	}
	raw, held, err := readWithLock(ctx, source)
	if err != nil {
		if errors.Is(err, state.ErrNone) {
			return nil, coded("no_state", "%v; if the stack was never applied there is nothing to check, else run terraform init or name the state with --state", err)
		}
		return nil, unreadable(err)
	}
	decoded, err := state.Decode(raw)
	if err != nil {
		return nil, &codedError{drift.FaultUnreadable, fmt.Errorf("%s: %w", source, err), []drift.Integrity{
			drift.Unsound(drift.FaultUnreadable, "", "%s: %v", source, err),
		}}
	}
	p, err := c.newPass(s, source, raw, decoded, tree, lock)
	if err != nil {
		return nil, err
	}
	p.held = held
	p.lookAtLock()
	return p, nil
}

// unreadable is the error of a state that can't be read, or that was read and
// is not to be trusted: that is a fault of its integrity.
func unreadable(err error) error {
	unsound, is := errors.AsType[*state.UnsoundError](err)
	if !is {
		return wrapped("state_unreadable", err)
	}
	return &codedError{unsound.Code, err, []drift.Integrity{drift.Unsound(unsound.Code, "", "%v", err)}}
}

func (c *Checker) source(s stack.Stack) (state.Source, error) {
	if s.StatePath != "" {
		return state.Local{Path: s.StatePath}, nil
	}
	if c.options.Source == nil {
		return nil, coded("backend_unsupported", "its state is in the backend %q, which this version can't read; pull it with `terraform state pull > FILE` and check with --state FILE", s.Backend)
	}
	source, err := c.options.Source(s)
	if err != nil {
		return nil, wrapped("backend_unreadable", err)
	}
	return source, nil
}

// loadSource parses the stack's source, if that is at hand.
func loadSource(s stack.Stack, lock provider.Lock) (*config.Tree, error) {
	load := config.Load
	switch {
	case s.NoSource:
		return config.Unseen(s.Dir), nil
	case lock.OpenTofu() || s.Tofu:
		load = config.LoadTofu
	}
	tree, err := load(s.Dir, s.DataDir)
	if err != nil {
		return nil, wrapped("source_unreadable", err)
	}
	return tree, initialised(s, tree)
}

// initialised refuses to look at the state of another backend than the source
// declares: what lies around in a fresh checkout, or where the state was before.
func initialised(s stack.Stack, tree *config.Tree) error {
	declared, path := "local", ""
	if b := tree.Root.Backend; b != nil {
		declared, path = b.Type, b.Path()
	}
	switch {
	case s.StateNamed || declared == s.Backend && (s.BackendKnown || path == ""):
		return nil
	case !s.BackendKnown:
		return coded("not_initialised", "it declares the backend %q but is not initialised; run terraform init in %s, or name the state with --state", declared, s.Dir)
	}
	return coded("not_initialised", "it declares the backend %q, but terraform init has recorded %q; run terraform init in %s, or name the state with --state", declared, s.Backend, s.Dir)
}

// variables are the values that the stack's root variables are given, in the
// order in which they count.
func (c *Checker) variables(s stack.Stack, tree *config.Tree) ([]config.VarOption, error) {
	options, err := c.Options(s)
	if err != nil {
		return nil, err
	}
	return options, tree.CheckOptions(options)
}

// Options are all that the root variables of a stack are given, in the order in
// which it counts.
func (c *Checker) Options(s stack.Stack) ([]config.VarOption, error) {
	options, err := config.EnvOptions(s.Env)
	return append(append(options, filesOf(s)...), c.options.Variables...), err
}

func (c *Checker) newPass(s stack.Stack, source state.Source, raw []byte, decoded *state.State, tree *config.Tree, lock provider.Lock) (*pass, error) {
	options, err := c.variables(s, tree)
	if err != nil {
		return nil, wrapped("variables_unreadable", err)
	}
	vars, err := config.RootVariables(s.Dir, s.Env, options)
	if err != nil {
		return nil, wrapped("variables_unreadable", err)
	}
	p := &pass{
		checker: c, stack: s, options: options, source: source, raw: raw, state: decoded, tree: tree,
		where:  provider.Where{Dir: s.Dir, DataDir: s.DataDir, Lock: lock, Env: func(name string) string { return stack.Getenv(s.Env, name) }},
		leases: map[drift.ProviderConfig]*leased{},
	}
	p.index = newIndex(p)
	in := config.Inputs{Workspace: s.Workspace, Variables: vars, Values: p.index}
	p.eval = config.NewEvaluator(tree, in)
	in.Values, in.KeepMarks = providerValues{p.index}, true
	p.providerInputs = in
	p.providerEval = config.NewEvaluator(tree, in)
	p.redact = newRedactor(p)
	err = p.place()
	return p, err
}

// codedError is an error that ends the check of a whole stack.
type codedError struct {
	code      string
	err       error
	integrity []drift.Integrity
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

func coded(code, format string, args ...any) error {
	return &codedError{code: code, err: fmt.Errorf(format, args...)}
}

func wrapped(code string, err error) error { return &codedError{code: code, err: err} }

// failed is the result of a stack that could not be checked at all.
func failed(s stack.Stack, err error) drift.Stack {
	r := drift.Stack{State: drift.State{Source: cmp.Or(s.StatePath, s.StateURL)}}
	code := "failed"
	if ce, ok := errors.AsType[*codedError](err); ok {
		code, r.Integrity = ce.code, ce.integrity
	}
	r.Errors = []drift.Error{{Code: code, Message: err.Error()}}
	complete(&r)
	r.Settle(true)
	return r
}

// Failed is the result of a stack that could not even be opened.
func Failed(s stack.Stack, code string, err error) drift.Stack {
	r := failed(s, wrapped(code, err))
	r.ID, r.Path, r.Workspace, r.Name, r.Engine = s.ID(), s.Path, s.Workspace, s.Name, "direct"
	return r
}

// complete puts the lists of a result in order and makes none of them null.
func complete(r *drift.Stack) {
	byAddress := strings.Compare
	r.Findings = sorted(r.Findings, func(a, b drift.Finding) int { return byAddress(a.Address, b.Address) })
	r.Observed = sorted(r.Observed, func(a, b drift.Paths) int { return byAddress(a.Address, b.Address) })
	r.Adopted = sorted(r.Adopted, func(a, b drift.Paths) int { return byAddress(a.Address, b.Address) })
	r.Pending = sorted(r.Pending, func(a, b drift.Pending) int { return byAddress(a.Address, b.Address) })
	r.Integrity = sorted(r.Integrity, func(a, b drift.Integrity) int { return byAddress(a.Address+a.Code, b.Address+b.Code) })
	r.Errors = sorted(r.Errors, func(a, b drift.Error) int { return byAddress(a.Address+a.Code, b.Address+b.Code) })
}

func sorted[T any](list []T, compare func(a, b T) int) []T {
	if list == nil {
		return []T{}
	}
	slices.SortStableFunc(list, compare)
	return list
}

// guardApply reads the state, its lock and the drifted resources again before
// findings are reported: what looks like drift may be an apply under way. It
// asks for another pass when the state is a different one by now.
func (p *pass) guardApply(ctx context.Context, last bool) (again bool) {
	if len(p.out.Findings) == 0 || ctx.Err() != nil {
		return false
	}
	p.reread(ctx)
	lock, lockErr := p.source.Lock(ctx) // before the state: an apply writes that, and then unlocks
	raw, err := p.source.Read(ctx)
	changed := !bytes.Equal(raw, p.raw)
	switch {
	case err != nil:
		if unsound, is := errors.AsType[*state.UnsoundError](err); is {
			p.out.Integrity = append(p.out.Integrity, drift.Unsound(unsound.Code, "", "%s", p.redact.clean(err.Error())))
		}
		p.doubtAll("state_unreadable", p.redact.clean(fmt.Sprintf(
			"the state could not be read again, so an apply may be under way, and the findings are only possible: %v", err)))
	case changed && !last:
		return true
	case changed:
		p.doubtAll("state_changing", "the state kept changing during the check; an apply is under way")
	case lockErr != nil:
		p.out.Errors = append(p.out.Errors, drift.Error{Code: "lock_unreadable", Message: p.redact.clean(
			fmt.Sprintf("whether an apply is under way can't be told: %v", lockErr))})
	case lock.Changes():
		p.doubtAll("apply_under_way", holder(lock))
	}
	return false
}

func holder(lock *state.Lock) string {
	msg := "the state is locked: an apply seems to be under way"
	if lock == nil {
		return msg
	}
	if lock.Who != "" {
		msg += ", by " + lock.Who
	}
	if !lock.Created.IsZero() {
		msg += " since " + lock.Created.UTC().Format(time.RFC3339)
	}
	return msg + "; check again when it is done"
}

// doubtAll makes every finding possible and says why.
func (p *pass) doubtAll(code, message string) {
	p.out.Errors = append(p.out.Errors, drift.Error{Code: code, Message: message})
	for i := range p.out.Findings {
		p.out.Findings[i].Certainty, p.out.Findings[i].Doubt = drift.Possible, message
	}
}
