package hcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/state"
)

const canary = "canary0123456.atlasv1.0123456789abcdef"

// stub is HCP Terraform as its API documentation describes it, with one
// organization. TestStub holds it against HashiCorp's own client.
// https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces
// https://developer.hashicorp.com/terraform/cloud-docs/api-docs/state-versions
type stub struct {
	*httptest.Server
	archive string // the host of another server that keeps the states; "" for this one

	mu         sync.Mutex
	workspaces map[string]*workspace
	queries    []string // of lists of workspaces
}

type workspace struct {
	state    []byte
	locked   bool
	lockedBy map[string]any // a resource; nil where it isn't told
	project  string
}

func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{workspaces: map[string]*workspace{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/terraform.json", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"modules.v1":"/api/registry/v1/modules/","tfe.v2":"/api/v2/","versions.v1":"https://checkpoint-api.hashicorp.com/v1/versions/"}`)
	})
	api := http.NewServeMux()
	api.HandleFunc("GET /api/v2/ping", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("TFP-API-Version", "2.6")
		w.WriteHeader(http.StatusNoContent)
	})
	api.HandleFunc("GET /api/v2/organizations/acme/workspaces", s.list)
	api.HandleFunc("GET /api/v2/organizations/acme/workspaces/{name}", s.show)
	api.HandleFunc("GET /api/v2/organizations/acme/projects", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]any{"data": []any{
			map[string]any{"id": "prj-x", "type": "projects", "attributes": map[string]any{"name": r.URL.Query().Get("filter[names]") + " two"}},
			map[string]any{"id": "prj-1", "type": "projects", "attributes": map[string]any{"name": "net"}},
		}})
	})
	api.HandleFunc("GET /api/v2/workspaces/{id}/current-state-version", s.version)
	api.HandleFunc("GET /api/v2/runs/{id}", s.run)
	api.HandleFunc("GET /api/state-versions/{id}/hosted_state", s.content)
	api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fault(w, http.StatusNotFound, "not found") })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+canary {
			fault(w, http.StatusUnauthorized, "unauthorized")
			return
		}
		api.ServeHTTP(w, r)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func reply(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/vnd.api+json")
	_ = json.NewEncoder(w).Encode(document)
}

func fault(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "application/vnd.api+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"status":"%d","title":%q}]}`, status, title)
}

func (s *stub) resource(name string, w *workspace) map[string]any {
	by := map[string]any{"data": nil}
	if w.lockedBy != nil {
		by = map[string]any{"data": map[string]any{"id": w.lockedBy["id"], "type": w.lockedBy["type"]}}
	}
	return map[string]any{
		"id": "ws-" + name, "type": "workspaces",
		"attributes":    map[string]any{"name": name, "locked": w.locked, "execution-mode": "remote"},
		"relationships": map[string]any{"locked-by": by, "organization": map[string]any{"data": map[string]any{"id": "acme", "type": "organizations"}}},
	}
}

func (s *stub) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	s.queries = append(s.queries, r.URL.RawQuery)
	var names []string
	for name, ws := range s.workspaces {
		if strings.Contains(name, q.Get("search[name]")) && (q.Get("filter[project][id]") == "" || ws.project == q.Get("filter[project][id]")) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	size, _ := strconv.Atoi(q.Get("page[size]"))
	page, _ := strconv.Atoi(q.Get("page[number]"))
	size = min(size, 100)
	data, next := []any{}, any(nil)
	for i, name := range names {
		if i/size == page-1 {
			data = append(data, s.resource(name, s.workspaces[name]))
		}
	}
	if page*size < len(names) {
		next = page + 1
	}
	reply(w, map[string]any{"data": data, "meta": map[string]any{"pagination": map[string]any{
		"current-page": page, "page-size": size, "next-page": next, "total-count": len(names), "total-pages": (len(names) + size - 1) / size,
	}}})
}

func (s *stub) show(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ws := s.workspaces[r.PathValue("name")]
	if ws == nil {
		fault(w, http.StatusNotFound, "not found")
		return
	}
	document := map[string]any{"data": s.resource(r.PathValue("name"), ws)}
	// A run is not included here, so that it has to be asked for.
	if r.URL.Query().Get("include") == "locked_by" && ws.lockedBy != nil && ws.lockedBy["type"] != "runs" {
		document["included"] = []any{ws.lockedBy}
	}
	reply(w, document)
}

func (s *stub) run(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ws := range s.workspaces {
		if ws.lockedBy != nil && ws.lockedBy["id"] == r.PathValue("id") {
			reply(w, map[string]any{"data": ws.lockedBy})
			return
		}
	}
	fault(w, http.StatusNotFound, "not found")
}

func (s *stub) version(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimPrefix(r.PathValue("id"), "ws-")
	ws := s.workspaces[name]
	if ws == nil || ws.state == nil {
		fault(w, http.StatusNotFound, "not found")
		return
	}
	host := s.archive
	if host == "" {
		host = "http://" + r.Host
	}
	reply(w, map[string]any{"data": map[string]any{
		"id": "sv-" + name, "type": "state-versions",
		"attributes": map[string]any{"status": "finalized", "serial": 7, "hosted-state-download-url": host + "/api/state-versions/sv-" + name + "/hosted_state"},
	}})
}

func (s *stub) content(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(s.workspaces[strings.TrimPrefix(r.PathValue("id"), "sv-")].state)
}

func (s *stub) put(name string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.workspaces[name] == nil {
		s.workspaces[name] = &workspace{}
	}
	s.workspaces[name].state = content
}

// lock locks a workspace as a lock of the suite would be told: an apply and a
// plan by a run, what else by a person.
func (s *stub) lock(name string, lock state.Lock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ws := s.workspaces[name]
	if ws == nil {
		ws = &workspace{}
		s.workspaces[name] = ws
	}
	ws.locked = true
	status := map[string]string{"OperationTypeApply": "applying", "OperationTypePlan": "planned"}[lock.Operation]
	if status != "" {
		ws.lockedBy = map[string]any{"id": "run-" + lock.ID, "type": "runs", "attributes": map[string]any{
			"status": status, "created-at": lock.Created.Format(time.RFC3339), "plan-only": false,
		}}
		return
	}
	ws.lockedBy = map[string]any{"id": "user-" + lock.ID, "type": "users", "attributes": map[string]any{"username": lock.Who}}
}

// tells is what can be known of such a lock.
func tells(lock state.Lock) state.Lock {
	if lock.Operation == "OperationTypeApply" || lock.Operation == "OperationTypePlan" {
		return state.Lock{ID: "run-" + lock.ID, Who: "run run-" + lock.ID, Operation: lock.Operation, Created: lock.Created.Truncate(time.Second)}
	}
	return state.Lock{ID: "user-" + lock.ID, Who: lock.Who, Operation: "manual"}
}

func (s *stub) snapshot(*testing.T) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for name, ws := range s.workspaces {
		all[name] = fmt.Sprint(ws.locked, ws.lockedBy, ws.project) + string(ws.state)
	}
	return all
}
