// Package app wires the parts together: what a command runs, and what a test
// starts in-process.
package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
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
	Paths           []string // root modules; none means the current folder
	Workspace       string
	State           string // a state file instead of the backend's
	Engine          string // auto, direct or plan
	Terraform       string // the program of the plan engine; "" to look for one
	NoInstall       bool   // never install a provider that is missing
	Variables       []config.VarOption
	Parallelism     int
	ResourceTimeout time.Duration
	CacheDir        string // "" for the user's
	AllowUnlocked   bool
	VerifyProviders bool
	Env             []string // the environment of providers and variables
}

// Check checks stacks and gives the run. An error is one of usage: what goes
// wrong with a stack is in the run.
func Check(ctx context.Context, o CheckOptions) (drift.Run, error) {
	if err := checkEngine(o.Engine); err != nil {
		return drift.Run{}, err
	}
	if len(o.Paths) == 0 {
		o.Paths = []string{"."}
	}
	if o.State != "" && len(o.Paths) > 1 {
		return drift.Run{}, errors.New("--state names the state of one stack; name one path with it")
	}
	checker, end, err := newChecker(ctx, o)
	if err != nil {
		return drift.Run{}, err
	}
	defer end()
	run := drift.Run{SchemaVersion: drift.SchemaVersion, Tool: Tool(), StartedAt: time.Now().UTC()}
	run.Stacks = checkAll(ctx, checker, o)
	run.FinishedAt = time.Now().UTC()
	run.Summary = drift.Summarize(run.Stacks)
	return run, nil
}

// newChecker makes a checker with providers of its own, which end ends.
func newChecker(ctx context.Context, o CheckOptions) (checker *detect.Checker, end func(), err error) {
	cache, err := cacheDir(o.CacheDir)
	if err != nil {
		return nil, nil, err
	}
	providers := provider.NewManager(provider.Options{
		CacheDir: cache, AllowUnlocked: o.AllowUnlocked, VerifyAnew: o.VerifyProviders, Install: installer(o),
	})
	// An interrupted run ends its providers at once: none of them has anything
	// to finish.
	stop := context.AfterFunc(ctx, providers.Close)
	checker = detect.New(providers, detect.Options{
		Parallelism: o.Parallelism, ResourceTimeout: o.ResourceTimeout, Variables: o.Variables,
		Engine: detect.Engine(o.Engine), Terraform: o.Terraform,
	})
	return checker, func() { stop(); providers.Close() }, nil
}

// Diagnose says what a check of each path needs and whether it is there.
func Diagnose(ctx context.Context, o CheckOptions) ([]detect.Diagnosis, error) {
	checker, end, err := newChecker(ctx, o)
	if err != nil {
		return nil, err
	}
	defer end()
	if len(o.Paths) == 0 {
		o.Paths = []string{"."}
	}
	var list []detect.Diagnosis
	for _, path := range o.Paths {
		s, err := stack.Open(path, stack.Options{Workspace: o.Workspace, State: o.State, Env: o.Env})
		if err != nil {
			list = append(list, detect.Diagnosis{What: "root module " + path, Message: err.Error()})
			continue
		}
		list = append(list, checker.Diagnose(ctx, s)...)
	}
	return list, nil
}

// checkAll opens the stacks and checks those that could be opened.
func checkAll(ctx context.Context, checker *detect.Checker, o CheckOptions) []drift.Stack {
	results := make([]drift.Stack, len(o.Paths))
	var stacks []stack.Stack
	var places []int
	for i, path := range o.Paths {
		s, err := stack.Open(path, stack.Options{Workspace: o.Workspace, State: o.State, Env: o.Env})
		if err != nil {
			results[i] = detect.Failed(stack.Stack{Path: path, Workspace: "default"}, "stack_unreadable", err)
			continue
		}
		stacks, places = append(stacks, s), append(places, i)
	}
	for i, result := range checker.Run(ctx, stacks) {
		results[places[i]] = result
	}
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
