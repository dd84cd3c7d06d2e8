package queue_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/queue"
)

func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cron, zone, after, want string }{
		{"0 6 * * MON", "UTC", "2026-11-26T10:00:00Z", "2026-11-30T06:00:00Z"},
		{"0 6 * * MON", "UTC", "2026-11-30T06:00:00Z", "2026-12-07T06:00:00Z"},
		{"0 6 * * 1", "Europe/Berlin", "2026-11-26T10:00:00Z", "2026-11-30T05:00:00Z"},
		{"0 6 * * 1", "Europe/Berlin", "2026-06-01T10:00:00Z", "2026-06-08T04:00:00Z"},
		{"*/15 * * * *", "UTC", "2026-11-26T10:07:00Z", "2026-11-26T10:15:00Z"},
		{"@daily", "America/New_York", "2026-11-26T10:00:00Z", "2026-11-27T05:00:00Z"},
		{"@every 90m", "UTC", "2026-11-26T10:00:00Z", "2026-11-26T11:30:00Z"},
		{"*/30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"},
		// The clocks go forward from 2:00 to 3:00 on 2026-03-29 in Berlin.
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"},
		// And back from 3:00 to 2:00 on 2026-10-25.
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T01:30:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"},
	} {
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		got, err := queue.Next(c.cron, c.zone, after)
		if err != nil || got.Format(time.RFC3339) != c.want {
			t.Errorf("%s in %s after %s: %s, %v; want %s", c.cron, c.zone, c.after, got.Format(time.RFC3339), err, c.want)
		}
	}
	for _, c := range []struct{ cron, zone, want string }{
		{"0 6 * *", "UTC", "five fields"},
		{"61 * * * *", "UTC", "schedule \"61 * * * *\""},
		{"0 6 * * *", "Mars/Olympus", "there is none of that name"},
		{"0 0 30 2 *", "UTC", "never comes"},
		{"TZ=Asia/Tokyo 0 6 * * *", "UTC", "as the zone of the schedule"},
		{"", "UTC", "five fields"},
	} {
		_, err := queue.Next(c.cron, c.zone, time.Now())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s in %s: %v", c.cron, c.zone, err)
		}
	}
}
