package lab

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// Counts is what a replay was asked since it was told to count anew.
type Counts struct {
	Requests  int // all, refused ones too
	Throttled int // of them, answered with a throttling error
	Cut       int // of them, cut off without an answer
	Unknown   int // of them, not in the recording
	// Actions are the requests by "SERVICE ACTION", where a service's protocol
	// names no action by "SERVICE METHOD PATH", with the recorded stack's ids.
	// Refused ones are not in it.
	Actions map[string]int
	// PerTick are the arrivals in each Tick since counting began.
	PerTick []int
}

// Tick is the grain of Counts.PerTick.
const Tick = 100 * time.Millisecond

// Answered is how many requests got what was recorded.
func (c Counts) Answered() int { return c.Requests - c.Throttled - c.Cut - c.Unknown }

// Without gives the number of answered requests, without those to a service.
func (c Counts) Without(service string) int {
	n := 0
	for action, times := range c.Actions {
		if !strings.HasPrefix(action, service+" ") {
			n += times
		}
	}
	return n
}

// counter counts under a label.
type counter struct {
	start  time.Time
	counts Counts
}

func newCounter() *counter {
	return &counter{start: time.Now(), counts: Counts{Actions: map[string]int{}}}
}

func (c *counter) arrive(now time.Time) {
	c.counts.Requests++
	tick := int(now.Sub(c.start) / Tick)
	for len(c.counts.PerTick) <= tick {
		c.counts.PerTick = append(c.counts.PerTick, 0)
	}
	c.counts.PerTick[tick]++
}

func (c *counter) copy() Counts {
	counts := c.counts
	counts.Actions = maps.Clone(counts.Actions)
	counts.PerTick = append([]int(nil), counts.PerTick...)
	return counts
}

// UnknownRequestError lists requests that a replay has no answer to. A run with
// one is no measurement and proves nothing.
type UnknownRequestError struct {
	Requests []string // the first ones
	Times    int
}

func (e *UnknownRequestError) Error() string {
	return fmt.Sprintf("the recording has no answer to %d requests; the first are:\n%s", e.Times, strings.Join(e.Requests, "\n"))
}
