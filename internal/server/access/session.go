package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"

	"holdfast/internal/store"
)

// How long somebody stays logged in: without doing anything, and in all.
const (
	idleLife    = 8 * time.Hour
	sessionLife = 24 * time.Hour
)

// loginLife is how long a login at the provider may take.
const loginLife = 10 * time.Minute

// cookieName is that of a cookie which, with https, no other host can set.
func (g *Gate) cookieName(of string) string {
	if g.secure {
		return "__Host-" + of
	}
	return of
}

const (
	sessionCookie = "holdfast"
	loginCookie   = "holdfast-login"
)

// setCookie gives the browser a secret for a time; a negative one takes it away.
// Lax, so that links from elsewhere, and the provider's way back, carry it.
func (g *Gate) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // secure wherever people come with https
		Name: g.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: g.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookie is the secret of a cookie, if there is one that may be ours.
func (g *Gate) cookie(r *http.Request, name string) (string, bool) {
	c, err := r.Cookie(g.cookieName(name))
	if err != nil || len(c.Value) != hex.EncodedLen(sha256.Size) {
		return "", false
	}
	_, err = hex.DecodeString(c.Value)
	return c.Value, err == nil
}

// bySession finds out whom a browser has logged in, if anybody.
func (g *Gate) bySession(w http.ResponseWriter, r *http.Request) (Identity, bool) {
	secret, given := g.cookie(r, sessionCookie)
	if !given {
		return Identity{}, true
	}
	ctx, now, hash := r.Context(), g.o.Now(), hashOf(secret)
	x, ok, err := g.o.Store.Session(ctx, hash, now)
	if ok && now.Sub(x.UsedAt) >= idleLife {
		ok, err = false, g.o.Store.EndSession(ctx, hash)
	}
	var role Role
	if err == nil && ok {
		role, err = ParseRole(x.Role)
	}
	switch {
	case err != nil:
		g.broken(w, r, err)
		return Identity{}, false
	case !ok:
		g.setCookie(w, sessionCookie, "", -time.Second)
		return Identity{}, true
	}
	if now.Sub(x.UsedAt) >= noted {
		if err := g.o.Store.NoteSessionUse(ctx, hash, now); err != nil {
			g.o.Log.WarnContext(ctx, "the use of a session could not be recorded", "error", err)
		}
	}
	return Identity{Name: x.Name, Role: role, Via: x.Via, Scopes: x.Sources}, true
}

// beginSession logs somebody in under a secret that is new, whatever the browser
// had before.
func (g *Gate) beginSession(w http.ResponseWriter, r *http.Request, who Identity, tokenID string, until time.Time) error {
	ctx, now, secret := r.Context(), g.o.Now(), random(sha256.Size)
	if old, given := g.cookie(r, sessionCookie); given {
		if err := g.o.Store.EndSession(ctx, hashOf(old)); err != nil {
			return err
		}
	}
	end := now.Add(sessionLife)
	if !until.IsZero() && until.Before(end) {
		end = until
	}
	err := g.o.Store.AddSession(ctx, store.Session{
		Hash: hashOf(secret), Name: who.Name, Role: who.Role.String(), Via: who.Via, Sources: who.Scopes, TokenID: tokenID, CreatedAt: now, ExpiresAt: end,
	})
	if err != nil {
		return err
	}
	g.setCookie(w, sessionCookie, secret, end.Sub(now))
	g.audit(ctx, who, AuditLogin, who.Role.String())
	return nil
}

// derived is a secret made of another one, for a purpose. So a single cookie holds
// all that a login at the provider needs to keep, and the database nothing of it.
func derived(secret, purpose string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(purpose)) // it never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
