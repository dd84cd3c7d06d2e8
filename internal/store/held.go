package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// Holding is what a stack has that no other may have.
type Holding struct {
	Stack   drift.StackRef
	Place   string // of its state
	Lineage string
	Things  []Thing
}

// Thing is an object of a stack, or its state.
type Thing struct {
	Sum     string // the same wherever it is
	Kind    int    // the caller's
	Address string
}

// Hold records what a stack has by a check that began and ended, and gives which other
// stacks have some of it too, for certain: each had it while the other did. That
// something was moved from one stack to another between their checks is no such case,
// so two checks of each tell.
func (s *Store) Hold(ctx context.Context, h Holding, began, ended time.Time) (others []Holding, err error) {
	err = s.InTransaction(ctx, "recording what "+h.Stack.String()+" has", func(tx *sql.Tx) error {
		if err := hold(ctx, tx, h, began, ended); err != nil {
			return err
		}
		others, err = heldElsewhere(ctx, tx, h.Stack.ID)
		return err
	})
	return others, err
}

func hold(ctx context.Context, tx *sql.Tx, h Holding, began, ended time.Time) error {
	ref, err := encode(h.Stack)
	if err != nil {
		return err
	}
	things := slices.Clone(h.Things)
	slices.SortFunc(things, func(a, b Thing) int { return strings.Compare(a.Sum+a.Address, b.Sum+b.Address) })
	things = slices.CompactFunc(things, func(a, b Thing) bool { return a.Sum == b.Sum && a.Address == b.Address })
	digest := digestOf(things)
	var before string
	err = tx.QueryRowContext(ctx, "SELECT digest FROM holders WHERE stack_id = $1", clean(h.Stack.ID)).Scan(&before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO holders (stack_id, stack, place, lineage, digest, seen_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (stack_id) DO UPDATE SET stack = excluded.stack, place = excluded.place, lineage = excluded.lineage, digest = excluded.digest, seen_at = excluded.seen_at`,
		clean(h.Stack.ID), ref, clean(h.Place), clean(h.Lineage), digest, millis(began))
	if err != nil || before == digest {
		return err
	}
	return rewrite(ctx, tx, h.Stack.ID, things, ended)
}

func digestOf(things []Thing) string {
	sum := sha256.New()
	for _, t := range things {
		fmt.Fprintf(sum, "%s %d %q\n", t.Sum, t.Kind, t.Address)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// rewrite replaces what a stack has. What it had before keeps since when.
func rewrite(ctx context.Context, tx *sql.Tx, stackID string, things []Thing, now time.Time) error {
	rows, err := tx.QueryContext(ctx, "SELECT sum, since FROM held WHERE stack_id = $1", clean(stackID))
	if err != nil {
		return err
	}
	type known struct {
		sum   string
		since int64
	}
	had, err := collect(rows, func(rows *sql.Rows) (k known, err error) {
		err = rows.Scan(&k.sum, &k.since)
		return k, err
	})
	if err != nil {
		return err
	}
	since := map[string]int64{}
	for _, k := range had {
		since[k.sum] = k.since
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM held WHERE stack_id = $1", clean(stackID)); err != nil {
		return err
	}
	for chunk := range slices.Chunk(things, 200) {
		var values []string
		var args []any
		for _, t := range chunk {
			at, ok := since[t.Sum]
			if !ok {
				at = millis(now)
			}
			n := len(args)
			values = append(values, fmt.Sprintf("($%d, $%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4, n+5))
			args = append(args, clean(stackID), t.Sum, t.Kind, clean(t.Address), at)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO held (stack_id, sum, kind, address, since) VALUES "+strings.Join(values, ", "), args...) //nolint:gosec // placeholders alone
		if err != nil {
			return err
		}
	}
	return nil
}

// mostShared is how many things of others are looked at: beyond that, all is said.
const mostShared = 1000

// heldElsewhere gives which stacks have what a stack has, of those that their sources
// still have.
func heldElsewhere(ctx context.Context, tx *sql.Tx, stackID string) ([]Holding, error) {
	rows, err := tx.QueryContext(ctx, `SELECT o.stack, o.place, o.lineage, there.sum, there.kind, there.address
		FROM held mine JOIN held there ON there.sum = mine.sum AND there.stack_id <> mine.stack_id
		JOIN holders o ON o.stack_id = there.stack_id AND o.seen_at >= mine.since
		LEFT JOIN fleet f ON f.stack_id = there.stack_id
		WHERE mine.stack_id = $1 AND COALESCE(f.gone_at, 0) = 0
		ORDER BY there.stack_id, there.kind, there.address LIMIT $2`, clean(stackID), mostShared)
	if err != nil {
		return nil, err
	}
	all, err := collect(rows, func(rows *sql.Rows) (h Holding, err error) {
		var ref string
		var t Thing
		if err = rows.Scan(&ref, &h.Place, &h.Lineage, &t.Sum, &t.Kind, &t.Address); err == nil {
			h.Things = []Thing{t}
			h.Stack, err = decode[drift.StackRef](ref)
		}
		return h, err
	})
	if err != nil {
		return nil, err
	}
	var list []Holding
	for _, h := range all {
		if n := len(list); n > 0 && list[n-1].Stack.ID == h.Stack.ID {
			list[n-1].Things = append(list[n-1].Things, h.Things...)
			continue
		}
		list = append(list, h)
	}
	return list, nil
}
