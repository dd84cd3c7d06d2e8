// Package githubstub is a stand-in for the part of GitHub's REST API that issues need:
// issues, comments and labels of one repository, with state. It holds requests to what
// GitHub's documentation says, and is no proof of how GitHub itself behaves.
// https://docs.github.com/rest/issues
package githubstub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Options say what the server is like.
type Options struct {
	Repository string // owner/name
	Token      string // the only one that it knows
	ReadOnly   bool   // the token may read issues alone
	NoLabels   bool   // the token may open issues, but set no labels: they are dropped silently
	Disabled   bool   // issues are turned off
	PerPage    int    // the most of a page; 0: 100
	// Fault, if it is there, may answer a request instead; it says whether it has.
	Fault func(w http.ResponseWriter, r *http.Request) bool
}

// Issue is one of the repository.
type Issue struct {
	Number      int        `json:"number"`
	Title       string     `json:"title"`
	Body        string     `json:"body"`
	State       string     `json:"state"`
	StateReason *string    `json:"state_reason"`
	Labels      []Label    `json:"labels"`
	User        User       `json:"user"`
	URL         string     `json:"html_url"`
	Comments    int        `json:"comments"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
	ClosedAt    *time.Time `json:"closed_at"`
	PullRequest *struct {
		URL string `json:"url"`
	} `json:"pull_request,omitempty"`

	Said []Comment `json:"-"`
}

// Comment is one of an issue.
type Comment struct {
	ID        int       `json:"id"`
	Body      string    `json:"body"`
	User      User      `json:"user"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Label is one of the repository.
type Label struct {
	Name        string `json:"name"`
	Color       string `json:"color"`
	Description string `json:"description"`
}

// User is who wrote something.
type User struct {
	Login string `json:"login"`
}

// Server is the API on a port of its own. Safe for concurrent use.
type Server struct {
	URL string // of the API

	o      Options
	server *httptest.Server

	mu      sync.Mutex
	issues  []*Issue
	labels  []Label
	writes  []string // method and path of each request that changed something
	asked   int
	comment int
	faults  []string
}

// Start serves the API. The caller closes it.
func Start(o Options) *Server {
	s := &Server{o: o}
	mux := http.NewServeMux()
	repo := "/repos/" + o.Repository
	mux.HandleFunc("GET "+repo+"/issues", s.listIssues)
	mux.HandleFunc("POST "+repo+"/issues", s.createIssue)
	mux.HandleFunc("PATCH "+repo+"/issues/{number}", s.changeIssue)
	mux.HandleFunc("GET "+repo+"/issues/{number}/comments", s.listComments)
	mux.HandleFunc("POST "+repo+"/issues/{number}/comments", s.createComment)
	mux.HandleFunc("GET "+repo+"/labels/{name}", s.getLabel)
	mux.HandleFunc("POST "+repo+"/labels", s.createLabel)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusNotFound, "Not Found") })
	s.server = httptest.NewServer(s.gate(mux))
	s.URL = s.server.URL
	return s
}

// Close ends the server.
func (s *Server) Close() { s.server.Close() }

// Issues are all there are, oldest first, with their comments.
func (s *Server) Issues() []Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Issue
	for _, i := range s.issues {
		clone := *i
		clone.Labels, clone.Said = slices.Clone(i.Labels), slices.Clone(i.Said)
		list = append(list, clone)
	}
	return list
}

// Labels are all of the repository.
func (s *Server) Labels() []Label {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.labels)
}

// Writes are the method and path of each request so far that changed something.
func (s *Server) Writes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// Requests is how many requests have come.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Faults say what requests did against the documentation.
func (s *Server) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

// Put adds an issue, or changes one of the same number, as a person would.
func (s *Server) Put(i Issue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.Number == 0 {
		i.Number = len(s.issues) + 1
	}
	for at, known := range s.issues {
		if known.Number == i.Number {
			s.issues[at] = &i
			return
		}
	}
	s.issues = append(s.issues, &i)
}

// Allow changes what the token may do.
func (s *Server) Allow(change func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.o)
}

