// Package store keeps the history: runs, the latest result of each stack, what
// became of each finding, and baselines. It is in a SQLite file or in PostgreSQL,
// with the same tables and the same queries.
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// Store is an open history. It is safe for concurrent use, and so is the history
// itself for several processes.
type Store struct {
	db      *sql.DB
	dialect goose.Dialect // of migrations
	place   string        // as messages name it, without secrets
	secrets []string      // that no message may hold
	known   int64         // version of the tables
	help    string        // what to do where it can't be written

	keepsAlerts bool
}

// Open opens the history in a PostgreSQL database, for a URL that begins with
// postgres:// or postgresql://, and otherwise in a SQLite file, which it creates
// with its folder. It brings the tables up to date. No error holds a password.
func Open(ctx context.Context, where string) (*Store, error) {
	open := openFile
	if IsURL(where) {
		open = openPostgres
	}
	s, err := open(where)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(s.failed("opening it", err), s.db.Close())
	}
	if err := s.fillLists(ctx); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// IsURL reports whether a place is that of a PostgreSQL database.
func IsURL(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// String is where the history is, for messages: without any password.
func (s *Store) String() string { return s.place }

// Close ends the connections. What was saved is saved without it.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return s.failed("closing it", err)
	}
	return nil
}

// failed says what could not be done with the history, and what to do now.
func (s *Store) failed(what string, err error) error {
	return fmt.Errorf("the history in %s: %s: %w; %s", s.place, what, s.scrub(err), s.help)
}

// scrub takes secrets out of an error, and puts it on one line. What held a
// secret is not kept inside it.
func (s *Store) scrub(err error) error {
	text, hidden := err.Error(), false
	for _, secret := range s.secrets {
		hidden = hidden || strings.Contains(text, secret)
		text = strings.ReplaceAll(text, secret, "(hidden)")
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	text = strings.Join(lines, " ")
	switch {
	case hidden:
		return errors.New(text)
	case text != err.Error():
		return &rewordedError{text, err}
	}
	return err
}

// rewordedError is an error with another text.
type rewordedError struct {
	text string
	err  error
}

func (e *rewordedError) Error() string { return e.text }
func (e *rewordedError) Unwrap() error { return e.err }

// inTransaction does what f does in one short transaction, or nothing.
func (s *Store) inTransaction(ctx context.Context, what string, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(what, err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // it fails where the connection did, which says the same
		return s.failed(what, err)
	}
	if err := tx.Commit(); err != nil {
		return s.failed(what, err)
	}
	return nil
}

// each gives the rows of a query one by one, so that no history is too long.
func each[T any](ctx context.Context, s *Store, what string, scan func(*sql.Rows) (T, error), query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		rows, err := s.db.QueryContext(ctx, query, args...)
		if err != nil {
			yield(none, s.failed(what, err))
			return
		}
		defer func() { _ = rows.Close() }() // rows.Err says what went wrong
		for rows.Next() {
			value, err := scan(rows)
			if err != nil {
				yield(none, s.failed(what, err))
				return
			}
			if !yield(value, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(none, s.failed(what, err))
		}
	}
}

// collect gives the rows of a query in a transaction, which are few.
func collect[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) (list []T, err error) {
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		value, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, rows.Err()
}

// column reads a row that is one value.
func column[T any](rows *sql.Rows) (value T, err error) {
	err = rows.Scan(&value)
	return value, err
}

// document reads a column that holds a value as JSON.
func document[T any](rows *sql.Rows) (T, error) {
	var text string
	if err := rows.Scan(&text); err != nil {
		var none T
		return none, err
	}
	return decode[T](text)
}

func decode[T any](text string) (value T, err error) {
	err = json.Unmarshal([]byte(text), &value)
	return value, err
}

// encode is a value as JSON that both databases take.
func encode(value any) (string, error) {
	src, err := json.Marshal(value)
	return clean(string(src)), err
}

// clean makes text that both databases take: PostgreSQL knows no byte 0, and
// nothing that is not UTF-8.
func clean(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

// millis is a time as the databases have it.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
