// Package app wires the parts together: what a command runs, and what a test
// starts in-process.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// CheckOptions are the choices of one check.
type CheckOptions struct {
	Paths           []string // root modules, and folders with some below them; none means the current folder
	Config          string   // the settings file; "" for the holdfast.yaml around the current folder
	Dir             string   // the top of the repository, where there is no settings file; "" to look for it
	Include         []string // patterns of root modules
	Exclude         []string
	Workspace       string
	State           string // a state file instead of the backend's
	Engine          string // auto, direct or plan; "" for what the settings say, else auto
	Terraform       string // the program of the plan engine; "" to look for one
	NoInstall       bool   // never install a provider that is missing
	Variables       []config.VarOption
	Parallelism     int
	ResourceTimeout time.Duration
	Selection       drift.Selection
	// Watch is told how to ask for the run's progress, when it starts; what it
	// gives back is called when the run has ended.
	Watch           func(progress func() detect.Progress) (stop func())
	CacheDir        string // "" for the user's
	AllowUnlocked   bool
	VerifyProviders bool
	Env             []string // the environment of providers and variables
	Store           string   // the history, as in HistoryOptions
	NoHistory       bool     // record nothing
	Alert           bool     // tell the settings' alert channels
	Trigger         string   // who runs it, for the history: command, schedule or person; "" for command
	NoAttribution   bool     // ask nobody who changed what is found
	// Warn is told what of the run could not be recorded; nil drops it.
	Warn func(error)
	// Tell is told what is done that may take long; nil drops it.
	Tell func(string)
	// Now decides which waivers and ignore rules have ended; nil means the clock.
	Now func() time.Time

	baselines *baselines // the hooks of a check

	only   func(stack.Stack) bool // of the stacks found, these; nil: all
	cutOff string                 // why what was begun may not have come to its end; "" where nobody knows

	// What a server keeps from one check to the next; nil for what a check opens
	// and closes by itself.
	providers *provider.Manager
	history   *store.Store
	by        string // who begins the run; "" for nobody in particular
	run       string // the run of the history that the check is a part of; "" for one of its own
	scope     string // goes before the keys of stacks, where history is set
}

func (o CheckOptions) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// Check checks stacks and gives the run. An error is one of usage: what goes
// wrong with a stack is in the run.
func Check(ctx context.Context, o CheckOptions) (drift.Run, error) {
	found, err := findStacks(ctx, o)
	if err != nil {
		return drift.Run{}, err
	}
	if o.Alert && len(found.settings.Alerts) == 0 {
		return drift.Run{}, errors.New("--alert: no channel is set up; name them under alerts: in holdfast.yaml")
	}
	run, settled, err := check(ctx, o, found)
	if err != nil {
		return drift.Run{}, err
	}
	if o.Warn != nil {
		for _, s := range settled {
			o.Warn(errors.New(s.String()))
		}
	}
	if o.Alert && ctx.Err() == nil {
		if err := tellRun(ctx, o, found, run); err != nil && ctx.Err() == nil && o.Warn != nil {
			o.Warn(err)
		}
	}
	if len(o.Selection.Targets) > 0 && run.Summary.Resources+run.Summary.Pending+run.Summary.Errored == 0 {
		return drift.Run{}, fmt.Errorf("--target %s: these stacks have nothing of it", strings.Join(o.Selection.Targets, ", "))
	}
	return run, nil
}

// check is Check for stacks that were found, and tells what it makes of what was
// begun and had no outcome yet.
func check(ctx context.Context, o CheckOptions, found *fleet) (run drift.Run, settled []Settled, err error) {
	if err := cmp.Or(checkEngine(o.Engine), o.Selection.Check()); err != nil {
		return run, nil, err
	}
	if o.baselines, err = newBaselines(ctx, o, found); err != nil {
		return run, nil, err
	}
	found.alone = o.run != ""
	checker, end, err := newChecker(ctx, o, found)
	if err != nil {
		return run, nil, err
	}
	defer end()
	run = drift.Run{SchemaVersion: drift.SchemaVersion, Tool: Tool(), StartedAt: time.Now().UTC()}
	stop := func() {}
	if o.Watch != nil {
		stop = o.Watch(checker.Progress)
	}
	history, err := record(ctx, o, found, run)
	if err != nil {
		return run, nil, err
	}
	run.Stacks = checkAll(ctx, checker, found.candidates, history.save)
	stop()
	history.wait(&run)
	if err := found.remember(ctx, o.history, run.StartedAt); err != nil {
		return run, nil, err
	}
	for i, faults := range found.shared(run.Stacks) {
		unsound(&run.Stacks[i], faults)
		history.again(ctx, found.candidates[i].Stack, run.Stacks[i])
	}
	unasked := attribute(ctx, o, found, history, &run)
	history.explain(ctx, &run)
	run.FinishedAt = time.Now().UTC()
	run.Summary = drift.Summarize(run.Stacks)
	nothing := len(o.Selection.Targets) > 0 && run.Summary.Resources+run.Summary.Pending+run.Summary.Errored == 0
	unsaved := cmp.Or(history.end(ctx, &run, !nothing), o.baselines.end())
	if o.run != "" && unsaved != nil {
		return run, nil, unsaved // who asked for a part of a run wants it saved
	}
	for _, err := range []error{unasked, unsaved} {
		if err != nil && ctx.Err() == nil && o.Warn != nil {
			o.Warn(err)
		}
	}
	return run, history.outcomes(), nil
}

