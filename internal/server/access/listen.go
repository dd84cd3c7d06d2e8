package access

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// CheckListen refuses to listen on an address that other machines can reach while
// nothing is configured by which people are told apart. authenticated says that
// tokens or OIDC are. Serve calls it before it listens.
func CheckListen(address string, authenticated bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("server.listen: %q: write it as 127.0.0.1:8080", address)
	}
	if authenticated || host == "localhost" {
		return nil
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("server.listen: on %q other machines reach the server, and nothing is configured that tells who asks; "+
		"listen on 127.0.0.1, or set server.tokens or server.oidc in holdfast.yaml (docs/access.md)", address)
}

// Limits of a server for clients that are slow, on purpose or not.
const (
	headerTime = 10 * time.Second
	readTime   = 30 * time.Second
	writeTime  = 60 * time.Second
	idleTime   = 2 * time.Minute
	headerSize = 64 << 10
)

// NewServer makes a server that cuts slow clients off. What is served for longer
// than a minute calls Stream.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: headerSize, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// Stream takes the server's limits of time off a response that stays open, and
// gives it one for each write instead: call it before each. Without it a context
// of server-sent events ends after half a minute.
func Stream(w http.ResponseWriter, each time.Duration) error {
	c := http.NewResponseController(w)
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("streaming: %w", err)
	}
	if err := c.SetWriteDeadline(time.Now().Add(each)); err != nil {
		return fmt.Errorf("streaming: %w", err)
	}
	return nil
}

// prefixes reads CIDRs, or single addresses.
func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("server.trust_proxy: %q: write it as 10.0.0.0/8 or 10.0.0.1", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// client is the address that a request comes from. Proxies that are trusted say
// whom they pass on; the nearest that is not trusted is the client, for what
// stands before it anybody may have written.
func (g *Gate) client(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && g.trusted(addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap().WithZone("")
	}
	return addr.String()
}

func (g *Gate) trusted(addr netip.Addr) bool {
	for _, p := range g.proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
