package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"holdfast/internal/drift"
)

// FleetStack is a stack in a list.
type FleetStack struct {
	Stack      drift.StackRef `json:"stack"`
	Source     string         `json:"source,omitempty"` // of a server; "" for what a command has checked
	Status     drift.Status   `json:"status,omitempty"` // of the latest result; "" for one that was never checked
	Open       int            `json:"open"`             // findings
	Waived     int            `json:"waived"`
	Pending    int            `json:"pending"`
	Errors     int            `json:"errors"`
	LookedAt   time.Time      `json:"looked_at,omitzero"`
	DecidedAt  time.Time      `json:"decided_at,omitzero"` // when it was last clean or drifted for certain
	OldestOpen time.Time      `json:"oldest_open,omitzero"`
	GoneAt     time.Time      `json:"gone_at,omitzero"` // since when its source doesn't have it any more
	Run        string         `json:"run,omitempty"`    // of the latest result
}

// NoteStacks records which stacks a source has, and that it has no others.
func (s *Store) NoteStacks(ctx context.Context, tx *sql.Tx, source string, refs []drift.StackRef, at time.Time) error {
	if _, err := tx.ExecContext(ctx, "UPDATE fleet SET gone_at = $1 WHERE source = $2 AND gone_at = 0", millis(at), clean(source)); err != nil {
		return err
	}
	for _, ref := range refs {
		_, err := tx.ExecContext(ctx, `INSERT INTO fleet (stack_id, source, path, workspace, name, status, open, waived, pending, errors, looked_at, decided_at, oldest_open, gone_at, run)
			VALUES ($1, $2, $3, $4, $5, '', 0, 0, 0, 0, 0, 0, 0, 0, '')
			ON CONFLICT (stack_id) DO UPDATE SET source = excluded.source, path = excluded.path, workspace = excluded.workspace, name = excluded.name, gone_at = 0`,
			clean(ref.ID), clean(source), clean(ref.Path), clean(ref.Workspace), clean(ref.Name))
		if err != nil {
			return err
		}
	}
	return nil
}

