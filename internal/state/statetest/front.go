package statetest

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// mode is how the front treats requests.
type mode int

const (
	pass  mode = iota // pass them on
	deny              // answer as the service that refuses access
	fail              // answer with an internal error
	hang              // answer nothing
	stall             // begin to answer, then nothing
	cut               // begin to answer, then close the connection
)

// begun is how many bytes of an answer get through before it stalls or is cut.
const begun = 1000

// front is a proxy before the storage's server. It notes requests that may
// write, and can misbehave.
type front struct {
	URL  string
	rig  Rig
	next *httputil.ReverseProxy
	end  chan struct{}

	mu      sync.Mutex
	mode    mode
	arrived chan struct{} // gets one when a request hangs or stalls; has room
	writes  []string
}

func newFront(t *testing.T, rig Rig) *front {
	t.Helper()
	target, err := url.Parse(rig.Server)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{rig: rig, end: make(chan struct{}), arrived: make(chan struct{}, 1000)}
	f.next = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // signatures have it in them
		},
		ModifyResponse: f.disturb,
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0), // faults are on purpose
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(f)
	f.URL = server.URL
	t.Cleanup(func() {
		close(f.end)
		server.CloseClientConnections()
		server.Close()
	})
	return f
}

func (f *front) set(m mode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode = m
}

func (f *front) now() mode {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mode
}

// written gives the requests that may have written something.
func (f *front) written() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.note(r)
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch f.now() {
	case deny:
		f.rig.Deny(w, r)
	case fail:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case hang:
		f.wait(r)
		panic(http.ErrAbortHandler)
	default:
		f.next.ServeHTTP(w, r)
	}
}

func (f *front) note(r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || (f.rig.Reads != nil && f.rig.Reads(r)) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes = append(f.writes, r.Method+" "+r.URL.Path)
}

// wait says that a request has come so far, and waits until its client gives up.
func (f *front) wait(r *http.Request) {
	f.arrived <- struct{}{}
	select {
	case <-r.Context().Done():
	case <-f.end:
	}
}

// disturb lets only the beginning of an answer through, in the modes for it.
func (f *front) disturb(answer *http.Response) error {
	m := f.now()
	if m != stall && m != cut {
		return nil
	}
	answer.Body = &disturbed{ReadCloser: answer.Body, left: begun, end: func() {
		if m == stall {
			f.wait(answer.Request)
		}
	}}
	return nil
}

// disturbed is a body that breaks off.
type disturbed struct {
	io.ReadCloser
	left int
	end  func()
}

func (d *disturbed) Read(p []byte) (int, error) {
	if d.left == 0 {
		d.end()
		return 0, errors.New("broken off on purpose")
	}
	n, err := d.ReadCloser.Read(p[:min(len(p), d.left)])
	d.left -= n
	return n, err
}
