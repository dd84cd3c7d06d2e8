package provider

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
)

// Options are the choices that hold for a whole run.
type Options struct {
	// CacheDir is the folder for schemas and remembered hashes.
	CacheDir string
	// AllowUnlocked also runs providers that the lock file does not name, or
	// names without a hash that an unpacked package can be held against. One
	// with another hash than the file records is never run.
	AllowUnlocked bool
	// VerifyAnew hashes every package again instead of trusting the memory of
	// an earlier run.
	VerifyAnew bool
	// Install gets a package that is nowhere and puts it below a folder laid out
	// like .terraform/providers. nil: such a provider is an error.
	Install func(ctx context.Context, m Missing, root string) error
	// MaxIdle is how many processes that nobody uses are kept; 0 means 4.
	MaxIdle int
	// MaxProcesses is how many processes there are at a time, unless a holder
	// that has one needs another; 0 means no limit.
	MaxProcesses int
	// MaxMemory is how many bytes of memory all processes may take before
	// another one has to wait, as for MaxProcesses; 0 means no limit.
	MaxMemory int64
	// MaxAge is how long a process is given out to new users; 0 means an hour.
	MaxAge time.Duration
}

// Manager gives out configured provider processes and ends them. A process is
// configured once in its life and shared by all that want the same: the same
// binary, configuration and environment. Safe for concurrent use.
type Manager struct {
	options  Options
	verifier *verifier
	schemas  schemaCache

	ctx      context.Context // over when the manager is closed
	cancel   context.CancelFunc
	closing  sync.Once
	starting sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	pool     map[string]*pooled
	spares   map[string]*pooled       // started for their schema, not configured
	fetching map[string]chan struct{} // a token each, by Package.key, or by source and version to install
	clients  map[*Client]bool         // all that run
	changed  chan struct{}            // closed when there may be room for a process
	queued   int                      // how many wait for that
}

