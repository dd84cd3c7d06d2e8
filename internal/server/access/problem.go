package access

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// realm is what clients are told that credentials are for.
const realm = `Bearer realm="holdfast"`

// Refuse answers somebody whose role is too low. Unknown people are sent to the
// login page, programs get a problem document: 401 for those that are unknown,
// 403 for others.
func Refuse(w http.ResponseWriter, r *http.Request, least Role) {
	v := visitOf(r.Context())
	switch {
	case v.Role > None:
		Fail(w, r, http.StatusForbidden, fmt.Sprintf("This needs the role %s, and %s has the role %s. An administrator of this Holdfast can give it.", least, v.Name, v.Role))
	case wantsProblem(r):
		w.Header().Set("WWW-Authenticate", realm)
		Fail(w, r, http.StatusUnauthorized, "Send an API token as \"Authorization: Bearer hf_...\"; holdfast token create makes one.")
	default:
		redirect(w, "/login?next="+url.QueryEscape(wanted(r)))
	}
}

// wanted is the page to come back to after login.
func wanted(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "/"
	}
	return safeNext(r.URL.RequestURI())
}

// redirect sends a browser to a path of ours, with GET.
func redirect(w http.ResponseWriter, path string) {
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
}

// Fail answers that something could not be done: with a problem document (RFC
// 9457) for programs, with a page for people. The detail is for both, and must
// hold nothing that its reader may not know. Who is logged in sees a page of the
// server, others one of the gate.
func Fail(w http.ResponseWriter, r *http.Request, status int, detail string) {
	if wantsProblem(r) {
		problem(w, r, status, detail)
		return
	}
	if v := visitOf(r.Context()); v.Role > None && v.gate != nil && v.gate.shown != nil && v.gate.shown(w, r, status, detail) {
		return
	}
	showPage(w, r, status, page{Title: http.StatusText(status), Text: []string{detail}, Request: RequestID(r.Context())})
}

func problem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // the client may be gone
		Title   string `json:"title"`
		Status  int    `json:"status"`
		Detail  string `json:"detail"`
		Request string `json:"request_id,omitempty"`
	}{http.StatusText(status), status, detail, RequestID(r.Context())})
}

// wantsProblem reports whether a program asks, not a person with a browser.
func wantsProblem(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	switch {
	case isAPI(r.URL.Path), r.Header.Get("Authorization") != "":
		return true
	case strings.Contains(accept, "text/html"):
		return false
	}
	return strings.Contains(accept, "json") || strings.Contains(accept, "text/event-stream")
}

// isAPI reports whether a path is one that only programs ask for.
func isAPI(path string) bool {
	switch path {
	case "/openapi.json", "/openapi.yaml", "/metrics", "/healthz", "/readyz", "/api":
		return true
	}
	return strings.HasPrefix(path, "/api/")
}

// tooMany answers somebody who is to wait for so many seconds.
func tooMany(w http.ResponseWriter, r *http.Request, seconds int) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	Fail(w, r, http.StatusTooManyRequests, fmt.Sprintf("Too many failed attempts from your address. Wait for %d seconds.", seconds))
}
