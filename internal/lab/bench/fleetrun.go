package main

import (
	"context"
	"fmt"

	"holdfast/internal/lab"
)

// entry is something that is measured in every round.
type entry struct {
	name    string
	stacks  int
	api     *lab.Replay
	atATime int
	jobs    []job
}

const (
	baseline  = "baseline"
	accounts  = "accounts"
	tagged    = "own tags"
	widePlan  = "wide plan"
	wideCheck = "wide check"
)

func sizeName(n int) string { return fmt.Sprintf("check %d", n) }

// entries are in the order of a round.
func (b *fleetBench) entries() []entry {
	list := []entry{{baseline, b.sample, b.replay, b.atATime, b.plans()}}
	for _, n := range b.numSizes {
		list = append(list, entry{sizeName(n), n, b.replay, 1, b.check("fleet", counting(0, n))})
	}
	if n := b.accounts * b.each; n > 0 {
		list = append(list, entry{accounts, n, b.replay, 1, b.check("fleet", counting(b.largest(), n))})
	}
	if b.tagged > 0 {
		list = append(list, entry{tagged, b.tagged, b.taggedAPI, 1, b.check("tagged", counting(0, b.tagged))})
	}
	return append(list,
		entry{widePlan, 1, b.wideAPI, 1, b.planOfWide(b.planWide)},
		entry{wideCheck, 1, b.wideAPI, 1, b.checkOfWide(b.checkWide)})
}

// settings finds the best of each tool's settings, by wall time, one run each
// after one that warms the caches.
func (b *fleetBench) settings(ctx context.Context) (err error) {
	b.say("looking for the best settings")
	if _, err = b.measure(ctx, entry{"warm", 1, b.replay, 1, b.plans()[:1]}); err != nil {
		return err
	}
	if b.atATime, err = b.best(ctx, "`plan` of the sample, %d at a time", []int{1, 2, 4}, func(n int) entry {
		return entry{"trial", b.sample, b.replay, n, b.plans()}
	}); err != nil {
		return err
	}
	if b.planWide, err = b.best(ctx, "`plan` of the wide stack, `-parallelism=%d`", b.planners, func(n int) entry {
		return entry{"trial", 1, b.wideAPI, 1, b.planOfWide(n)}
	}); err != nil {
		return err
	}
	b.checkWide, err = b.best(ctx, "`check` of the wide stack, `--parallelism=%d`", b.checkers, func(n int) entry {
		return entry{"trial", 1, b.wideAPI, 1, b.checkOfWide(n)}
	})
	return err
}

// best measures each setting and gives the quickest.
func (b *fleetBench) best(ctx context.Context, what string, settings []int, of func(int) entry) (int, error) {
	at, first := 0, len(b.tried)
	for i, n := range settings {
		e := of(n)
		got, err := b.measure(ctx, e)
		if err != nil {
			return 0, err
		}
		b.tried = append(b.tried, trial{what: fmt.Sprintf(what, n), n: e.stacks, got: got})
		b.say(fmt.Sprintf("  %s: %.2f s", fmt.Sprintf(what, n), got.wall.Seconds()))
		if got.wall < b.tried[first+at].got.wall {
			at = i
		}
	}
	b.tried[first+at].best = true
	return settings[at], nil
}

func (b *fleetBench) measure(ctx context.Context, e entry) (group, error) {
	e.api.Count(e.name)
	env := b.fleet.Stack.With(e.api).Env()
	got, err := measureGroup(ctx, e.jobs, e.atATime, env)
	if err == nil {
		err = e.api.Err()
	}
	if err != nil {
		return group{}, fmt.Errorf("%s: %w", e.name, err)
	}
	b.counts[e.name] = e.api.Counts(e.name)
	return got, nil
}

// fleetRounds runs every entry once a round, so that whatever else the machine
// does hits all of them.
func (b *fleetBench) fleetRounds(ctx context.Context) error {
	for round := range b.rounds {
		b.say(fmt.Sprintf("round %d of %d", round+1, b.rounds))
		for _, e := range b.entries() {
			got, err := b.measure(ctx, e)
			if err != nil {
				return err
			}
			b.say(fmt.Sprintf("  %-12s %8.3f s, %8.3f s CPU, %5d MiB, own %4d MiB, %d requests", e.name,
				got.wall.Seconds(), got.cpu.Seconds(), got.peak/mib, got.own/mib, b.counts[e.name].Requests))
			b.results[e.name] = append(b.results[e.name], got)
		}
	}
	return nil
}

// medians takes the median of each measure by itself.
func medians(groups []group) group {
	samples := make([]sample, len(groups))
	providers := make([]sample, len(groups))
	for i, g := range groups {
		samples[i], providers[i] = g.sample, sample{cpu: g.providers}
	}
	return group{median(samples), median(providers).cpu}
}
