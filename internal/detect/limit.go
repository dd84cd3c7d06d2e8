package detect

import (
	"context"
	"errors"
	"math/rand/v2"
	"regexp"
	"sync"
	"time"

	"holdfast/internal/provider"
)

// limiter bounds how many resources are read at a time. It gives way when an API
// asks for that: the limit is halved when one throttles, and grows by one again
// for as many answers as the limit is.
type limiter struct {
	mu      sync.Mutex
	most    float64
	limit   float64
	used    int
	waiting []chan struct{}
	slowed  time.Time // when the limit was last halved
}

func newLimiter(most int) *limiter { return &limiter{most: float64(most), limit: float64(most)} }

// acquire waits for a place. The error is that of ctx.
func (l *limiter) acquire(ctx context.Context) error {
	l.mu.Lock()
	if len(l.waiting) == 0 && float64(l.used+1) <= l.limit {
		l.used++
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-turn: // it was given the place meanwhile, and has no use for it
		l.used--
		l.next()
	default:
		l.waiting = without(l.waiting, func(c chan struct{}) bool { return c == turn })
	}
	return ctx.Err()
}

// release gives a place back.
func (l *limiter) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used--
	l.next()
}

// next gives free places to those who wait. The caller holds the lock.
func (l *limiter) next() {
	for len(l.waiting) > 0 && float64(l.used+1) <= l.limit {
		l.used++
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
	}
}

// answered notes that an API answered as it should.
func (l *limiter) answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = min(l.most, l.limit+1/l.limit)
	l.next()
}

// throttled notes that an API refused for the number of requests. What was under
// way at the same time is refused with it, so that halves the limit once.
func (l *limiter) throttled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.slowed) > time.Second {
		l.limit, l.slowed = max(1, l.limit/2), time.Now()
	}
}

// patience is how often a resource is tried whose API throttles. The provider
// has retried by itself before it gave up.
const patience = 5

// pause waits before the nth further try; false when ctx ends it.
func pause(ctx context.Context, n int) bool {
	wait := time.Second << n
	timer := time.NewTimer(wait/2 + rand.N(wait)) //nolint:gosec // spread, not secrecy
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// throttling finds the words by which APIs say that there were too many
// requests, in what a provider reports.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
var throttling = regexp.MustCompile(`(?i)throttl|RequestLimitExceeded|TooManyRequests|Too Many Requests|SlowDown|Rate exceeded|rateLimitExceeded|RESOURCE_EXHAUSTED|StatusCode: 429|\b429\b.*request`)

// isThrottled reports whether err is that of an API with too many requests.
func isThrottled(err error) bool {
	refused, ok := errors.AsType[*provider.DiagnosticsError](err)
	return ok && throttling.MatchString(refused.Error())
}
