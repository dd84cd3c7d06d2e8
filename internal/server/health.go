package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// readyWithin bounds how long the database may take until the server is not ready.
const readyWithin = 5 * time.Second

// addHealth adds what load balancers and orchestrators ask. Both tell nothing of
// what Holdfast knows.
func (s *Server) addHealth(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusOK, map[string]string{"process": "ok"})
	})
	mux.HandleFunc("GET /readyz", s.ready)
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
	defer cancel()
	status, checks := http.StatusOK, map[string]string{"database": "ok", "migrations": "ok", "queue": "ok"}
	fail := func(what, why string, err error) {
		status, checks[what] = http.StatusServiceUnavailable, why
		s.Log.WarnContext(ctx, "the server is not ready", "check", what, "error", err, "request_id", access.RequestID(ctx))
	}
	switch err := s.Store.Ready(ctx); {
	case errors.Is(err, store.ErrVersion):
		fail("migrations", "the tables are of another version than this Holdfast knows", err)
	case err != nil:
		fail("database", "it can't be reached; the log says more", err)
		checks["migrations"], checks["queue"] = "not known", "not known"
	default:
		if _, err := s.Rounds.Depth(ctx); err != nil {
			fail("queue", "it can't be read; the log says more", err)
		}
	}
	writeStatus(w, status, checks)
}

func writeStatus(w http.ResponseWriter, status int, checks map[string]string) {
	word := "ok"
	if status != http.StatusOK {
		word = "unavailable"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // the client may be gone
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{word, checks})
}
