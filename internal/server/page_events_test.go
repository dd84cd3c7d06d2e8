package server_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/server/servertest"
	"holdfast/internal/store"
)

// event is a server-sent one.
type event struct{ id, kind, data string }

// listen reads the events of a run until the stream ends.
func listen(ctx context.Context, t *testing.T, rig *servertest.Rig, run, last string) (status int, events <-chan event) {
	t.Helper()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, rig.URL+"/runs/"+run+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept", "text/event-stream")
	q.Header.Set("Last-Event-ID", last)
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan event, 100)
	go func() {
		defer close(out)
		defer a.Body.Close()
		lines := bufio.NewScanner(a.Body)
		lines.Buffer(nil, 1<<20)
		var e event
		for lines.Scan() {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "id":
				e.id = value
			case "event":
				e.kind = value
			case "data":
				e.data = value
			case "":
				if e.kind != "" {
					out <- e
				}
				e = event{}
			}
		}
	}()
	return a.StatusCode, out
}

// next waits for an event; false: the stream has ended.
func next(t *testing.T, events <-chan event) (event, bool) {
	t.Helper()
	select {
	case e, ok := <-events:
		return e, ok
	case <-time.After(2 * time.Minute):
		t.Fatal("no event has come")
		return event{}, false
	}
}

type progress struct {
	State       string
	Total, Done int
	Words       string
	Stacks      map[string]struct{ Badge, Took, Note string }
}

func parse(t *testing.T, e event) (p progress) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.data), &p); err != nil || e.kind != "progress" || e.id == "" {
		t.Fatalf("%+v: %v", e, err)
	}
	return p
}

// set records how far the run is with a stack, as a worker in another process does.
func set(t *testing.T, rig *servertest.Rig, run, stack string, state store.StackState, outcome drift.Status) {
	t.Helper()
	_, err := rig.Store.DB().ExecContext(t.Context(), "UPDATE run_stacks SET state = $1, outcome = $2, finished_at = $3 WHERE run = $4 AND stack_id = $5",
		string(state), string(outcome), time.Now().UnixMilli(), run, stack)
	if err != nil {
		t.Fatal(err)
	}
}

// TestEvents follows a run from its middle to its end, with a browser that comes
// again and one that comes too late.
func TestEvents(t *testing.T) {
	t.Parallel()
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet})
	run := underWay(t, rig)
	status, events := listen(t.Context(), t, rig, run, "")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	first, _ := next(t, events)
	p := parse(t, first)
	if p.State != "running" || p.Total != 4 || p.Done != 1 || len(p.Stacks) != 4 || p.Stacks[servertest.Edge].Badge != "drifted" || p.Words != "4 stacks, 1 check done" {
		t.Errorf("%+v", p)
	}
	vpc := drift.StackID("live/network/vpc", "default")
	set(t, rig, run, vpc, store.StackDone, drift.StatusClean)
	second, _ := next(t, events)
	if p = parse(t, second); p.Done != 2 || len(p.Stacks) != 1 || p.Stacks[vpc].Badge != "clean" || second.id == first.id {
		t.Errorf("%+v", p)
	}
	// It has lost the connection, and knows the second event: nothing is told again.
	_, again := listen(t.Context(), t, rig, run, second.id)
	for _, name := range []string{"live/network/dns", "live/network/transit"} {
		set(t, rig, run, drift.StackID(name, "default"), store.StackDone, drift.StatusClean)
	}
	third, _ := next(t, again)
	if p = parse(t, third); p.Done < 3 || p.Stacks[vpc].Badge != "" || p.Stacks[servertest.Edge].Badge != "" {
		t.Errorf("%+v", p)
	}
	r, err := rig.Store.Resume(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Finish(t.Context(), time.Now(), drift.Summary{Stacks: 4}); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []<-chan event{events, again} {
		var last event
		for {
			e, ok := next(t, stream)
			if !ok {
				break
			}
			last = e
		}
		if last.kind != "end" {
			t.Errorf("the stream ends with %+v", last)
		}
	}
	if status, _ := listen(t.Context(), t, rig, run, ""); status != http.StatusNoContent {
		t.Errorf("%d for a run that is over; a browser would come again and again", status)
	}
}

// TestEventsStop: streams end when the server stops, and so many browsers may
// watch at once, of which each that leaves makes room.
func TestEventsStop(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet, Stopping: stopping})
	run := underWay(t, rig)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var streams []<-chan event
	for range 200 {
		status, events := listen(ctx, t, rig, run, "")
		if status != http.StatusOK {
			t.Fatal(status)
		}
		streams = append(streams, events)
	}
	if status, _ := listen(t.Context(), t, rig, run, ""); status != http.StatusServiceUnavailable {
		t.Errorf("%d for one too many", status)
	}
	leave()
	var kept <-chan event
	for status := 0; status != http.StatusOK; { // the server notices one after the other
		status, kept = listen(t.Context(), t, rig, run, "")
	}
	next(t, kept)
	close(stopping)
	for _, stream := range append(streams, kept) {
		for ok := true; ok; {
			_, ok = next(t, stream)
		}
	}
}

// TestEventsTableGone: what can't be read now is no end of the stream.
func TestEventsTableGone(t *testing.T) {
	t.Parallel()
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet})
	run := underWay(t, rig)
	_, events := listen(t.Context(), t, rig, run, "")
	next(t, events)
	rename := func(from, to string) {
		t.Helper()
		if err := rig.Store.InTransaction(t.Context(), "renaming", func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	rename("run_stacks", "elsewhere")
	rename("elsewhere", "run_stacks")
	set(t, rig, run, drift.StackID("live/network/vpc", "default"), store.StackDone, drift.StatusClean)
	if e, _ := next(t, events); parse(t, e).Done != 2 {
		t.Errorf("%+v", e)
	}
}
