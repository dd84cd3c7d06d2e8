package store

import (
	"context"
	"embed"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// attempts to bring the tables up to date: another process may be doing so, and
// then one of the two fails and finds the work done.
const attempts = 10

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(s.dialect, s.db, files)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version
	if err := s.db.PingContext(ctx); err != nil {
		return err
	}
	for range attempts {
		if has, _ := s.version(ctx); has == known {
			return nil
		} else if has > known {
			return errNewer(has, known)
		}
		if _, err = provider.Up(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// version is that of the tables. Those of a new database have none, and the
// query fails.
func (s *Store) version(ctx context.Context) (int64, error) {
	var version int64
	err := s.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+goose.DefaultTablename).Scan(&version)
	return version, err
}
