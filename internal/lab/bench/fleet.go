package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/lab"
)

// fleetOptions are the choices of the benchmark of fleets.
type fleetOptions struct {
	sizes    string // "1,10,100,1000"
	sample   int    // stacks of the baseline
	accounts int    // provider configurations
	each     int    // stacks an account
	tagged   int    // stacks with a provider configuration of their own
	wide     int    // resources of one stack
	latency  time.Duration
}

// resourcesEach is how many managed resources the example has.
const resourcesEach = 20

// fleetBench measures many stacks, all against one replay.
type fleetBench struct {
	options
	fleetOptions
	tools  lab.Tools
	binary string
	dir    string
	numSizes,
	planners, checkers []int // what is tried for the best setting

	fleet, wideFleet, taggedFleet *lab.Fleet
	replay, wideAPI, taggedAPI    *lab.Replay
	results                       map[string][]group
	counts                        map[string]lab.Counts
	tried                         []trial
	atATime                       int // plans side by side, the best
	planWide                      int // -parallelism of the plan of the wide stack, the best
	checkWide                     int // --parallelism of the check of the wide stack, the best
}

// trial is one setting that was tried.
type trial struct {
	what string
	n    int // stacks
	got  group
	best bool
}

func runFleet(ctx context.Context, o options, fo fleetOptions) (met bool, err error) {
	b := &fleetBench{
		options: o, fleetOptions: fo, results: map[string][]group{}, counts: map[string]lab.Counts{},
		planners: []int{10, 64, 256}, checkers: []int{16, 64, 256},
	}
	if b.numSizes, err = parseSizes(fo.sizes); err != nil {
		return false, err
	}
	if b.binary, err = filepath.Abs(o.holdfast); err != nil {
		return false, err
	}
	if b.tools, err = lab.FindTools(); err != nil {
		return false, err
	}
	if b.dir, err = os.MkdirTemp("", "holdfast-bench-fleet-"); err != nil {
		return false, err
	}
	defer os.RemoveAll(b.dir)
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.record(ctx); err != nil {
		return false, err
	}
	if err := b.makeStacks(); err != nil {
		return false, err
	}
	if err := b.settings(ctx); err != nil {
		return false, err
	}
	if err := b.fleetRounds(ctx); err != nil {
		return false, err
	}
	return b.report(ctx)
}

func (b *fleetBench) close() (err error) {
	for _, api := range []*lab.Replay{b.replay, b.wideAPI, b.taggedAPI} {
		if api != nil {
			err = errors.Join(err, api.Close())
		}
	}
	return err
}

func parseSizes(list string) ([]int, error) {
	var sizes []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > lab.MaxNumber/2 {
			return nil, fmt.Errorf("size %q: it must be a number from 1 to %d", field, lab.MaxNumber/2)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

// record applies the stacks, each once, and starts the replays.
func (b *fleetBench) record(ctx context.Context) (err error) {
	for _, r := range []struct {
		name    string
		source  lab.FleetSource
		members map[int][]int
		fleet   **lab.Fleet
		api     **lab.Replay
	}{
		{"recorded", lab.SharedDeviceTokens(b.example), b.members(), &b.fleet, &b.replay},
		{"recorded-tagged", lab.DeviceTokens(b.example), map[int][]int{lab.None: counting(0, b.tagged)}, &b.taggedFleet, &b.taggedAPI},
		{"recorded-wide", lab.Wide("."), nil, &b.wideFleet, &b.wideAPI},
	} {
		b.say("applying and recording " + r.source.Module)
		if *r.fleet, err = lab.RecordFleet(ctx, b.tools, r.source, filepath.Join(b.dir, r.name), b.lookAt); err != nil {
			return err
		}
		o := lab.ReplayOptions{Latency: b.latency, Renaming: (*r.fleet).Renaming, Fleet: r.members}
		if *r.api, err = lab.NewReplay((*r.fleet).Recording, o); err != nil {
			return err
		}
	}
	return nil
}

// lookAt is what is recorded beside a plan: a check.
func (b *fleetBench) lookAt(ctx context.Context, s *lab.Stack) error {
	j := job{command: command{b.binary, []string{"check"}, b.cache()}, dir: s.Dir, says: "1 clean"}
	_, err := measureGroup(ctx, []job{j}, 1, s.Env())
	return err
}

// members are the stacks of one account, and after them those of the further
// accounts.
func (b *fleetBench) members() map[int][]int {
	all := map[int][]int{lab.None: counting(0, b.largest())}
	for a := range b.accounts {
		all[a] = counting(b.largest()+a*b.each, b.each)
	}
	return all
}

func (b *fleetBench) largest() int { return max(slices.Max(b.numSizes), b.sample) }

func counting(from, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = from + i
	}
	return list
}

func stackName(n int) string { return fmt.Sprintf("s%04d", n) }

// makeStacks writes every stack's folder.
func (b *fleetBench) makeStacks() error {
	members := b.members()
	b.say(fmt.Sprintf("making %d stacks", b.largest()+b.accounts*b.each))
	for _, account := range slices.Sorted(maps.Keys(members)) {
		for _, n := range members[account] {
			number := lab.Number{Stack: n, Account: account}
			if _, err := b.fleet.NewStack(filepath.Join(b.dir, "fleet", stackName(n)), number); err != nil {
				return err
			}
		}
	}
	for n := range b.tagged {
		if _, err := b.taggedFleet.NewStack(filepath.Join(b.dir, "tagged", stackName(n)), lab.Number{Stack: n, Account: lab.None}); err != nil {
			return err
		}
	}
	_, err := b.wideFleet.Widen(filepath.Join(b.dir, "wide"), b.wide)
	return err
}

func (b *fleetBench) cache() []string {
	return []string{"HOLDFAST_CACHE_DIR=" + filepath.Join(b.dir, "cache")}
}

// check is one process that checks stacks, all in one folder.
func (b *fleetBench) check(folder string, numbers []int) []job {
	args := []string{"check"}
	for _, n := range numbers {
		args = append(args, stackName(n))
	}
	says := fmt.Sprintf("%d clean; 0 findings in %d resources", len(numbers), len(numbers)*resourcesEach)
	return []job{{command{b.binary, args, b.cache()}, filepath.Join(b.dir, folder), says}}
}

// plans are a process each.
func (b *fleetBench) plans() []job {
	var jobs []job
	for n := range b.sample {
		args := []string{"plan", "-refresh-only", "-lock=false", "-input=false", "-no-color"}
		jobs = append(jobs, job{command{b.tools.Terraform, args, nil}, filepath.Join(b.dir, "fleet", stackName(n)), ""})
	}
	return jobs
}

func (b *fleetBench) planOfWide(parallelism int) []job {
	args := []string{"plan", "-refresh-only", "-lock=false", "-input=false", "-no-color", fmt.Sprintf("-parallelism=%d", parallelism)}
	return []job{{command{b.tools.Terraform, args, nil}, filepath.Join(b.dir, "wide"), ""}}
}

func (b *fleetBench) checkOfWide(parallelism int) []job {
	says := fmt.Sprintf("1 clean; 0 findings in %d resources", b.wide)
	args := []string{"check", fmt.Sprintf("--parallelism=%d", parallelism)}
	return []job{{command{b.binary, args, b.cache()}, filepath.Join(b.dir, "wide"), says}}
}

func (b *fleetBench) say(what string) {
	fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05"), what)
}
