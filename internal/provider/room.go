package provider

import (
	"math"

	ps "github.com/shirou/gopsutil/v4/process"
)

// Holder is who holds leases, and may need several at a time: one check of one
// stack. While it holds none it waits for room; once it holds one it waits no
// more, and the limits are exceeded instead. So nobody who waits holds what
// another one waits for.
type Holder struct {
	leases int // belongs to the manager's lock
}

// took notes that the holder has one lease more. Whoever waits on its behalf
// needs to wait no more. The caller holds the lock.
func (m *Manager) took(h *Holder) {
	h.leases++
	if h.leases == 1 {
		m.tellWaiting()
	}
}

// guessedMemory is what a process is taken to need of which nothing is known:
// somewhat more than a configured AWS provider in use.
const guessedMemory = 300 << 20

// hasRoom reports whether another process may be started. The first one always
// may. The caller holds the lock.
func (m *Manager) hasRoom() bool {
	starting := 0
	for _, e := range m.pool {
		if e.client == nil && e.err == nil && e.raw == nil {
			starting++
		}
	}
	n := len(m.clients) + starting
	if n == 0 {
		return true
	}
	if m.options.MaxProcesses > 0 && n >= m.options.MaxProcesses {
		return false
	}
	return m.options.MaxMemory <= 0 || m.memory(starting+1) <= m.options.MaxMemory
}

// memory is how many bytes the processes take, and further ones would if each
// took what the largest takes. The caller holds the lock.
func (m *Manager) memory(further int) int64 {
	var sum, most int64
	for client := range m.clients {
		size := client.process.memory()
		sum, most = sum+size, max(most, size)
	}
	if most == 0 {
		most = guessedMemory
	}
	return sum + int64(further)*most
}

// memory is the process's resident memory in bytes; 0 where that can't be told.
func (p *process) memory() int64 {
	pid := p.pid()
	if pid <= 0 || pid > math.MaxInt32 {
		return 0
	}
	info, err := (&ps.Process{Pid: int32(pid)}).MemoryInfo()
	if err != nil {
		return 0
	}
	return int64(info.RSS) //nolint:gosec // no machine has that much
}

// evictOne takes the process out of the pool that has been unused for longest;
// none where all are in use. The caller holds the lock and ends it.
func (m *Manager) evictOne() []*Client {
	idle := m.idle()
	if len(idle) == 0 {
		return nil
	}
	m.forget(idle[0])
	return []*Client{idle[0].client}
}

// tellWaiting lets those who wait for room look again. The caller holds the lock.
func (m *Manager) tellWaiting() {
	close(m.changed)
	m.changed = make(chan struct{})
}
