package server

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"holdfast/internal/store"
)

// Limits of the streams of one process.
const (
	mostClients = 200
	pollEvery   = time.Second
	// restFactor is how much longer the reader of a large run rests than it reads.
	restFactor = 10
)

// streams tell browsers how far runs are. The database says it, so that it doesn't
// matter which process checks; each run is read by one reader however many look.
type streams struct {
	store    *store.Store
	stopping <-chan struct{}
	every    time.Duration

	mu      sync.Mutex
	runs    map[string]*stream
	clients int
}

// stream is a run that somebody looks at.
type stream struct {
	clients map[*client]bool
	latest  *snapshot // nil until it was read
	stop    context.CancelFunc
}

// client is one who looks. Its channel holds the latest snapshot it hasn't taken.
type client struct {
	news chan *snapshot
	sent map[string]stackNews // what it knows of the stacks
}

// snapshot is how far a run was. It is never changed.
type snapshot struct {
	id     string // the same for the same content
	whole  progress
	stacks map[string]stackNews
}

// stackNews is a line of a run's page.
type stackNews struct {
	Badge string `json:"badge"`
	Took  string `json:"took,omitempty"`
	Note  string `json:"note,omitempty"`
}

func newStreams(s *store.Store, stopping <-chan struct{}) *streams {
	return &streams{store: s, stopping: stopping, every: pollEvery, runs: map[string]*stream{}}
}

// join adds one who looks at a run. False: there are too many already. The reader
// goes on for others when the first one has left.
func (s *streams) join(ctx context.Context, run string) (*client, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients >= mostClients {
		return nil, false
	}
	s.clients++
	one := s.runs[run]
	if one == nil {
		ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
		one = &stream{clients: map[*client]bool{}, stop: stop}
		s.runs[run] = one
		go s.read(ctx, run, one)
	}
	c := &client{news: make(chan *snapshot, 1), sent: map[string]stackNews{}}
	one.clients[c] = true
	if one.latest != nil {
		c.news <- one.latest
	}
	return c, true
}

// leave takes one out; with the last one goes the reader.
func (s *streams) leave(run string, c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.runs[run]
	if one == nil || !one.clients[c] {
		return
	}
	s.clients--
	delete(one.clients, c)
	if len(one.clients) == 0 {
		one.stop()
		delete(s.runs, run)
	}
}

// read looks again and again until it is stopped, or the run is over. What can't be
// read now may be the next time; browsers are sent signs of life meanwhile.
func (s *streams) read(ctx context.Context, run string, one *stream) {
	for {
		began := time.Now()
		if now, err := s.look(ctx, run); err == nil {
			s.publish(one, now)
			if now.over() {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.stopping:
			return
		case <-time.After(max(s.every, restFactor*time.Since(began))):
		}
	}
}

func (s *streams) look(ctx context.Context, run string) (*snapshot, error) {
	info, ok, err := s.store.Run(ctx, run)
	if err == nil && !ok {
		err = fmt.Errorf("there is no run %s", run)
	}
	if err != nil {
		return nil, err
	}
	stacks, err := s.store.RunStacks(ctx, run)
	if err != nil {
		return nil, err
	}
	return snapshotOf(info, stacks)
}

func snapshotOf(info store.RunInfo, stacks []store.RunStack) (*snapshot, error) {
	now := &snapshot{stacks: map[string]stackNews{}}
	var counts []store.OutcomeCount
	for _, one := range stacks {
		counts = append(counts, store.OutcomeCount{State: one.State, Outcome: one.Outcome, Stacks: 1})
		row := rowOfRunStack(one)
		now.stacks[one.Stack.ID] = stackNews{Badge: row.Badge, Took: row.Took, Note: row.Note}
	}
	now.whole = progressOf(info, counts)
	text, err := json.Marshal([]any{now.whole, now.stacks}) // maps are written in order
	if err != nil {
		return nil, err
	}
	h := fnv.New64a()
	_, _ = h.Write(text) // it never fails
	now.id = fmt.Sprintf("%016x", h.Sum64())
	return now, nil
}

// over reports whether nothing comes any more.
func (s *snapshot) over() bool { return s.whole.State != "running" }

// publish hands on what is new. Who is slow is handed the latest alone.
func (s *streams) publish(one *stream, now *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.latest != nil && one.latest.id == now.id {
		return
	}
	one.latest = now
	for c := range one.clients {
		select {
		case <-c.news:
		default:
		}
		c.news <- now // nobody else writes, and it has room
	}
}

// changes are the lines that a client doesn't know yet, which it then does.
func (c *client) changes(now *snapshot, most int) map[string]stackNews {
	changed := map[string]stackNews{}
	for id, news := range now.stacks {
		if c.sent[id] != news && len(changed) < most {
			changed[id], c.sent[id] = news, news
		}
	}
	return changed
}
