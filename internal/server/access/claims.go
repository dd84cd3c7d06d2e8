package access

import (
	"crypto/sha256"
	"encoding/hex"
	"net/mail"
	"slices"
	"strings"
)

// everybody whom the provider vouches for has a role that this value is given.
const everybody = "*"

// person is somebody whom the provider vouches for.
type person struct {
	name   string
	role   Role     // None: no role is for them
	values []string // of the claim that decides
}

// person finds out what the claims make of somebody.
func (o OIDC) person(issuer, subject string, claims map[string]any) person {
	p := person{name: personName(issuer, subject, claims), values: texts(claimOf(claims, o.Claim))}
	if o.Claim == "email" && !verified(claims) {
		p.values = nil // anybody can write any address into their profile
	}
	for _, r := range []struct {
		role   Role
		values []string
	}{{Admin, o.Roles.Admin}, {Operator, o.Roles.Operator}, {Viewer, o.Roles.Viewer}} {
		if slices.Contains(r.values, everybody) || slices.ContainsFunc(p.values, func(has string) bool { return o.counts(has, r.values) }) {
			p.role = r.role
			break
		}
	}
	return p
}

// counts reports whether a value of the claim is one of those for a role. Mail
// addresses are compared without case, and "@example.com" is all of a domain.
func (o OIDC) counts(has string, values []string) bool {
	if has == "" {
		return false
	}
	if o.Claim != "email" {
		return slices.Contains(values, has)
	}
	at := strings.LastIndexByte(has, '@')
	return at > 0 && slices.ContainsFunc(values, func(v string) bool {
		return strings.EqualFold(v, has) || strings.HasPrefix(v, "@") && strings.EqualFold(v, has[at:])
	})
}

// claimOf finds a claim by its name, or by a path such as realm_access.roles.
func claimOf(claims map[string]any, name string) any {
	if value, ok := claims[name]; ok {
		return value
	}
	first, rest, nested := strings.Cut(name, ".")
	if inner, ok := claims[first].(map[string]any); ok && nested {
		return claimOf(inner, rest)
	}
	return nil
}

// texts are the values of a claim that is a string or a list of them.
func texts(claim any) []string {
	switch c := claim.(type) {
	case string:
		return []string{c}
	case []any:
		var list []string
		for _, value := range c {
			if s, ok := value.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

func verified(claims map[string]any) bool {
	return claims["email_verified"] == true || claims["email_verified"] == "true"
}

// personName is how somebody is called in the history. A mail address that the
// provider has verified is nobody else's. Any other name could be chosen by its
// bearer, so it is followed by a mark of what can't: the issuer and the subject.
func personName(issuer, subject string, claims map[string]any) string {
	email, _ := claims["email"].(string)
	if address, err := mail.ParseAddress(email); err == nil && address.Address == email && verified(claims) && short(email) == email {
		return strings.ToLower(email)
	}
	sum := sha256.Sum256([]byte(issuer + "\n" + subject))
	mark := "#" + hex.EncodeToString(sum[:4])
	for _, claim := range []string{"preferred_username", "email", "name"} {
		if name, _ := claims[claim].(string); strings.TrimSpace(name) != "" {
			return firstRunes(short(name), 100) + " " + mark
		}
	}
	return "somebody " + mark
}

func firstRunes(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n])
	}
	return s
}
