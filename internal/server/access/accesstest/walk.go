// Package accesstest proves of a whole server who may do what: it asks each route
// as nobody and in each role, so that a route can't be forgotten.
package accesstest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// Route is a way into the server, and whom it is for.
type Route struct {
	Method, Path string      // without parameters: /stacks/x
	Role         access.Role // that is needed; None: anybody
	Page         bool        // for people: who is unknown is sent to the login
	Body         string      // of a request that changes something
	ContentType  string      // of the body; that of a form, or JSON, if ""
}

// RoleKey is where an operation of the OpenAPI document says its role: viewer,
// operator, admin, or public.
const RoleKey = "x-holdfast-role"

// Operations are the routes of an OpenAPI document in JSON. Path parameters become
// what params has under their names, or x. An operation that doesn't say its role
// fails the test.
func Operations(t testing.TB, document []byte, params map[string]string) []Route {
	t.Helper()
	routes, err := operations(document, params)
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

func operations(document []byte, params map[string]string) ([]Route, error) {
	var api struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(document, &api); err != nil {
		return nil, fmt.Errorf("the OpenAPI document: %w", err)
	}
	var routes []Route
	for path, item := range api.Paths {
		for method, src := range item {
			if !slices.Contains([]string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}, method) {
				continue // a summary, parameters
			}
			var operation map[string]any
			if err := json.Unmarshal(src, &operation); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			role, err := roleOf(operation)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			routes = append(routes, Route{Method: strings.ToUpper(method), Path: filled(path, params), Role: role, Body: "{}"})
		}
	}
	if len(routes) == 0 {
		return nil, fmt.Errorf("the OpenAPI document has no operations")
	}
	slices.SortFunc(routes, func(a, b Route) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	return routes, nil
}

func roleOf(operation map[string]any) (access.Role, error) {
	name, ok := operation[RoleKey].(string)
	if !ok {
		return access.None, fmt.Errorf("it has no %s", RoleKey)
	}
	if name == "public" {
		return access.None, nil
	}
	return access.ParseRole(name)
}

// filled puts values into a path: /stacks/{id}.
func filled(path string, params map[string]string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		name, ok := strings.CutPrefix(part, "{")
		if !ok {
			continue
		}
		parts[i] = "x"
		if value, given := params[strings.TrimSuffix(name, "}")]; given {
			parts[i] = url.PathEscape(value)
		}
	}
	return strings.Join(parts, "/")
}

// roles are those that routes are asked in.
var roles = []access.Role{access.None, access.Viewer, access.Operator, access.Admin}

// Walk asks each route of a server as nobody and in each role, with a token of
// that role, or for pages with a session begun with it; and, where it may change
// something, as an admin whom another site has led there. The server's gate must
// have Options.Tokens and this store. It may be asked for real: give it work that
// does nothing.
func Walk(t *testing.T, s *store.Store, h http.Handler, routes []Route) {
	t.Helper()
	for _, fault := range walk(t, s, h, routes) {
		t.Error(fault)
	}
}

func walk(t testing.TB, s *store.Store, h http.Handler, routes []Route) (faults []string) {
	t.Helper()
	people := map[access.Role]visitor{}
	for _, role := range roles[1:] {
		people[role] = newVisitor(t, s, h, role)
	}
	for _, route := range routes {
		for _, role := range roles {
			answer := ask(t, h, route, people[role], "same-origin")
			if fault := route.fault(role, answer); fault != "" {
				faults = append(faults, fmt.Sprintf("%s %s, which needs %s, as %s: %s", route.Method, route.Path, needs(route.Role), role, fault))
			}
		}
		if route.changes() {
			if answer := ask(t, h, route, visitor{cookie: people[access.Admin].cookie}, "cross-site"); answer.status != http.StatusForbidden {
				faults = append(faults, fmt.Sprintf("%s %s, from another site as admin: %d, want 403", route.Method, route.Path, answer.status))
			}
		}
	}
	return faults
}

func needs(role access.Role) string {
	if role == access.None {
		return "nothing"
	}
	return role.String()
}

// changes reports whether a route may change something.
func (r Route) changes() bool {
	return !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, r.Method)
}

