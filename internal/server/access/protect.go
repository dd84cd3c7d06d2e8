package access

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"runtime/debug"
	"strings"
)

// policy lets a page load what the server itself has, and nothing else: no script
// or style inside a page, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// headers sets what every answer has. What is cached otherwise says so itself.
func (g *Gate) headers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "same-origin") // old browsers' posts are told apart by it
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		if g.secure {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.ServeHTTP(w, r)
	})
}

// keepOut refuses what comes from another site, beyond what
// http.CrossOriginProtection does: a browser that was led here by a name that
// points to this machine, reads by other sites' pages, and old browsers' forms.
func (g *Gate) keepOut(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.o.Local && !loopbackHost(r.Host):
			Fail(w, r, http.StatusForbidden, "Without authentication this server answers to localhost, 127.0.0.1 and [::1] alone. "+
				"To reach it by another name, configure tokens or single sign-on.")
		case g.o.Local && forwarded(r.Header):
			Fail(w, r, http.StatusForbidden, "This request came through a proxy, and the server has no authentication. Configure tokens or single sign-on.")
		case !unsafeMethod(r) && g.foreignRead(r):
			refuseCross(w, r)
		case unsafeMethod(r) && oldForm(r) && !g.ours(r, r.Header.Get("Referer")):
			refuseCross(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

func refuseCross(w http.ResponseWriter, r *http.Request) {
	Fail(w, r, http.StatusForbidden, "This request came from another site, or doesn't say where from. Open the page here and try again; a program sends an API token.")
}

// loopbackHost reports whether a Host header is one that this machine alone
// understands as itself. A name that somebody made point to 127.0.0.1 is none.
func loopbackHost(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:i]
	}
	name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// forwarded reports whether a proxy says that it has passed a request on.
func forwarded(h http.Header) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

func unsafeMethod(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

// foreignRead reports whether another site's page reads something. Links from
// there are welcome: they stand in tickets.
func (g *Gate) foreignRead(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin")
		return origin != "" && !g.ours(r, origin)
	}
	dest := r.Header.Get("Sec-Fetch-Dest")
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || (dest != "" && dest != "document")
}

// oldForm reports whether a post may be that of a form in a browser that doesn't
// say where it comes from. A form can send no other content types than these.
func oldForm(r *http.Request) bool {
	if _, token := bearer(r.Header); token || r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != "" {
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return true
	}
	return err != nil && r.Header.Get("Content-Type") != ""
}

// ours reports whether a URL is of this server, as the request or the settings
// name it.
func (g *Gate) ours(r *http.Request, text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) || g.o.URL != "" && strings.EqualFold(u.Scheme+"://"+u.Host, g.o.URL)
}

// largestBody of a request, in bytes.
const largestBody = 1 << 20

// bounded refuses bodies that are too large. One that doesn't say its length is
// read first, so that no handler finds out half-way.
func (g *Gate) bounded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > largestBody {
			tooLarge(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, largestBody)
		if r.ContentLength < 0 {
			body, err := io.ReadAll(r.Body)
			if _, large := errors.AsType[*http.MaxBytesError](err); large {
				tooLarge(w, r)
				return
			}
			if err != nil {
				w.Header().Set("Connection", "close")
				Fail(w, r, http.StatusBadRequest, "The request's body could not be read to its end.")
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		h.ServeHTTP(w, r)
	})
}

func tooLarge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close") // rather than read the rest
	Fail(w, r, http.StatusRequestEntityTooLarge, fmt.Sprintf("A request may have %d bytes at most.", largestBody))
}

// recover answers where a handler panicked. What it panicked with may hold
// anything, so that even the log has only what the Go runtime said.
func (g *Gate) recover(w *watchedWriter, r *http.Request) {
	value := recover()
	if value == nil {
		return
	}
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(value)
	}
	what := fmt.Sprintf("%T", value)
	if fault, ok := value.(runtime.Error); ok {
		what = fault.Error()
	}
	g.o.Log.ErrorContext(r.Context(), "a request failed", "panic", what, "request_id", RequestID(r.Context()), "path", r.URL.Path, "stack", string(debug.Stack()))
	if w.begun {
		panic(http.ErrAbortHandler) // cut off, so that nobody takes it for whole
	}
	for _, name := range []string{"Content-Type", "Content-Encoding", "ETag", "Last-Modified", "Location", "Set-Cookie"} {
		w.Header().Del(name)
	}
	Fail(w, r, http.StatusInternalServerError, "Something went wrong here. The server's log has more under the number of this request.")
}

// watchedWriter knows whether an answer has begun.
type watchedWriter struct {
	http.ResponseWriter
	begun bool
}

// Unwrap is for http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes that the answer has begun, but for a 1xx that goes before it.
func (w *watchedWriter) WriteHeader(status int) {
	w.begun = w.begun || status >= http.StatusOK || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// Flush is for those who stream without http.ResponseController.
func (w *watchedWriter) Flush() {
	w.begun = true
	_ = http.NewResponseController(w.ResponseWriter).Flush() // not all can
}
