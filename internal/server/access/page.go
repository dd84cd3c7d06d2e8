package access

import (
	_ "embed" // the pages
	"html/template"
	"net/http"
)

// stylePath is where the gate's own style sheet is.
const stylePath = "/login/style.css"

//go:embed pages/page.html
var pageText string

//go:embed pages/style.css
var styleText []byte

// page is what the one template shows: the login, the logout, and what went wrong.
type page struct {
	Title   string
	Text    []string // paragraphs
	Alert   bool     // the text says what went wrong
	Request string   // to quote to who runs the server; "" for none

	Provider, Start string // single sign-on: whose, and where it begins
	Tokens          bool   // a token can be pasted
	Next            string
	Logout          bool

	Style string
}

// showPage never fails half-way: the template has nothing that can.
func showPage(w http.ResponseWriter, r *http.Request, status int, p page) {
	p.Style = stylePath
	if g := visitOf(r.Context()).gate; g != nil {
		p.Style = g.o.Style
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_ = pageTemplate().Execute(w, p) // the client may be gone
	}
}

func pageTemplate() *template.Template { return template.Must(template.New("page").Parse(pageText)) }

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write(styleText) // the client may be gone
}
