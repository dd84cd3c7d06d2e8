package server

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"holdfast/internal/server/access"
)

// Times of a stream of events.
const (
	heartbeat  = 15 * time.Second
	writeLimit = 20 * time.Second
	// longestStream is when a browser has to come again, which is when the gate looks
	// again whether it may.
	longestStream = 10 * time.Minute
)

// events tells how far a run is while it goes on, as server-sent events: progress
// again and again, then end. An event's id stands for what it says; a browser that
// comes again and names the latest is told what is new.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func (p *site) events(w http.ResponseWriter, r *http.Request) {
	info, ok := p.findRun(w, r)
	if !ok {
		return
	}
	if runState(info) != "running" {
		w.WriteHeader(http.StatusNoContent) // a browser doesn't come again then
		return
	}
	c, ok := p.streams.join(r.Context(), info.ID)
	if !ok {
		w.Header().Set("Retry-After", "30")
		access.Fail(w, r, http.StatusServiceUnavailable, "Too many browsers watch runs at the moment. Load the page again in a while.")
		return
	}
	defer p.streams.leave(info.ID, c)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // proxies pass it on at once
	p.stream(w, r, c)
}

func (p *site) stream(w http.ResponseWriter, r *http.Request, c *client) {
	known := r.Header.Get("Last-Event-ID")
	if sendEvent(w, "retry: 3000\n: it goes on\n\n") != nil {
		return
	}
	beat, end := time.NewTicker(heartbeat), time.NewTimer(longestStream)
	defer beat.Stop()
	defer end.Stop()
	for {
		var err error
		select {
		case now := <-c.news:
			if now.id == known {
				maps.Copy(c.sent, now.stacks)
			} else {
				err = sendEvent(w, progressEvent(c, now))
			}
			if now.over() {
				_ = sendEvent(w, "event: end\ndata: {}\n\n") // the client may be gone
				return
			}
		case <-beat.C:
			err = sendEvent(w, ": still there\n\n")
		case <-end.C:
			return
		case <-p.Stopping:
			return
		case <-r.Context().Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func progressEvent(c *client, now *snapshot) string {
	data, err := json.Marshal(struct {
		progress
		Words  string               `json:"words"`
		Stacks map[string]stackNews `json:"stacks,omitempty"`
	}{now.whole, now.whole.Words(), c.changes(now, mostStacks)})
	if err != nil {
		return ": nothing that could be told\n\n" // it has nothing that can't be
	}
	return fmt.Sprintf("id: %s\nevent: progress\ndata: %s\n\n", now.id, data)
}

func sendEvent(w http.ResponseWriter, text string) error {
	if err := access.Stream(w, writeLimit); err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}
