package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// attempts to bring the tables up to date, and how long after the first failure
// the second is made; each wait is longer by as much. Another process may be
// doing the same: then one of the two fails, and finds the work done later.
const (
	attempts = 20
	waiting  = 20 * time.Millisecond
)

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(s.dialect, s.db, files)
	if err != nil {
		return err
	}
	for n := range attempts {
		var again bool
		if again, err = s.update(ctx, provider); !again {
			return err
		}
		timer := time.NewTimer(time.Duration(n+1) * waiting)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	return err
}

// update brings the tables up to date, once. again says that another attempt may
// do better.
func (s *Store) update(ctx context.Context, provider *goose.Provider) (again bool, err error) {
	// A new SQLite file refuses at once, whatever the busy timeout, while another
	// process gives it its journal.
	if err := s.db.PingContext(ctx); err != nil {
		return isBusy(err), err
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version
	s.known = known
	switch has, _ := s.version(ctx); {
	case has == known:
		return false, nil
	case has > known:
		return false, errNewer(has, known)
	}
	_, err = provider.Up(ctx)
	return err != nil, err
}

// version is that of the tables. Those of a new database have none, and the
// query fails.
func (s *Store) version(ctx context.Context) (int64, error) {
	var version int64
	err := s.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+goose.DefaultTablename).Scan(&version)
	return version, err
}

// Errors of Ready.
var (
	ErrUnreachable = errors.New("the database can't be reached")
	ErrVersion     = errors.New("the tables are of another version than this Holdfast knows")
)

// Ready reports whether the history can be used: ErrUnreachable or ErrVersion is
// wrapped where it can't. It asks the database each time.
func (s *Store) Ready(ctx context.Context) error {
	switch has, err := s.version(ctx); {
	case err != nil:
		return errors.Join(ErrUnreachable, s.failed("looking whether it is there", err))
	case has != s.known:
		return fmt.Errorf("%w: %d, not %d", ErrVersion, has, s.known)
	}
	return nil
}
