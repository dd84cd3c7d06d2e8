package checkout

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
)

// reasons are what git says, and what that means to whoever set it up.
var reasons = []struct{ said, means string }{
	{"could not resolve host", "its host is not known; see that the URL is right, and that this machine can reach it"},
	{"name or service not known", "its host is not known; see that the URL is right, and that this machine can reach it"},
	{"couldn't find remote ref", "it has no such branch or tag"},
	{"terminal prompts disabled", "it lets nobody in without credentials; name some under credentials"},
	{"could not read username", "it lets nobody in without credentials; name some under credentials"},
	{"authentication failed", "it does not accept the credentials"},
	{"returned error: 401", "it does not accept the credentials"},
	{"returned error: 403", "the credentials are not allowed to do this"},
	{"returned error: 404", "there is no such repository, or the credentials may not read it"},
	{"returned error: 301", "it has moved; give its new URL"},
	{"returned error: 302", "its URL leads elsewhere; give that of the repository"},
	{"returned error: 307", "its URL leads elsewhere; give that of the repository"},
	{"returned error: 308", "it has moved; give its new URL"},
	{"certificate", "its certificate is not trusted; GIT_SSL_CAINFO names a file of certificates that are"},
	{"connection refused", "nobody listens there; see that the URL is right"},
	{"timed out", "it does not answer"},
	{"not our ref", "it has no such commit any more; the next round takes the one that there is"},
	{"unadvertised object", "it gives no commit but the last one; the next round takes that"},
	{"dubious ownership", "its folder belongs to somebody else, and git reads only what is its user's"},
	{"non-fast-forward", "the branch has other commits"},
	{"fetch first", "the branch has other commits"},
	{"permission denied (publickey", "it does not accept the key"},
	{"host key verification failed", "its host key is not known; put it into the file of known hosts"},
	{"/' not found", "there is no such repository, or the credentials may not read it"},
	{"repository not found", "there is no such repository, or the credentials may not read it"},
	{"does not appear to be a git repository", "there is no repository"},
	{"no space left on device", "the disk of the cache is full"},
	{"transport '", "git may not use that protocol"},
}

// explain is what git said, in one line and without secrets, and what it means.
func (g *git) explain(said string, err error) string {
	if g.secret != "" {
		for _, secret := range []string{g.secret, url.QueryEscape(g.secret), url.PathEscape(g.secret), g.basic(), base64.StdEncoding.EncodeToString([]byte(g.secret))} {
			said = strings.ReplaceAll(said, secret, "(hidden)")
		}
	}
	line := strings.Join(strings.Fields(said), " ")
	if len(line) > 500 {
		line = strings.ToValidUTF8(line[:500], "") + "..."
	}
	if line == "" {
		line = err.Error()
	}
	line = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	// With credentials, git asks for others because those were not taken.
	if g.secret != "" && strings.Contains(line, "could not read Username") {
		return "it does not accept the credentials"
	}
	for _, reason := range reasons {
		if strings.Contains(strings.ToLower(line), reason.said) {
			return reason.means + " (" + line + ")"
		}
	}
	return line
}
