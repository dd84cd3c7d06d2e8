package store_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// TestHold: two stacks that have the same thing are told so at the second check of
// each; what was moved between two checks is in one.
func TestHold(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		one, two := stackWith().Ref(), named("live/us").Ref()
		check(t, s, at(0), stackWith(), named("live/us"))
		holds := func(ref drift.StackRef, sums ...string) store.Holding {
			h := store.Holding{Stack: ref, Place: "s3://states/" + ref.Path, Lineage: "lineage"}
			for n, sum := range sums {
				h.Things = append(h.Things, store.Thing{Sum: sum, Kind: 2, Address: fmt.Sprint("aws_x.", n)})
			}
			return h
		}
		hour := 0
		hold := func(h store.Holding, want ...store.Holding) {
			t.Helper()
			hour++
			began := at(1).Add(time.Duration(hour) * time.Hour)
			got, err := s.Hold(t.Context(), h, began, began.Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		hold(holds(one, "a", "b"))
		hold(holds(two, "c"))
		// b is moved to the second stack between the checks of both.
		hold(holds(two, "b", "c"))
		hold(holds(one, "a"))
		hold(holds(two, "b", "c"))
		hold(holds(one, "a"))
		// Now the first has c, and so has the second.
		hold(holds(one, "c", "a"))
		hold(holds(two, "b", "c"), store.Holding{Stack: one, Place: "s3://states/live/eu", Lineage: "lineage", Things: []store.Thing{{Sum: "c", Kind: 2, Address: "aws_x.0"}}})
		hold(holds(one, "c", "a"), store.Holding{Stack: two, Place: "s3://states/live/us", Lineage: "lineage", Things: []store.Thing{{Sum: "c", Kind: 2, Address: "aws_x.1"}}})
		// Its source has the second no more.
		err := s.InTransaction(t.Context(), "noting", func(tx *sql.Tx) error {
			if err := s.NoteStacks(t.Context(), tx, "infra", []drift.StackRef{one, two}, at(3)); err != nil {
				return err
			}
			return s.NoteStacks(t.Context(), tx, "infra", []drift.StackRef{one}, at(4))
		})
		if err != nil {
			t.Fatal(err)
		}
		hold(holds(one, "c", "a"))
		var many []string
		for n := range 1500 {
			many = append(many, fmt.Sprintf("%032d", n))
		}
		hold(holds(one, many...))
	})
}
