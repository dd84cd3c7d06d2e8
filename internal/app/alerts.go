package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/alert"
	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// How a message is sent, and sent again.
const (
	sendTimeout = time.Minute // of an attempt
	sendLease   = 2 * time.Minute
	firstRetry  = 5 * time.Second // each wait is twice the last one
	mostRetry   = time.Hour
	// A message that the other side has refused waits for somebody to change something.
	firstRefused = 5 * time.Minute
	mostRefused  = 6 * time.Hour
	// So often a message is tried before it is given up: for a week.
	sendAttempts    = 180
	refusedAttempts = 32
	// What nobody has told for so long is not told any more: it is in the history.
	mostAge = 7 * 24 * time.Hour
	// A command that has not recorded its end for so long was killed.
	abandonedAfter = 15 * time.Minute
)

// telling tells channels what there is to tell. It is safe for concurrent use, and
// so is what it does for several processes.
type telling struct {
	store    *store.Store
	channels []channel
	links    alert.Links
	scope    string        // of the channels' names in the history
	lease    time.Duration // whoever dies over a message leaves it to others after that
	now      func() time.Time
	warn     func(error)
}

// channel is one of the settings' alerts.
type channel struct {
	alert.Rule // with the name as the history has it
	name       string
	template   *alert.Template
	// open reads the channel's secrets, each time: they may be others by then.
	open func(context.Context) (alert.Notifier, error)
}

// newTelling reads what the settings say of alerts.
func newTelling(s *store.Store, settings *stack.Settings, scope, url string, env []string, warn func(error)) (*telling, error) {
	t := &telling{store: s, links: alert.Links{Server: cmp.Or(url, settings.Server.URL)}, scope: scope, lease: sendLease, now: time.Now, warn: warn}
	zone := cmp.Or(string(settings.TimeZone), queue.DefaultZone)
	for _, a := range settings.Alerts {
		c := channel{Rule: ruleOf(a), name: a.Name, open: opening{a, settings, env, new(alert.Progress)}.channel}
		c.Channel = scope + a.Name
		if a.Digest != "" {
			if _, err := queue.Next(string(a.Digest), zone, t.now()); err != nil {
				return nil, fmt.Errorf("%s: alert %s: digest: %w", settings.File, a.Name, err)
			}
			c.Digest = func(after time.Time) time.Time {
				next, err := queue.Next(string(a.Digest), zone, after)
				if err != nil {
					return after
				}
				return next
			}
		}
		place, err := time.LoadLocation(zone)
		if err != nil {
			return nil, fmt.Errorf("%s: time_zone: %w", settings.File, err)
		}
		c.Quiet.Zone = place
		if a.Template != "" {
			if c.template, err = alert.ReadTemplate(settings.Path(a.Template)); err != nil {
				return nil, err
			}
		}
		t.channels = append(t.channels, c)
	}
	return t, nil
}

// ruleOf is what a channel is told, of what the settings say of it.
func ruleOf(a stack.Alert) alert.Rule {
	r := alert.Rule{
		Severity: drift.Severity(a.Severity), AfterFails: a.AfterFails,
		Quiet: alert.Quiet{From: string(a.Quiet.From), To: string(a.Quiet.To), Except: drift.Severity(a.Quiet.Except)},
	}
	for _, kind := range a.On {
		r.On = append(r.On, drift.AlertKind(kind))
	}
	for _, class := range a.Causes {
		r.Causes = append(r.Causes, drift.CauseClass(class))
	}
	for _, pattern := range a.Addresses {
		r.Addresses = append(r.Addresses, drift.Pattern(pattern))
	}
	for _, day := range a.Quiet.Days {
		r.Quiet.Days = append(r.Quiet.Days, time.Weekday(day.Weekday()))
	}
	if len(a.Stacks) > 0 {
		r.Stack = a.Stacks.Match
	}
	return r
}

// route decides who is told of what nobody has decided on yet. Runs of commands that
// began before abandoned, and have no end, have none. stacks are ids; nil: all.
func (t *telling) route(ctx context.Context, abandoned time.Time, stacks []string) error {
	now := t.now()
	var rules []alert.Rule
	for _, c := range t.channels {
		rules = append(rules, c.Rule)
	}
	_, err := t.store.Route(ctx, store.Routing{Now: now, Abandoned: abandoned, Stacks: stacks, Plan: func(alerts []drift.Alert) []store.Delivery {
		alerts = slices.DeleteFunc(alerts, func(a drift.Alert) bool { return a.At.Before(now.Add(-mostAge)) })
		var list []store.Delivery
		for _, p := range alert.Plan(rules, alerts, now) {
			d := store.Delivery{Channel: p.Channel, Due: p.Due, Held: p.Held}
			for _, a := range p.Alerts {
				d.Alerts = append(d.Alerts, a.ID)
			}
			list = append(list, d)
		}
		return list
	}})
	return err
}

