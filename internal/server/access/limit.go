package access

import (
	"net/netip"
	"sync"
	"time"
)

// addresses that a limiter remembers at most: some hundred kilobytes.
const addresses = 10_000

// limiter counts attempts by address. Each address has so many, and gets one back
// every so often. Its memory is bounded: where too many addresses are known, those
// that have waited long enough are forgotten, and then any.
type limiter struct {
	burst int
	every time.Duration

	mu    sync.Mutex
	spent map[netip.Prefix]bucket
}

// bucket is what an address has spent at a time.
type bucket struct {
	spent float64
	at    time.Time
}

func newLimiter(burst int, every time.Duration) *limiter {
	return &limiter{burst: burst, every: every, spent: map[netip.Prefix]bucket{}}
}

// take spends an attempt of an address, and reports whether it had one.
func (l *limiter) take(address string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := network(address)
	b := bucket{l.left(l.spent[key], now), now}
	if b.spent+1 > float64(l.burst) {
		return false
	}
	b.spent++
	if _, known := l.spent[key]; !known && len(l.spent) >= addresses {
		l.forget(now)
	}
	l.spent[key] = b
	return true
}

// wait is for how many seconds an address that has none left is to wait.
func (l *limiter) wait() int { return int(l.every/time.Second) + 1 }

// left is what is still spent of a bucket.
func (l *limiter) left(b bucket, now time.Time) float64 {
	return max(0, b.spent-float64(now.Sub(b.at))/float64(l.every))
}

// forget makes room for many more addresses, so that it is seldom needed.
func (l *limiter) forget(now time.Time) {
	for key, b := range l.spent {
		if l.left(b, now) == 0 {
			delete(l.spent, key)
		}
	}
	for key := range l.spent { // in no order that anybody could count on
		if len(l.spent) <= addresses*9/10 {
			return
		}
		delete(l.spent, key)
	}
}

// network is what is counted as one: an IPv4 address, or the /64 of an IPv6 one,
// of which a single customer has all.
func network(address string) netip.Prefix {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	const subnet = 64
	bits := addr.BitLen()
	if addr.Is6() {
		bits = subnet
	}
	p, _ := addr.Prefix(bits) // of a length that fits
	return p
}