// newChecker makes a checker with providers of its own, which end ends.
func newChecker(ctx context.Context, o CheckOptions, found *fleet) (checker *detect.Checker, end func(), err error) {
	cache, err := cacheDir(o.CacheDir)
	if err != nil {
		return nil, nil, err
	}
	providers, stop := o.providers, func() {}
	if providers == nil {
		providers = provider.NewManager(providerOptions(o, found.settings, cache))
		// An interrupted run ends its providers at once: none of them has anything
		// to finish.
		interrupted := context.AfterFunc(ctx, providers.Close)
		stop = func() { interrupted(); providers.Close() }
	}
	checker = detect.New(providers, detect.Options{
		Parallelism: cmp.Or(o.Parallelism, found.settings.Concurrency.Reads), Stacks: found.settings.Concurrency.Stacks,
		ResourceTimeout: o.ResourceTimeout, Variables: o.Variables, Selection: o.Selection,
		Source: found.sources.source, Severity: found.settings.Severities(), Ignore: found.settings.Rules(), Waivers: found.waivers, Now: o.now,
		Place:    func(s stack.Stack) string { return historyPath(s, found.base) },
		Baseline: o.baselines.wanted, Baselined: o.baselines.save,
		Terraform: o.Terraform, Opened: found.opened,
	})
	return checker, stop, nil
}

func providerOptions(o CheckOptions, settings *stack.Settings, cache string) provider.Options {
	return provider.Options{
		CacheDir: cache, AllowUnlocked: o.AllowUnlocked, VerifyAnew: o.VerifyProviders, Install: installer(o),
		MaxProcesses: settings.Concurrency.Providers, MaxMemory: int64(settings.Concurrency.Memory),
	}
}

// Diagnose says what a check of each path needs and whether it is there.
func Diagnose(ctx context.Context, o CheckOptions) ([]detect.Diagnosis, error) {
	found, err := findStacks(ctx, o)
	if err != nil {
		return nil, err
	}
	checker, end, err := newChecker(ctx, o, found)
	if err != nil {
		return nil, err
	}
	defer end()
	var list []detect.Diagnosis
	for _, c := range found.candidates {
		if c.Err != nil {
			list = append(list, detect.Diagnosis{What: "root module " + c.Stack.Path, Message: c.Err.Error()})
			continue
		}
		list = append(list, checker.Diagnose(ctx, c.Stack)...)
	}
	return list, nil
}

// checkAll checks the stacks that could be opened, and hands each result on as it
// comes.
func checkAll(ctx context.Context, checker *detect.Checker, candidates []stack.Candidate, emit func(context.Context, stack.Stack, drift.Stack)) []drift.Stack {
	return eachStack(candidates, func(stacks []stack.Stack, done func(int, drift.Stack)) { checker.Run(ctx, stacks, done) },
		func(s stack.Stack, result drift.Stack) { emit(ctx, s, result) })
}

// eachStack runs something over the stacks that could be opened, and gives the
// results of all. emit is handed each as it comes.
func eachStack(candidates []stack.Candidate, run func([]stack.Stack, func(int, drift.Stack)), emit func(stack.Stack, drift.Stack)) []drift.Stack {
	results := make([]drift.Stack, len(candidates))
	var stacks []stack.Stack
	var places []int
	for i, c := range candidates {
		if c.Err != nil {
			results[i] = detect.Failed(c.Stack, "stack_unreadable", c.Err)
			if c.Stack.Dir != "" || hasSource(c.Stack.Path) { // else it is a mistake in the path
				emit(c.Stack, results[i])
			}
			continue
		}
		stacks, places = append(stacks, c.Stack), append(places, i)
	}
	run(stacks, func(n int, result drift.Stack) {
		results[places[n]] = result
		emit(stacks[n], result)
	})
	return results
}

func cacheDir(dir string) (string, error) {
	if dir != "" {
		return filepath.Abs(dir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the cache: %w; name one with --cache-dir", err)
	}
	return filepath.Join(base, "holdfast"), nil
}
