package server

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// noticeCookie carries one notice over a redirect. Whoever writes it for somebody
// else gains nothing: it is text on a page.
const noticeCookie = "holdfast_notice"

// notice tells what has become of a form.
type notice struct {
	Bad  bool
	Text string
}

// redirect sends the browser on with a notice, which the next page shows.
func (p *site) redirect(w http.ResponseWriter, r *http.Request, to, text string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // over plain HTTP, on loopback, a secure cookie would be lost
		Name: noticeCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(short(text, 500))), Path: "/", MaxAge: 60,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil || strings.HasPrefix(p.URL, "https://"),
	})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// takeNotice is the notice that the last page has left, and no other page's.
func takeNotice(w http.ResponseWriter, r *http.Request) *notice {
	cookie, err := r.Cookie(noticeCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(w, &http.Cookie{Name: noticeCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // it takes a cookie away
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || len(text) == 0 || len(text) > 4000 {
		return nil
	}
	return &notice{Text: string(text)}
}
