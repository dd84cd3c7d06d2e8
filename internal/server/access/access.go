// Package access decides who may come in and what they may do. A Gate stands
// before all of the server: it finds out who asks (the person at this machine, an
// API token, somebody whom an OpenID provider vouches for), keeps other sites and
// too large or too slow requests out, and records what was done.
package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// Role is what somebody may do. Each role may do all that a lower one may.
type Role int

// The roles, from the lowest.
const (
	None     Role = iota // nothing
	Viewer               // read
	Operator             // check, cancel, waive
	Admin                // accept, revert, approve, schedules, tokens
)

var roleNames = []string{"none", "viewer", "operator", "admin"}

// String is the role as settings and the API write it.
func (r Role) String() string {
	if r < None || r > Admin {
		return "none"
	}
	return roleNames[r]
}

// ParseRole reads viewer, operator or admin.
func ParseRole(s string) (Role, error) {
	if i := slices.Index(roleNames, s); i > int(None) {
		return Role(i), nil
	}
	return None, fmt.Errorf("there is no role %q; write viewer, operator or admin", s)
}

// How somebody came in, for Identity.Via.
const (
	ViaLocal   = "local"   // from this machine, without authentication
	ViaToken   = "token"   // with an API token
	ViaOIDC    = "oidc"    // an OpenID provider vouches for them
	ViaCommand = "command" // on the command line, in audit events alone
)

// Identity is who asks. The zero value is somebody unknown, who may do nothing.
type Identity struct {
	Name   string // for people, and the same for the same person or token: "kim@example.com", "token:ci"
	Role   Role
	Via    string
	Scopes []string // the sources that may be seen; none: all
}

// MaySee reports whether somebody may see, and act on, what is of a source.
// Handlers that show several sources leave out those that it refuses.
func (i Identity) MaySee(source string) bool {
	return i.Role > None && (len(i.Scopes) == 0 || slices.Contains(i.Scopes, source))
}

// visit is what is known of a request.
type visit struct {
	Identity
	id     string // of the request
	remote string // the client's address
	gate   *Gate  // nil where a test has made the context
}

type visitKey struct{}

func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// From is who asks.
func From(ctx context.Context) Identity { return visitOf(ctx).Identity }

// RequestID names the request in logs, in the header X-Request-Id and in audit
// events; "" outside of one.
func RequestID(ctx context.Context) string { return visitOf(ctx).id }

// With gives a context in which somebody asks: Gate makes it of each request, and
// tests where there is no gate.
func With(ctx context.Context, i Identity) context.Context {
	v := visitOf(ctx)
	v.Identity = i
	return context.WithValue(ctx, visitKey{}, v)
}

// Require lets only those through who have a role; others see what Refuse writes.
func Require(least Role, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if From(r.Context()).Role < least {
			Refuse(w, r, least)
			return
		}
		h.ServeHTTP(w, r)
	})
}
