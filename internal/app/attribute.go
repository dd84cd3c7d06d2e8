package app

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"holdfast/internal/attribution"
	"holdfast/internal/drift"
	"holdfast/internal/stack"
)

// Why nobody was asked who changed something.
const (
	notAsked   = "unknown: holdfast.yaml names no log to ask (attribution)"
	notWanted  = "unknown: not asked (--no-attribution)"
	notReached = "unknown: the log could not be asked"
	notOfAWS   = "unknown: no log of its provider is read, of AWS alone"
	notCounted = "unknown: not asked, since it is ignored"
)

// attribute says of each finding of a run who or what caused it. All are looked
// up at once, since that reads the logs once. What the history knows for good is
// not asked again.
func attribute(ctx context.Context, o CheckOptions, found *fleet, history *recorder, run *drift.Run) error {
	logs := found.settings.Attribution
	unasked := ""
	switch {
	case o.NoAttribution:
		unasked = notWanted
	case len(logs.LookupEvents)+len(logs.Trails) == 0:
		unasked = notAsked
	}
	var targets []*attribution.Target
	var known []*drift.Cause // of the targets, nil for nothing
	for _, s := range run.Stacks {
		before := history.before(s.ID)
		for j := range s.Findings {
			f := &s.Findings[j]
			since, cause, settled := before.of(*f)
			if f.Cause = unlooked(*f, unasked, since, cause, settled); f.Cause != nil {
				continue
			}
			known = append(known, cause)
			targets = append(targets, &attribution.Target{
				Finding: f, Identifiers: f.Object.Identifiers, Region: f.Object.Region, Account: f.Object.Account, Since: since,
			})
		}
	}
	if len(targets) == 0 {
		return nil
	}
	if o.Tell != nil {
		o.Tell(fmt.Sprintf("asking CloudTrail who changed what was found (%d)", len(targets)))
	}
	causes, err := ask(ctx, found.settings, targets)
	for i, t := range targets {
		if err != nil {
			t.Finding.Cause = cmp.Or(known[i], unanswered(t.Since))
			continue
		}
		t.Finding.Cause = better(known[i], causes[i])
	}
	return err
}

// unlooked is the cause of a finding that need not be looked up, or can't be; nil
// for others. The rest is what the history knows of it, and unasked why nobody is
// asked at all.
func unlooked(f drift.Finding, unasked string, since time.Time, cause *drift.Cause, settled bool) *drift.Cause {
	ignored := f.Status == drift.Ignored
	switch {
	case f.Cause != nil: // the state explains it
		return dated(f.Cause, since)
	case cause != nil && (settled || unasked != "" || ignored):
		return cause
	case unasked != "":
		return notLooked(unasked, since)
	case ignored:
		return notLooked(notCounted, since)
	case len(f.Object.Identifiers) == 0:
		return notLooked(notOfAWS, since)
	}
	return nil
}

// notLooked is the cause of a finding that nobody was asked about.
func notLooked(why string, since time.Time) *drift.Cause {
	c := unknown(why, since)
	c.Rule = drift.NotAsked
	return c
}

// unanswered is the cause of a finding where nobody could be asked.
func unanswered(since time.Time) *drift.Cause {
	c := unknown(notReached, since)
	c.Gaps = []string{"CloudTrail: not asked"}
	return c
}

func unknown(why string, since time.Time) *drift.Cause {
	return &drift.Cause{Class: drift.CauseUnknown, Summary: why, Since: since}
}

// ask looks the targets up in the logs that the settings name.
func ask(ctx context.Context, settings *stack.Settings, targets []*attribution.Target) ([]*drift.Cause, error) {
	return attribution.Attribute(ctx, openLogs(ctx, settings), targets,
		attribution.Options{Until: time.Now(), Automation: settings.Attribution.Known()})
}

// openLogs opens the logs that the settings name. Nothing is asked yet. One that
// can't be opened keeps nobody from asking the others.
func openLogs(ctx context.Context, settings *stack.Settings) []attribution.Source {
	logs := settings.Attribution
	var sources []attribution.Source
	var accounts []attribution.LookupAccount
	for _, a := range logs.LookupEvents {
		access := attribution.Access{Profile: a.Profile, RoleARN: string(a.RoleARN)}
		id := cmp.Or(a.ID, a.RoleARN.Account())
		cfg, err := access.Open(ctx)
		if err != nil {
			sources = append(sources, attribution.Unread{Account: id, Where: "CloudTrail LookupEvents", Err: err})
			continue
		}
		accounts = append(accounts, attribution.LookupAccount{ID: id, Config: cfg})
	}
	if len(accounts) > 0 {
		regions := logs.Regions
		if len(regions) == 0 {
			regions = []string{accounts[0].Config.Region}
		}
		sources = append(sources, attribution.NewLookup(accounts, regions))
	}
	for _, t := range logs.Trails {
		if t.Folder != "" {
			dir := filepath.FromSlash(t.Folder)
			if !filepath.IsAbs(dir) {
				dir = filepath.Join(settings.Dir, dir)
			}
			sources = append(sources, attribution.NewFolder(dir))
			continue
		}
		access := attribution.Access{Profile: t.Profile, RoleARN: string(t.RoleARN), Region: t.Region}
		cfg, err := access.Open(ctx)
		if err != nil {
			sources = append(sources, attribution.Unread{Where: "s3://" + t.Bucket, Err: err})
			continue
		}
		sources = append(sources, attribution.NewBucket(cfg, t.Bucket, t.Prefix))
	}
	return sources
}
