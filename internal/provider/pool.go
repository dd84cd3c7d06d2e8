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
	once    sync.Once
}

// pooled is a process of the pool. Its fields belong to the manager's lock;
// client, err and abandoned don't change after ready is closed.
type pooled struct {
	key       string
	ready     chan struct{} // closed when it is configured, or has failed to be
	client    *Client
	err       error
	abandoned bool // who was to start it gave up
	users     int
	born      time.Time
	used      time.Time // when it was last given back
}

// enter finds the process with a key, or makes a place for it that the caller
// has to settle. Either way the caller counts as a user.
func (m *Manager) enter(key string) (e *pooled, mine bool) {
	m.mu.Lock()
	var gone []*Client
	defer func() {
		m.mu.Unlock()
		m.endAll(gone)
	}()
	if e := m.pool[key]; e != nil {
		if !e.dead() && time.Since(e.born) < m.options.MaxAge {
			e.users++
			return e, false
		}
		if e.users == 0 { // else its last user ends it
			gone = append(gone, e.client)
		}
	}
	e = &pooled{key: key, ready: make(chan struct{}), users: 1, born: time.Now()}
	m.pool[key] = e
	return e, true
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
func (m *Manager) await(ctx context.Context, e *pooled, schemas *Schemas) (*Lease, error) {
	lease := &Lease{Schemas: schemas, manager: m, entry: e}
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
		gone := m.evict()
		if e.users == 0 && e.client != nil && m.pool[e.key] != e {
			gone = append(gone, e.client) // replaced while it was in use
		}
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
	var idle []*pooled
	for _, kept := range []map[string]*pooled{m.pool, m.spares} {
		for key, e := range kept {
			switch {
			case e.users > 0:
			case e.dead() || time.Since(e.born) >= m.options.MaxAge:
				delete(kept, key)
				gone = append(gone, e.client)
			default:
				idle = append(idle, e)
			}
		}
	}
	slices.SortFunc(idle, func(a, b *pooled) int { return a.used.Compare(b.used) })
	for _, e := range idle[:max(0, len(idle)-m.options.MaxIdle)] {
		m.forget(e)
		gone = append(gone, e.client)
	}
	return gone
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

// takeSpare gives out such a process, if there is one that lives.
func (m *Manager) takeSpare(key string) *Client {
	m.mu.Lock()
	e := m.spares[key]
	delete(m.spares, key)
	m.mu.Unlock()
	if e == nil {
		return nil
	}
	if e.dead() {
		m.end(e.client)
		return nil
	}
	return e.client
}
