package lab

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// ReplayOptions say how a replay answers.
type ReplayOptions struct {
	// Latency passes before every answer, as on the way to a real API.
	Latency time.Duration
	// Rate is how many requests a second are answered, with a burst of a tenth
	// of a second; more are refused with the service's throttling error. 0: all.
	Rate float64
	// ThrottleEvery refuses every n-th request of an action so: AWS counts by
	// action too. 0: none.
	ThrottleEvery int
	// CutAfter cuts every connection from the n-th request on. 0: never.
	CutAfter int
	// Renaming makes further stacks of the recorded one; nil: there is only it.
	Renaming *Renaming
	// Fleet are the numbers of the stacks that exist, by account. None as
	// account is the recorded one.
	Fleet map[int][]int
}

// Replay answers API requests from a recording, thousands a second, so that what
// is measured is the client and not an emulator. Safe for concurrent use.
type Replay struct {
	url     string
	server  *http.Server
	served  chan struct{}
	closing chan struct{}
	once    sync.Once
	options ReplayOptions
	answers map[string]*replayed
	members map[Number]bool // nil: any
	known   knownCalls
	limit   limiter
	cut     atomic.Bool

	mu      sync.Mutex
	total   int            // requests ever
	asked   map[string]int // the same by action
	label   string
	counter map[string]*counter
	unknown UnknownRequestError
}

// replayed is a recorded answer, ready to be given for any stack.
type replayed struct {
	*answer
	body template
	// shared are the bodies of an answer to a request that names no stack but
	// tells of all: a listing. By account.
	shared map[int][]byte
}

// NewReplay starts a replay of a recording, on a port of its own. Later changes
// of the recording don't count. The caller closes it.
func NewReplay(recording *Recording, o ReplayOptions) (*Replay, error) {
	if o.Renaming == nil {
		o.Renaming = &Renaming{}
	}
	p := &Replay{
		options: o, closing: make(chan struct{}), answers: map[string]*replayed{},
		limit: limiter{rate: o.Rate}, counter: map[string]*counter{"": newCounter()}, asked: map[string]int{},
	}
	for account, stacks := range o.Fleet {
		if p.members == nil {
			p.members = map[Number]bool{}
		}
		for _, n := range stacks {
			p.members[Number{n, account}] = true
		}
	}
	recording.mu.Lock()
	defer recording.mu.Unlock()
	for key, a := range recording.answers {
		ready, err := p.ready(a)
		if err != nil {
			return nil, fmt.Errorf("replay of %s %s: %w", a.service, a.action, err)
		}
		p.answers[key] = ready
	}
	var err error
	if p.server, p.url, p.served, err = serve(p); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return p, nil
}

func (p *Replay) ready(a *answer) (*replayed, error) {
	r := &replayed{answer: a, body: p.options.Renaming.compile(a.body)}
	if p.options.Fleet == nil || !r.body.ofStack() || p.options.Renaming.compile([]byte(a.key)).ofStack() {
		return r, nil
	}
	r.shared = map[int][]byte{}
	for account, stacks := range p.options.Fleet {
		body, err := p.options.Renaming.listing(a.body, account, stacks)
		if err != nil {
			return nil, err
		}
		r.shared[account] = body
	}
	return r, nil
}

// URL is the endpoint, without a slash at the end.
func (p *Replay) URL() string { return p.url }

// Env is what a program needs in its environment to use the replay as AWS.
func (p *Replay) Env() []string { return AWSEnv(p.url) }

// Close ends the replay and cuts what is in flight. Closing again does nothing.
func (p *Replay) Close() error {
	p.once.Do(func() { close(p.closing) })
	err := p.server.Close()
	<-p.served
	return err
}

// Cut cuts off every request from now on, or, with false, no longer.
func (p *Replay) Cut(off bool) { p.cut.Store(off) }

// Count begins to count anew, under a label.
func (p *Replay) Count(label string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.label, p.counter[label] = label, newCounter()
}

// Counts gives what was counted under a label.
func (p *Replay) Counts(label string) Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.counter[label]; c != nil {
		return c.copy()
	}
	return Counts{}
}

// Err is an *UnknownRequestError if there was a request that the recording has
// no answer to.
func (p *Replay) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unknown.Times == 0 {
		return nil
	}
	e := p.unknown
	return &e
}