// gate is what holds for every request.
// https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api
func (s *Server) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		if s.o.Fault != nil && s.o.Fault(w, r) {
			return
		}
		s.hold(r.Header.Get("User-Agent") != "" && !strings.HasPrefix(r.Header.Get("User-Agent"), "Go-http-client"), "%s %s: a user agent that names the program is required", r.Method, r.URL.Path)
		s.hold(r.Header.Get("Accept") == "application/vnd.github+json", "%s %s: the recommended Accept is missing", r.Method, r.URL.Path)
		s.hold(r.Header.Get("X-GitHub-Api-Version") == "2022-11-28", "%s %s: no version of the API", r.Method, r.URL.Path)
		switch {
		case r.Header.Get("Authorization") != "Bearer "+s.o.Token:
			say(w, http.StatusUnauthorized, "Bad credentials")
		case s.o.ReadOnly && r.Method != http.MethodGet:
			say(w, http.StatusForbidden, "Resource not accessible by integration")
		case s.o.Disabled && strings.Contains(r.URL.Path, "/issues"):
			say(w, http.StatusGone, "Issues has been disabled in this repository.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Server) hold(ok bool, format string, args ...any) {
	if !ok {
		s.faults = append(s.faults, fmt.Sprintf(format, args...))
	}
}

func say(w http.ResponseWriter, code int, message string, errs ...map[string]string) {
	body := map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest"}
	if len(errs) > 0 {
		body["errors"] = errs
	}
	answer(w, code, body)
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

// page writes a part of a list, with the link to the next.
// https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
func page[T any](s *Server, w http.ResponseWriter, r *http.Request, list []T) {
	query := r.URL.Query()
	size, most := number(query.Get("per_page"), 30), number(strconv.Itoa(s.o.PerPage), 100)
	size = min(size, most)
	at := number(query.Get("page"), 1)
	start, end := min((at-1)*size, len(list)), min(at*size, len(list))
	if end < len(list) {
		query.Set("page", strconv.Itoa(at+1))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next", <%s%s?%s>; rel="last"`, s.URL, r.URL.Path, query.Encode(), s.URL, r.URL.Path, query.Encode()))
	}
	answer(w, http.StatusOK, append([]T{}, list[start:end]...))
}

func number(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func (s *Server) listIssues(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	state := query.Get("state")
	if state == "" {
		state = "open"
	}
	if !slices.Contains([]string{"open", "closed", "all"}, state) || !slices.Contains([]string{"", "created", "updated", "comments"}, query.Get("sort")) || !slices.Contains([]string{"", "asc", "desc"}, query.Get("direction")) {
		say(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Issue", "code": "invalid"})
		return
	}
	var list []*Issue
	for _, i := range s.issues {
		if (state == "all" || i.State == state) && i.has(query.Get("labels")) {
			list = append(list, i)
		}
	}
	if query.Get("direction") != "asc" {
		slices.Reverse(list)
	}
	page(s, w, r, list)
}

// has reports whether the issue has all labels of a list with commas.
func (i *Issue) has(labels string) bool {
	for label := range strings.SplitSeq(labels, ",") {
		if label != "" && !slices.ContainsFunc(i.Labels, func(l Label) bool { return strings.EqualFold(l.Name, label) }) {
			return false
		}
	}
	return true
}

// read decodes a body that may have the named keys alone.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		say(w, http.StatusUnsupportedMediaType, "Content-Type must be application/json")
		return false
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		say(w, http.StatusBadRequest, "Problems parsing JSON: "+err.Error())
		return false
	}
	return true
}

// tooLong answers for a text that GitHub does not take.
func tooLong(w http.ResponseWriter, field, text string, most int) bool {
	if utf8.RuneCountInString(text) <= most {
		return false
	}
	say(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{
		"resource": "Issue", "field": field, "code": "custom", "message": fmt.Sprintf("%s is too long (maximum is %d characters)", field, most),
	})
	return true
}

const (
	mostText  = 65_536
	mostTitle = 256
	mostLabel = 50
)

func (s *Server) wrote(r *http.Request) {
	s.writes = append(s.writes, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/repos/"+s.o.Repository))
}

func (s *Server) createIssue(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Title     *string  `json:"title"`
		Body      string   `json:"body"`
		Labels    []string `json:"labels"`
		Assignees []string `json:"assignees"`
		Milestone *int     `json:"milestone"`
	}
	if !read(w, r, &in) {
		return
	}
	if in.Title == nil || strings.TrimSpace(*in.Title) == "" {
		say(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Issue", "field": "title", "code": "missing_field"})
		return
	}
	if tooLong(w, "title", *in.Title, mostTitle) || tooLong(w, "body", in.Body, mostText) {
		return
	}
	now := time.Now().UTC().Truncate(time.Second)
	issue := &Issue{
		Number: len(s.issues) + 1, Title: *in.Title, Body: in.Body, State: "open", Labels: []Label{},
		User: User{"holdfast[bot]"}, CreatedAt: now, UpdatedAt: now,
	}
	issue.URL = fmt.Sprintf("https://github.com/%s/issues/%d", s.o.Repository, issue.Number)
	for _, name := range in.Labels {
		if tooLong(w, "name", name, mostLabel) {
			return
		}
		if s.o.NoLabels {
			continue
		}
		s.hold(s.label(name) != nil, "the label %s was not made before it was used", name)
		issue.Labels = append(issue.Labels, Label{Name: name})
	}
	s.issues = append(s.issues, issue)
	s.wrote(r)
	answer(w, http.StatusCreated, issue)
}

// find gives the issue that a path names; it answers if there is none.
func (s *Server) find(w http.ResponseWriter, r *http.Request) *Issue {
	for _, i := range s.issues {
		if strconv.Itoa(i.Number) == r.PathValue("number") {
			return i
		}
	}
	say(w, http.StatusNotFound, "Not Found")
	return nil
}

// set gives the issue another state; without one, or with its own, the reason is ignored.
func (i *Issue) set(state, reason *string, now time.Time) {
	if state == nil || *state == i.State {
		return
	}
	i.State, i.StateReason, i.ClosedAt = *state, reason, nil
	if *state == "closed" {
		i.ClosedAt = &now
	}
}

func (s *Server) changeIssue(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Title       *string `json:"title"`
		Body        *string `json:"body"`
		State       *string `json:"state"`
		StateReason *string `json:"state_reason"`
	}
	issue := s.find(w, r)
	if issue == nil || !read(w, r, &in) {
		return
	}
	if in.Body != nil && tooLong(w, "body", *in.Body, mostText) || in.Title != nil && tooLong(w, "title", *in.Title, mostTitle) {
		return
	}
	reasons := []string{"completed", "not_planned", "duplicate", "reopened"}
	if in.State != nil && *in.State != "open" && *in.State != "closed" || in.StateReason != nil && !slices.Contains(reasons, *in.StateReason) {
		say(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Issue", "field": "state", "code": "invalid"})
		return
	}
	now := time.Now().UTC().Truncate(time.Second)
	for into, text := range map[*string]*string{&issue.Title: in.Title, &issue.Body: in.Body} {
		if text != nil {
			*into = *text
		}
	}
	issue.set(in.State, in.StateReason, now)
	issue.UpdatedAt = now
	s.wrote(r)
	answer(w, http.StatusOK, issue)
}

func (s *Server) listComments(w http.ResponseWriter, r *http.Request) {
	issue := s.find(w, r)
	if issue == nil {
		return
	}
	list := slices.Clone(issue.Said)
	if since := r.URL.Query().Get("since"); since != "" {
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			say(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"field": "since", "code": "invalid"})
			return
		}
		list = slices.DeleteFunc(list, func(c Comment) bool { return c.UpdatedAt.Before(at) })
	}
	page(s, w, r, list)
}

func (s *Server) createComment(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Body *string `json:"body"`
	}
	issue := s.find(w, r)
	if issue == nil || !read(w, r, &in) {
		return
	}
	if in.Body == nil || strings.TrimSpace(*in.Body) == "" {
		say(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "IssueComment", "field": "body", "code": "missing_field"})
		return
	}
	if tooLong(w, "body", *in.Body, mostText) {
		return
	}
	s.comment++
	now := time.Now().UTC().Truncate(time.Second)
	c := Comment{ID: s.comment, Body: *in.Body, User: User{"holdfast[bot]"}, CreatedAt: now, UpdatedAt: now}
	issue.Said = append(issue.Said, c)
	issue.Comments, issue.UpdatedAt = len(issue.Said), now
	s.wrote(r)
	answer(w, http.StatusCreated, c)
}

func (s *Server) label(name string) *Label {
	for i, l := range s.labels {
		if strings.EqualFold(l.Name, name) {
			return &s.labels[i]
		}
	}
	return nil
}

func (s *Server) getLabel(w http.ResponseWriter, r *http.Request) {
	if l := s.label(r.PathValue("name")); l != nil {
		answer(w, http.StatusOK, l)
		return
	}
	say(w, http.StatusNotFound, "Not Found")
}

func (s *Server) createLabel(w http.ResponseWriter, r *http.Request) {
	var in Label
	if !read(w, r, &in) {
		return
	}
	s.hold(len(in.Description) <= 100, "the description of label %s is too long", in.Name)
	s.hold(len(in.Color) == 6 && !strings.HasPrefix(in.Color, "#"), "the colour of label %s is no hexadecimal code without #", in.Name)
	switch {
	case in.Name == "" || s.label(in.Name) != nil:
		say(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Label", "field": "name", "code": "already_exists"})
	case !tooLong(w, "name", in.Name, mostLabel):
		s.labels = append(s.labels, in)
		s.wrote(r)
		answer(w, http.StatusCreated, in)
	}
}
