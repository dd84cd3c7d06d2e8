package store_test

import (
	"testing"

	"holdfast/internal/store"
)

// TestDeletedSchedules: a source's own schedule that somebody has deleted is not
// made again, but by a person; any other is as if it had never been.
func TestDeletedSchedules(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ids := func() (list []string) {
			t.Helper()
			all, err := s.Schedules(t.Context())
			must(err)
			due, err := s.Due(t.Context(), at(1))
			must(err)
			if len(due) != len(all) {
				t.Errorf("%d are due of %d", len(due), len(all))
			}
			for _, one := range all {
				list = append(list, one.ID)
			}
			return list
		}
		own := store.Schedule{ID: store.OwnSchedule("infra"), Source: "infra", Cron: "0 6 * * 1", Zone: "UTC", NextAt: at(0)}
		other := own
		other.ID = "nightly"
		for _, one := range []store.Schedule{own, other} {
			must(s.AddSchedule(t.Context(), one))
			must(s.DeleteSchedule(t.Context(), one.ID))
			must(s.DeleteSchedule(t.Context(), one.ID)) // no error
			if _, ok, err := s.Schedule(t.Context(), one.ID); ok || err != nil {
				t.Errorf("%s is there: %v", one.ID, err)
			}
			must(s.AddSchedule(t.Context(), one))
		}
		if got := ids(); len(got) != 1 || got[0] != "nightly" {
			t.Errorf("%q", got)
		}
		_, err := s.SaveSchedule(t.Context(), own)
		must(err)
		if got := ids(); len(got) != 2 {
			t.Errorf("%q", got)
		}
	})
}
