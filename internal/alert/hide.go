package alert

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// hidden is an error whose text has no secret. What it was made of still compares,
// and can't be got at.
type hidden struct {
	text string
	err  error
}

func (h *hidden) Error() string        { return h.text }
func (h *hidden) Is(target error) bool { return errors.Is(h.err, target) }

// hide takes secrets out of an error's text, and the URL that an HTTP client writes
// in front of its own.
func hide(err error, secrets []string) error {
	if err == nil {
		return nil
	}
	return &hidden{text: hideText(bare(err).Error(), secrets), err: err}
}

// bare is the cause of an HTTP client's error.
func bare(err error) error {
	for {
		var request *url.Error
		if !errors.As(err, &request) {
			return err
		}
		err = request.Err
	}
}

// hideText takes secrets out of a text, also as URLs, JSON and base64 have them.
func hideText(text string, secrets []string) string {
	var forms []string
	for _, s := range secrets {
		if s == "" {
			continue
		}
		forms = append(forms, s, url.PathEscape(s), url.QueryEscape(s), strings.Trim(string(compact(s)), `"`),
			base64.StdEncoding.EncodeToString([]byte(s)))
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // one may be part of another
	for _, form := range forms {
		text = strings.ReplaceAll(text, form, "***")
	}
	return text
}

// leastPart is how long a part of a path or query is at least that may be a secret
// by itself. A shorter one is a word such as v1 or hooks.
const leastPart = 8

// secretsOf are the parts of a URL that may be secrets: all but its scheme and host.
func secretsOf(u *url.URL) []string {
	secrets := []string{u.String()}
	if password, has := u.User.Password(); has {
		secrets = append(secrets, password)
	}
	parts := append(strings.Split(u.Path, "/"), u.RawQuery, u.Fragment, strings.Trim(u.Path, "/"))
	for name, values := range u.Query() {
		parts = append(append(parts, name), values...)
	}
	if name := u.User.Username(); name != "" {
		parts = append(parts, name)
	}
	for _, part := range parts {
		if len(part) >= leastPart {
			secrets = append(secrets, part)
		}
	}
	return secrets
}
