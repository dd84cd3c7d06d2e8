// Package wire makes the network connections of state backends: with proxies and
// certificates from a stack's environment instead of the process's own.
package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/net/http/httpproxy"

	"holdfast/internal/state"
)

// Options are what backends set of a connection. The zero value is the common
// case.
type Options struct {
	HTTPProxy, HTTPSProxy, NoProxy string        // instead of the environment's
	CAFile                         string        // PEM; trusted beside the system's
	CAPEM                          []byte        // the same, instead of the system's
	ClientCert, ClientKey          []byte        // PEM
	Insecure                       bool          // take any certificate, as the backend's settings say
	Silence                        time.Duration // the longest between two pieces of an answer; 0 means a minute
}

// Transport makes connections with the environment's proxies. Nothing waits for
// ever: connecting, the beginning of an answer, and silence in the middle of one
// have a time limit.
func Transport(s state.Settings, o Options) (*http.Transport, error) {
	trust, err := o.tls()
	if err != nil {
		return nil, err
	}
	proxy := o.proxy(s)
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		DialContext:           o.dial(dialer),
		TLSClientConfig:       trust,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       30 * time.Second,
	}, nil
}

// dial makes connections that give up on a server that has fallen silent: one
// that is gone without a goodbye, or that hangs in the middle of its answer.
func (o Options) dial(d *net.Dialer) func(ctx context.Context, network, addr string) (net.Conn, error) {
	silence := cmp.Or(o.Silence, time.Minute)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &impatient{conn, silence}, nil
	}
}

// impatient is a connection whose every read has a time limit.
type impatient struct {
	net.Conn
	silence time.Duration
}

func (c *impatient) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// proxy chooses a URL's proxy as net/http does, from the variables of s.
func (o Options) proxy(s state.Settings) func(*url.URL) (*url.URL, error) {
	first := func(value string, names ...string) string {
		if value != "" {
			return value
		}
		return s.FirstEnv(names...)
	}
	config := httpproxy.Config{
		HTTPProxy:  first(o.HTTPProxy, "HTTP_PROXY", "http_proxy"),
		HTTPSProxy: first(o.HTTPSProxy, "HTTPS_PROXY", "https_proxy"),
		NoProxy:    first(o.NoProxy, "NO_PROXY", "no_proxy"),
		CGI:        s.Getenv("REQUEST_METHOD") != "",
	}
	return config.ProxyFunc()
}

func (o Options) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure} //nolint:gosec // only where the user's backend block says so
	var err error
	if c.RootCAs, err = o.authorities(); err != nil {
		return nil, err
	}
	if len(o.ClientCert) == 0 && len(o.ClientKey) == 0 {
		return c, nil
	}
	pair, err := tls.X509KeyPair(o.ClientCert, o.ClientKey)
	if err != nil {
		// The reason may quote the key.
		return nil, errors.New("the client's certificate and key are not a PEM pair; mend them in the backend's settings")
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// authorities are whom to trust; nil for those of the system.
func (o Options) authorities() (*x509.CertPool, error) {
	if len(o.CAPEM) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(o.CAPEM) {
			return nil, errors.New("the certificate authority of the backend's settings is no PEM certificate; mend it")
		}
		return pool, nil
	}
	if o.CAFile == "" {
		return nil, nil
	}
	src, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authorities: %w; mend the path", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(src) {
		return nil, fmt.Errorf("%s holds no PEM certificate; name another file", o.CAFile)
	}
	return pool, nil
}
