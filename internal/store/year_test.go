package store_test

import (
	"testing"

	"holdfast/internal/store"
	"holdfast/internal/store/storetest"
)

// TestYear: the year of benchmarks is a history as checks make one.
func TestYear(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		year, err := storetest.Fill(t.Context(), s, storetest.Size{Stacks: 60, Sources: 3, Rounds: 8, NewARound: 30, Now: at(400)})
		if err != nil {
			t.Fatal(err)
		}
		agrees(t, s)
		h, err := s.Health(t.Context(), at(390), nil)
		if err != nil || h.Open != len(year.Open) || h.Open == 0 || h.Waived == 0 || h.Stale != 0 {
			t.Errorf("%+v, %v; %d open", h, err, len(year.Open))
		}
		delta := 0
		if err := s.DB().QueryRowContext(t.Context(), "SELECT SUM(delta) FROM events").Scan(&delta); err != nil || delta != h.Open {
			t.Errorf("the events count %d open findings, not %d: %v", delta, h.Open, err)
		}
		if all, err := s.EventsPage(t.Context(), store.EventFilter{}); err != nil || len(all.Items) != 50 || year.Events < len(year.Episodes) {
			t.Errorf("%d events, %v", len(all.Items), err)
		}
	})
}
