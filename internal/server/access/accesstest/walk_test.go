package accesstest

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

const document = `{"openapi": "3.1.0", "paths": {
	"/api/v1/stacks": {"summary": "x", "get": {"x-holdfast-role": "viewer"}},
	"/api/v1/stacks/{id}": {"get": {"x-holdfast-role": "viewer"}, "parameters": []},
	"/api/v1/stacks/{id}/check": {"post": {"x-holdfast-role": "operator"}},
	"/api/v1/tokens/{name}": {"delete": {"x-holdfast-role": "admin"}},
	"/healthz": {"get": {"x-holdfast-role": "public"}}
}}`

// served is a server with a gate; weak makes each of its routes ask for less.
func served(t *testing.T, weak map[string]access.Role) (*store.Store, http.Handler) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	g, err := access.New(access.Options{Store: s, Tokens: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for pattern, role := range map[string]access.Role{
		"GET /api/v1/stacks": access.Viewer, "GET /api/v1/stacks/{id}": access.Viewer, "POST /api/v1/stacks/{id}/check": access.Operator,
		"DELETE /api/v1/tokens/{name}": access.Admin, "GET /healthz": access.None,
		"GET /stacks": access.Viewer, "POST /requests/x": access.Admin, "GET /runs/x/events": access.Viewer,
	} {
		if less, ok := weak[pattern]; ok {
			role = less
		}
		mux.Handle(pattern, access.Require(role, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/events") {
				w.(http.Flusher).Flush()
				<-r.Context().Done() // as long as somebody listens
				return
			}
			fmt.Fprint(w, "{}")
		})))
	}
	return s, g.Wrap(mux)
}

func routes(t *testing.T) []Route {
	t.Helper()
	list := Operations(t, []byte(document), map[string]string{"id": "a/b"})
	if len(list) != 5 || list[1].Path != "/api/v1/stacks/a%2Fb" || list[3].Path != "/api/v1/tokens/x" || list[3].Method != http.MethodDelete || list[3].Role != access.Admin {
		t.Fatalf("%+v", list)
	}
	return append(list,
		Route{Method: "GET", Path: "/stacks", Role: access.Viewer, Page: true},
		Route{Method: "GET", Path: "/runs/x/events", Role: access.Viewer, Page: true},
		Route{Method: "POST", Path: "/requests/x", Role: access.Admin, Page: true},
		Route{Method: "GET", Path: "/login", Page: true},
	)
}

func TestWalk(t *testing.T) {
	t.Parallel()
	s, h := served(t, nil)
	Walk(t, s, h, routes(t))
}

// TestWalkBites: each route that asks for too little, or too much, is named.
func TestWalkBites(t *testing.T) {
	t.Parallel()
	for pattern, role := range map[string]access.Role{
		"POST /api/v1/stacks/{id}/check": access.Viewer, "DELETE /api/v1/tokens/{name}": access.None, "GET /stacks": access.Operator,
		"POST /requests/x": access.Operator, "GET /healthz": access.Viewer,
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			s, h := served(t, map[string]access.Role{pattern: role})
			faults := walk(t, s, h, routes(t))
			path := strings.NewReplacer("{id}", "a%2Fb", "{name}", "x").Replace(pattern)
			if len(faults) == 0 || !strings.HasPrefix(faults[0], path) {
				t.Errorf("%q", faults)
			}
		})
	}
	s, h := served(t, nil)
	open := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/requests/x" { // past the gate
			return
		}
		h.ServeHTTP(w, r)
	})
	if faults := walk(t, s, open, routes(t)); len(faults) < 4 || !strings.Contains(strings.Join(faults, "\n"), "from another site") {
		t.Errorf("%q", faults)
	}
}

func TestOperationsRefuse(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"no role":       `{"paths": {"/a": {"get": {}}}}`,
		"a wrong role":  `{"paths": {"/a": {"get": {"x-holdfast-role": "root"}}}}`,
		"no operations": `{"paths": {}}`,
		"no document":   `x`,
	} {
		if list, err := operations([]byte(src), nil); err == nil {
			t.Errorf("%s: %+v", name, list)
		}
	}
}
