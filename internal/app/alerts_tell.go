package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// patience is how long a command tries to send what could not be sent at once. What
// is left then waits for the next command, or for holdfast alert send.
const patience = 30 * time.Second

// tellRun tells channels of a run that has ended, and of what was left before it.
func tellRun(ctx context.Context, o CheckOptions, found *fleet, run drift.Run) error {
	mine := []string{}
	for _, s := range run.Stacks {
		mine = append(mine, s.ID)
	}
	return withTelling(ctx, o, found.settings, func(t *telling) error {
		if err := t.route(ctx, run.StartedAt, mine); err != nil {
			return err
		}
		return t.insist(ctx)
	})
}

// withTelling opens the history for something about its alerts.
func withTelling(ctx context.Context, o CheckOptions, settings *stack.Settings, f func(*telling) error) error {
	s, err := OpenHistory(ctx, HistoryOptions{Config: o.Config, Store: o.Store})
	if err != nil {
		return err
	}
	scope, err := alertScope(o, settings)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	t, err := newTelling(s, settings, scope, "", o.Env, o.Warn)
	if err == nil {
		err = f(t)
	}
	return errors.Join(err, s.Close())
}

// alertScope goes before the names of channels in the history: several repositories
// may share a database, each with a channel of the same name.
func alertScope(o CheckOptions, settings *stack.Settings) (string, error) {
	base, err := baseFolder(settings)
	if err != nil {
		return "", err
	}
	return scopeOf(o, settings, base)
}

// insist sends what is due, and tries again for a while what failed.
func (t *telling) insist(ctx context.Context) error {
	deadline := t.now().Add(patience)
	for {
		again, err := t.send(ctx)
		if err != nil || again.IsZero() || again.After(deadline) {
			return err
		}
		timer := time.NewTimer(max(again.Sub(t.now()), 0))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// TryAlerts sends a test through an alert channel; "" for all of them. An error names
// each that failed.
func TryAlerts(ctx context.Context, o CheckOptions, name string) (sent []string, err error) {
	settings, err := alertSettings(o)
	if err != nil {
		return nil, err
	}
	t, err := newTelling(nil, settings, "", "", o.Env, o.Warn)
	if err != nil {
		return nil, err
	}
	for _, c := range t.channels {
		if name != "" && c.name != name {
			continue
		}
		if failed := t.test(ctx, c.name); failed != nil {
			err = errors.Join(err, fmt.Errorf("alert channel %s: %w", c.name, failed))
			continue
		}
		sent = append(sent, c.name)
	}
	if len(sent) == 0 && err == nil {
		err = t.test(ctx, name) // it says which there are
	}
	return sent, err
}

// alertSettings are the settings, with a channel at least.
func alertSettings(o CheckOptions) (*stack.Settings, error) {
	settings, err := settingsOf(o)
	if err == nil && len(settings.Alerts) == 0 {
		err = errors.New("no alert channel is set up; name them under alerts: in holdfast.yaml")
	}
	return settings, err
}

// SendAlerts sends at once what could not be sent before, and what nobody was told of
// yet. It gives the messages that are left.
func SendAlerts(ctx context.Context, o CheckOptions) (left []store.AlertMessage, err error) {
	settings, err := alertSettings(o)
	if err != nil {
		return nil, err
	}
	var mine []string // nil: all
	if at, err := historyPlace(o.Store, settings); err != nil {
		return nil, err
	} else if store.IsURL(at.where) { // others may share it
		found, err := findStacks(ctx, o)
		if err != nil {
			return nil, err
		}
		mine = []string{}
		for _, c := range found.candidates {
			mine = append(mine, c.Stack.ID())
		}
	}
	err = withTelling(ctx, o, settings, func(t *telling) error {
		now := t.now()
		if err := t.route(ctx, now.Add(-abandonedAfter), mine); err != nil {
			return err
		}
		for _, c := range t.channels {
			if err := t.store.Hurry(ctx, c.Channel, now); err != nil {
				return err
			}
		}
		if err := t.insist(ctx); err != nil {
			return err
		}
		left, err = t.messages(ctx, true)
		return err
	})
	return left, err
}

// AlertMessages are the latest messages, all or those that are not sent yet.
func AlertMessages(ctx context.Context, o CheckOptions, unsent bool) (list []store.AlertMessage, err error) {
	settings, err := alertSettings(o)
	if err != nil {
		return nil, err
	}
	err = withTelling(ctx, o, settings, func(t *telling) error {
		list, err = t.messages(ctx, unsent)
		return err
	})
	return list, err
}

// mostListed is how many messages are listed.
const mostListed = 500

// messages are those of the channels, under their names.
func (t *telling) messages(ctx context.Context, unsent bool) ([]store.AlertMessage, error) {
	all, err := t.store.Messages(ctx, unsent, mostListed)
	if err != nil {
		return nil, err
	}
	var mine []store.AlertMessage
	for _, m := range all {
		if i := slices.IndexFunc(t.channels, func(c channel) bool { return c.Channel == m.Channel }); i >= 0 {
			m.Channel = t.channels[i].name
			mine = append(mine, m)
		}
	}
	return mine, nil
}

const (
	overdueEvery  = time.Minute // how often a server looks for stacks that are
	keepsMessages = 90 * 24 * time.Hour
)

// usualStale is as the pages have it: a week's check may be a day late.
const usualStale = 8 * 24 * time.Hour

// serverTelling is the telling of a server or worker.
type serverTelling struct {
	*telling
	stale time.Duration // a stack that was not checked for so long is overdue

	mu      sync.Mutex
	overdue time.Time // when it was last looked for
}

// Tell implements queue.Teller.
func (t *serverTelling) Tell(ctx context.Context) error {
	now := t.now()
	if t.seldom(now) {
		if err := t.store.NoteOverdue(ctx, now.Add(-t.stale), now); err != nil {
			return err
		}
	}
	if err := t.route(ctx, now.Add(-abandonedAfter), nil); err != nil {
		return err
	}
	_, err := t.send(ctx)
	return err
}

// seldom reports whether it is time again to look for stacks that are overdue.
func (t *serverTelling) seldom(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.overdue) < overdueEvery {
		return false
	}
	t.overdue = now
	return true
}
