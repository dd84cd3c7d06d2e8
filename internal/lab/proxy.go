package lab

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Proxy stands in front of an emulator, on a port of its own: it records every
// request, and does to some what its rules say. Safe for concurrent use.
type Proxy struct {
	url       string
	forward   *httputil.ReverseProxy
	transport *http.Transport
	server    *http.Server
	served    chan struct{} // closed when the server has ended
	closing   chan struct{}
	closeOnce sync.Once

	mu       sync.Mutex
	rules    []*rule
	requests []*Request
}

type rule struct {
	match func(Request) bool
	fault Fault
	done  int // how many requests it has happened to
}

// NewProxy starts a proxy to target, a URL such as Emulator.URL. The caller
// closes it.
func NewProxy(target string) (*Proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", target, err)
	}
	p := &Proxy{
		url:       "http://" + listener.Addr().String(),
		transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true},
		served:    make(chan struct{}),
		closing:   make(chan struct{}),
	}
	quiet := log.New(io.Discard, "", 0) // aborted requests are on purpose here
	p.forward = &httputil.ReverseProxy{
		Transport: p.transport,
		ErrorLog:  quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // moto names it in what it answers
		},
	}
	p.server = &http.Server{Handler: p, ErrorLog: quiet}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener) // always http.ErrServerClosed
	}()
	return p, nil
}

// URL is the endpoint, without a slash at the end.
func (p *Proxy) URL() string { return p.url }

// Env is what a program needs in its environment to use the proxy as AWS.
func (p *Proxy) Env() []string { return AWSEnv(p.url) }

// Close ends the proxy and cuts what is in flight. Closing again does nothing.
func (p *Proxy) Close() error {
	p.closeOnce.Do(func() { close(p.closing) })
	err := p.server.Close()
	<-p.served
	p.transport.CloseIdleConnections()
	return err
}

// On adds a rule: requests that match get the fault. The first rule that matches
// and is not used up counts; later rules come after earlier ones. The function
// returned takes the rule away.
func (p *Proxy) On(match func(Request) bool, fault Fault) (remove func()) {
	added := &rule{match: match, fault: fault}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, added)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.rules = slices.DeleteFunc(p.rules, func(r *rule) bool { return r == added })
	}
}

// Requests lists what the proxy has seen, oldest first.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := make([]Request, len(p.requests))
	for i, request := range p.requests {
		seen[i] = *request
	}
	return seen
}

// Forget empties the list of requests.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = nil
}

// ServeHTTP answers one API request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	request := parseRequest(r, body)
	record, fault := p.admit(request)
	answer := &recorder{ResponseWriter: w, note: func(status int) { p.answered(record, status) }}
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		wait(p, r, timer.C)
	}
	if fault.Until != nil {
		wait(p, r, fault.Until)
	}
	switch {
	case fault.Cut:
		panic(http.ErrAbortHandler) // net/http then closes the connection
	case fault.Kind != NoFault:
		fault.Kind.answer(answer, request)
	default:
		p.forward.ServeHTTP(answer, r)
	}
}

// admit records a request and finds its fault.
func (p *Proxy) admit(request Request) (*Request, Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	record := &request
	p.requests = append(p.requests, record)
	for _, rule := range p.rules {
		if (rule.fault.Times == 0 || rule.done < rule.fault.Times) && rule.match(request) {
			rule.done++
			return record, rule.fault
		}
	}
	return record, Fault{}
}

func (p *Proxy) answered(record *Request, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	record.Status = status
}

// wait delays a request, unless its client or the proxy goes away.
func wait[T any](p *Proxy, r *http.Request, until <-chan T) {
	select {
	case <-until:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	case <-p.closing:
		panic(http.ErrAbortHandler)
	}
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	note func(status int)
}

func (r *recorder) WriteHeader(status int) {
	r.note(status)
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets net/http reach what the writer beneath can do.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