// list keeps a stack's row in lists, of its latest result.
func list(ctx context.Context, tx *sql.Tx, look drift.Look) error {
	st := look.Stack
	decided := int64(0)
	if st.Status == drift.StatusClean || st.Status == drift.StatusDrifted {
		decided = millis(look.At)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO fleet (stack_id, source, path, workspace, name, status, open, waived, pending, errors, looked_at, decided_at, oldest_open, gone_at, run)
		VALUES ($1, '', $2, $3, $4, $5, 0, 0, $6, $7, $8, $9, 0, 0, $10)
		ON CONFLICT (stack_id) DO UPDATE SET path = excluded.path, workspace = excluded.workspace, name = excluded.name, status = excluded.status,
			pending = excluded.pending, errors = excluded.errors, looked_at = excluded.looked_at,
			decided_at = CASE WHEN excluded.decided_at > fleet.decided_at THEN excluded.decided_at ELSE fleet.decided_at END,
			gone_at = 0, run = excluded.run`,
		clean(st.ID), clean(st.Path), clean(st.Workspace), clean(st.Name), string(st.Status), len(st.Pending), len(st.Errors), millis(look.At), decided, look.Run)
	return err
}

// count brings the numbers of findings in a stack's row up to date.
func count(ctx context.Context, tx *sql.Tx, stackID string) error {
	var open, waived, oldest int64
	err := tx.QueryRowContext(ctx, `SELECT CAST(COALESCE(SUM(CASE WHEN life = 'open' THEN 1 ELSE 0 END), 0) AS BIGINT),
		CAST(COALESCE(SUM(CASE WHEN life = 'waived' THEN 1 ELSE 0 END), 0) AS BIGINT),
		COALESCE(MIN(CASE WHEN life = 'open' THEN first_seen END), 0) FROM episodes WHERE stack_id = $1 AND ended = 0`, clean(stackID)).Scan(&open, &waived, &oldest)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE fleet SET open = $1, waived = $2, oldest_open = $3 WHERE stack_id = $4", open, waived, oldest, clean(stackID))
	return err
}

// fillLists makes what lists need for a history of before there were any. It may
// be cut off, and goes on the next time.
func (s *Store) fillLists(ctx context.Context) error {
	const unlisted = "SELECT id FROM stacks WHERE NOT EXISTS (SELECT 1 FROM fleet f WHERE f.stack_id = stacks.id)"
	if err := s.inEach(ctx, "listing a stack", unlisted, relist); err != nil {
		return err
	}
	if err := s.inEach(ctx, "listing the findings of a stack", "SELECT DISTINCT stack_id FROM episodes WHERE kind = ''", relistEpisodes); err != nil {
		return err
	}
	return s.inEach(ctx, "listing the events of a stack", "SELECT DISTINCT stack_id FROM events WHERE kind = ''", relistEvents)
}

// inEach does something in a transaction for each id that a query gives.
func (s *Store) inEach(ctx context.Context, what, query string, f func(context.Context, *sql.Tx, string) error) error {
	var ids []string
	for id, err := range each(ctx, s, what, column[string], query) {
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		if err := s.inTransaction(ctx, what, func(tx *sql.Tx) error { return f(ctx, tx, id) }); err != nil {
			return err
		}
	}
	return nil
}

// relist makes a stack's row of its latest result.
func relist(ctx context.Context, tx *sql.Tx, id string) error {
	row, err := lockStack(ctx, tx, id)
	if err != nil {
		return err
	}
	var run, text string
	if err := tx.QueryRowContext(ctx, "SELECT run, result FROM stacks WHERE id = $1", id).Scan(&run, &text); err != nil {
		return err
	}
	if text == "" {
		return nil // it was only looked at in part
	}
	result, err := decode[drift.Stack](text)
	if err != nil {
		return err
	}
	if err := list(ctx, tx, drift.Look{Run: run, At: row.looked, Stack: result}); err != nil {
		return err
	}
	return count(ctx, tx, id)
}

// relistEpisodes fills in what lists of findings choose by.
func relistEpisodes(ctx context.Context, tx *sql.Tx, id string) error {
	if _, err := lockStack(ctx, tx, id); err != nil {
		return err
	}
	episodes, err := episodesWhere(ctx, tx, "kind = '' AND stack_id = $1", id)
	if err != nil {
		return err
	}
	w := newWriter(tx, time.Now())
	for _, e := range episodes {
		if err := w.episode(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// relistEvents fills in what lists of events choose by.
func relistEvents(ctx context.Context, tx *sql.Tx, id string) error {
	rows, err := tx.QueryContext(ctx, "SELECT event FROM events WHERE kind = '' AND stack_id = $1", id)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	kinds := map[string]drift.EventKind{}
	for rows.Next() {
		e, err := document[drift.Event](rows)
		if err != nil {
			return err
		}
		kinds[e.ID] = e.Kind
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for event, kind := range kinds {
		if _, err := tx.ExecContext(ctx, "UPDATE events SET kind = $1 WHERE id = $2", string(kind), event); err != nil {
			return err
		}
	}
	return nil
}

// FleetFilter chooses stacks of a list, and their order.
type FleetFilter struct {
	Query   string         // part of a path, name or workspace, in any case
	Sources []string       // none: all
	Status  []drift.Status // none: all
	// Before leaves those that were last looked at for certain before that time, or never.
	Before time.Time
	Gone   bool   // those too that their sources don't have any more
	Sort   string // "" for path, else drift, oldest, checked
	After  string // Next of the page before
	Limit  int    // 0 for 50, at most 500
}

// fleetOrders are how a list of stacks may be ordered.
var fleetOrders = map[string]order{
	"":        {keys: texts("path", "workspace", "stack_id")},
	"path":    {keys: texts("path", "workspace", "stack_id")},
	"drift":   {keys: by("open", key{expr: "stack_id"}), desc: true},
	"oldest":  {keys: by("CASE WHEN oldest_open = 0 THEN 9000000000000000 ELSE oldest_open END", key{expr: "stack_id"})},
	"checked": {keys: by("looked_at", key{expr: "stack_id"})},
}

const fleetColumns = "stack_id, source, path, workspace, name, status, open, waived, pending, errors, looked_at, decided_at, oldest_open, gone_at, run"

// Fleet is a page of the list of stacks. ErrBadPage is wrapped where the filter
// makes no sense.
func (s *Store) Fleet(ctx context.Context, f FleetFilter) (Page[FleetStack], error) {
	wanted, ok := fleetOrders[f.Sort]
	if !ok {
		return Page[FleetStack]{}, badPage("sort %q: path, drift, oldest or checked", f.Sort)
	}
	c := f.clause()
	return page(ctx, s, "listing the stacks", query[FleetStack]{
		columns: fleetColumns, from: "fleet", where: c, order: wanted, after: f.After, limit: f.Limit, scan: scanFleet,
	})
}

func (f FleetFilter) clause() *clause {
	c := &clause{}
	if !f.Gone {
		c.add("gone_at = 0")
	}
	if f.Query != "" {
		like := contains(f.Query)
		c.add(`LOWER(path) LIKE ? ESCAPE '\' OR LOWER(name) LIKE ? ESCAPE '\' OR LOWER(workspace) LIKE ? ESCAPE '\' OR stack_id = ?`, like, like, like, clean(f.Query))
	}
	c.in("source", f.Sources)
	var statuses []string
	for _, status := range f.Status {
		statuses = append(statuses, string(status))
	}
	c.in("status", statuses)
	if !f.Before.IsZero() {
		c.add("decided_at < ?", millis(f.Before))
	}
	return c
}

