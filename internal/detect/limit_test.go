package detect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"holdfast/internal/provider"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	l := newLimiter(8)
	for range 8 {
		if err := l.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.acquire(short); !errors.Is(err, context.Canceled) {
		t.Fatalf("a ninth place: %v", err)
	}
	l.throttled()
	l.throttled() // of the same moment
	if l.limit != 4 {
		t.Errorf("limit %v after throttling, want 4", l.limit)
	}
	for range 4 {
		l.release()
	}
	if err := l.acquire(short); err == nil {
		t.Error("a place beyond the halved limit")
	}
	l.release()
	if err := l.acquire(t.Context()); err != nil {
		t.Error(err)
	}
	for range 100 {
		l.answered()
	}
	if l.limit != 8 {
		t.Errorf("limit %v after many answers, want 8 again", l.limit)
	}
}

// Whatever happens side by side, there are never more than the most, nobody
// waits for ever, and in the end every place is free.
func TestLimiterLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		most, workers := rapid.IntRange(1, 6).Draw(t, "most"), rapid.IntRange(1, 30).Draw(t, "workers")
		throttle := rapid.SliceOfN(rapid.Bool(), workers, workers).Draw(t, "throttle")
		l := newLimiter(most)
		var now atomic.Int64
		var wg sync.WaitGroup
		for i := range workers {
			wg.Go(func() {
				if l.acquire(context.Background()) != nil {
					return
				}
				if n := now.Add(1); n > int64(most) {
					panic(fmt.Sprintf("%d at a time, of %d", n, most))
				}
				if throttle[i] {
					l.throttled()
				} else {
					l.answered()
				}
				now.Add(-1)
				l.release()
			})
		}
		wg.Wait()
		if l.used != 0 || len(l.waiting) != 0 {
			t.Fatalf("%d places used and %d waiting in the end", l.used, len(l.waiting))
		}
	})
}

// The errors are those of AWS, Google and Azure, as the providers report them.
func TestIsThrottled(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]bool{
		"reading DynamoDB Table: operation error DynamoDB: DescribeTable, ThrottlingException: Rate exceeded":                    true,
		"operation error EC2: DescribeVpcs, https response error StatusCode: 503, api error RequestLimitExceeded: Request limit": true,
		"googleapi: Error 429: Quota exceeded for requests, rateLimitExceeded":                                                   true,
		"unexpected status 429 (429 Too Many Requests)":                                                                          true,
		"operation error S3: HeadBucket, https response error StatusCode: 503, api error SlowDown: Please reduce your request":   true,
		"AccessDenied: not authorized to perform dynamodb:DescribeTable on table 429":                                            false,
		"reading it: timeout": false,
	} {
		if got := isThrottled(fmt.Errorf("reading it: %w", &provider.DiagnosticsError{Messages: []string{message}})); got != want {
			t.Errorf("%s: %v", message, got)
		}
	}
	if isThrottled(errors.New("ThrottlingException")) {
		t.Error("what no provider reported")
	}
}
