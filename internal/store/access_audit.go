package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// AuditEvent is something that somebody did, or tried to. Nothing in it is secret.
type AuditEvent struct {
	ID      string    `json:"id"` // in the order of time
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Via     string    `json:"via"`  // how the actor came in: local, token, oidc, command; "" for nobody
	Kind    string    `json:"kind"` // a word, such as token.created
	What    string    `json:"what"` // for people
	Request string    `json:"request_id,omitempty"`
	Remote  string    `json:"remote,omitempty"` // the address that it came from
}

// AuditFilter chooses events; empty parts choose all.
type AuditFilter struct {
	Actor, Kind string
	After       string // the id of the last event of the page before
	Limit       int    // 50 if 0, at most 500
}

// auditKept is for how long events are kept.
const auditKept = 366 * 24 * time.Hour

// AddAudit keeps an event, and gives it an id and, if it has none, a time. Events of
// more than a year before it are forgotten.
func (s *Store) AddAudit(ctx context.Context, e AuditEvent) error {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.ID = auditID(e.At) + fmt.Sprintf("-%016x-%s", time.Now().UnixNano(), random(3))
	return s.inTransaction(ctx, "recording "+e.Kind, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM audit_events WHERE id < $1", auditID(e.At.Add(-auditKept))); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO audit_events (id, at, actor, via, kind, what, request_id, remote)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			e.ID, millis(e.At), clean(e.Actor), clean(e.Via), clean(e.Kind), clean(e.What), clean(e.Request), clean(e.Remote))
		return err
	})
}

// auditID is what the ids of a time's events begin with.
func auditID(at time.Time) string { return fmt.Sprintf("%012x", at.UnixMilli()) }

// Audit gives a page of events, newest first, and what AuditFilter.After is for
// the page after it: "" where this is the last.
func (s *Store) Audit(ctx context.Context, f AuditFilter) (events []AuditEvent, next string, err error) {
	const usual, most = 50, 500
	if f.Limit <= 0 {
		f.Limit = usual
	}
	f.Limit = min(f.Limit, most)
	for e, err := range each(ctx, s, "reading what was done", scanAudit, `SELECT id, at, actor, via, kind, what, request_id, remote FROM audit_events
		WHERE ($1 = '' OR actor = $1) AND ($2 = '' OR kind = $2) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4`,
		clean(f.Actor), clean(f.Kind), clean(f.After), f.Limit+1) {
		if err != nil {
			return nil, "", err
		}
		if len(events) == f.Limit {
			return events, events[f.Limit-1].ID, nil
		}
		events = append(events, e)
	}
	return events, "", nil
}

func scanAudit(rows *sql.Rows) (AuditEvent, error) {
	var e AuditEvent
	var at int64
	err := rows.Scan(&e.ID, &at, &e.Actor, &e.Via, &e.Kind, &e.What, &e.Request, &e.Remote)
	e.At = fromMillis(at)
	return e, err
}
