package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// conditional gives what is read a tag of its content, and answers 304 to whoever
// has it already. Answers are short enough to be held back for that.
func conditional(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.ServeHTTP(w, r)
			return
		}
		held := &heldWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(held, r)
		if held.status == http.StatusOK {
			tag := tagOf(held.body.Bytes())
			w.Header().Set("ETag", tag)
			if names(r.Header.Values("If-None-Match"), tag) {
				w.Header().Del("Content-Type")
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		w.WriteHeader(held.status)
		_, _ = w.Write(held.body.Bytes()) // the client may be gone
	})
}

// heldWriter holds an answer back.
type heldWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *heldWriter) WriteHeader(status int)            { w.status = status }
func (w *heldWriter) Write(content []byte) (int, error) { return w.body.Write(content) }

// Unwrap lets http.ResponseController find the connection.
func (w *heldWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// tagOf is an entity tag of what an answer says.
func tagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// names reports whether a header of conditions has a tag, or * for any.
func names(header []string, tag string) bool {
	for part := range strings.SplitSeq(strings.Join(header, ","), ",") {
		if part = strings.TrimSpace(part); part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}

// IfMatch is a condition under which something is changed.
type IfMatch struct {
	Tag string `header:"If-Match" doc:"the ETag of what was read; without it the change is made in any case"`
}

// errChanged is of something that somebody else has changed.
var errChanged = fmt.Errorf("%w: somebody has changed it since you read it; read it again and decide anew", errPrecondition)

// check refuses to change what is not as it was read.
func (i IfMatch) check(now any) error {
	if i.Tag == "" {
		return nil
	}
	var body bytes.Buffer
	if err := huma.DefaultJSONFormat.Marshal(&body, now); err != nil {
		return err
	}
	if !names([]string{i.Tag}, tagOf(body.Bytes())) {
		return errChanged
	}
	return nil
}
