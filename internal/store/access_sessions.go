package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Session is somebody who has logged in with a browser.
type Session struct {
	Hash      string // SHA-256 of what the cookie holds, in hexadecimal
	Name      string // of the person
	Role      string
	Via       string
	Sources   []string // that may be seen; none: all
	TokenID   string   // the token that it was begun with, which it ends with; "" for none
	CreatedAt time.Time
	UsedAt    time.Time // to the minute
	ExpiresAt time.Time // whatever happens
}

// AddSession keeps a new session, and forgets those that have ended.
func (s *Store) AddSession(ctx context.Context, x Session) error {
	return s.inTransaction(ctx, "beginning a session", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM access_sessions WHERE expires_at <= $1", millis(x.CreatedAt)); err != nil {
			return err
		}
		sources, err := encode(x.Sources)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO access_sessions (hash, name, role, via, sources, token_id, created_at, used_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			x.Hash, clean(x.Name), x.Role, x.Via, sources, x.TokenID, millis(x.CreatedAt), millis(x.CreatedAt), millis(x.ExpiresAt))
		return err
	})
}

// Session finds a session by its hash, if it holds at a time: it has not
// expired, and neither has the token that it was begun with, which is not
// revoked either.
func (s *Store) Session(ctx context.Context, hash string, at time.Time) (Session, bool, error) {
	for x, err := range each(ctx, s, "reading a session", scanSession, `SELECT hash, name, role, via, sources, token_id, created_at, used_at, expires_at
		FROM access_sessions x WHERE hash = $1 AND expires_at > $2 AND (token_id = '' OR EXISTS (
			SELECT 1 FROM access_tokens t WHERE t.id = x.token_id AND t.revoked_at = 0 AND t.expires_at > $2))`, hash, millis(at)) {
		return x, err == nil, err
	}
	return Session{}, false, nil
}

// NoteSessionUse records that a session was used.
func (s *Store) NoteSessionUse(ctx context.Context, hash string, at time.Time) error {
	if _, err := s.db.ExecContext(ctx, "UPDATE access_sessions SET used_at = $1 WHERE hash = $2", millis(at), hash); err != nil {
		return s.failed("recording the use of a session", err)
	}
	return nil
}

// EndSession forgets a session, if there is one.
func (s *Store) EndSession(ctx context.Context, hash string) error {
	if _, err := s.db.ExecContext(ctx, "DELETE FROM access_sessions WHERE hash = $1", hash); err != nil {
		return s.failed("ending a session", err)
	}
	return nil
}

func scanSession(rows *sql.Rows) (Session, error) {
	var x Session
	var sources string
	var created, used, expires int64
	err := rows.Scan(&x.Hash, &x.Name, &x.Role, &x.Via, &sources, &x.TokenID, &created, &used, &expires)
	if err != nil {
		return x, err
	}
	x.CreatedAt, x.UsedAt, x.ExpiresAt = fromMillis(created), fromMillis(used), fromMillis(expires)
	return x, json.Unmarshal([]byte(sources), &x.Sources)
}

// AddLogin keeps a login that has begun at the identity provider, until a time,
// and forgets those whose time is over. next is the page to go to afterwards.
func (s *Store) AddLogin(ctx context.Context, hash, next string, at, until time.Time) error {
	return s.inTransaction(ctx, "beginning a login", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM access_logins WHERE expires_at <= $1", millis(at)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO access_logins (hash, next, expires_at) VALUES ($1, $2, $3)", hash, clean(next), millis(until))
		return err
	})
}

// TakeLogin gives the page of a login that has begun, once: it is forgotten. ok
// is false where there is none, or its time is over.
func (s *Store) TakeLogin(ctx context.Context, hash string, at time.Time) (next string, ok bool, err error) {
	scan := func(rows *sql.Rows) (string, error) {
		var next string
		err := rows.Scan(&next)
		return next, err
	}
	for next, err := range each(ctx, s, "finishing a login", scan, "DELETE FROM access_logins WHERE hash = $1 AND expires_at > $2 RETURNING next", hash, millis(at)) {
		return next, err == nil, err
	}
	return "", false, nil
}
