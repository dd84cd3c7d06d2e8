package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// How long a page of a list may be.
const (
	pageLength = 50
	maxLength  = 500
)

// Page is a part of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // what After of the next page is; "" on the last one
	Total int    `json:"total"`          // of all pages
}

// key is a part of what a list is ordered by.
type key struct {
	expr   string
	number bool // else text
}

// order is how a list is ordered: by keys, of which the last tell all rows apart.
// All of them go the same way, so that an index of them serves each page.
type order struct {
	keys []key
	desc bool
}

// texts are keys that are text.
func texts(exprs ...string) []key {
	var keys []key
	for _, expr := range exprs {
		keys = append(keys, key{expr: expr})
	}
	return keys
}

// by puts a number before the keys that tell rows apart.
func by(expr string, rest ...key) []key {
	return append([]key{{expr: expr, number: true}}, rest...)
}

// query is a list of which pages are wanted.
type query[T any] struct {
	columns, from string
	where         *clause
	order         order
	after         string
	limit         int
	scan          func(rows *sql.Rows, extra ...any) (T, error)
	uncounted     bool // nobody is told how long the list is
}

func badPage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadPage, fmt.Sprintf(format, args...))
}

// cursor is where a page begins: behind the row with these keys.
type cursor []any

func (c cursor) String() string {
	src, _ := json.Marshal(c) // it has nothing that can't be written
	return base64.RawURLEncoding.EncodeToString(src)
}

// places are where the keys of a row are read into, and give its cursor.
func (o order) places() (into []any, read func() cursor) {
	for _, k := range o.keys {
		if k.number {
			into = append(into, new(int64))
		} else {
			into = append(into, new(string))
		}
	}
	return into, func() cursor {
		var c cursor
		for _, place := range into {
			switch v := place.(type) {
			case *int64:
				c = append(c, *v)
			case *string:
				c = append(c, *v)
			}
		}
		return c
	}
}

// parse reads a cursor that is one of this order.
func (o order) parse(text string) (cursor, error) {
	src, err := base64.RawURLEncoding.DecodeString(text)
	var raw []json.RawMessage
	if err == nil {
		err = json.Unmarshal(src, &raw)
	}
	bad := badPage("after=%.40q is not what a page of this list gave as its next", text)
	if err != nil || len(raw) != len(o.keys) {
		return nil, bad
	}
	into, read := o.places()
	for i := range raw {
		if string(raw[i]) == "null" || json.Unmarshal(raw[i], into[i]) != nil {
			return nil, bad
		}
	}
	c := read()
	for i := range c {
		if text, is := c[i].(string); is {
			c[i] = clean(text)
		}
	}
	return c, nil
}

// page reads a page, and how long the list is.
func page[T any](ctx context.Context, s *Store, what string, q query[T]) (p Page[T], err error) {
	p.Items = []T{}
	if q.limit == 0 {
		q.limit = pageLength
	}
	if q.limit < 0 || q.limit > maxLength {
		return p, badPage("limit %d: from 1 to %d", q.limit, maxLength)
	}
	var from cursor
	if q.after != "" {
		if from, err = q.order.parse(q.after); err != nil {
			return p, err
		}
	}
	if !q.uncounted {
		if err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+q.from+q.where.String(), q.where.args...).Scan(&p.Total); err != nil {
			return p, s.failed(what, err)
		}
	}
	if from != nil {
		q.behind(from)
	}
	last := cursor(nil)
	into, read := q.order.places()
	scan := func(rows *sql.Rows) (T, error) {
		if len(p.Items) == q.limit {
			p.Next = last.String() // of the row before
		}
		item, err := q.scan(rows, into...)
		last = read()
		return item, err
	}
	for item, err := range each(ctx, s, what, scan, q.text(), q.where.args...) {
		if err != nil {
			return p, err
		}
		if p.Next == "" {
			p.Items = append(p.Items, item)
		}
	}
	return p, nil
}

// behind leaves what comes after a row. Rows are compared as a whole, which an
// index of the keys can do.
func (q *query[T]) behind(c cursor) {
	sign := ">"
	if q.order.desc {
		sign = "<"
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(c)), ", ")
	q.where.add(fmt.Sprintf("(%s) %s (%s)", q.order.list(""), sign, marks), c...)
}

