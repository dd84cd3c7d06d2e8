package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// ShoutrrrOptions say by a URL of shoutrrr's which service is told.
type ShoutrrrOptions struct {
	URL string // such as ntfy://ntfy.sh/topic: a secret
}

type shoutrrr struct {
	url, service string
	secrets      []string
}

// NewShoutrrr is the channel of services that have none of their own here, by the
// library shoutrrr. Nothing is connected to yet.
// https://shoutrrr.nickfedor.com/services/overview/
func NewShoutrrr(o ShoutrrrOptions) (Notifier, error) {
	text := strings.TrimSpace(o.URL)
	scheme, rest, found := strings.Cut(text, "://")
	service, _, _ := strings.Cut(strings.ToLower(scheme), "+") // generic+https
	known := new(router.ServiceRouter).ListServices()
	if !found || rest == "" || !slices.Contains(known, service) || service == "logger" {
		return nil, errors.New("shoutrrr: its URL is none of a service that shoutrrr knows, as ntfy://ntfy.sh/topic")
	}
	return &shoutrrr{url: text, service: service, secrets: wordsOf(rest)}, nil
}

// titled are the services that take a title beside the text.
var titled = []string{
	"bark", "discord", "generic", "gotify", "ifttt", "join", "lark", "matrix", "mattermost", "ntfy", "opsgenie",
	"pushbullet", "pushover", "slack", "smtp", "teams", "telegram", "zulip",
}

// shoutrrrMost is how long a text gets, in bytes: the least that many services take.
const shoutrrrMost = 3_500

// Notify sends the message's text. The library knows no contexts: what has taken too
// long may still come to its end.
func (s *shoutrrr) Notify(ctx context.Context, m Message) error {
	text, title := shorten(plain(m.Text), shoutrrrMost, m.Link), clip(tidy(m.Title), 200)
	params := types.Params{}
	if slices.Contains(titled, s.service) {
		params[types.TitleKey] = title
	} else {
		text = title + "\n" + text
	}
	done := make(chan error, 1)
	go func() { done <- s.send(text, params) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("shoutrrr %s does not answer in time: %w", s.service, ctx.Err())
	}
}

func (s *shoutrrr) send(text string, params types.Params) (err error) {
	defer func() {
		if recover() != nil { // what it says may be a secret
			err = Refused(fmt.Errorf("shoutrrr %s fails within the library; see that its URL is right", s.service))
		}
	}()
	sender, err := router.New(nil, s.url)
	if err != nil && s.service == "matrix" { // it logs in
		return s.hidden("can't be set up", err)
	} else if err != nil {
		return Refused(s.hidden("can't be set up; see that its URL is right", err))
	}
	return s.hidden("has not taken the message", errors.Join(sender.Send(text, &params)...))
}

// hidden is an error of the library. Such errors quote URLs, and parts of them in other
// forms, so that no word of ours is left in it.
func (s *shoutrrr) hidden(what string, err error) error {
	if err == nil {
		return nil
	}
	text := hideText(anyURL.ReplaceAllString(brief(err.Error()), "***"), s.secrets)
	return &hidden{text: fmt.Sprintf("shoutrrr %s %s: %s", s.service, what, text), err: err}
}

var (
	anyURL  = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"']+`)
	anyWord = regexp.MustCompile(`[\pL\pN]+`)
)

// wordsOf are the words of a URL after its scheme, as it has them and as they are meant:
// any of them may be a secret. Shorter ones than four letters would hide half of a text.
func wordsOf(rest string) []string {
	texts := []string{rest}
	if meant, err := url.PathUnescape(rest); err == nil {
		texts = append(texts, meant)
	}
	var words []string
	for _, text := range texts {
		for _, word := range anyWord.FindAllString(text, -1) {
			if len(word) >= 4 && !slices.Contains(plainWords, strings.ToLower(word)) {
				words = append(words, word)
			}
		}
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(words)
}

// plainWords are of many URLs, and of the errors about them.
var plainWords = []string{"https", "http", "disabletls", "true", "false", "template", "json", "title", "token", "channel", "host", "port", "localhost"}
