package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/internal/store"
)

// How long a token holds.
const (
	UsualTokenLife   = 90 * 24 * time.Hour
	LongestTokenLife = 366 * 24 * time.Hour
)

// tokenPrefix tells people and secret scanners what a string is.
const tokenPrefix = "hf_"

// noted is how often the use of a token or session is written down at most.
const noted = time.Minute

// tokenName is how tokens are called: not like an id, and without what would
// need quoting anywhere.
var tokenName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)

var tokenID = regexp.MustCompile(`^[0-9a-f]{12}$`)

// TokenAsk says what a new token is to be.
type TokenAsk struct {
	Name    string
	Role    Role
	Sources []string      // that it may see; none: all
	Life    time.Duration // UsualTokenLife if 0, at most LongestTokenLife
	By, Via string        // who makes it, and how they came in, for the audit event
}

// CreateToken makes a token and gives it, this once: what is kept is its SHA-256.
func CreateToken(ctx context.Context, s *store.Store, ask TokenAsk, now time.Time) (token string, t store.Token, err error) {
	if ask.Life == 0 {
		ask.Life = UsualTokenLife
	}
	switch {
	case !tokenName.MatchString(ask.Name) || tokenID.MatchString(ask.Name):
		return "", t, fmt.Errorf("token %q: a name has up to 64 letters, digits, dots, dashes and underscores, begins with a letter and doesn't look like an id", ask.Name)
	case ask.Role < Viewer || ask.Role > Admin:
		return "", t, fmt.Errorf("token %q: give it a role: viewer, operator or admin", ask.Name)
	case ask.Life < 0 || ask.Life > LongestTokenLife:
		return "", t, fmt.Errorf("token %q: it may hold for a year at most", ask.Name)
	case slices.Contains(ask.Sources, ""):
		return "", t, fmt.Errorf("token %q: a source without a name", ask.Name)
	}
	token = tokenPrefix + random(32)
	t = store.Token{
		ID: random(6), Name: ask.Name, Hash: hashOf(token), Role: ask.Role.String(), Sources: ask.Sources,
		CreatedBy: ask.By, CreatedAt: now, ExpiresAt: now.Add(ask.Life),
	}
	if err := s.AddToken(ctx, t); err != nil {
		return "", t, err
	}
	what := fmt.Sprintf("token %s (%s), %s, until %s", t.Name, t.ID, t.Role, t.ExpiresAt.UTC().Format(time.DateOnly))
	if len(t.Sources) > 0 {
		what += ", for " + strings.Join(t.Sources, ", ")
	}
	return token, t, s.AddAudit(ctx, auditBy(ctx, ask.By, ask.Via, AuditTokenCreated, what, now))
}

// ErrNoToken is wrapped where no token that holds has a name or id.
var ErrNoToken = errors.New("there is no such token, or it is revoked already")

// RevokeToken makes a token useless from the next request on, and with it the
// sessions that were begun with it.
func RevokeToken(ctx context.Context, s *store.Store, nameOrID, by, via string, now time.Time) (store.Token, error) {
	t, ok, err := s.RevokeToken(ctx, nameOrID, by, now)
	if err != nil {
		return t, err
	}
	if !ok {
		return t, fmt.Errorf("token %q: %w; holdfast token list shows them", nameOrID, ErrNoToken)
	}
	return t, s.AddAudit(ctx, auditBy(ctx, by, via, AuditTokenRevoked, fmt.Sprintf("token %s (%s)", t.Name, t.ID), now))
}

func auditBy(ctx context.Context, by, via, kind, what string, now time.Time) store.AuditEvent {
	v := visitOf(ctx)
	return store.AuditEvent{At: now, Actor: by, Via: via, Kind: kind, What: short(what), Request: v.id, Remote: v.remote}
}

// hashOf is what is kept of a secret that has 256 bits of chance: no slow hash is
// needed, for nobody can try them all.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// bearer is the token of an Authorization header. given is false where there is
// none, or one of another scheme, which a proxy may use for itself.
func bearer(h http.Header) (token string, given bool) {
	for _, value := range h.Values("Authorization") {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

// wellFormed reports whether a token may be one of ours, before anything is asked.
func wellFormed(token string) bool {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || len(rest) != hex.EncodedLen(sha256.Size) {
		return false
	}
	_, err := hex.DecodeString(rest)
	return err == nil && strings.ToLower(rest) == rest
}

// tokenError says why a token is not taken.
type tokenError string

func (e tokenError) Error() string { return string(e) }

const (
	errUnknownToken = tokenError("This token is not known here.")
	errRevokedToken = tokenError("This token is revoked.")
	errEndedToken   = tokenError("This token has ended. Make a new one with holdfast token create.")
)

// token finds the token that somebody has sent: a tokenError where it is not to
// be taken.
func (g *Gate) token(ctx context.Context, token string) (store.Token, Role, error) {
	now := g.o.Now()
	if !g.o.Local && !g.o.Tokens || !wellFormed(token) {
		return store.Token{}, None, errUnknownToken
	}
	hash := hashOf(token)
	t, ok, err := g.o.Store.TokenByHash(ctx, hash)
	switch {
	case err != nil:
		return t, None, err
	case !ok || subtle.ConstantTimeCompare([]byte(t.Hash), []byte(hash)) != 1:
		return t, None, errUnknownToken
	case !t.RevokedAt.IsZero():
		return t, None, errRevokedToken
	case !now.Before(t.ExpiresAt):
		return t, None, errEndedToken
	}
	role, err := ParseRole(t.Role)
	if err != nil {
		return t, None, err
	}
	if now.Sub(t.UsedAt) >= noted {
		if err := g.o.Store.NoteTokenUse(ctx, t.ID, now, noted); err != nil {
			g.o.Log.WarnContext(ctx, "the use of a token could not be recorded", "token", t.Name, "error", err)
		}
	}
	return t, role, nil
}

// byToken finds out whose a token is. A good token is let in however many bad
// ones came from the same address, which may be that of a whole office.
func (g *Gate) byToken(w http.ResponseWriter, r *http.Request, token string) (Identity, bool) {
	t, role, err := g.token(r.Context(), token)
	if err == nil {
		return identityOf(t, role), true
	}
	refused, ok := errors.AsType[tokenError](err)
	if !ok {
		g.broken(w, r, err)
		return Identity{}, false
	}
	if !g.failed(r, t, AuditTokenRefused, string(refused)) {
		tooMany(w, r, g.failures.wait())
		return Identity{}, false
	}
	w.Header().Set("WWW-Authenticate", realm+`, error="invalid_token"`)
	Fail(w, r, http.StatusUnauthorized, string(refused))
	return Identity{}, false
}

// failed records a failed attempt with a token. It reports false where its
// address has made too many, of which no more are recorded.
func (g *Gate) failed(r *http.Request, t store.Token, kind, why string) bool {
	ctx := r.Context()
	if !g.failures.take(visitOf(ctx).remote, g.o.Now()) {
		return false
	}
	if t.Name != "" {
		why += " It was " + t.Name + " (" + t.ID + ")."
	}
	g.audit(ctx, Identity{}, kind, why)
	return true
}

func identityOf(t store.Token, role Role) Identity {
	return Identity{Name: "token:" + t.Name, Role: role, Via: ViaToken, Scopes: t.Sources}
}
