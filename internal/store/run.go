package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// Run is a run that is being recorded. It is safe for concurrent use.
type Run struct {
	store  *Store
	record drift.RunRecord
	begun  time.Time // by this process's clock, which never jumps
}

// Begin records that a run has begun, and gives it an id if it has none. It is
// not finished until Finish says so.
func (s *Store) Begin(ctx context.Context, r drift.RunRecord) (*Run, error) {
	if r.StartedAt.IsZero() {
		r.StartedAt = time.Now()
	}
	if r.ID == "" {
		r.ID = runID(r.StartedAt)
	}
	r.FinishedAt = time.Time{}
	const what = "recording a run"
	tool, err := encode(r.Tool)
	if err != nil {
		return nil, s.failed(what, err)
	}
	summary, err := encode(r.Summary)
	if err != nil {
		return nil, s.failed(what, err)
	}
	_, err = s.db.ExecContext(ctx, "INSERT INTO runs (id, tool, started_at, finished_at, summary, started_by) VALUES ($1, $2, $3, 0, $4, $5)",
		r.ID, tool, millis(r.StartedAt), summary, clean(r.Trigger))
	if err != nil {
		return nil, s.failed(what, err)
	}
	return &Run{store: s, record: r, begun: time.Now()}, nil
}

// By records who has begun the run.
func (r *Run) By(ctx context.Context, actor string) error {
	if _, err := r.store.db.ExecContext(ctx, "UPDATE runs SET actor = $1 WHERE id = $2", clean(actor), r.ID()); err != nil {
		return r.store.failed("recording who has begun a run", err)
	}
	return nil
}

// runID is unique, tells people when the run began, and sorts by that.
func runID(at time.Time) string {
	return at.UTC().Format("20060102T150405.000Z") + "-" + random(5)
}

// random gives n bytes of chance in hexadecimal.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// ID names the run in episodes and events.
func (r *Run) ID() string { return r.record.ID }

// Save records the result of one stack, and what it makes of the stack's
// findings, all or nothing. When it returns without an error, that is saved. It
// takes the findings for seen when the check of the stack began. Covers reports
// whether the run was asked to check an address; nil means all.
func (r *Run) Save(ctx context.Context, st drift.Stack, covers func(address string) bool) error {
	at := r.record.StartedAt.Add(time.Since(r.begun) - time.Duration(st.DurationMS)*time.Millisecond)
	if at.Before(r.record.StartedAt) {
		at = r.record.StartedAt
	}
	return r.SaveAt(ctx, st, covers, at)
}

// SaveAt is Save with the time at which the stack was looked at.
func (r *Run) SaveAt(ctx context.Context, st drift.Stack, covers func(address string) bool, at time.Time) error {
	look := drift.Look{Run: r.ID(), At: at.UTC().Truncate(time.Millisecond), Stack: st, Covers: covers}
	return r.store.inTransaction(ctx, "saving the result of "+st.Ref().String(), func(tx *sql.Tx) error {
		seen, err := lockStack(ctx, tx, st.ID)
		if err != nil {
			return err
		}
		look.Whole = seen.whole
		known, err := latestEpisodes(ctx, tx, st.ID)
		if err != nil {
			return err
		}
		if err := seen.save(ctx, tx, look); err != nil {
			return err
		}
		w := newWriter(tx, look.At)
		turns := look.Follow(known)
		for _, turn := range turns {
			if err := w.turn(ctx, turn); err != nil {
				return err
			}
		}
		if err := r.store.tell(ctx, tx, look, turns); err != nil {
			return err
		}
		return count(ctx, tx, st.ID)
	})
}

// Finish records that the run has ended, and what it counted.
func (r *Run) Finish(ctx context.Context, at time.Time, sum drift.Summary) error {
	const what = "recording the end of a run"
	summary, err := encode(sum)
	if err != nil {
		return r.store.failed(what, err)
	}
	result, err := r.store.db.ExecContext(ctx, "UPDATE runs SET finished_at = $1, summary = $2 WHERE id = $3", millis(at), summary, r.ID())
	if err != nil {
		return r.store.failed(what, err)
	}
	if n, err := result.RowsAffected(); err == nil && n != 1 {
		return r.store.failed(what, errors.New("somebody has removed the run"))
	}
	return nil
}

// stackRow is what the history has of a stack.
type stackRow struct {
	looked, whole time.Time
	result        bool // there is one
}

// lockStack makes every other process wait that writes of the same stack, until
// the transaction ends.
func lockStack(ctx context.Context, tx *sql.Tx, id string) (stackRow, error) {
	var row stackRow
	_, err := tx.ExecContext(ctx, `INSERT INTO stacks (id, run, looked_at, whole_at, result) VALUES ($1, '', 0, 0, '')
		ON CONFLICT (id) DO UPDATE SET id = excluded.id`, clean(id))
	if err != nil {
		return row, err
	}
	var looked, whole, length int64
	err = tx.QueryRowContext(ctx, "SELECT looked_at, whole_at, LENGTH(result) FROM stacks WHERE id = $1", clean(id)).Scan(&looked, &whole, &length)
	row.looked, row.whole, row.result = fromMillis(looked), fromMillis(whole), length > 0
	return row, err
}

