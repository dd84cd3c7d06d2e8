// The benchmark measures Holdfast beside terraform plan, in one run, on the
// device-token example, and writes docs/benchmarks.md. With -fleet it measures
// many stacks, against a replay proxy.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"holdfast/internal/lab"
)

type options struct {
	holdfast, example, out string
	rounds, further        int
}

func main() {
	var o options
	flag.StringVar(&o.holdfast, "holdfast", "bin/holdfast", "the program to measure")
	flag.StringVar(&o.example, "example", "examples/device-tokens", "the root module to apply")
	flag.StringVar(&o.out, "out", "docs/benchmarks.md", "where the results go")
	flag.IntVar(&o.rounds, "rounds", 5, "interleaved rounds; medians are taken")
	flag.IntVar(&o.further, "further", 20, "further stacks of the same run")
	many := flag.Bool("fleet", false, "measure many stacks against a replay proxy instead")
	var f fleetOptions
	flag.StringVar(&f.sizes, "sizes", "1,10,100,1000", "fleet: how many stacks, several sizes")
	flag.IntVar(&f.sample, "sample", 8, "fleet: how many stacks the baseline plans")
	flag.IntVar(&f.accounts, "accounts", 20, "fleet: how many further accounts")
	flag.IntVar(&f.each, "each", 5, "fleet: stacks in each of them")
	flag.IntVar(&f.tagged, "tagged", 20, "fleet: stacks with default_tags of their own")
	flag.IntVar(&f.wide, "wide", 5000, "fleet: resources of the wide stack")
	flag.DurationVar(&f.latency, "latency", 30*time.Millisecond, "fleet: what the API takes to answer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	measure := run
	if *many {
		measure = func(ctx context.Context, o options) (bool, error) { return runFleet(ctx, o, f) }
	}
	met, err := measure(ctx, o)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	case !met:
		fmt.Fprintln(os.Stderr, "bench: a bar was not met; see", o.out)
		os.Exit(1)
	}
}

// The contestants, in the order in which a round runs them.
const (
	refreshOnly = iota
	plan
	cold
	first
	fleet
	contestants
)

func run(ctx context.Context, o options) (met bool, err error) {
	holdfast, err := filepath.Abs(o.holdfast)
	if err != nil {
		return false, err
	}
	tools, err := lab.FindTools()
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	emulator, err := lab.Start(ctx, tools)
	if err != nil {
		return false, err
	}
	defer emulator.Close()
	fmt.Fprintln(os.Stderr, "applying the example")
	stack, err := lab.NewStack(ctx, tools, emulator, o.example, filepath.Join(dir, "stack"))
	if err != nil {
		return false, err
	}
	if err := stack.Apply(ctx); err != nil {
		return false, err
	}
	b := &bench{options: o, tools: tools, binary: holdfast, dir: dir, stack: stack}
	if err := b.copies(emulator); err != nil {
		return false, err
	}
	if err := b.rounds(ctx); err != nil {
		return false, err
	}
	return b.write(ctx)
}

type bench struct {
	options options
	tools   lab.Tools
	binary  string
	dir     string
	stack   *lab.Stack
	fleet   []string // folders of further stacks

	results [contestants][]sample
}

// copies makes the further stacks: the same configuration, each with a folder
// and a state file of its own.
func (b *bench) copies(emulator *lab.Emulator) error {
	for i := range b.options.further {
		clone, err := b.stack.Clone(filepath.Join(b.dir, fmt.Sprintf("further-%02d", i)), emulator)
		if err != nil {
			return err
		}
		b.fleet = append(b.fleet, clone.Dir)
	}
	return nil
}

// rounds runs every contestant once a round, so that whatever else the machine
// does hits all of them. One round before them warms the caches and isn't
// counted.
func (b *bench) rounds(ctx context.Context) error {
	cache := "HOLDFAST_CACHE_DIR=" + filepath.Join(b.dir, "cache")
	for round := range b.options.rounds + 1 {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round, b.options.rounds)
		runs := [contestants]command{
			refreshOnly: {b.tools.Terraform, []string{"plan", "-refresh-only", "-lock=false", "-input=false"}, nil},
			plan:        {b.tools.Terraform, []string{"plan", "-lock=false", "-input=false"}, nil},
			cold:        {b.binary, []string{"check"}, []string{cache}},
			first:       {b.binary, []string{"check"}, []string{fmt.Sprintf("HOLDFAST_CACHE_DIR=%s/empty-%d", b.dir, round)}},
			fleet:       {b.binary, append([]string{"check", "."}, b.fleet...), []string{cache}},
		}
		for i, c := range runs {
			s, err := c.measure(ctx, b.stack.Dir, b.stack.Env())
			if err != nil {
				return err
			}
			if round > 0 {
				b.results[i] = append(b.results[i], s)
			}
		}
	}
	return nil
}
