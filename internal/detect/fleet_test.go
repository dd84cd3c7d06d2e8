package detect_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/stack"
)

// aFleet is the device-token example, recorded by the first test that asks.
var aFleet struct {
	once  sync.Once
	fleet *lab.Fleet
	err   error
}

func recordedFleet(t *testing.T) *lab.Fleet {
	t.Helper()
	tools := lab.Need(t)
	aFleet.once.Do(func() {
		source := lab.SharedDeviceTokens("../../examples/device-tokens")
		aFleet.fleet, aFleet.err = lab.RecordFleet(context.Background(), tools, source, filepath.Join(theBed.Dir, "fleet"), nil)
	})
	if aFleet.err != nil {
		t.Fatal(aFleet.err)
	}
	return aFleet.fleet
}

// replay answers for the length of a test, which fails if something was asked
// that nobody had recorded.
func replay(t *testing.T, recording *lab.Recording, o lab.ReplayOptions) *lab.Replay {
	t.Helper()
	p, err := lab.NewReplay(recording, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Err(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// members makes the stacks with the numbers, bound to a cloud.
func members(t *testing.T, f *lab.Fleet, cloud lab.Cloud, numbers ...lab.Number) []*lab.Stack {
	t.Helper()
	dir := t.TempDir()
	var list []*lab.Stack
	for i, n := range numbers {
		s, err := f.NewStack(filepath.Join(dir, string(rune('a'+i))), n)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s.With(cloud))
	}
	return list
}

func checkFleet(t *testing.T, o detect.Options, list []*lab.Stack) []drift.Stack {
	t.Helper()
	var stacks []stack.Stack
	for _, s := range list {
		opened, err := stack.Open(s.Dir, stack.Options{Env: s.Env()})
		if err != nil {
			t.Fatal(err)
		}
		stacks = append(stacks, opened)
	}
	return runAll(t, detect.New(manager(t), o), stacks)
}

// planned is what a plan lists as drift and as changes, by address.
func planned(t *testing.T, s *lab.Stack) (changes []string) {
	t.Helper()
	planning <- struct{}{}
	defer func() { <-planning }()
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range plan.Pending() {
		changes = append(changes, change.Address)
	}
	return changes
}

// withMoreMemory changes the function of every stack by hand.
func withMoreMemory(t *testing.T, recording *lab.Recording) *lab.Recording {
	t.Helper()
	changed, n := recording.Change(lab.Match("lambda", "GET /2015-03-31/functions/*"), func(body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"MemorySize": 128`), []byte(`"MemorySize": 512`))
	})
	if n == 0 {
		t.Fatal("the recording has no MemorySize to change")
	}
	return changed
}

// TestFleetIsLikeTheRecordedStack proves what the benchmark of fleets rests on:
// a stack that was made by renaming is, to Terraform and to Holdfast, one that
// was applied. Both are clean, both see the same drift, and Holdfast asks the API
// for exactly what the plan asks for.
func TestFleetIsLikeTheRecordedStack(t *testing.T) {
	t.Parallel()
	f := recordedFleet(t)
	numbers := []lab.Number{{Stack: 0, Account: lab.None}, {Stack: 42, Account: lab.None}, {Stack: 9999, Account: lab.None}, {Stack: 7, Account: 3}}
	o := lab.ReplayOptions{Renaming: f.Renaming, Fleet: map[int][]int{lab.None: {0, 42, 9999}, 3: {7, 8}}}
	for _, test := range []struct {
		name      string
		recording *lab.Recording
		want      []string
	}{
		{"clean", f.Recording, nil},
		{"drifted", withMoreMemory(t, f.Recording), []string{"aws_lambda_function.device_token"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := replay(t, test.recording, o)
			list := members(t, f, p, numbers...)
			p.Count("plan")
			for _, s := range list[1:] {
				if got := planned(t, s); !slices.Equal(got, test.want) {
					t.Errorf("%s: the plan changes %v, want %v", s.Dir, got, test.want)
				}
			}
			p.Count("check")
			results := checkFleet(t, detect.Options{}, list[1:])
			for _, result := range results {
				var got []string
				for _, finding := range result.Findings {
					got = append(got, finding.Address)
				}
				if !slices.Equal(got, test.want) || result.Resources.Checked != 20 || len(result.Pending) > 0 || len(result.Errors) > 0 {
					t.Errorf("%s: %+v", result.Path, result)
				}
			}
			if test.want == nil {
				sameRequests(t, p.Counts("plan"), p.Counts("check"))
			}
		})
	}
}

// sameRequests compares what was read. Whose credentials they are (STS) is no
// part of a resource: a plan asks once a stack and data source, Holdfast once a
// provider configuration.
func sameRequests(t *testing.T, plan, check lab.Counts) {
	t.Helper()
	for _, c := range []lab.Counts{plan, check} {
		for action := range c.Actions {
			if strings.HasPrefix(action, "sts ") {
				delete(c.Actions, action)
			}
		}
	}
	if diff := cmp.Diff(plan.Actions, check.Actions); diff != "" {
		t.Errorf("requests of the plan (-) and of the check (+) differ:\n%s", diff)
	}
}

// TestThrottledFleet refuses every fourth request of an action, as AWS does when
// there are too many. Nothing may be left out, nothing found that is not there,
// and fewer requests may come a second than when none is refused.
func TestThrottledFleet(t *testing.T) {
	t.Parallel()
	f := recordedFleet(t)
	numbers, all := []lab.Number{}, []int{}
	for i := range 8 {
		numbers, all = append(numbers, lab.Number{Stack: i, Account: lab.None}), append(all, i)
	}
	o := lab.ReplayOptions{Latency: 5 * time.Millisecond, Renaming: f.Renaming, Fleet: map[int][]int{lab.None: all}}
	check := func(every int) lab.Counts {
		o.ThrottleEvery = every
		p := replay(t, f.Recording, o)
		for _, result := range checkFleet(t, detect.Options{}, members(t, f, p, numbers...)) {
			if result.Status != drift.StatusClean || result.Resources.Checked != 20 {
				t.Errorf("%s: %s, %d checked, %v %v", result.Path, result.Status, result.Resources.Checked, result.Findings, result.Errors)
			}
		}
		return p.Counts("")
	}
	calm, busy := check(0), check(4)
	if busy.Throttled < busy.Requests/5 || busy.Answered() != calm.Answered() {
		t.Errorf("of %d requests %d were refused and %d answered, instead of %d", busy.Requests, busy.Throttled, busy.Answered(), calm.Answered())
	}
	if rate(busy) > rate(calm)*2/3 {
		t.Errorf("%.0f answers a second though many requests are refused, %.0f when none is", rate(busy), rate(calm))
	}
	t.Logf("%.0f answers a second, %.0f when none is refused", rate(busy), rate(calm))
}

// rate is how many requests a second got their answer, from the first to the
// last.
func rate(c lab.Counts) float64 {
	first := slices.IndexFunc(c.PerTick, func(n int) bool { return n > 0 })
	return float64(c.Answered()) / (float64(len(c.PerTick)-first) * lab.Tick.Seconds())
}