// save keeps a look's result, unless there is one of a later look. One of a part
// of the stack does not replace one of all of it.
func (row stackRow) save(ctx context.Context, tx *sql.Tx, look drift.Look) error {
	st := look.Stack
	if whole := st.WholeLook(); whole && look.At.After(row.whole) {
		if _, err := tx.ExecContext(ctx, "UPDATE stacks SET whole_at = $1 WHERE id = $2", millis(look.At), clean(st.ID)); err != nil {
			return err
		}
	}
	if look.At.Before(row.looked) || st.Resources.Skipped > 0 && row.result {
		return nil
	}
	result, err := encode(st)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE stacks SET run = $1, looked_at = $2, result = $3 WHERE id = $4", look.Run, millis(look.At), result, clean(st.ID))
	if err != nil {
		return err
	}
	return list(ctx, tx, look)
}

// latestEpisodes are the last episodes of all findings of a stack, first ones first.
func latestEpisodes(ctx context.Context, tx *sql.Tx, stackID string) ([]drift.Episode, error) {
	return episodesWhere(ctx, tx, `stack_id = $1 AND NOT EXISTS (
		SELECT 1 FROM episodes n WHERE n.stack_id = e.stack_id AND n.finding_id = e.finding_id AND n.number > e.number)`, clean(stackID))
}

// episodesWhere are episodes, first ones first.
func episodesWhere(ctx context.Context, tx *sql.Tx, where string, args ...any) ([]drift.Episode, error) {
	rows, err := tx.QueryContext(ctx, "SELECT e.episode FROM episodes e WHERE "+where+" ORDER BY e.first_seen, e.finding_id, e.number", args...) //nolint:gosec // where is one of our own texts
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	var list []drift.Episode
	for rows.Next() {
		e, err := document[drift.Episode](rows)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// writer writes episodes and events in a transaction. Events of one time keep
// the order in which they are written, by the clocks of who writes them.
type writer struct {
	tx     *sql.Tx
	prefix string
	n      int
}

func newWriter(tx *sql.Tx, at time.Time) *writer {
	return &writer{tx: tx, prefix: fmt.Sprintf("%012x-%016x-%s", at.UnixMilli(), time.Now().UnixNano(), random(3))}
}

func (w *writer) turn(ctx context.Context, turn drift.Turn) error {
	if turn.Episode.Number > 0 {
		if err := w.episode(ctx, turn.Episode); err != nil {
			return err
		}
	}
	for i, event := range turn.Events {
		delta := 0
		if i == len(turn.Events)-1 {
			delta = turn.Delta
		}
		if err := w.event(ctx, event, delta); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) episode(ctx context.Context, e drift.Episode) error {
	text, err := encode(e)
	if err != nil {
		return err
	}
	cause := ""
	if e.Finding.Cause != nil {
		cause = string(e.Finding.Cause.Class)
	}
	_, err = w.tx.ExecContext(ctx, `INSERT INTO episodes (stack_id, finding_id, number, address, life, first_seen, last_seen, ended, episode, cause, kind, severity, find)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (stack_id, finding_id, number) DO UPDATE SET
			life = excluded.life, last_seen = excluded.last_seen, ended = excluded.ended, episode = excluded.episode, cause = excluded.cause, kind = excluded.kind,
			severity = excluded.severity, find = excluded.find`,
		clean(e.Stack.ID), clean(e.Finding.ID), e.Number, clean(e.Finding.Address), string(e.Life),
		millis(e.FirstSeen), millis(e.LastSeen), millis(e.Ended), text, cause, string(e.Finding.Kind), string(e.Finding.Severity), findText(e.Finding.Address, e.Stack))
	return err
}

// mostFind bounds each part of what findings are searched by, in bytes: PostgreSQL
// takes no longer text into an index.
const mostFind = 500

// findText is what findings are searched by.
func findText(address string, stack drift.StackRef) string {
	var parts []string
	for _, part := range []string{address, stack.Path, stack.Name} {
		part = strings.ToLower(part)
		parts = append(parts, clean(part[:min(len(part), mostFind)]))
	}
	return strings.Join(parts, "\n")
}

func (w *writer) event(ctx context.Context, e drift.Event, delta int) error {
	e.ID = fmt.Sprintf("%s-%04x", w.prefix, w.n)
	w.n++
	text, err := encode(e)
	if err != nil {
		return err
	}
	_, err = w.tx.ExecContext(ctx, "INSERT INTO events (id, at, stack_id, finding_id, address, delta, event, kind) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		e.ID, millis(e.At), clean(e.Stack.ID), clean(e.Finding), clean(e.Address), delta, text, string(e.Kind))
	return err
}
