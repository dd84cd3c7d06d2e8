package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"holdfast/internal/drift"
)

// KeepAlerts makes what is saved from now on keep what it has to tell, until Route
// decides who is told. Without it nobody is, later either. It is called once, before
// the store is used.
func (s *Store) KeepAlerts() { s.keepsAlerts = true }

// keep writes alerts into the outbox, in the transaction of what they tell of. One
// that is there already is the same.
func (s *Store) keep(ctx context.Context, tx *sql.Tx, alerts []drift.Alert) error {
	if !s.keepsAlerts {
		return nil
	}
	for _, a := range alerts {
		text, err := encode(a)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO alerts (id, at, run, stack_id, alert, routed_at) VALUES ($1, $2, $3, $4, $5, 0)
			ON CONFLICT (id) DO NOTHING`, a.ID, millis(a.At), a.Run, clean(a.Stack.ID), text)
		if err != nil {
			return err
		}
	}
	return nil
}

// tell keeps what a look has to tell, and what is remembered of it for the next one.
func (s *Store) tell(ctx context.Context, tx *sql.Tx, look drift.Look, turns []drift.Turn) error {
	var text string
	err := tx.QueryRowContext(ctx, "SELECT standing FROM stacks WHERE id = $1", clean(look.Stack.ID)).Scan(&text)
	if err != nil {
		return err
	}
	var before drift.Standing
	if text != "" {
		if before, err = decode[drift.Standing](text); err != nil {
			return err
		}
	}
	alerts, standing := look.Alerts(before, turns)
	if err := forgetOfLook(ctx, tx, look); err != nil {
		return err
	}
	if text, err = encode(standing); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE stacks SET standing = $1 WHERE id = $2", text, clean(look.Stack.ID)); err != nil {
		return err
	}
	return s.keep(ctx, tx, alerts)
}

// forgetOfLook takes back what a look told of its stack as a whole when it was saved
// first, as far as nobody was told yet.
func forgetOfLook(ctx context.Context, tx *sql.Tx, look drift.Look) error {
	list, err := untold(ctx, tx, look.Run, look.Stack.ID)
	if err != nil {
		return err
	}
	for _, a := range list {
		if !a.Kind.OfLook() || !a.At.Equal(look.At) {
			continue
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM alerts WHERE id = $1", a.ID); err != nil {
			return err
		}
	}
	return nil
}

// untold is what a run has to tell of a stack and nobody was told yet.
func untold(ctx context.Context, tx *sql.Tx, run, stackID string) ([]drift.Alert, error) {
	rows, err := tx.QueryContext(ctx, "SELECT alert FROM alerts WHERE run = $1 AND stack_id = $2 AND routed_at = 0", run, clean(stackID))
	if err != nil {
		return nil, err
	}
	return collect(rows, document[drift.Alert])
}

// explainAlerts adds causes, by the ids of findings, to what a run has to tell of a
// stack and nobody was told yet.
func (r *Run) explainAlerts(ctx context.Context, tx *sql.Tx, stackID string, causes map[string]*drift.Cause) error {
	list, err := untold(ctx, tx, r.ID(), stackID)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Finding == nil || causes[a.Finding.ID] == nil {
			continue
		}
		a.Finding.Cause = causes[a.Finding.ID]
		text, err := encode(a)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE alerts SET alert = $1 WHERE id = $2", text, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// NoteOverdue keeps an alert for each stack of a server's sources that was last
// looked at before a time, once.
func (s *Store) NoteOverdue(ctx context.Context, before, now time.Time) error {
	return s.inTransaction(ctx, "noting which stacks are overdue", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT stack_id, path, workspace, name, looked_at FROM fleet
			WHERE source <> '' AND gone_at = 0 AND looked_at > 0 AND looked_at < $1 ORDER BY looked_at, stack_id LIMIT 10000`, millis(before))
		if err != nil {
			return err
		}
		alerts, err := collect(rows, func(rows *sql.Rows) (drift.Alert, error) {
			var ref drift.StackRef
			var looked int64
			err := rows.Scan(&ref.ID, &ref.Path, &ref.Workspace, &ref.Name, &looked)
			return drift.Overdue(ref, fromMillis(looked), now.UTC().Truncate(time.Millisecond)), err
		})
		if err != nil {
			return err
		}
		return s.keep(ctx, tx, alerts)
	})
}

