package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// HistoryOptions say where the history is.
type HistoryOptions struct {
	Config string // as in CheckOptions
	Store  string // a file or a postgres:// URL; "" for what the settings say, else the default
}

// historyFolder is where the history is that nobody has given another place.
const historyFolder = ".holdfast"

// ErrNoHistory is wrapped where there is no history to read yet.
var ErrNoHistory = errors.New("there is no history yet")

// OpenHistory opens the history to read it or to add to it. It makes none: that
// is what a check does.
func OpenHistory(ctx context.Context, o HistoryOptions) (*store.Store, error) {
	settings, err := settingsOf(CheckOptions{Config: o.Config})
	if err != nil {
		return nil, err
	}
	place, err := historyPlace(o.Store, settings)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(place.where); !store.IsURL(place.where) && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s; holdfast check begins one, or name another place with --store", ErrNoHistory, place.where)
	}
	return place.open(ctx)
}

// open opens the history there.
func (p place) open(ctx context.Context) (*store.Store, error) {
	s, err := store.Open(ctx, p.where)
	if err == nil && p.tells {
		s.KeepAlerts()
	}
	return s, err
}

// place is where the history is.
type place struct {
	where string
	own   bool // nobody has named it, and its folder is ours
	tells bool // somebody is to be told of what is recorded
}

// historyPlace finds the place: the option, the settings, or .holdfast in the
// folder of holdfast.yaml, at the top of the repository, or in the current folder.
func historyPlace(option string, settings *stack.Settings) (place, error) {
	tells := len(settings.Alerts) > 0
	switch {
	case option != "":
		return place{where: option, tells: tells}, nil
	case store.IsURL(settings.Store) || filepath.IsAbs(settings.Store):
		return place{where: settings.Store, tells: tells}, nil
	case settings.Store != "":
		return place{where: filepath.Join(settings.Dir, filepath.FromSlash(settings.Store)), tells: tells}, nil
	}
	base, err := baseFolder(settings)
	if err != nil {
		return place{}, err
	}
	return place{filepath.Join(base, historyFolder, "history.db"), true, tells}, nil
}

// baseFolder is the folder of the settings, the top of the repository around the
// current folder, or that folder.
func baseFolder(settings *stack.Settings) (string, error) {
	if settings.Dir != "" {
		return settings.Dir, nil
	}
	current, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	for dir := current; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return current, nil
		}
	}
}

// openForWriting opens the history, and makes it where there is none. A folder
// of ours is kept out of git by a file of its own.
func openForWriting(ctx context.Context, p place) (*store.Store, error) {
	s, err := p.open(ctx)
	if err != nil || !p.own {
		return s, err
	}
	ignore := filepath.Join(filepath.Dir(p.where), ".gitignore")
	file, err := os.OpenFile(ignore, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return s, nil
	case err == nil:
		_, err = file.WriteString("*\n")
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keeping the history out of git: %w", err), s.Close())
	}
	return s, nil
}

// HistoryQuery chooses what of the history is wanted; empty parts choose all.
type HistoryQuery struct {
	HistoryOptions
	What   string // an address, or the id of a finding or a start of it
	Stack  string // a path, a name, or the id or a start of it
	Lives  []drift.Life
	Since  time.Time
	Events bool // what happened, instead of what was found
}

// findingID is how ids of findings and episodes look, or starts of them.
var findingID = regexp.MustCompile(`^[0-9a-f]{4,12}(-[0-9]+)?$`)

// History reads the history.
func History(ctx context.Context, q HistoryQuery) (h drift.History, err error) {
	h = drift.History{SchemaVersion: drift.SchemaVersion, Tool: Tool()}
	filter := store.Filter{Lives: q.Lives, Since: q.Since}
	if findingID.MatchString(q.What) {
		filter.Finding = q.What
	} else {
		filter.Address = q.What
	}
	s, err := OpenHistory(ctx, q.HistoryOptions)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if q.Events {
		h.Events = []drift.Event{}
		for event, err := range s.Events(ctx, filter) {
			if err != nil {
				return h, err
			}
			if event.Stack.Matches(q.Stack) {
				h.Events = append(h.Events, event)
			}
		}
		return h, nil
	}
	h.Episodes = []drift.Episode{}
	for episode, err := range s.Episodes(ctx, filter) {
		if err != nil {
			return h, err
		}
		if episode.Stack.Matches(q.Stack) {
			h.Episodes = append(h.Episodes, episode)
		}
	}
	return h, nil
}

// PruneHistory forgets runs and results from before a time, and says how many.
func PruneHistory(ctx context.Context, o HistoryOptions, before time.Time) (n int, err error) {
	s, err := OpenHistory(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Prune(ctx, before)
}