// ServeHTTP answers one API request.
func (p *Replay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	n, err := p.restore(r, body)
	asked := p.known.get(r, body)
	refused, cut := p.admit(asked.request)
	if p.options.Latency > 0 {
		p.wait(r, p.options.Latency)
	}
	if cut {
		panic(http.ErrAbortHandler) // net/http then closes the connection
	}
	if refused {
		Throttling.answer(w, asked.request)
		return
	}
	found := p.answers[asked.key]
	if err == nil && found == nil {
		err = errNotRecorded
	}
	var content []byte
	if err == nil {
		content, err = found.content(n)
	}
	p.note(asked.request, err)
	if err != nil {
		http.Error(w, "no answer is recorded: "+err.Error(), http.StatusNotImplemented)
		return
	}
	found.write(w, content)
}

// admit counts a request and says whether to refuse it or to cut it off.
func (p *Replay) admit(asked Request) (refused, cut bool) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total++
	name := asked.Service + " " + asked.Action
	p.asked[name]++
	cut = p.cut.Load() || p.options.CutAfter > 0 && p.total >= p.options.CutAfter
	refused = !p.limit.allow(now) || p.options.ThrottleEvery > 0 && p.asked[name]%p.options.ThrottleEvery == 0
	c := p.counter[p.label]
	c.arrive(now)
	switch {
	case cut:
		c.counts.Cut++
	case refused:
		c.counts.Throttled++
	}
	return refused, cut
}

// note counts what became of a request that was not refused.
func (p *Replay) note(asked Request, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counter[p.label]
	if err == nil {
		c.counts.Actions[asked.Service+" "+asked.Action]++
		return
	}
	c.counts.Unknown++
	if p.unknown.Times++; len(p.unknown.Requests) < 10 {
		p.unknown.Requests = append(p.unknown.Requests, fmt.Sprintf("%s %s (%s %s?%s %.300s): %v",
			asked.Service, asked.Action, asked.Method, asked.Path, asked.Query, asked.Body, err))
	}
}

// wait delays a request, unless its client or the replay goes away.
func (p *Replay) wait(r *http.Request, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	case <-p.closing:
		panic(http.ErrAbortHandler)
	}
}

// restore turns a request into the recorded stack's, in place.
func (p *Replay) restore(r *http.Request, body []byte) (Number, error) {
	n := Number{None, None}
	path, query := []byte(r.URL.EscapedPath()), []byte(r.URL.RawQuery)
	for _, text := range [][]byte{path, query, body} {
		if err := p.options.Renaming.restore(text, &n); err != nil {
			return n, err
		}
	}
	plain, err := url.PathUnescape(string(path))
	if err != nil {
		return n, err
	}
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = plain, string(path), string(query)
	err = p.settle(&n, accountOf(r))
	return n, err
}

// settle takes the account from who signed the request and holds what the
// request names against that: a request for what is not there is a fault of who
// made the stacks.
func (p *Replay) settle(n *Number, signed int) error {
	named := n.Account
	if n.Account = signed; named != None && max(named, None) != signed {
		return fmt.Errorf("it names account %d and is signed by account %d", named, signed)
	}
	if p.members != nil && n.Stack >= 0 && !p.members[*n] {
		return fmt.Errorf("there is no stack %d in account %d of the fleet", n.Stack, n.Account)
	}
	return nil
}

// content is the answer's body for a stack.
func (r *replayed) content(n Number) ([]byte, error) {
	if r.shared == nil {
		return r.body.render(n), nil
	}
	body, ok := r.shared[n.Account]
	if !ok {
		return nil, fmt.Errorf("there is no account %d in the fleet", n.Account)
	}
	return body, nil
}

// limiter is a token bucket.
type limiter struct {
	rate   float64 // tokens a second; 0: no limit
	tokens float64
	last   time.Time
}

func (l *limiter) allow(now time.Time) bool {
	if l.rate == 0 {
		return true
	}
	burst := max(1, l.rate/10)
	if l.last.IsZero() {
		l.tokens = burst
	} else {
		l.tokens = min(burst, l.tokens+now.Sub(l.last).Seconds()*l.rate)
	}
	if l.last = now; l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

// knownCalls remembers what a request means, because parsing it costs more than
// answering it.
type knownCalls struct{ calls sync.Map }

type knownCall struct {
	key     string
	request Request
}

func (k *knownCalls) get(r *http.Request, body []byte) knownCall {
	service, region := signedFor(r)
	var raw bytes.Buffer
	for _, part := range []string{
		service, region, r.Method, r.URL.EscapedPath(), r.URL.RawQuery,
		r.Header.Get("X-Amz-Target"), r.Header.Get("Content-Type"), string(body),
	} {
		raw.WriteString(part)
		raw.WriteByte('\n')
	}
	if call, ok := k.calls.Load(raw.String()); ok {
		return call.(knownCall)
	}
	call := knownCall{requestKey(r, body), parseRequest(r, body)}
	k.calls.Store(raw.String(), call)
	return call
}
