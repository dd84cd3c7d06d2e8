package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// bar is a limit that Holdfast is to stay under.
type bar struct {
	what  string
	got   float64
	limit float64
	unit  string
}

func (b bar) met() bool { return b.got <= b.limit }

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

const mib = 1 << 20

// write writes the page and reports whether every bar is met.
func (b *bench) write(ctx context.Context) (bool, error) {
	var m [contestants]sample
	for i := range m {
		m[i] = median(b.results[i])
	}
	n := time.Duration(b.options.further)
	further := sample{wall: (m[fleet].wall - m[cold].wall) / n, cpu: (m[fleet].cpu - m[cold].cpu) / n, peak: m[fleet].peak, own: m[fleet].own}
	base := m[refreshOnly]
	bars := []bar{
		{"cold: wall time, of `plan -refresh-only`", ratio(m[cold].wall, base.wall), 1.0 / 6, ""},
		{"cold: CPU time, of `plan -refresh-only`", ratio(m[cold].cpu, base.cpu), 1.0 / 5, ""},
		{"each further stack: wall time, of `plan -refresh-only`", ratio(further.wall, base.wall), 1.0 / 15, ""},
		{"first run ever: wall time, of `plan`", ratio(m[first].wall, m[plan].wall), 1, ""},
		{"cold: Holdfast's own process", float64(m[cold].own) / mib, 80, " MiB"},
		{fmt.Sprintf("%d stacks: Holdfast's own process", b.options.further+1), float64(m[fleet].own) / mib, 80, " MiB"},
	}
	var w bytes.Buffer
	if err := b.introduction(ctx, &w); err != nil {
		return false, err
	}
	fmt.Fprintf(&w, "| | wall | CPU | peak memory, all processes | its own process | wall, of `plan -refresh-only` | CPU, of it |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, row := range []struct {
		name string
		s    sample
	}{
		{"`terraform plan -refresh-only -lock=false`", m[refreshOnly]},
		{"`terraform plan -lock=false`", m[plan]},
		{"`holdfast check`, first run ever (no cache)", m[first]},
		{"`holdfast check`, cold (new process, schema cached, binary verified)", m[cold]},
		{fmt.Sprintf("`holdfast check` of %d stacks in one run", b.options.further+1), m[fleet]},
		{"each further stack of that run", further},
	} {
		fmt.Fprintf(&w, "| %s | %.3f s | %.3f s | %d MiB | %d MiB | %s | %s |\n", row.name, row.s.wall.Seconds(), row.s.cpu.Seconds(),
			row.s.peak/mib, row.s.own/mib, fraction(ratio(row.s.wall, base.wall)), fraction(ratio(row.s.cpu, base.cpu)))
	}
	fmt.Fprintf(&w, "\n## Bars\n\n| bar | measured | limit | |\n|---|--:|--:|---|\n")
	met := true
	for _, bar := range bars {
		verdict := "met"
		if !bar.met() {
			verdict, met = "**not met**", false
		}
		fmt.Fprintf(&w, "| %s | %s | %s | %s |\n", bar.what, bar.show(bar.got), bar.show(bar.limit), verdict)
	}
	if _, err := os.Stdout.Write(w.Bytes()); err != nil {
		return false, err
	}
	return met, os.WriteFile(b.options.out, w.Bytes(), 0o644)
}

func (b bar) show(v float64) string {
	if b.unit != "" {
		return fmt.Sprintf("%.0f%s", v, b.unit)
	}
	return fraction(v)
}

func fraction(v float64) string {
	if v > 0.95 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("1/%.1f", 1/v)
}

func (b *bench) introduction(ctx context.Context, w *bytes.Buffer) error {
	terraform, err := terraformVersion(ctx, b.tools.Terraform)
	if err != nil {
		return err
	}
	version, err := exec.CommandContext(ctx, b.binary, "version").Output()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, `# Benchmarks

Written by `+"`make bench`"+`; don't edit.

The device-token example, freshly applied, 20 resources, on moto (an emulated
AWS) on the same machine, reached through AWS_ENDPOINT_URL. Medians of %d
rounds; in each, every contestant ran once, one after the other. CPU time is
that of the process and of its providers, without the emulator's. "Each further
stack" is the difference between a run over %d stacks of the same configuration
and a run over one, divided by %d; the emulator, which answers about 400
requests a second, is its limit.

- machine: %s, %d cores, %s
- %s, AWS provider 5.100.0, %s, built with %s

`, b.options.rounds, b.options.further+1, b.options.further,
		runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), processor(), terraform, strings.TrimSpace(string(version)), runtime.Version())
	return nil
}

func terraformVersion(ctx context.Context, path string) (string, error) {
	out, err := exec.CommandContext(ctx, path, "version", "-json").Output()
	if err != nil {
		return "", fmt.Errorf("terraform version: %w", err)
	}
	var v struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal(out, &v); err != nil {
		return "", fmt.Errorf("terraform version: %w", err)
	}
	return "Terraform " + v.Version, nil
}

// processor names the processor's model, where the system says it.
func processor() string {
	src, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "processor unknown"
	}
	for line := range strings.Lines(string(src)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor unknown"
}
