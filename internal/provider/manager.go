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
	// Configure evaluates the provider's configuration for its schema, to a
	// value that is wholly known. It is called once a request, and not at all
	// if the provider can't be had.
	Configure func(*schema.Schema) (cty.Value, error)
}

// Acquire gives a provider that is configured as asked, running already or
// started now. ctx bounds the wait for it and no more. The caller releases the
// lease.
func (m *Manager) Acquire(ctx context.Context, r Request) (*Lease, error) {
	pkg, err := m.Package(ctx, r)
	if err != nil {
		return nil, err
	}
	schemas, err := m.schemasOf(ctx, pkg, r)
	if err != nil {
		return nil, err
	}
	value, config, err := configuration(r, schemas)
	if err != nil {
		return nil, err
	}
	key := poolKey(pkg, r, value, config)
	for {
		entry, mine := m.enter(key)
		if mine {
			client, err := m.ready(ctx, pkg, r, schemas, config)
			m.settle(entry, client, err, ctx.Err() != nil)
		}
		lease, err := m.await(ctx, entry, schemas)
		if err == nil || mine || ctx.Err() != nil || !entry.abandoned {
			return lease, err
		}
		// Who wanted to start it gave up. We have not.
	}
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
func (m *Manager) ready(ctx context.Context, pkg Package, r Request, schemas *Schemas, config Dynamic) (*Client, error) {
	client := m.takeSpare(spareKey(pkg, r))
	if client == nil {
		var err error
		if client, err = m.start(ctx, pkg, r); err != nil {
			return nil, err
		}
		if !schemas.optional {
			if err := client.announce(ctx); err != nil {
				m.end(client)
				return nil, err
			}
		}
	}
	if err := client.Configure(ctx, r.TerraformVersion, config); err != nil {
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