// send sends what is due, one message after the other, and gives when the first of
// those that failed is tried again; zero if none failed.
func (t *telling) send(ctx context.Context) (again time.Time, err error) {
	names := make([]string, 0, len(t.channels))
	for _, c := range t.channels {
		names = append(names, c.Channel)
	}
	for ctx.Err() == nil {
		now := t.now()
		m, err := t.store.Claim(ctx, names, now, now.Add(t.lease))
		if errors.Is(err, store.ErrNothingDue) {
			return again, nil
		}
		if err != nil {
			return again, err
		}
		next, err := t.sendOne(ctx, m)
		if err != nil {
			return again, err
		}
		if !next.IsZero() && (again.IsZero() || next.Before(again)) {
			again = next
		}
	}
	return again, ctx.Err()
}

// sendOne sends a message and records what became of it. It gives when the message is
// tried again; zero if it isn't.
func (t *telling) sendOne(ctx context.Context, m store.AlertMessage) (time.Time, error) {
	i := slices.IndexFunc(t.channels, func(c channel) bool { return c.Channel == m.Channel })
	c := t.channels[i]
	err := t.notify(ctx, c, m)
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	now := t.now()
	if err == nil {
		return time.Time{}, t.store.Done(recording, m.ID, now)
	}
	wait, last := retry(err, m.Attempts)
	if ctx.Err() != nil { // it was interrupted, which says nothing of the other side
		wait, last = 0, false
	}
	if last {
		t.warn(fmt.Errorf("alert channel %s: %w; given up after %d attempts, holdfast alert list has the message", c.name, err, m.Attempts))
		return time.Time{}, t.store.Drop(recording, m.ID, err.Error(), now)
	}
	t.warn(fmt.Errorf("alert channel %s: %w; tried again in %s", c.name, err, wait.Round(time.Second)))
	return now.Add(wait), t.store.Failed(recording, m.ID, err.Error(), now.Add(wait))
}

// retry is how long what failed waits for its next attempt, and whether there is none.
func retry(err error, attempts int) (wait time.Duration, last bool) {
	first, most, limit := firstRetry, mostRetry, sendAttempts
	failure, ok := errors.AsType[*alert.Failure](err)
	if ok && failure.Refused {
		first, most, limit = firstRefused, mostRefused, refusedAttempts
	}
	wait = min(first<<min(max(attempts-1, 0), 12), most)
	if ok {
		wait = max(wait, failure.After)
	}
	return wait, attempts >= limit
}

func (t *telling) notify(ctx context.Context, c channel, m store.AlertMessage) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	standing, err := t.standing(ctx, m.Alerts)
	if err != nil {
		return err
	}
	notifier, err := c.open(ctx)
	if err != nil {
		return alert.Refused(err)
	}
	message := alert.Message{ID: m.ID, Channel: c.name, At: m.MadeAt, Alerts: m.Alerts, Standing: standing}
	composed, err := alert.Compose(message, t.links, c.template)
	if err != nil { // better in our own words than not at all
		t.warn(fmt.Errorf("alert channel %s: %w; this message is in Holdfast's own words", c.name, err))
		if composed, err = alert.Compose(message, t.links, nil); err != nil {
			return err
		}
	}
	return notifier.Notify(ctx, composed)
}

// standing is how the stacks that alerts are about are by now.
func (t *telling) standing(ctx context.Context, alerts []drift.Alert) ([]alert.Standing, error) {
	var list []alert.Standing
	seen := map[string]bool{}
	for _, a := range alerts {
		if seen[a.Stack.ID] {
			continue
		}
		seen[a.Stack.ID] = true
		known, err := t.store.Known(ctx, a.Stack.ID)
		if err != nil {
			return nil, err
		}
		one := alert.Standing{
			Stack: a.Stack, Status: known.Last.Status, CheckedAt: known.Looked, Integrity: known.Last.Integrity, Errors: known.Last.Errors,
			Link: t.links.Stack(a.Stack.ID),
		}
		for _, e := range known.Episodes {
			switch e.Life {
			case drift.LifeOpen:
				one.Open = append(one.Open, e)
			case drift.LifeWaived:
				one.Waived++
			}
		}
		slices.SortStableFunc(one.Open, func(a, b drift.Episode) int { return b.Finding.Severity.Rank() - a.Finding.Severity.Rank() })
		list = append(list, one)
	}
	return list, nil
}

// test sends a message to a channel that says that it is a test.
func (t *telling) test(ctx context.Context, name string) error {
	i := slices.IndexFunc(t.channels, func(c channel) bool { return c.name == name })
	if i < 0 {
		return fmt.Errorf("there is no alert channel %s; there are %s", name, t.names())
	}
	notifier, err := t.channels[i].open(ctx)
	if err != nil {
		return err
	}
	now := t.now()
	m, err := alert.Compose(alert.Message{ID: "test-" + now.UTC().Format("20060102T150405.000"), Channel: name, At: now, Severity: drift.SeverityLow, Test: true}, t.links, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return notifier.Notify(ctx, m)
}

func (t *telling) names() string {
	var names []string
	for _, c := range t.channels {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}