func scanFleet(rows *sql.Rows, extra ...any) (FleetStack, error) {
	var f FleetStack
	var looked, decided, oldest, gone int64
	err := rows.Scan(append([]any{
		&f.Stack.ID, &f.Source, &f.Stack.Path, &f.Stack.Workspace, &f.Stack.Name, &f.Status, &f.Open, &f.Waived, &f.Pending, &f.Errors,
		&looked, &decided, &oldest, &gone, &f.Run,
	}, extra...)...)
	f.LookedAt, f.DecidedAt, f.OldestOpen, f.GoneAt = fromMillis(looked), fromMillis(decided), fromMillis(oldest), fromMillis(gone)
	return f, err
}

// FleetStack gives one stack as lists have it.
func (s *Store) FleetStack(ctx context.Context, id string) (FleetStack, bool, error) {
	const what = "reading a stack"
	rows, err := s.db.QueryContext(ctx, "SELECT "+fleetColumns+" FROM fleet WHERE stack_id = $1", clean(id))
	if err != nil {
		return FleetStack{}, false, s.failed(what, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return FleetStack{}, false, s.failed(what, err)
		}
		return FleetStack{}, false, nil
	}
	one, err := scanFleet(rows)
	if err != nil {
		return one, false, s.failed(what, err)
	}
	return one, true, nil
}

// AllFleet gives all stacks that their sources have, by id.
func (s *Store) AllFleet(ctx context.Context) iter.Seq2[FleetStack, error] {
	return each(ctx, s, "listing the stacks", alone(scanFleet), "SELECT "+fleetColumns+" FROM fleet WHERE gone_at = 0 ORDER BY stack_id")
}

// Health is the fleet as a whole, of the stacks that their sources have.
type Health struct {
	Stacks     map[drift.Status]int // by status; "" for those that were never checked
	Open       int                  // findings
	Waived     int
	OldestOpen time.Time
	Stale      int // stacks that were not looked at for certain since a time
	ByCause    map[string]int
	BySeverity map[drift.Severity]int // open findings; "" for what an older version has saved
}

// Health sums the fleet up. Stacks of which there is no certain result since a
// time are stale.
func (s *Store) Health(ctx context.Context, stale time.Time, sources []string) (h Health, err error) {
	const what = "summing up the fleet"
	h = Health{Stacks: map[drift.Status]int{}, ByCause: map[string]int{}, BySeverity: map[drift.Severity]int{}}
	c := FleetFilter{Sources: sources}.clause()
	where := c.String()
	c.args = append(c.args, millis(stale))
	type row struct {
		status             drift.Status
		n, open, wav, late int
		oldest             int64
	}
	scan := func(rows *sql.Rows) (r row, err error) {
		return r, rows.Scan(&r.status, &r.n, &r.open, &r.wav, &r.oldest, &r.late)
	}
	for r, err := range each(ctx, s, what, scan, `SELECT status, COUNT(*), CAST(SUM(open) AS BIGINT), CAST(SUM(waived) AS BIGINT),
		COALESCE(MIN(CASE WHEN oldest_open > 0 THEN oldest_open END), 0), CAST(SUM(CASE WHEN decided_at < $`+number(len(c.args))+` THEN 1 ELSE 0 END) AS BIGINT)
		FROM fleet`+where+" GROUP BY status", c.args...) {
		if err != nil {
			return h, err
		}
		h.Stacks[r.status] += r.n
		h.Open, h.Waived, h.Stale = h.Open+r.open, h.Waived+r.wav, h.Stale+r.late
		if at := fromMillis(r.oldest); !at.IsZero() && (h.OldestOpen.IsZero() || at.Before(h.OldestOpen)) {
			h.OldestOpen = at
		}
	}
	return h, s.countOpen(ctx, sources, h)
}

