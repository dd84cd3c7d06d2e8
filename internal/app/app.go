// Package app wires the parts together: what a command runs, and what a test
// starts in-process.
package app

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/stack"
)

// Version is the program's, set at build time for releases.
var Version = ""

// version is what the build says of itself.
func version() string {
	if Version != "" {
		return Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// Tool says which program made a result.
func Tool() drift.Tool { return drift.Tool{Name: "holdfast", Version: version()} }

// CheckOptions are the choices of one check.
type CheckOptions struct {
	Paths           []string // root modules, and folders with some below them; none means the current folder
	Config          string   // the settings file; "" for the holdfast.yaml around the current folder
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
	Trigger         string   // who runs it, for the history: command, schedule or person; "" for command
	// Warn is told what of the run could not be recorded; nil drops it.
	Warn func(error)
	// Now decides which waivers and ignore rules have ended; nil means the clock.
	Now func() time.Time

	baselines *baselines // the hooks of a check
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
	if err := checkEngine(o.Engine); err != nil {
		return drift.Run{}, err
	}
	found, err := findStacks(ctx, o)
	if err != nil {
		return drift.Run{}, err
	}
	if err := o.Selection.Check(); err != nil {
		return drift.Run{}, err
	}
	if o.baselines, err = newBaselines(ctx, o, found); err != nil {
		return drift.Run{}, err
	}
	checker, end, err := newChecker(ctx, o, found)
	if err != nil {
		return drift.Run{}, err
	}
	defer end()
	run := drift.Run{SchemaVersion: drift.SchemaVersion, Tool: Tool(), StartedAt: time.Now().UTC()}
	stop := func() {}
	if o.Watch != nil {
		stop = o.Watch(checker.Progress)
	}
	history, err := record(ctx, o, found, run)
	if err != nil {
		return drift.Run{}, err
	}
	run.Stacks = checkAll(ctx, checker, found.candidates, history.save)
	stop()
	run.FinishedAt = time.Now().UTC()
	run.Summary = drift.Summarize(run.Stacks)
	nothing := len(o.Selection.Targets) > 0 && run.Summary.Resources+run.Summary.Pending+run.Summary.Errored == 0
	if err := cmp.Or(history.end(ctx, &run, !nothing), o.baselines.end()); err != nil && o.Warn != nil {
		o.Warn(err)
	}
	if nothing {
		return drift.Run{}, fmt.Errorf("--target %s: these stacks have nothing of it", strings.Join(o.Selection.Targets, ", "))
	}
	return run, nil
}

// newChecker makes a checker with providers of its own, which end ends.
func newChecker(ctx context.Context, o CheckOptions, found *fleet) (checker *detect.Checker, end func(), err error) {
	cache, err := cacheDir(o.CacheDir)
	if err != nil {
		return nil, nil, err
	}
	providers := provider.NewManager(providerOptions(o, found.settings, cache))
	// An interrupted run ends its providers at once: none of them has anything
	// to finish.
	stop := context.AfterFunc(ctx, providers.Close)
	checker = detect.New(providers, detect.Options{
		Parallelism: cmp.Or(o.Parallelism, found.settings.Concurrency.Reads), Stacks: found.settings.Concurrency.Stacks,
		ResourceTimeout: o.ResourceTimeout, Variables: o.Variables, Selection: o.Selection,
		Source: found.sources.source, Ignore: found.settings.Rules(), Waivers: found.waivers, Now: o.now,
		Place:    func(s stack.Stack) string { return historyPath(s, found.base) },
		Baseline: o.baselines.wanted, Baselined: o.baselines.save,
		Terraform: o.Terraform,
	})
	return checker, func() { stop(); providers.Close() }, nil
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
	results := make([]drift.Stack, len(candidates))
	var stacks []stack.Stack
	var places []int
	for i, c := range candidates {
		if c.Err != nil {
			results[i] = detect.Failed(c.Stack, "stack_unreadable", c.Err)
			if c.Stack.Dir != "" || hasSource(c.Stack.Path) { // else it is a mistake in the path
				emit(ctx, c.Stack, results[i])
			}
			continue
		}
		stacks, places = append(stacks, c.Stack), append(places, i)
	}
	checker.Run(ctx, stacks, func(n int, result drift.Stack) {
		results[places[n]] = result
		emit(ctx, stacks[n], result)
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