// fault is what is wrong with an answer to somebody.
func (r Route) fault(role access.Role, a answer) string {
	switch {
	case role >= r.Role:
		return a.faultOfWelcome()
	case role == access.None && r.Page:
		if !a.toLogin() {
			return fmt.Sprintf("%d, want 303 to the login", a.status)
		}
	case role == access.None:
		if a.status != http.StatusUnauthorized || !a.problem() || a.header.Get("WWW-Authenticate") == "" {
			return fmt.Sprintf("%d %s, want 401, a problem document and WWW-Authenticate", a.status, a.header.Get("Content-Type"))
		}
	case a.status != http.StatusForbidden:
		return fmt.Sprintf("%d, want 403", a.status)
	case !r.Page && !a.problem():
		return "403 without a problem document"
	}
	return ""
}

// faultOfWelcome is what is wrong with an answer to somebody whom the route is for.
func (a answer) faultOfWelcome() string {
	switch {
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.toLogin():
		return fmt.Sprintf("%d, but it is for them", a.status)
	case a.status == http.StatusInternalServerError:
		return "500"
	}
	return ""
}

func (a answer) toLogin() bool {
	return a.status == http.StatusSeeOther && strings.HasPrefix(a.header.Get("Location"), "/login")
}

func (a answer) problem() bool { return a.header.Get("Content-Type") == "application/problem+json" }

// visitor is somebody with a token and a session; the zero value has neither.
type visitor struct{ token, cookie string }

func newVisitor(t testing.TB, s *store.Store, h http.Handler, role access.Role) visitor {
	t.Helper()
	token, _, err := access.CreateToken(t.Context(), s, access.TokenAsk{Name: "walk-" + role.String(), Role: role, By: "test", Via: access.ViaCommand}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	login := Route{Method: http.MethodPost, Path: "/login", Page: true, Body: url.Values{"token": {token}}.Encode()}
	a := ask(t, h, login, visitor{}, "same-origin")
	cookie, _, ok := strings.Cut(a.header.Get("Set-Cookie"), ";")
	if a.status != http.StatusSeeOther || !ok {
		t.Fatalf("logging in with a token of the role %s: %d; has the server's gate Options.Tokens, and this store?", role, a.status)
	}
	return visitor{token, cookie}
}

// ask sends a request, and takes the beginning of the answer: what streams would
// not end.
func ask(t testing.TB, h http.Handler, r Route, v visitor, site string) answer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req := httptest.NewRequestWithContext(ctx, r.Method, r.Path, strings.NewReader(r.Body))
	req.Host = "localhost"
	req.Header.Set("Sec-Fetch-Site", site)
	if r.changes() {
		req.Header.Set("Content-Type", r.contentType())
	}
	switch {
	case r.Page || v.token == "":
		if r.Page {
			req.Header.Set("Accept", "text/html")
		}
		if v.cookie != "" {
			req.Header.Set("Cookie", v.cookie)
		}
	default:
		req.Header.Set("Authorization", "Bearer "+v.token)
	}
	if !r.Page {
		req.Header.Set("Accept", "application/json")
	}
	w := &beginning{answer: answer{header: http.Header{}}, begun: cancel}
	h.ServeHTTP(w, req)
	return w.answer
}

func (r Route) contentType() string {
	switch {
	case r.ContentType != "":
		return r.ContentType
	case r.Page:
		return "application/x-www-form-urlencoded"
	}
	return "application/json"
}

// answer is the beginning of one.
type answer struct {
	status int
	header http.Header
}

// beginning is a response writer that ends the request once the answer has begun.
type beginning struct {
	answer
	begun func()
}

// Header is for http.ResponseWriter.
func (b *beginning) Header() http.Header { return b.header }

// WriteHeader keeps the first status.
func (b *beginning) WriteHeader(status int) {
	if b.status == 0 {
		b.status, b.header = status, b.header.Clone()
		b.begun()
	}
}

func (b *beginning) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return len(p), nil
}

// Flush, SetReadDeadline and SetWriteDeadline are for what streams.
func (b *beginning) Flush() { b.WriteHeader(http.StatusOK) }

// SetReadDeadline is for http.ResponseController.
func (b *beginning) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is for http.ResponseController.
func (b *beginning) SetWriteDeadline(time.Time) error { return nil }
