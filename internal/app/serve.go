package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"holdfast/internal/provider"
	"holdfast/internal/queue"
	"holdfast/internal/server"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// ServeOptions are the choices of a server or of a worker. Of the check's, those
// count that say how stacks are opened.
type ServeOptions struct {
	CheckOptions
	Folder string // served where the settings name no sources; "" for that of the settings, or the current one
	Listen string // host and port; "" for what the settings say
	Grace  time.Duration
	Log    *slog.Logger
	// Ready is told where the server can be reached, once it can be.
	Ready func(url string)
}

// DefaultListen is where a server listens that nobody has told: for this machine
// alone.
const DefaultListen = "127.0.0.1:8420"

// defaultGrace is how long checks that run may take to come to their end when the
// process is told to stop.
const defaultGrace = 4 * time.Minute

// Work checks what the queue has, until ctx ends, and then comes to its end.
func Work(ctx context.Context, o ServeOptions) error {
	p, err := newProcess(ctx, o)
	if err != nil {
		return err
	}
	defer p.close(ctx)
	if !p.store.IsPostgres() {
		return errors.New("a worker shares a PostgreSQL database with a server; name it with --store postgres://USER@HOST/DATABASE. On one machine, holdfast serve does a worker's work")
	}
	return p.run(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
}

// process is what a server and a worker have in common.
type process struct {
	options  ServeOptions
	settings *stack.Settings
	store    *store.Store
	site     *site
	queue    *queue.Queue
	tracing  *server.Tracing // nil: nobody wants traces
}

func newProcess(ctx context.Context, o ServeOptions) (p *process, err error) {
	settings, err := settingsOf(o.CheckOptions)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	place, err := historyPlace(o.Store, settings)
	if err != nil {
		return nil, err
	}
	p = &process{options: o, settings: settings}
	defer func() {
		if err != nil {
			p.close(ctx)
		}
	}()
	if p.tracing, err = server.NewTracing(ctx, Tool(), func(name string) string { return stack.Getenv(o.Env, name) }); err != nil {
		return p, err
	}
	if p.store, err = openForWriting(ctx, place); err != nil {
		return p, err
	}
	p.store.KeepAlerts() // of all processes that share a database, one may have the channels
	if err := p.makeSite(place); err != nil {
		return p, err
	}
	options := queue.Options{Workers: settings.Server.Workers, CheckTimeout: settings.Server.CheckTimeout.Duration, Tool: Tool(), Log: o.Log}
	if options.Teller, err = p.teller(); err != nil {
		return p, err
	}
	p.queue, err = queue.New(p.store, p.site, options)
	if err == nil {
		p.site.ask = p.queue.Ask
	}
	return p, err
}

// teller tells the settings' channels; nil where there are none, and other processes
// may have them.
func (p *process) teller() (queue.Teller, error) {
	if len(p.settings.Alerts) == 0 {
		return nil, nil //nolint:nilnil // it says so
	}
	t, err := newTelling(p.store, p.settings, "", p.settings.Server.URL, p.options.Env, p.site.options.Warn)
	if err != nil {
		return nil, err
	}
	return &serverTelling{telling: t, stale: cmp.Or(p.settings.Server.Stale.Duration, usualStale)}, nil
}

func (p *process) makeSite(history place) error {
	o := p.options.CheckOptions
	folder, err := p.folder()
	if err != nil {
		return err
	}
	cache, err := cacheDir(o.CacheDir)
	if err != nil {
		return err
	}
	o.Config, o.Trigger, o.Watch = "", "", nil
	o.Warn = func(err error) { p.options.Log.Warn(err.Error()) }
	p.site = &site{
		options: o, store: p.store, log: p.options.Log, tracing: p.tracing,
		sources:   newOpenSources(p.settings, folder, cache, o.Env),
		providers: provider.NewManager(providerOptions(o, p.settings, cache)),
		cache:     cache, backups: filepath.Join(cache, "backups"),
	}
	if !store.IsURL(history.where) {
		p.site.backups = filepath.Join(filepath.Dir(history.where), "backups")
	}
	return nil
}

// folder is what is served where the settings name no sources.
func (p *process) folder() (string, error) {
	if p.options.Folder != "" {
		return filepath.Abs(p.options.Folder)
	}
	return baseFolder(p.settings)
}

// close lets go of what the process has, whether or not ctx has ended.
func (p *process) close(ctx context.Context) {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := p.tracing.Close(sending); err != nil {
		p.options.Log.Warn(err.Error())
	}
	if p.site != nil {
		p.site.providers.Close()
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.options.Log.Warn(err.Error())
		}
	}
}

// run works until ctx ends or serve does, and then comes to its end.
func (p *process) run(ctx context.Context, serve func(context.Context) error) error {
	if err := p.queue.Prepare(ctx); err != nil {
		return err
	}
	if err := p.schedule(ctx); err != nil {
		return err
	}
	if err := p.queue.Start(ctx); err != nil {
		return err
	}
	failed := serve(ctx)
	p.options.Log.Info("stopping; checks that run come to their end", "at_most", cmp.Or(p.options.Grace, defaultGrace))
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(p.options.Grace, defaultGrace))
	defer cancel()
	return errors.Join(failed, p.queue.Stop(ending))
}

// schedule gives every source a schedule that has none: as the settings say, else
// weekly. Its first round begins at once. One that somebody has deleted stays so.
func (p *process) schedule(ctx context.Context) error {
	have := map[string]bool{}
	list, err := p.store.Schedules(ctx)
	if err != nil {
		return err
	}
	for _, one := range list {
		have[one.Source] = true
	}
	for _, name := range p.site.sources.names() {
		if have[name] {
			continue
		}
		cron, zone := p.site.sources.scheduleOf(ctx, name, p.settings)
		one := store.Schedule{
			ID: store.OwnSchedule(name), Source: name, Cron: cmp.Or(cron, queue.DefaultCron), Zone: cmp.Or(zone, queue.DefaultZone),
			Spread: p.settings.Server.Window.Duration, NextAt: time.Now(),
		}
		if _, err := queue.Next(one.Cron, one.Zone, time.Now()); err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
		if err := p.store.AddSchedule(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// scheduleOf is what the settings say of a source's schedule: a folder's own, else
// the server's.
func (s *openSources) scheduleOf(ctx context.Context, name string, settings *stack.Settings) (cron, zone string) {
	if source := s.byName[name]; source.Git == "" {
		o, err := s.open(ctx, name, "")
		if err == nil && o.config != "" {
			if own, err := stack.ReadSettings(o.config); err == nil && own.Schedule != "" {
				return string(own.Schedule), string(own.TimeZone)
			}
		}
	}
	return string(settings.Schedule), string(settings.TimeZone)
}

// NewLog is the log of a server or worker, as lines of text or of JSON.
func NewLog(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, fmt.Errorf("log format %q: text or json", format)
}
