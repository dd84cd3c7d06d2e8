package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/server"
	"holdfast/internal/server/access"
	"holdfast/internal/stack"
)

// Serve checks on schedule and serves the pages and the API, until ctx ends; then
// it comes to its end as Work does.
func Serve(ctx context.Context, o ServeOptions) error {
	p, err := newProcess(ctx, o)
	if err != nil {
		return err
	}
	defer p.close(ctx)
	listener, url, err := p.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the web server closes it, if it comes to that
	stopping := make(chan struct{})
	handler, err := p.handler(url, stopping)
	if err != nil {
		return err
	}
	web := access.NewServer(handler, p.options.Log)
	return p.run(ctx, func(ctx context.Context) error {
		failed := make(chan error, 1)
		go func() { failed <- web.Serve(listener) }()
		p.options.Log.Info("listening", "url", url)
		if p.options.Ready != nil {
			p.options.Ready(url)
		}
		select {
		case err := <-failed:
			return fmt.Errorf("serving %s: %w", url, err)
		case <-ctx.Done():
		}
		close(stopping)
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := web.Shutdown(ending); err != nil {
			return errors.Join(fmt.Errorf("answering the last requests: %w", err), web.Close())
		}
		return nil
	})
}

// listen opens the address, and says as what people reach it.
func (p *process) listen(ctx context.Context) (net.Listener, string, error) {
	address := cmp.Or(p.options.Listen, p.settings.Server.Listen, DefaultListen)
	if err := access.CheckListen(address, p.authenticated()); err != nil {
		return nil, "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, "", fmt.Errorf("listening on %s: %w; name another address with --listen", address, err)
	}
	return listener, cmp.Or(p.settings.Server.URL, "http://"+listener.Addr().String()), nil
}

// authenticated reports whether people have to say who they are.
func (p *process) authenticated() bool {
	return p.settings.Server.Tokens || p.settings.Server.OIDC.Issuer != ""
}

func (p *process) handler(url string, stopping <-chan struct{}) (http.Handler, error) {
	s := p.settings.Server
	style, err := server.StylePath()
	if err != nil {
		return nil, err
	}
	gate, err := access.New(p.gate(url, style))
	if err != nil {
		return nil, err
	}
	return server.New(server.Options{
		Store: p.store, Rounds: rounds{p.queue}, Requests: requests{p.site, p.queue}, Gate: gate, URL: url, Tool: Tool(), Stale: s.Stale.Duration,
		Log: p.options.Log, Sources: p.site.sources.listed(), Waivers: p.site.waivers, Next: queue.Next, Stopping: stopping, Tracing: p.tracing,
	})
}

func (p *process) gate(url, style string) access.Options {
	s := p.settings.Server
	o := access.Options{Store: p.store, Local: !p.authenticated(), Tokens: s.Tokens, URL: url, Style: style, Contact: s.Contact, Log: p.options.Log, LookupEnv: p.lookupEnv}
	for _, part := range s.TrustProxy {
		o.TrustProxy = append(o.TrustProxy, string(part))
	}
	if s.OIDC.Issuer != "" {
		secret := s.OIDC.ClientSecretFile
		if secret != "" && !filepath.IsAbs(secret) {
			secret = filepath.Join(p.settings.Dir, filepath.FromSlash(secret))
		}
		o.OIDC = &access.OIDC{
			Issuer: s.OIDC.Issuer, ClientID: s.OIDC.ClientID, ClientSecretEnv: s.OIDC.ClientSecretEnv, ClientSecretFile: secret,
			Claim: s.OIDC.Claim, Scopes: s.OIDC.Scopes, Roles: access.Roles(s.OIDC.Roles),
		}
	}
	return o
}

func (p *process) lookupEnv(name string) (string, bool) {
	value := stack.Getenv(p.options.Env, name)
	return value, value != ""
}

// rounds is the queue as the server asks it.
type rounds struct{ *queue.Queue }

// Ask implements server.Rounds.
func (r rounds) Ask(ctx context.Context, source string, stacks []string, actor string) (string, error) {
	return r.Queue.Ask(ctx, queue.Ask{Source: source, Only: stacks, Actor: actor})
}

// listed are the sources as people are told of them.
func (s *openSources) listed() []server.Source {
	var list []server.Source
	for _, name := range s.names() {
		one := s.byName[name]
		list = append(list, server.Source{
			Name: name, Place: cmp.Or(checkout.Redacted(one.Git), one.Folder), Approval: one.Approval, Push: one.Push != (stack.Credentials{}),
		})
	}
	return list
}

// waivers reads the waivers of a source, as it is or was a few minutes ago: pages
// show them.
func (s *site) waivers(ctx context.Context, source string) ([]drift.Waiver, error) {
	o, _, release, err := s.open(ctx, source, s.sources.recently(source))
	if err != nil {
		return nil, err
	}
	defer release()
	settings, err := settingsOf(o)
	if err != nil {
		return nil, err
	}
	at, err := settings.WaiversPath(o.Dir)
	if err != nil {
		return nil, err
	}
	return stack.ReadWaivers(at, s.options.now())
}
