package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Token is an API token as the history keeps it: without the token itself.
type Token struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"` // of one token at a time that is not revoked
	Hash      string    `json:"-"`    // SHA-256 of the token, in hexadecimal
	Role      string    `json:"role"`
	Sources   []string  `json:"sources,omitempty"` // that it may see; none: all
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	UsedAt    time.Time `json:"used_at,omitzero"` // to the minute
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	RevokedBy string    `json:"revoked_by,omitempty"`
}

// ErrTokenName is wrapped by AddToken where another token has the name.
var ErrTokenName = errors.New("another token has that name")

const tokenColumns = "id, name, hash, role, sources, created_by, created_at, expires_at, used_at, revoked_at, revoked_by" //nolint:gosec // names of columns

// AddToken keeps a new token. Its name must not be that of one that is not revoked.
func (s *Store) AddToken(ctx context.Context, t Token) error {
	what := fmt.Sprintf("adding the token %q", t.Name)
	sources, err := encode(t.Sources)
	if err != nil {
		return s.failed(what, err)
	}
	result, err := s.db.ExecContext(ctx, `INSERT INTO access_tokens (`+tokenColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '') ON CONFLICT DO NOTHING`,
		t.ID, clean(t.Name), t.Hash, t.Role, sources, clean(t.CreatedBy), millis(t.CreatedAt), millis(t.ExpiresAt))
	if err != nil {
		return s.failed(what, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%s: %w; choose another, or revoke that one first", what, errors.Join(ErrTokenName, err))
	}
	return nil
}

// Tokens are all tokens, newest first, those too that are revoked or have ended.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	var list []Token
	for t, err := range each(ctx, s, "reading the tokens", scanToken, "SELECT "+tokenColumns+" FROM access_tokens ORDER BY created_at DESC, id DESC") {
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// TokenByHash finds a token by its hash, even one that is revoked or has ended.
func (s *Store) TokenByHash(ctx context.Context, hash string) (Token, bool, error) {
	for t, err := range each(ctx, s, "reading a token", scanToken, "SELECT "+tokenColumns+" FROM access_tokens WHERE hash = $1", hash) {
		return t, err == nil, err
	}
	return Token{}, false, nil
}

// RevokeToken revokes the token with a name or an id, and gives it. ok is false
// where there is none, or none that is not revoked already.
func (s *Store) RevokeToken(ctx context.Context, nameOrID, by string, at time.Time) (t Token, ok bool, err error) {
	for t, err := range each(ctx, s, "revoking a token", scanToken, `UPDATE access_tokens SET revoked_at = $1, revoked_by = $2
		WHERE revoked_at = 0 AND (name = $3 OR id = $3) RETURNING `+tokenColumns, millis(at), clean(by), clean(nameOrID)) {
		return t, err == nil, err
	}
	return t, false, nil
}

// NoteTokenUse records that a token was used, unless that was recorded less than
// a while ago.
func (s *Store) NoteTokenUse(ctx context.Context, id string, at time.Time, while time.Duration) error {
	_, err := s.db.ExecContext(ctx, "UPDATE access_tokens SET used_at = $1 WHERE id = $2 AND used_at <= $3", millis(at), id, millis(at.Add(-while)))
	if err != nil {
		return s.failed("recording the use of a token", err)
	}
	return nil
}

func scanToken(rows *sql.Rows) (Token, error) {
	var t Token
	var sources string
	var created, expires, used, revoked int64
	err := rows.Scan(&t.ID, &t.Name, &t.Hash, &t.Role, &sources, &t.CreatedBy, &created, &expires, &used, &revoked, &t.RevokedBy)
	if err != nil {
		return t, err
	}
	t.CreatedAt, t.ExpiresAt, t.UsedAt, t.RevokedAt = fromMillis(created), fromMillis(expires), fromMillis(used), fromMillis(revoked)
	return t, json.Unmarshal([]byte(sources), &t.Sources)
}
