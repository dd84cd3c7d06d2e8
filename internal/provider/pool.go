package provider

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Lease is a configured provider in use. Release gives it back.
type Lease struct {
	Client  *Client
	Schemas *Schemas

	manager *Manager
	entry   *pooled
	holder  *Holder
	once    sync.Once
}

// pooled is a process of the pool. Its fields belong to the manager's lock;
// client, err and abandoned don't change after ready is closed.
type pooled struct {
	key       string
	raw       *Client       // its process before that is configured
	ready     chan struct{} // closed when it is configured, or has failed to be
	client    *Client
	err       error
	abandoned bool // who was to start it gave up
	users     int
	born      time.Time
	used      time.Time // when it was last given back
}

// enter finds the process with a key, or makes a place for it that the caller
// has to settle, as soon as there is room. Either way the holder has a lease
// more. The error is that of ctx, which ended before.
func (m *Manager) enter(ctx context.Context, key string, h *Holder, w wanted) (e *pooled, mine bool, err error) {
	for {
		m.mu.Lock()
		e, mine, gone := m.tryEnter(key, h, w)
		wait := e == nil && len(gone) == 0
		if wait {
			m.queued++
		}
		changed := m.changed
		m.mu.Unlock()
		m.endAll(gone)
		if e != nil {
			return e, mine, nil
		}
		if wait && !m.waitForRoom(ctx, changed) {
			return nil, false, fmt.Errorf("waiting for room to start a provider: %w", ctx.Err())
		}
	}
}

// waitForRoom waits until there may be room; false when ctx ends before.
func (m *Manager) waitForRoom(ctx context.Context, changed <-chan struct{}) bool {
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.queued--
	}()
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	}
}

// tryEnter is enter without waiting: it gives no entry where there is no room,
// or there is only once those that it gives back have ended. The caller holds
// the lock.
func (m *Manager) tryEnter(key string, h *Holder, w wanted) (e *pooled, mine bool, gone []*Client) {
	e = m.pool[key]
	if e != nil && !e.dead() && time.Since(e.born) < m.options.MaxAge {
		e.users++
		m.took(h)
		return e, false, nil
	}
	if e != nil && e.users == 0 { // else its last user ends it
		delete(m.pool, key)
		return nil, false, []*Client{e.client}
	}
	spare, gone := m.takeSpare(w.spare)
	if spare == nil && h.leases == 0 && !m.hasRoom() {
		return nil, false, append(gone, m.evictOne()...)
	}
	m.took(h)
	e = &pooled{key: key, raw: spare, ready: make(chan struct{}), users: 1, born: time.Now()}
	m.pool[key] = e
	return e, true, gone
}

// dead reports whether nobody else should be given the process: it has ended, or
// has left a call without an answer.
func (e *pooled) dead() bool {
	return e.client != nil && (e.client.suspect.Load() || e.client.process.isDead())
}

// settle says what became of an entry: a configured client, or an error.
func (m *Manager) settle(e *pooled, client *Client, err error, abandoned bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.client, e.err, e.abandoned = client, err, err != nil && abandoned
	if err != nil && m.pool[e.key] == e {
		delete(m.pool, e.key)
	}
	close(e.ready)
}

// await waits for an entry that the caller is a user of.
func (m *Manager) await(ctx context.Context, e *pooled, schemas *Schemas, h *Holder) (*Lease, error) {
	lease := &Lease{Schemas: schemas, manager: m, entry: e, holder: h}
	select {
	case <-e.ready:
	case <-ctx.Done():
		lease.Release()
		return nil, fmt.Errorf("waiting for a provider to be configured: %w", ctx.Err())
	}
	if e.err != nil {
		lease.Release()
		return nil, e.err
	}
	lease.Client = e.client
	return lease, nil
}

// Release gives the provider back. One that has died is forgotten, so that the
// next user gets a new one; of those that nobody uses, the least recently used
// beyond MaxIdle end, and all older than MaxAge.
func (l *Lease) Release() {
	l.once.Do(func() {
		m, e := l.manager, l.entry
		m.mu.Lock()
		e.users--
		e.used = time.Now()
		l.holder.leases--
		gone := m.evict()
		if e.users == 0 && e.client != nil && m.pool[e.key] != e {
			gone = append(gone, e.client) // replaced while it was in use
		}
		m.tellWaiting()
		m.mu.Unlock()
		m.endAll(gone)
	})
}

func (m *Manager) endAll(clients []*Client) {
	for _, client := range clients {
		m.end(client)
	}
}

// evict takes out of the pool what nobody uses and should end. The caller holds
// the lock and ends it.
func (m *Manager) evict() []*Client {
	var gone []*Client
	for _, kept := range []map[string]*pooled{m.pool, m.spares} {
		for key, e := range kept {
			if e.users == 0 && (e.dead() || time.Since(e.born) >= m.options.MaxAge) {
				delete(kept, key)
				gone = append(gone, e.client)
			}
		}
	}
	idle := m.idle()
	for _, e := range idle[:max(0, len(idle)-m.options.MaxIdle)] {
		m.forget(e)
		gone = append(gone, e.client)
	}
	return gone
}

// idle are the processes that nobody uses, the least recently used first. The
// caller holds the lock.
func (m *Manager) idle() []*pooled {
	var idle []*pooled
	for _, kept := range []map[string]*pooled{m.pool, m.spares} {
		for _, e := range kept {
			if e.users == 0 {
				idle = append(idle, e)
			}
		}
	}
	slices.SortFunc(idle, func(a, b *pooled) int { return a.used.Compare(b.used) })
	return idle
}

func (m *Manager) forget(e *pooled) {
	for _, kept := range []map[string]*pooled{m.pool, m.spares} {
		if kept[e.key] == e {
			delete(kept, e.key)
		}
	}
}

// keepSpare keeps a process that was started for its schema.
func (m *Manager) keepSpare(key string, client *Client) {
	m.mu.Lock()
	old := m.spares[key]
	now := time.Now()
	m.spares[key] = &pooled{key: key, client: client, born: now, used: now}
	m.mu.Unlock()
	if old != nil {
		m.end(old.client)
	}
}

// takeSpare gives out such a process, if there is one that lives; one that does
// not is to be ended. The caller holds the lock.
func (m *Manager) takeSpare(key string) (spare *Client, gone []*Client) {
	e := m.spares[key]
	if e == nil {
		return nil, nil
	}
	delete(m.spares, key)
	if e.dead() {
		return nil, []*Client{e.client}
	}
	return e.client, nil
}
