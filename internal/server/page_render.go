package server

import (
	"bytes"
	"cmp"
	"html/template"
	"net/http"
	"strings"
	"time"

	"holdfast/internal/report"
	"holdfast/internal/server/access"
)

// view is what every page shows, and in Body its own.
type view struct {
	Title   string // of the window, and the heading unless the page has another
	Nav     string // the part of the site: the path of its link
	Me      access.Identity
	Notice  *notice
	Assets  assets
	Version string
	Refresh int // seconds after which a browser without JavaScript loads the page again; 0 never
	Now     time.Time
	Body    any
}

// Operates reports whether the reader may check, cancel and waive.
func (v view) Operates() bool { return v.Me.Role >= access.Operator }

// Administers reports whether the reader may accept, revert, approve and configure.
func (v view) Administers() bool { return v.Me.Role >= access.Admin }

// LogsOut reports whether the reader has logged in, and so can log out.
func (v view) LogsOut() bool { return v.Me.Via != access.ViaLocal }

// templates are the pages by name, each with the layout around it.
var templates = template.Must(parsePages())

func parsePages() (*template.Template, error) {
	shared, _ := report.PageParts()
	root := template.New("pages").Funcs(template.FuncMap{
		"count": report.Count, "at": stamp, "iso": iso, "day": day, "short": short, "path": pathTo,
		"list": func(items ...any) []any { return items },
	})
	if _, err := root.Parse(shared); err != nil {
		return nil, err
	}
	return root.ParseFS(pageFiles, "pages/*.html")
}

// show renders a page. Whatever the texts in it hold, nothing turns the direction
// of writing around.
func (p *site) show(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	if !p.rendered(w, r, status, name, v) {
		access.Fail(w, r, http.StatusInternalServerError, "The page could not be made. The server's log says why.")
	}
}

// rendered is show; false: the page could not be made, and nothing is answered.
func (p *site) rendered(w http.ResponseWriter, r *http.Request, status int, name string, v view) bool {
	v.Me, v.Assets, v.Version = access.From(r.Context()), p.assets, p.Tool.Version
	v.Now = p.Now().UTC()
	if v.Notice == nil {
		v.Notice = takeNotice(w, r)
	}
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, v); err != nil {
		p.Log.ErrorContext(r.Context(), "a page could not be rendered", "page", name, "error", err)
		return false
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Del("Content-Length")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(report.Harmless(out.String()))) // the client may be gone
	return true
}

// failure is what an error page says.
type failure struct {
	Heading string
	Text    string
	Next    []step
	Request string // to quote to who runs the server; "" for none
}

// step is a link to go on with.
type step struct{ Text, Href string }

var toLists = []step{{"The fleet", "/"}, {"All stacks", "/stacks"}, {"All findings", "/findings"}}

func (p *site) notFound(w http.ResponseWriter, r *http.Request) {
	p.missing(w, r, "There is no such page", "The address may be mistyped.", toLists...)
}

// missing says that something isn't there, and where to look.
func (p *site) missing(w http.ResponseWriter, r *http.Request, heading, text string, next ...step) {
	p.show(w, r, http.StatusNotFound, "failure", view{Title: heading, Body: failure{Heading: heading, Text: text, Next: next}})
}

// broken says that the server could not do its part. Why is in the log; it may hold
// what readers are not to know.
func (p *site) broken(w http.ResponseWriter, r *http.Request, what string, err error) {
	if r.Context().Err() != nil {
		return // nobody waits for the answer
	}
	p.Log.ErrorContext(r.Context(), what, "error", err, "request_id", access.RequestID(r.Context()), "path", r.URL.Path)
	heading := "The history can't be read just now"
	p.show(w, r, http.StatusServiceUnavailable, "failure", view{Title: heading, Body: failure{
		Heading: heading,
		Text:    "The database did not answer as it should. Nothing is lost; checks go on when it is back. The server's log has more under " + access.RequestID(r.Context()) + ".",
		Next:    []step{{"Try again", r.URL.RequestURI()}, {"The fleet", "/"}},
	}})
}

// gateHeadings are what the gate refuses, in people's words.
var gateHeadings = map[int]string{
	http.StatusForbidden: "This is not for you to do", http.StatusRequestEntityTooLarge: "That is too much at once",
	http.StatusTooManyRequests: "Too often", http.StatusInternalServerError: "Something went wrong here",
}

// gateFailed shows what the gate has to say to somebody who is logged in.
func (p *site) gateFailed(w http.ResponseWriter, r *http.Request, status int, detail string) bool {
	heading := cmp.Or(gateHeadings[status], http.StatusText(status))
	return p.rendered(w, r, status, "failure", view{Title: heading, Body: failure{heading, detail, toLists, access.RequestID(r.Context())}})
}

// failed is broken, unless the error is of the address that was asked for: an order
// or a place in a list that there is not.
func (p *site) failed(w http.ResponseWriter, r *http.Request, what string, err error) {
	if status, shown := statusOf(err); shown {
		p.show(w, r, status, "failure", view{Title: "This list can't be shown so", Body: failure{
			Heading: "This list can't be shown so", Text: sentence(err), Next: []step{{"Its beginning", r.URL.Path}},
		}})
		return
	}
	p.broken(w, r, what, err)
}

// refused says that something could not be done, and why, as far as that is for
// the asker.
func (p *site) refused(w http.ResponseWriter, r *http.Request, heading string, err error, back string) {
	status, shown := statusOf(err)
	if !shown {
		p.broken(w, r, heading, err)
		return
	}
	p.show(w, r, status, "failure", view{Title: heading, Body: failure{Heading: heading, Text: sentence(err), Next: []step{{"Back", back}}}})
}

// sentence is an error as a sentence for people.
func sentence(err error) string {
	text := short(strings.TrimSpace(err.Error()), 2000)
	if text == "" {
		return "No reason was given."
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
