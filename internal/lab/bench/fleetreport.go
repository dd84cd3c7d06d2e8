package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"holdfast/internal/lab"
)

// report writes the page and says whether every bar is met.
func (b *fleetBench) report(ctx context.Context) (bool, error) {
	var w bytes.Buffer
	if err := b.fleetIntroduction(ctx, &w); err != nil {
		return false, err
	}
	b.settingsTable(&w)
	b.fleetTable(&w)
	b.wideTable(&w)
	same := b.requestTable(&w)
	met := b.barTable(&w, same)
	if _, err := os.Stdout.Write(w.Bytes()); err != nil {
		return false, err
	}
	return met, os.WriteFile(b.out, w.Bytes(), 0o644)
}

func (b *fleetBench) fleetIntroduction(ctx context.Context, w *bytes.Buffer) error {
	terraform, err := terraformVersion(ctx, b.tools.Terraform)
	if err != nil {
		return err
	}
	version, err := exec.CommandContext(ctx, b.binary, "version").Output()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, `# Benchmarks of fleets

Written by `+"`make bench-fleet`"+`; don't edit.

The device-token example (%d resources) was applied once to an emulated AWS and
what the API answered to a plan and to a check was recorded. Every other stack
has the same source and a state with names and ids of its own. A replay proxy
answers for all of them from memory, each request %v after it came; both tools
talk to the same proxy, on the same machine. All stacks of an account have the
same provider configuration, unless said otherwise. The proxy's CPU time is not
counted as theirs, but it takes its share of the %d cores. All %d stacks are in
one account, so a listing (of KMS's aliases) tells of all of them, to both tools,
in one page.

Medians over %d round(s); in each, every line ran once, one after the other. CPU time
is that of all processes of the tool, its providers among them. "All processes" is
their resident memory added up, so shared pages count more than once.

- machine: %s, %d cores, %s
- %s, AWS provider 5.100.0, %s, built with %s

`, resourcesEach, b.latency, runtime.NumCPU(), b.largest(), b.rounds,
		runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), processor(), terraform, strings.TrimSpace(string(version)), runtime.Version())
	return nil
}

// settingsTable shows how each tool's best setting was found.
func (b *fleetBench) settingsTable(w *bytes.Buffer) {
	fmt.Fprintf(w, "## Each tool at its best\n\nOne run each. The plans are `terraform plan -refresh-only -lock=false` of initialised stacks, a sample of %d of the fleet. The quickest is what is compared below.\n\n", b.sample)
	fmt.Fprintf(w, "| setting | wall | CPU | stacks a second | peak memory, all processes | |\n|---|--:|--:|--:|--:|---|\n")
	for _, t := range b.tried {
		best := ""
		if t.best {
			best = "best"
		}
		fmt.Fprintf(w, "| %s | %.2f s | %.2f s | %.2f | %d MiB | %s |\n", t.what, t.got.wall.Seconds(), t.got.cpu.Seconds(),
			float64(t.n)/t.got.wall.Seconds(), t.got.peak/mib, best)
	}
}

// perStack is what a stack of an entry took.
func (b *fleetBench) perStack(name string, stacks int) (wall, cpu time.Duration) {
	m := medians(b.results[name])
	return m.wall / time.Duration(stacks), m.cpu / time.Duration(stacks)
}