// Delivery is a message to be made of alerts.
type Delivery struct {
	Channel string
	Due     time.Time
	// Held ones wait for their time and take more until then: there is one of a
	// channel.
	Held   bool
	Alerts []string // ids
}

// mostRouted bounds how many alerts are decided on at a time.
const mostRouted = 20_000

// Routing is what Route decides on.
type Routing struct {
	Now time.Time
	// Abandoned: a command's run that began before it and has no end is taken for one
	// that will have none. Alerts of a run wait for its end.
	Abandoned time.Time
	Stacks    []string // ids: of these alone; nil: of all
	// Plan gives the messages that are made of alerts, which are first ones first.
	Plan func([]drift.Alert) []Delivery
}

// Route decides who is told what, once, of what nobody has decided on yet. It gives
// how many alerts it has decided on.
func (s *Store) Route(ctx context.Context, r Routing) (n int, err error) {
	stacks, err := encode(r.Stacks)
	if err != nil {
		return 0, err
	}
	const open = `SELECT a.alert FROM alerts a LEFT JOIN runs r ON r.id = a.run
		WHERE a.routed_at = 0 AND (r.id IS NULL OR r.finished_at > 0 OR r.source = '' AND r.started_at < $1)`
	asked := ` AND ($2 = 'null' OR a.stack_id IN (` + s.listed("$3") + `))`
	err = s.InTransaction(ctx, "deciding who is told", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, open+asked+" ORDER BY a.at, a.id LIMIT $4", millis(r.Abandoned), stacks, stacks, mostRouted)
		if err != nil {
			return err
		}
		all, err := collect(rows, document[drift.Alert])
		if err != nil {
			return err
		}
		var mine []drift.Alert
		for _, a := range all {
			result, err := tx.ExecContext(ctx, "UPDATE alerts SET routed_at = $1 WHERE id = $2 AND routed_at = 0", millis(r.Now), a.ID)
			if err != nil {
				return err
			}
			if took, err := result.RowsAffected(); err != nil || took == 0 { // another process has
				continue
			}
			mine = append(mine, a)
		}
		if n = len(mine); n == 0 {
			return nil
		}
		for _, d := range r.Plan(mine) {
			if err := deliver(ctx, tx, d, r.Now); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func deliver(ctx context.Context, tx *sql.Tx, d Delivery, now time.Time) error {
	id := ""
	if d.Held {
		err := tx.QueryRowContext(ctx, `UPDATE messages SET held = 1 WHERE channel = $1 AND held = 1 AND attempts = 0 AND sent_at = 0 AND dropped_at = 0 AND due_at > $2
			RETURNING id`, clean(d.Channel), millis(now)).Scan(&id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if id == "" {
		id = random(10)
		_, err := tx.ExecContext(ctx, `INSERT INTO messages (id, channel, made_at, due_at, held, attempts, claimed_until, sent_at, dropped_at, error)
			VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, '')`, id, clean(d.Channel), millis(now), millis(d.Due), flag(d.Held))
		if err != nil {
			return err
		}
	}
	for _, alert := range d.Alerts {
		if _, err := tx.ExecContext(ctx, "INSERT INTO message_alerts (message, alert) VALUES ($1, $2) ON CONFLICT (message, alert) DO NOTHING", id, alert); err != nil {
			return err
		}
	}
	return nil
}

// AlertMessage is a message to a channel, and how far it is.
type AlertMessage struct {
	ID       string        `json:"id"`
	Channel  string        `json:"channel"`
	MadeAt   time.Time     `json:"made_at"`
	DueAt    time.Time     `json:"due_at"` // not sent before
	Attempts int           `json:"attempts"`
	SentAt   time.Time     `json:"sent_at,omitzero"`    // zero: not yet
	Dropped  time.Time     `json:"dropped_at,omitzero"` // when it was given up
	Error    string        `json:"error,omitempty"`     // of the last attempt
	Count    int           `json:"alerts"`
	Alerts   []drift.Alert `json:"-"` // of what Claim gives, first ones first
}

// ErrNothingDue is what Claim has where there is nothing to be sent.
var ErrNothingDue = errors.New("nothing is due")

// Claim gives a message of some channels that is due, for the caller alone until a
// time: whoever dies over it leaves it to others after that. A channel's messages come
// one after the other: while one could not be sent, later ones wait. Done, Failed or
// Drop says what became of it.
func (s *Store) Claim(ctx context.Context, channels []string, now, until time.Time) (m AlertMessage, err error) {
	names, err := encode(channels)
	if err != nil {
		return m, err
	}
	err = s.InTransaction(ctx, "taking a message to be sent", func(tx *sql.Tx) error {
		var made, due int64
		err := tx.QueryRowContext(ctx, `UPDATE messages SET attempts = attempts + 1, claimed_until = $1
			WHERE sent_at = 0 AND dropped_at = 0 AND claimed_until <= $2 AND id = (
				SELECT m.id FROM messages m WHERE m.sent_at = 0 AND m.dropped_at = 0 AND m.due_at <= $3 AND m.claimed_until <= $4 AND m.channel IN (`+s.listed("$8")+`) AND NOT EXISTS (
					SELECT 1 FROM messages b WHERE b.channel = m.channel AND b.sent_at = 0 AND b.dropped_at = 0 AND b.id <> m.id
						AND (b.claimed_until > $5 OR b.attempts > 0 AND b.due_at > $6 OR b.due_at <= $7 AND (b.made_at < m.made_at OR b.made_at = m.made_at AND b.id < m.id)))
				ORDER BY m.made_at, m.id LIMIT 1)
			RETURNING id, channel, made_at, due_at, attempts`,
			millis(until), millis(now), millis(now), millis(now), millis(now), millis(now), millis(now), names).Scan(&m.ID, &m.Channel, &made, &due, &m.Attempts)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		m.MadeAt, m.DueAt = fromMillis(made), fromMillis(due)
		rows, err := tx.QueryContext(ctx, "SELECT a.alert FROM message_alerts x JOIN alerts a ON a.id = x.alert WHERE x.message = $1 ORDER BY a.at, a.id", m.ID)
		if err != nil {
			return err
		}
		m.Alerts, err = collect(rows, document[drift.Alert])
		m.Count = len(m.Alerts)
		return err
	})
	if err == nil && m.ID == "" {
		err = ErrNothingDue
	}
	return m, err
}

// listed is a query of the texts of a list that an argument is, as JSON; null is an
// empty one.
func (s *Store) listed(arg string) string {
	if s.IsPostgres() {
		return "SELECT value FROM json_array_elements_text(CASE WHEN " + arg + " = 'null' THEN '[]' ELSE " + arg + " END::json) AS list(value)"
	}
	return "SELECT value FROM json_each(" + arg + ")"
}

// Done records that a channel has taken a message.
func (s *Store) Done(ctx context.Context, id string, at time.Time) error {
	return s.setMessage(ctx, "UPDATE messages SET sent_at = $1, claimed_until = 0, error = '' WHERE id = $2", millis(at), id)
}

// Failed records that a message could not be sent, and when it is tried again.
func (s *Store) Failed(ctx context.Context, id, why string, next time.Time) error {
	return s.setMessage(ctx, "UPDATE messages SET due_at = $1, claimed_until = 0, error = $2 WHERE id = $3", millis(next), clean(why), id)
}

// Drop records that a message is given up.
func (s *Store) Drop(ctx context.Context, id, why string, at time.Time) error {
	return s.setMessage(ctx, "UPDATE messages SET dropped_at = $1, claimed_until = 0, error = $2 WHERE id = $3", millis(at), clean(why), id)
}

func (s *Store) setMessage(ctx context.Context, query string, args ...any) error {
	if _, err := s.db.ExecContext(ctx, query, args...); err != nil {
		return s.failed("recording what became of a message", err)
	}
	return nil
}

// Hurry makes what of a channel could not be sent due at a time.
func (s *Store) Hurry(ctx context.Context, channel string, at time.Time) error {
	return s.setMessage(ctx, "UPDATE messages SET due_at = $1 WHERE sent_at = 0 AND dropped_at = 0 AND attempts > 0 AND due_at > $2 AND channel = $3",
		millis(at), millis(at), clean(channel))
}

// Messages are messages, latest first; only those that are not sent, or all.
func (s *Store) Messages(ctx context.Context, unsent bool, limit int) (list []AlertMessage, err error) {
	for m, err := range each(ctx, s, "reading the messages", scanMessage, `SELECT m.id, m.channel, m.made_at, m.due_at, m.attempts, m.sent_at, m.dropped_at, m.error,
			(SELECT COUNT(*) FROM message_alerts x WHERE x.message = m.id)
		FROM messages m WHERE $1 = 0 OR m.sent_at = 0 ORDER BY m.made_at DESC, m.id DESC LIMIT $2`, flag(unsent), limit) {
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// MessageCounts are how many messages there are by channel and state: waiting for its
// time or its first attempt; failing, which is tried again; given_up, of those that
// are kept. A server reads them when somebody reads its metrics.
func (s *Store) MessageCounts(ctx context.Context) (map[[2]string]int, error) {
	counts := map[[2]string]int{}
	type count struct {
		of [2]string
		n  int
	}
	scan := func(rows *sql.Rows) (c count, err error) {
		err = rows.Scan(&c.of[0], &c.of[1], &c.n)
		return c, err
	}
	for c, err := range each(ctx, s, "counting the messages", scan, `SELECT channel,
			CASE WHEN dropped_at > 0 THEN 'given_up' WHEN error <> '' THEN 'failing' ELSE 'waiting' END AS state, COUNT(*)
		FROM messages WHERE sent_at = 0 GROUP BY channel, state`) {
		if err != nil {
			return nil, err
		}
		counts[c.of] = c.n
	}
	return counts, nil
}

func scanMessage(rows *sql.Rows) (m AlertMessage, err error) {
	var made, due, sent, dropped int64
	err = rows.Scan(&m.ID, &m.Channel, &made, &due, &m.Attempts, &sent, &dropped, &m.Error, &m.Count)
	m.MadeAt, m.DueAt, m.SentAt, m.Dropped = fromMillis(made), fromMillis(due), fromMillis(sent), fromMillis(dropped)
	return m, err
}

// PruneAlerts forgets messages that were made before a time and are sent or given up,
// and alerts of before it that no message has.
func (s *Store) PruneAlerts(ctx context.Context, before time.Time) error {
	return s.inTransaction(ctx, "forgetting messages", func(tx *sql.Tx) error { return pruneAlerts(ctx, tx, before) })
}

// pruneAlerts forgets what was decided on, and sent or given up, before a time.
func pruneAlerts(ctx context.Context, tx *sql.Tx, before time.Time) error {
	for _, query := range []string{
		"DELETE FROM messages WHERE made_at < $1 AND (sent_at > 0 OR dropped_at > 0)",
		"DELETE FROM alerts WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM message_alerts x JOIN messages m ON m.id = x.message WHERE x.alert = alerts.id)",
	} {
		if _, err := tx.ExecContext(ctx, query, millis(before)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM message_alerts WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = message_alerts.message)")
	return err
}