// NewManager makes a manager; Close ends what it started.
func NewManager(o Options) *Manager {
	if o.MaxIdle == 0 {
		o.MaxIdle = 4
	}
	if o.MaxAge == 0 {
		o.MaxAge = time.Hour
	}
	m := &Manager{
		options: o, verifier: newVerifier(o.CacheDir, o.VerifyAnew), schemas: schemaCache{dir: o.CacheDir},
		pool: map[string]*pooled{}, spares: map[string]*pooled{}, fetching: map[string]chan struct{}{}, clients: map[*Client]bool{},
		changed: make(chan struct{}),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// Request asks for a configured provider.
type Request struct {
	Source string
	Where  Where
	Env    []string // the whole environment of the process
	// TerraformVersion is told to the provider.
	TerraformVersion string
	// Holder is who asks; nil stands for one that has nothing yet.
	Holder *Holder
	// Timeout bounds what the provider does to become ready, and the wait for
	// another who does that; not the wait for room. 0 means no limit.
	Timeout time.Duration
	// Configure evaluates the provider's configuration for its schema, to a
	// value that is wholly known. It is called once a request, and not at all
	// if the provider can't be had.
	Configure func(*schema.Schema) (cty.Value, error)
}

// Acquire gives a provider that is configured as asked, running already or
// started now. Where a limit has been reached it waits for room first. ctx
// bounds the wait for it and no more. The caller releases the lease.
func (m *Manager) Acquire(ctx context.Context, r Request) (*Lease, error) {
	if r.Holder == nil {
		r.Holder = &Holder{}
	}
	key, w, err := m.want(ctx, r)
	if err != nil {
		return nil, err
	}
	for {
		entry, mine, err := m.enter(ctx, key, r.Holder, w)
		if err != nil {
			return nil, err
		}
		lease, again, err := m.join(ctx, r, entry, mine, w)
		if !again {
			return lease, err
		}
	}
}

// wanted is a provider as somebody wants it.
type wanted struct {
	pkg     Package
	schemas *Schemas
	config  Dynamic
	spare   string // the key of a process that may be configured for it
}

// want finds out what exactly is asked for, and the key that stands for that.
func (m *Manager) want(ctx context.Context, r Request) (key string, w wanted, err error) {
	ctx, cancel := bounded(ctx, r.Timeout)
	defer cancel()
	if w.pkg, err = m.Package(ctx, r); err != nil {
		return "", w, err
	}
	if w.schemas, err = m.schemasOf(ctx, w.pkg, r); err != nil {
		return "", w, err
	}
	value, config, err := configuration(r, w.schemas)
	w.config, w.spare = config, spareKey(w.pkg, r)
	return poolKey(w.pkg, r, value, config), w, err
}

// join makes an entry ready if it is mine, and waits for that else. again says
// that whoever wanted to start it gave up. We have not.
func (m *Manager) join(ctx context.Context, r Request, entry *pooled, mine bool, w wanted) (lease *Lease, again bool, err error) {
	ctx, cancel := bounded(ctx, r.Timeout)
	defer cancel()
	if mine {
		client, err := m.ready(ctx, r, w, entry)
		m.settle(entry, client, err, ctx.Err() != nil)
	}
	lease, err = m.await(ctx, entry, w.schemas, r.Holder)
	return lease, err != nil && !mine && ctx.Err() == nil && entry.abandoned, err
}

// bounded gives a context that ends after a time, if there is one.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

func configuration(r Request, schemas *Schemas) (cty.Value, Dynamic, error) {
	own, err := schemas.Provider()
	if err != nil {
		return cty.NilVal, Dynamic{}, err
	}
	value, err := r.Configure(own)
	if err != nil {
		return cty.NilVal, Dynamic{}, err
	}
	if !value.IsWhollyKnown() {
		return cty.NilVal, Dynamic{}, fmt.Errorf("configuration of provider %s: a value in it is not known", r.Source)
	}
	config, err := Encode(value, own.Block.ImpliedType())
	if err != nil {
		return cty.NilVal, Dynamic{}, fmt.Errorf("configuration of provider %s: %w", r.Source, err)
	}
	return value, config, nil
}

// Schemas gives a provider's schemas without configuring it.
func (m *Manager) Schemas(ctx context.Context, r Request) (*Schemas, error) {
	pkg, err := m.Package(ctx, r)
	if err != nil {
		return nil, err
	}
	return m.schemasOf(ctx, pkg, r)
}

// KnownSchemas gives a provider's schemas where that takes no process: it is
// installed and has been asked before. Else they are nil.
func (m *Manager) KnownSchemas(w Where, source string) *Schemas {
	pkg, err := m.Installed(w, source)
	if err != nil {
		return nil
	}
	return m.schemas.load(pkg)
}

// schemasOf gives the schemas of a package: from this run, from the cache
// folder, or from a process started for it. That process becomes a spare, for
// the first who wants to configure one.
func (m *Manager) schemasOf(ctx context.Context, pkg Package, r Request) (*Schemas, error) {
	token := m.fetchToken(pkg.key())
	select {
	case token <- struct{}{}:
		defer func() { <-token }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the schema of provider %s: %w", pkg.Source, ctx.Err())
	}
	if s := m.schemas.load(pkg); s != nil {
		return s, nil
	}
	client, err := m.start(ctx, pkg, r)
	if err != nil {
		return nil, err
	}
	s, err := m.schemas.fetch(ctx, pkg, client)
	if err != nil {
		m.end(client)
		return nil, err
	}
	m.keepSpare(spareKey(pkg, r), client)
	return s, nil
}

// fetchToken is held by who asks a package for its schemas, or installs one.
func (m *Manager) fetchToken(key string) chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fetching[key] == nil {
		m.fetching[key] = make(chan struct{}, 1)
	}
	return m.fetching[key]
}

// ready gives a process that is started and configured.
func (m *Manager) ready(ctx context.Context, r Request, w wanted, entry *pooled) (*Client, error) {
	client := entry.raw
	if client == nil {
		var err error
		if client, err = m.start(ctx, w.pkg, r); err != nil {
			return nil, err
		}
		m.mu.Lock()
		entry.raw = client
		m.mu.Unlock()
		if !w.schemas.optional {
			if err := client.announce(ctx); err != nil {
				m.end(client)
				return nil, err
			}
		}
	}
	if err := client.Configure(ctx, r.TerraformVersion, w.config); err != nil {
		m.end(client)
		return nil, fmt.Errorf("configuring provider %s: %w", r.Source, err)
	}
	return client, nil
}

// start starts a process that Close will end, were it in the middle of this.
func (m *Manager) start(ctx context.Context, pkg Package, r Request) (*Client, error) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil, fmt.Errorf("starting provider %s: all providers were closed: %w", pkg.Source, context.Canceled)
	}
	m.starting.Add(1)
	m.mu.Unlock()
	defer m.starting.Done()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)() //nolint:contextcheck // Close ends every start
	client, err := Start(ctx, Launch{Name: pkg.Source, Binary: pkg.Binary, Dir: r.Where.Dir, Env: frugal(pkg.Source, r.Env)})
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clients[client] = true
	return client, nil
}

func (m *Manager) end(c *Client) {
	c.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.clients, c)
	m.tellWaiting()
}

// Close ends every process, those in use and those being started too. When it
// returns they are gone.
func (m *Manager) Close() {
	m.closing.Do(func() {
		m.mu.Lock()
		m.closed = true
		m.mu.Unlock()
		m.cancel()
		m.starting.Wait()
		m.mu.Lock()
		clients := m.clients
		m.clients = map[*Client]bool{}
		m.mu.Unlock()
		var wg sync.WaitGroup
		for client := range clients {
			wg.Go(client.Close)
		}
		wg.Wait()
	})
}