// list is the keys, each with what follows it.
func (o order) list(after string) string {
	var parts []string
	for _, k := range o.keys {
		parts = append(parts, k.expr+after)
	}
	return strings.Join(parts, ", ")
}

func (q *query[T]) text() string {
	way := ""
	if q.order.desc {
		way = " DESC"
	}
	return fmt.Sprintf("SELECT %s, %s FROM %s%s ORDER BY %s LIMIT %d", q.columns, q.order.list(""), q.from, q.where, q.order.list(way), q.limit+1)
}

// scanDocument reads a column that holds a value as JSON.
func scanDocument[T any](rows *sql.Rows, extra ...any) (T, error) {
	var text string
	if err := rows.Scan(append([]any{&text}, extra...)...); err != nil {
		var none T
		return none, err
	}
	return decode[T](text)
}

// FindingFilter chooses episodes of a list.
type FindingFilter struct {
	Filter
	Query   string   // part of an address or of a stack's path or name, in any case; of long ones the beginning counts
	Sources []string // none: all
	Causes  []string // classes; none: all
	Kinds   []drift.Kind
	// Severities choose by how bad they are; what an older version has saved has none.
	Severities []drift.Severity // none: all
	Newest     bool             // the latest first, not the oldest
	Worst      bool             // the worst first, then the oldest; excludes Newest
	After      string
	Limit      int
}

// bySeverity orders the worst first. An index has it in the same words.
const bySeverity = "CASE severity WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END"

func (f FindingFilter) order() order {
	keys := by("first_seen", key{expr: "stack_id"}, key{expr: "finding_id"}, key{expr: "number", number: true})
	if f.Worst {
		return order{keys: by(bySeverity, keys...)}
	}
	return order{keys: keys, desc: f.Newest}
}

// Findings is a page of the list of findings, of which each episode is one.
func (s *Store) Findings(ctx context.Context, f FindingFilter) (Page[drift.Episode], error) {
	if f.Newest && f.Worst {
		return Page[drift.Episode]{}, badPage("the newest and the worst can't both be first")
	}
	c := f.episodes()
	var kinds, severities []string
	for _, kind := range f.Kinds {
		kinds = append(kinds, string(kind))
	}
	for _, severity := range f.Severities {
		severities = append(severities, string(severity))
	}
	c.in("kind", kinds)
	c.in("severity", severities)
	c.in("cause", f.Causes)
	c.ofSources(f.Sources)
	if f.Query != "" {
		c.add(`find LIKE ? ESCAPE '\'`, contains(f.Query))
	}
	return page(ctx, s, "listing the findings", query[drift.Episode]{
		columns: "episode", from: "episodes", where: c, after: f.After, limit: f.Limit, scan: scanDocument[drift.Episode],
		order: f.order(),
	})
}

