package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"holdfast/internal/server/access"
)

// base is before the paths of all operations.
const base = "/api/v1"

// roleKey is the extension of the OpenAPI document that names the lowest role for
// an operation. It is what admit goes by.
const roleKey = "x-holdfast-role"

// mostBody bounds what is posted.
const mostBody = 256 << 10

// operation is one of the API, with the lowest role that may ask for it.
type operation struct {
	Method, Path string
	ID           string
	Least        access.Role
	Summary      string
	Tag          string
	Status       int // of success; 0 for 200
}

// addAPI adds the operations, their OpenAPI document, and an answer for all else
// under /api.
func (s *Server) addAPI(mux *http.ServeMux) {
	own := http.NewServeMux()
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Holdfast", Version: s.Tool.Version,
				Description: "What changed in real infrastructure behind the back of the code that declares it. Lists are read page by page; errors are problem documents (RFC 9457).",
			},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "made by holdfast token create"}},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		OpenAPIPath: "/openapi", DefaultFormat: "application/json", RejectUnknownQueryParameters: true,
		Formats:      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		Transformers: []huma.Transformer{asProblem},
	}
	if s.URL != "" {
		config.Servers = []*huma.Server{{URL: s.URL}}
	}
	api := humago.New(own, config)
	api.UseMiddleware(answers, admit)
	s.addReads(api)
	s.addChanges(api)
	allowNull(api.OpenAPI().Components.Schemas)
	own.HandleFunc("/", notThere(own))
	mux.Handle("/api/", conditional(own))
	mux.Handle("GET /openapi.json", own)
	mux.Handle("GET /openapi.yaml", own)
}

func (s *Server) addReads(api huma.API) {
	s.addFleet(api)
	s.addStacks(api)
	s.addFindings(api)
	s.addRuns(api)
	s.addEvents(api)
}

func (s *Server) addChanges(api huma.API) {
	s.addWaivers(api)
	s.addSchedules(api)
	s.addRequests(api)
}

// add registers an operation. What its handler gives as an error becomes a problem
// in one place.
func add[I, O any](s *Server, api huma.API, o operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(api, huma.Operation{
		Method: o.Method, Path: base + o.Path, OperationID: o.ID, Summary: o.Summary, Tags: []string{o.Tag}, DefaultStatus: o.Status,
		MaxBodyBytes: mostBody, Extensions: map[string]any{roleKey: o.Least.String()},
		Description: "Needs the role " + o.Least.String() + ".",
	}, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, o.ID, err)
		}
		return out, nil
	})
}

// admit lets those through who have the role that an operation names. One that
// names none is for nobody.
func admit(c huma.Context, next func(huma.Context)) {
	name, _ := c.Operation().Extensions[roleKey].(string)
	least, err := access.ParseRole(name)
	if err != nil {
		least = access.Admin + 1
	}
	if access.From(c.Context()).Role < least {
		r, w := humago.Unwrap(c)
		access.Refuse(w, r, least)
		return
	}
	next(c)
}

// problem is a problem document.
type problem struct {
	Type    string              `json:"type"`
	Title   string              `json:"title"`
	Status  int                 `json:"status"`
	Detail  string              `json:"detail"`
	Request string              `json:"request_id,omitempty"`
	Errors  []*huma.ErrorDetail `json:"errors,omitempty"`
}

func (p *problem) Error() string           { return p.Detail }
func (p *problem) GetStatus() int          { return p.Status }
func (*problem) ContentType(string) string { return "application/problem+json" }

func newProblem(ctx context.Context, status int, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Request: access.RequestID(ctx)}
}

// problem is what the asker is told of an error. What is the server's own fault
// goes to its log.
func (s *Server) problem(ctx context.Context, operation string, err error) error {
	status, shown := statusOf(err)
	if shown {
		return newProblem(ctx, status, sentenceOf(err))
	}
	if ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "a request could not be answered", "operation", operation, "error", err, "request_id", access.RequestID(ctx))
	}
	return newProblem(ctx, status, "The server could not do its part just now; nothing is lost. Try again in a moment. If it stays so, its log has more under the request's id.")
}

// sentenceOf is an error as a sentence for people.
func sentenceOf(err error) string {
	text := strings.TrimSpace(err.Error())
	if text == "" {
		return "No reason is known."
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// asProblem turns what huma itself says of bad input into a problem with all that
// ours have.
func asProblem(c huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	status := meant(c.Operation(), model.Status)
	p := newProblem(c.Context(), status, model.Detail)
	p.Errors = model.Errors
	switch {
	case status >= http.StatusInternalServerError:
		p.Detail, p.Errors = "The server could not do its part.", nil
	case len(model.Errors) > 0:
		var parts []string
		for _, e := range model.Errors {
			parts = append(parts, strings.TrimPrefix(e.Location+": "+e.Message, ": "))
		}
		p.Detail = strings.Join(parts, "; ") + ". What may be sent is in /openapi.json."
	}
	return p, nil
}

// meant is the status of bad input: of a read, that of a bad request.
func meant(o *huma.Operation, status int) int {
	if status == http.StatusUnprocessableEntity && o.Method == http.MethodGet {
		return http.StatusBadRequest
	}
	return status
}

// answer is a huma.Context that gives the status that is meant.
type (
	answer struct{ anyContext }
	// anyContext has another name than the method Context.
	anyContext = huma.Context
)

func (a answer) SetStatus(code int)   { a.anyContext.SetStatus(meant(a.Operation(), code)) }
func (a answer) Unwrap() huma.Context { return a.anyContext }

func answers(c huma.Context, next func(huma.Context)) { next(answer{c}) }

// notThere answers for paths and methods that the API doesn't have.
func notThere(own *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := own.Handler(other); pattern != "/" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			writeProblem(w, newProblem(r.Context(), http.StatusMethodNotAllowed, "This path takes "+strings.Join(allowed, " and ")+"; /openapi.json has all operations."))
			return
		}
		writeProblem(w, newProblem(r.Context(), http.StatusNotFound, "The API has no such path; /openapi.json has all of them."))
	}
}

func writeProblem(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}