func (b *fleetBench) fleetTable(w *bytes.Buffer) {
	baseWall, baseCPU := b.perStack(baseline, b.sample)
	fmt.Fprintf(w, "\n## Many stacks\n\nOne process of `holdfast check` over all the stacks, with its defaults.\n\n")
	fmt.Fprintf(w, "| | wall | CPU | wall a stack | of the plan's | CPU a stack | of the plan's | of the CPU the providers' | all processes | its own process |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	row := func(what, name string, stacks int) {
		m := medians(b.results[name])
		wall, cpu := b.perStack(name, stacks)
		fmt.Fprintf(w, "| %s | %.3f s | %.3f s | %.4f s | %s | %.4f s | %s | %.3f s | %d MiB | %d MiB |\n", what, m.wall.Seconds(), m.cpu.Seconds(),
			wall.Seconds(), fraction(ratio(wall, baseWall)), cpu.Seconds(), fraction(ratio(cpu, baseCPU)), m.providers.Seconds(), m.peak/mib, m.own/mib)
	}
	row(fmt.Sprintf("`terraform plan -refresh-only`, %d stacks, %d at a time", b.sample, b.atATime), baseline, b.sample)
	for _, n := range b.numSizes {
		row(fmt.Sprintf("`holdfast check`, %d stacks", n), sizeName(n), n)
	}
	if n := b.accounts * b.each; n > 0 {
		row(fmt.Sprintf("`holdfast check`, %d stacks in %d accounts", n, b.accounts), accounts, n)
	}
	if b.tagged > 0 {
		row(fmt.Sprintf("`holdfast check`, %d stacks, each with `default_tags` of its own", b.tagged), tagged, b.tagged)
	}
	fmt.Fprintf(w, "\nStacks with different `default_tags` have different provider configurations, and with the same provider process the answers would be wrong: each takes a process of its own, as each account does.\n")
}

// floors are the least that the wide stack can take: by the API, and by the
// provider's own CPU time.
func (b *fleetBench) floors() (api, provider time.Duration) {
	requests := b.counts[wideCheck].Requests
	return time.Duration(requests) * b.latency / time.Duration(b.checkWide), medians(b.results[wideCheck]).providers
}

func (b *fleetBench) wideTable(w *bytes.Buffer) {
	fmt.Fprintf(w, "\n## One stack with %d resources\n\nLog groups, each with a name of its own; two requests to read one.\n\n", b.wide)
	fmt.Fprintf(w, "| | wall | CPU | of it the provider's | requests | all processes | its own process |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, row := range []struct{ what, name string }{
		{fmt.Sprintf("`terraform plan -refresh-only -parallelism=%d`", b.planWide), widePlan},
		{fmt.Sprintf("`holdfast check --parallelism=%d`", b.checkWide), wideCheck},
	} {
		m := medians(b.results[row.name])
		fmt.Fprintf(w, "| %s | %.2f s | %.2f s | %.2f s | %d | %d MiB | %d MiB |\n", row.what, m.wall.Seconds(), m.cpu.Seconds(),
			m.providers.Seconds(), b.counts[row.name].Requests, m.peak/mib, m.own/mib)
	}
	api, provider := b.floors()
	fmt.Fprintf(w, "\nThe floor: requests x latency / parallelism is %.2f s; the provider's CPU time is %.2f s, which spread over all cores of this machine would be %.2f s.\n",
		api.Seconds(), provider.Seconds(), provider.Seconds()/float64(runtime.NumCPU()))
}

// reads are the requests by action, a stack, without STS: whose credentials they
// are is no part of a resource.
func reads(c lab.Counts, stacks int) map[string]float64 {
	out := map[string]float64{}
	for action, n := range c.Actions {
		if !strings.HasPrefix(action, "sts ") {
			out[action] = float64(n) / float64(stacks)
		}
	}
	return out
}

