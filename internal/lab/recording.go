package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Recording is what an API answered, by request. Two requests are the same if
// they differ only in what does not change the answer: signature, date, user
// agent, order of arguments, idempotency tokens. Safe for concurrent use, but
// for Change.
type Recording struct {
	mu      sync.Mutex
	answers map[string]*answer
}

// answer is what the API said to a request.
type answer struct {
	service, action string
	key             string
	status          int
	header          http.Header
	body            []byte
}

// Len is how many different requests were answered.
func (r *Recording) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.answers)
}

// Change makes a recording in which the answers to an action differ, as if the
// object had been changed, and says how many do. The original stays as it is.
func (r *Recording) Change(match func(Request) bool, change func(body []byte) []byte) (*Recording, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed, n := &Recording{answers: map[string]*answer{}}, 0
	for key, a := range r.answers {
		if match(Request{Service: a.service, Action: a.action}) {
			other := *a
			if other.body = change(slices.Clone(a.body)); !bytes.Equal(other.body, a.body) {
				n++
			}
			a = &other
		}
		changed.answers[key] = a
	}
	return changed, n
}

func (r *Recording) put(a *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[a.key] = a
}

// hopHeaders belong to one connection or one moment, not to the answer. A
// checksum of the body would be wrong once that is renamed.
var hopHeaders = []string{"Connection", "Content-Length", "Date", "Keep-Alive", "Server", "Transfer-Encoding", "X-Amz-Crc32"}

// Recorder passes requests on to an API and keeps the answers.
type Recorder struct {
	target    string
	url       string
	recording *Recording
	transport *http.Transport
	server    *http.Server
	served    chan struct{}
}

// NewRecorder starts a recorder in front of target, a URL such as Emulator.URL.
// The caller closes it.
func NewRecorder(target string) (*Recorder, error) {
	r := &Recorder{
		target: target, recording: &Recording{answers: map[string]*answer{}},
		transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}
	var err error
	if r.server, r.url, r.served, err = serve(r); err != nil {
		return nil, fmt.Errorf("recorder of %s: %w", target, err)
	}
	return r, nil
}

// serve serves HTTP on a free port of this machine.
func serve(handler http.Handler) (server *http.Server, url string, served chan struct{}, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, err
	}
	quiet := log.New(io.Discard, "", 0) // aborted requests are on purpose here
	server = &http.Server{Handler: handler, ErrorLog: quiet}
	served = make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // always http.ErrServerClosed
	}()
	return server, "http://" + listener.Addr().String(), served, nil
}

// URL is the endpoint, without a slash at the end.
func (r *Recorder) URL() string { return r.url }

// Env is what a program needs in its environment to use the recorder as AWS.
func (r *Recorder) Env() []string { return AWSEnv(r.url) }

// Recording is what was kept so far; it grows with further requests.
func (r *Recorder) Recording() *Recording { return r.recording }

// Close ends the recorder. Closing again does nothing.
func (r *Recorder) Close() error {
	err := r.server.Close()
	<-r.served
	r.transport.CloseIdleConnections()
	return err
}

// ServeHTTP answers one API request.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	a, err := r.ask(request, body)
	if err != nil {
		panic(http.ErrAbortHandler) // as the API itself: nothing came
	}
	if a.status < http.StatusInternalServerError {
		r.recording.put(a)
	}
	a.write(w, a.body)
}

func (r *Recorder) ask(request *http.Request, body []byte) (*answer, error) {
	out := request.Clone(request.Context())
	to, err := url.Parse(r.target + request.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	out.URL, out.RequestURI, out.Body = to, "", io.NopCloser(bytes.NewReader(body))
	out.Header.Del("Accept-Encoding")
	response, err := r.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a := &answer{key: requestKey(request, body), status: response.StatusCode, header: response.Header.Clone()}
	asked := parseRequest(request, body)
	a.service, a.action = asked.Service, asked.Action
	for _, name := range hopHeaders {
		a.header.Del(name)
	}
	a.body, err = io.ReadAll(response.Body)
	return a, err
}

func (a *answer) write(w http.ResponseWriter, body []byte) {
	header := w.Header()
	maps.Copy(header, a.header)
	header.Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // fails only when the client has gone
}

// requestKey tells requests apart by what decides the answer.
func requestKey(r *http.Request, body []byte) string {
	service, region := signedFor(r)
	query := r.URL.Query()
	for name := range query {
		if strings.HasPrefix(name, "X-Amz-") {
			query.Del(name)
		}
	}
	return strings.Join([]string{
		service, region, r.Method, r.URL.EscapedPath(), query.Encode(), r.Header.Get("X-Amz-Target"), normalBody(r, body),
	}, "\n")
}

// tokens are the names of idempotency tokens: random, and no part of the
// question.
var tokens = []string{"ClientToken", "ClientRequestToken", "clientToken", "CreatorRequestId", "IdempotencyToken"}

// normalBody gives a body without order and tokens, where its format is known.
func normalBody(r *http.Request, body []byte) string {
	kind := r.Header.Get("Content-Type")
	switch {
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		if form, err := url.ParseQuery(string(body)); err == nil {
			for _, name := range tokens {
				form.Del(name)
			}
			return form.Encode()
		}
	case strings.Contains(kind, "json"):
		var object map[string]any
		if decodeNumbers(body, &object) == nil {
			for _, name := range tokens {
				delete(object, name)
			}
			if normal, err := json.Marshal(object); err == nil {
				return string(normal)
			}
		}
	}
	return string(body)
}