// countOpen counts the open findings of the fleet by severity and by cause, which
// OpenByCause tells stack by stack.
func (s *Store) countOpen(ctx context.Context, sources []string, into Health) error {
	c := FleetFilter{Sources: sources}.clause()
	type row struct {
		cause    string
		severity drift.Severity
		n        int
	}
	scan := func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.cause, &r.severity, &r.n) }
	for r, err := range each(ctx, s, "counting open findings", scan, `SELECT cause, severity, COUNT(*) FROM episodes
		WHERE ended = 0 AND life = 'open' AND stack_id IN (SELECT stack_id FROM fleet`+c.String()+`) GROUP BY cause, severity`, c.args...) {
		if err != nil {
			return err
		}
		into.ByCause[r.cause] += r.n
		into.BySeverity[r.severity] += r.n
	}
	return nil
}

// OpenFindings gives findings that are open or waived with the source of their
// stack, of those that are wanted: the others are not read.
func (s *Store) OpenFindings(ctx context.Context, sources []string, wanted func(source, path, address string) bool) iter.Seq2[Found, error] {
	c := &clause{}
	c.add("e.ended = 0")
	c.in("f.source", sources)
	scan := func(rows *sql.Rows) (found Found, err error) {
		var path, address string
		var text sql.RawBytes
		if err := rows.Scan(&found.Source, &path, &address, &text); err != nil || !wanted(found.Source, path, address) {
			return found, err
		}
		err = json.Unmarshal(text, &found.Episode)
		return found, err
	}
	return func(yield func(Found, error) bool) {
		for found, err := range each(ctx, s, "reading what is open", scan, `SELECT f.source, f.path, e.address, e.episode
			FROM episodes e JOIN fleet f ON f.stack_id = e.stack_id`+c.String()+" ORDER BY e.first_seen, e.stack_id, e.finding_id, e.number", c.args...) {
			if err == nil && found.Episode.Number == 0 {
				continue
			}
			if !yield(found, err) {
				return
			}
		}
	}
}

// Found is a finding with the source of its stack.
type Found struct {
	Source  string
	Episode drift.Episode
}

// CauseCount is how many open findings of a stack have a cause.
type CauseCount struct {
	Stack  drift.StackRef
	Source string
	Cause  string // class; "" where nobody was asked
	Open   int
}

// OpenByCause counts open findings by stack and cause, of the stacks that their
// sources have.
func (s *Store) OpenByCause(ctx context.Context, sources []string) ([]CauseCount, error) {
	c := FleetFilter{Sources: sources}.clause()
	scan := func(rows *sql.Rows) (n CauseCount, err error) {
		return n, rows.Scan(&n.Stack.ID, &n.Stack.Path, &n.Stack.Workspace, &n.Stack.Name, &n.Source, &n.Cause, &n.Open)
	}
	var counts []CauseCount
	for one, err := range each(ctx, s, "counting open findings", scan, `SELECT f.stack_id, f.path, f.workspace, f.name, f.source, e.cause, COUNT(*)
		FROM episodes e JOIN (SELECT * FROM fleet`+c.String()+`) f ON f.stack_id = e.stack_id WHERE e.ended = 0 AND e.life = 'open'
		GROUP BY f.stack_id, f.path, f.workspace, f.name, f.source, e.cause ORDER BY f.stack_id, e.cause`, c.args...) {
		if err != nil {
			return nil, err
		}
		counts = append(counts, one)
	}
	return counts, nil
}

// ErrBadPage is wrapped by errors of lists whose filter, order or page makes no
// sense.
var ErrBadPage = errors.New("there is no such page")