// requestTable shows that nothing was left out, and reports whether the reads
// are the plan's.
func (b *fleetBench) requestTable(w *bytes.Buffer) (same bool) {
	fmt.Fprintf(w, "\n## Requests\n\nAs the proxy counted them in the last round. Reads are all but STS's: a plan asks who it is twice a stack, Holdfast once a provider configuration. \"The same\" means: of every action as many a stack as in the plan.\n\n")
	fmt.Fprintf(w, "| | requests | reads a stack | |\n|---|--:|--:|---|\n")
	same = true
	row := func(what, name, plan string, stacks, planned int) {
		got, want := reads(b.counts[name], stacks), reads(b.counts[plan], planned)
		verdict := "the same"
		if !maps.Equal(got, want) {
			verdict, same = "**not the same**: "+difference(want, got), false
		}
		if name == plan {
			verdict = ""
		}
		fmt.Fprintf(w, "| %s | %d | %.2f | %s |\n", what, b.counts[name].Requests, total(got), verdict)
	}
	row(fmt.Sprintf("plan, %d stacks", b.sample), baseline, baseline, b.sample, b.sample)
	for _, n := range b.numSizes {
		row(fmt.Sprintf("check, %d stacks", n), sizeName(n), baseline, n, b.sample)
	}
	if n := b.accounts * b.each; n > 0 {
		row(fmt.Sprintf("check, %d accounts", b.accounts), accounts, baseline, n, b.sample)
	}
	row("plan, wide stack", widePlan, widePlan, 1, 1)
	row("check, wide stack", wideCheck, widePlan, 1, 1)
	return same
}

func total(actions map[string]float64) float64 {
	var sum float64
	for _, n := range actions {
		sum += n
	}
	return sum
}

func difference(want, got map[string]float64) string {
	var out []string
	for _, action := range slices.Sorted(maps.Keys(want)) {
		if got[action] != want[action] {
			out = append(out, fmt.Sprintf("%s %.2f, the plan %.2f", action, got[action], want[action]))
		}
	}
	for _, action := range slices.Sorted(maps.Keys(got)) {
		if _, known := want[action]; !known {
			out = append(out, fmt.Sprintf("%s %.2f, the plan none", action, got[action]))
		}
	}
	return strings.Join(out, "; ")
}

// barTable holds the results against the limits.
func (b *fleetBench) barTable(w *bytes.Buffer, same bool) bool {
	baseWall, baseCPU := b.perStack(baseline, b.sample)
	var bars []bar
	for _, limit := range []struct{ size, part int }{{100, 30}, {1000, 40}} {
		if slices.Contains(b.numSizes, limit.size) {
			wall, cpu := b.perStack(sizeName(limit.size), limit.size)
			bars = append(bars,
				bar{fmt.Sprintf("%d stacks: wall time a stack, of the plan's", limit.size), ratio(wall, baseWall), 1 / float64(limit.part), ""},
				bar{fmt.Sprintf("%d stacks: CPU time a stack, of the plan's", limit.size), ratio(cpu, baseCPU), 1 / float64(limit.part), ""})
		}
	}
	if slices.Contains(b.numSizes, 100) && slices.Contains(b.numSizes, 1000) {
		_, few := b.perStack(sizeName(100), 100)
		_, many := b.perStack(sizeName(1000), 1000)
		bars = append(bars,
			bar{"CPU time a resource, 1,000 stacks to 100", ratio(many, few), 1.15, ""},
			bar{"1,000 stacks: Holdfast's own process", float64(medians(b.results[sizeName(1000)]).own) / mib, 200, " MiB"})
	}
	api, provider := b.floors()
	check, plan := medians(b.results[wideCheck]).wall, medians(b.results[widePlan]).wall
	bars = append(bars,
		bar{fmt.Sprintf("%d resources: wall time, of the floor", b.wide), ratio(check, max(api, provider)), 1.3, ""},
		bar{fmt.Sprintf("%d resources: wall time, of the plan's", b.wide), ratio(check, plan), 1, ""})
	fmt.Fprintf(w, "\n## Bars\n\n| bar | measured | limit | |\n|---|--:|--:|---|\n")
	met := same
	for _, bar := range bars {
		verdict := "met"
		if !bar.met() {
			verdict, met = "**not met**", false
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", bar.what, bar.show(bar.got), bar.show(bar.limit), verdict)
	}
	verdict := "met"
	if !same {
		verdict = "**not met**"
	}
	fmt.Fprintf(w, "| reads are the plan's | | | %s |\n", verdict)
	return met
}