// EpisodesCalled are those with exactly this id: one, or one for each of several
// stacks that share a state.
func (s *Store) EpisodesCalled(ctx context.Context, id string) ([]drift.Episode, error) {
	finding, number := splitEpisode(clean(id))
	var found []drift.Episode
	for e, err := range each(ctx, s, "reading a finding", document[drift.Episode],
		"SELECT episode FROM episodes WHERE finding_id = $1 AND number = $2 ORDER BY stack_id", finding, max(number, 1)) {
		if err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, nil
}

// ofSources leaves what is of stacks of some sources; none: any.
func (c *clause) ofSources(sources []string) {
	inner := &clause{}
	inner.in("source", sources)
	if len(inner.terms) > 0 {
		c.add(strings.NewReplacer(renumber(inner)...).Replace("stack_id IN (SELECT stack_id FROM fleet"+inner.String()+")"), inner.args...)
	}
}

// renumber turns the numbered places of a clause back into marks.
func renumber(of *clause) (pairs []string) {
	for i := range slices.Backward(of.args) {
		pairs = append(pairs, "$"+number(i+1), "?")
	}
	return pairs
}

// EventFilter chooses events of a list.
type EventFilter struct {
	Filter
	Sources []string // none: all
	Kinds   []drift.EventKind
	After   string
	Limit   int
}

// EventsPage is a page of the list of events, the latest first. It tells no total.
func (s *Store) EventsPage(ctx context.Context, f EventFilter) (Page[drift.Event], error) {
	c := f.events()
	c.ofSources(f.Sources)
	var kinds []string
	for _, kind := range f.Kinds {
		kinds = append(kinds, string(kind))
	}
	c.in("kind", kinds)
	return page(ctx, s, "listing the events", query[drift.Event]{
		columns: "event", from: "events", where: c, order: order{keys: texts("id"), desc: true}, after: f.After, limit: f.Limit,
		scan: scanDocument[drift.Event], uncounted: true,
	})
}

// RunFilter chooses runs of a list.
type RunFilter struct {
	Sources []string // none: all, those of commands too
	Open    bool     // those that are under way
	After   string
	Limit   int
}

// RunsPage is a page of the list of runs, the latest first.
func (s *Store) RunsPage(ctx context.Context, f RunFilter) (Page[RunInfo], error) {
	c := &clause{}
	c.in("source", f.Sources)
	if f.Open {
		c.add("finished_at = 0 AND source <> ''")
	}
	return page(ctx, s, "listing the runs", query[RunInfo]{
		columns: runInfoColumns, from: "runs", where: c, order: order{keys: by("started_at", key{expr: "id"}), desc: true},
		after: f.After, limit: f.Limit, scan: scanRunInfo,
	})
}

// RunStackFilter chooses stacks of a run.
type RunStackFilter struct {
	States   []StackState
	Outcomes []drift.Status
	After    string
	Limit    int
}

// RunStacksPage is a page of the stacks of a run.
func (s *Store) RunStacksPage(ctx context.Context, run string, f RunStackFilter) (Page[RunStack], error) {
	c := &clause{}
	c.add("run = ?", run)
	var states, outcomes []string
	for _, state := range f.States {
		states = append(states, string(state))
	}
	for _, outcome := range f.Outcomes {
		outcomes = append(outcomes, string(outcome))
	}
	c.in("state", states)
	c.in("outcome", outcomes)
	return page(ctx, s, "listing the stacks of a run", query[RunStack]{
		columns: runStackColumns, from: "run_stacks", where: c, order: order{keys: texts("stack_id")}, after: f.After, limit: f.Limit, scan: scanRunStack,
	})
}

// StateCounts is how many stacks of a run are in each state.
func (s *Store) StateCounts(ctx context.Context, run string) (map[StackState]int, error) {
	counts := map[StackState]int{}
	type row struct {
		state StackState
		n     int
	}
	scan := func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.state, &r.n) }
	for r, err := range each(ctx, s, "counting the stacks of a run", scan, "SELECT state, COUNT(*) FROM run_stacks WHERE run = $1 GROUP BY state", run) {
		if err != nil {
			return nil, err
		}
		counts[r.state] = r.n
	}
	return counts, nil
}

// OutcomeCount is how many stacks of a run are in a state, with an outcome.
type OutcomeCount struct {
	State   StackState
	Outcome drift.Status
	Stacks  int
}

// OutcomeCounts is how far a run is, in numbers.
func (s *Store) OutcomeCounts(ctx context.Context, run string) ([]OutcomeCount, error) {
	var counts []OutcomeCount
	scan := func(rows *sql.Rows) (n OutcomeCount, err error) { return n, rows.Scan(&n.State, &n.Outcome, &n.Stacks) }
	for one, err := range each(ctx, s, "counting the stacks of a run", scan,
		"SELECT state, outcome, COUNT(*) FROM run_stacks WHERE run = $1 GROUP BY state, outcome ORDER BY state, outcome", run) {
		if err != nil {
			return nil, err
		}
		counts = append(counts, one)
	}
	return counts, nil
}

// Began is the time of the first event; zero where there is none.
func (s *Store) Began(ctx context.Context) (time.Time, error) {
	for event, err := range each(ctx, s, "reading the first event", document[drift.Event], "SELECT event FROM events ORDER BY id LIMIT 1") {
		return event.At, err
	}
	return time.Time{}, nil
}
