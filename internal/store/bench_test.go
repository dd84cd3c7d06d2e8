package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// The bars of `make bench-store`: a run of this size is saved in this time, and
// past runs change neither that nor the memory.
const (
	benchStacks   = 1000
	benchFindings = 500
	barTime       = 2 * time.Second
	barMemory     = 8 << 20 // by how much the process may have grown after pastRuns
	pastRuns      = 50
)

// BenchmarkSaveRun saves runs of 1,000 stacks with 20 resources each and 500
// findings into one SQLite file, on the disk that TMPDIR is on. It fails where a
// bar is not met.
func BenchmarkSaveRun(b *testing.B) {
	for b.Loop() {
		first, last, grown, size := saveRuns(b, filepath.Join(b.TempDir(), "history.db"))
		b.ReportMetric(first.Seconds(), "s/run-first")
		b.ReportMetric(last.Seconds(), fmt.Sprintf("s/run-after-%d", pastRuns))
		b.ReportMetric(float64(grown)/(1<<20), "MB-grown")
		b.ReportMetric(float64(size)/(1<<20), "MB-file")
		if first > barTime || last > barTime {
			b.Errorf("a run took %s, and %s after %d others; the bar is %s", first, last, pastRuns, barTime)
		}
		if grown > barMemory {
			b.Errorf("the process has grown by %d MB over %d runs; the bar is %d", grown>>20, pastRuns, barMemory>>20)
		}
	}
}

// saveRuns saves the first run and pastRuns others, and measures the first and
// the last, the median of five.
func saveRuns(b *testing.B, where string) (first, last time.Duration, grown, size int64) {
	b.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, where)
	if err != nil {
		b.Fatal(err)
	}
	stacks := benchFleet()
	var before int64
	var took []time.Duration
	for n := range pastRuns + 1 {
		began := time.Now()
		if err := saveRun(ctx, s, at(n), stacks); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
		if n == 0 {
			before = resident(b)
		}
	}
	latest := slices.Sorted(slices.Values(took[len(took)-5:]))
	first, last = took[0], latest[2]
	grown = resident(b) - before
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(where)
	if err != nil {
		b.Fatal(err)
	}
	return first, last, grown, info.Size()
}

func benchFleet() []drift.Stack {
	var stacks []drift.Stack
	for i := range benchStacks {
		var findings []drift.Finding
		if i%(benchStacks/benchFindings) == 0 {
			f := finding(fmt.Sprintf("module.service.aws_lambda_function.app[%d]", i), "1")
			f.ID = drift.FindingID(fmt.Sprint(i), f.Address, f.Kind)
			findings = append(findings, f)
		}
		st := named(fmt.Sprintf("live/eu-central-1/service-%04d", i), findings...)
		for j := range 4 { // a real result has some of these
			st.Observed = append(st.Observed, drift.Paths{Address: fmt.Sprintf("aws_iam_role.app[%d]", j), Paths: []string{"inline_policy", "tags_all"}})
		}
		stacks = append(stacks, st)
	}
	return stacks
}

func saveRun(ctx context.Context, s *store.Store, began time.Time, stacks []drift.Stack) error {
	run, err := s.Begin(ctx, drift.RunRecord{StartedAt: began})
	if err != nil {
		return err
	}
	for _, st := range stacks {
		if err := run.SaveAt(ctx, st, nil, began); err != nil {
			return err
		}
	}
	return run.Finish(ctx, began, drift.Summarize(stacks))
}

// resident is the memory that the system has given this process, in bytes; 0
// where that can't be told.
func resident(b *testing.B) int64 {
	b.Helper()
	src, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseInt(strings.Fields(string(src))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
