package alert

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"

	"holdfast/internal/drift"
)

// TeamsOptions say to which channel or chat of Microsoft Teams messages go.
type TeamsOptions struct {
	URL    string // of a workflow that posts what it is sent: a secret
	Plain  bool   // messages show their text, which a template has made, and no list of ours
	Client *http.Client
}

type teams struct {
	caller
	url   string
	plain bool
}

// NewTeams is the channel of a workflow that begins with "When a Teams webhook request
// is received".
// https://support.microsoft.com/office/create-incoming-webhooks-with-workflows-for-microsoft-teams-8ae491c7-0394-4861-ba59-055e33f75498
func NewTeams(o TeamsOptions) (Notifier, error) {
	u, err := parseURL("teams", o.URL)
	if err != nil {
		return nil, err
	}
	return &teams{caller: newCaller("teams "+u.Host, o.Client, secretsOf(u)...), url: u.String(), plain: o.Plain}, nil
}

var teamsAdvice = map[int]string{
	http.StatusUnauthorized:          "the URL's signature is not the workflow's; copy the URL again, with all that follows its ?",
	http.StatusForbidden:             "let the workflow be triggered by anyone, and copy its URL again",
	http.StatusNotFound:              "the workflow is gone or turned off; turn it on, or make a new one",
	http.StatusRequestEntityTooLarge: "the card is too large for it",
}

func (t *teams) Notify(ctx context.Context, m Message) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(compact(teamsMessage(m, t.plain))))
	if err != nil {
		return Refused(t.unreached(err))
	}
	request.Header = jsonHeader()
	answer, body, err := t.do(request) //nolint:bodyclose // do has read and closed it
	if err != nil {
		return err
	}
	// The connectors that workflows have replaced say so with a status of success.
	if answer.StatusCode == http.StatusOK && bytes.Contains(body, []byte("delivery failed")) {
		return hide(errors.New(t.what+": "+brief(string(body))), t.secrets)
	}
	return t.answered(answer, body, teamsAdvice)
}

// teamsMost is how long a message gets, in bytes: Teams takes 28 KB.
// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
const teamsMost = 24_000

// card is a part of an Adaptive Card of version 1.4, as far as it is used here.
// https://adaptivecards.io/explorer/
type card map[string]any

func teamsMessage(m Message, asText bool) card {
	body := &cardBody{room: teamsMost}
	body.add(card{"type": "RichTextBlock", "inlines": []card{run(clip(tidy(m.Title), 200), card{"weight": "Bolder", "size": "Large"})}})
	if asText || len(m.Alerts) == 0 {
		body.text(m.Text)
	} else {
		body.stacks(m)
	}
	content := card{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"fallbackText": clip(tidy(m.Short), 200), "msteams": card{"width": "Full"}, "body": body.parts,
	}
	if link := webLink(m.Link); link != "" && len(link) < 2_000 {
		content["actions"] = []card{{"type": "Action.OpenUrl", "title": "Open in Holdfast", "url": link}}
	}
	return card{"type": "message", "attachments": []card{{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": content}}}
}

// run is a piece of text. Unlike that of a TextBlock it is never read as Markdown.
func run(text string, how card) card {
	r := card{"type": "TextRun", "text": text}
	maps.Copy(r, how)
	return r
}

// cardBody is the body of a card that ends before it is too long.
type cardBody struct {
	parts []card
	room  int // bytes
}

// add reports whether the part had room.
func (b *cardBody) add(part card) bool {
	size := len(compact(part)) + 1
	if size > b.room {
		return false
	}
	b.room -= size
	b.parts = append(b.parts, part)
	return true
}

// last says what is left out. There is always room for it.
func (b *cardBody) last(text string) {
	b.parts = append(b.parts, card{"type": "RichTextBlock", "inlines": []card{run(text, card{"isSubtle": true})}})
}

func (b *cardBody) text(text string) {
	lines := strings.Split(strings.TrimSpace(plain(text)), "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if !b.add(card{"type": "RichTextBlock", "spacing": "None", "inlines": []card{run(clip(line, 1_000), nil)}}) {
			b.last(more(len(lines)-i, "line"))
			return
		}
	}
}

// stacks has for each stack how it is, and what has happened.
func (b *cardBody) stacks(m Message) {
	alerts := byStack(m)
	list := stands(m)
	for i, s := range list {
		head := []card{run(clip(tidy(s.Stack.String()), 200), card{"weight": "Bolder"})}
		if link := webLink(s.Link); link != "" && len(link) < 500 {
			head[0]["selectAction"] = card{"type": "Action.OpenUrl", "url": link}
		}
		if summary := s.summary(); summary != "" {
			head = append(head, run(": "+summary, nil))
		}
		if !b.add(card{"type": "RichTextBlock", "separator": true, "inlines": head}) {
			b.last(more(len(list)-i, "stack"))
			return
		}
		for j, a := range alerts[s.Stack.ID] {
			if !b.add(card{"type": "RichTextBlock", "spacing": "Small", "inlines": teamsAlert(a)}) {
				b.last(strings.TrimSuffix(more(len(alerts[s.Stack.ID])-j, "alert")+", "+more(len(list)-i-1, "stack"), ", and 0 more stacks"))
				return
			}
		}
	}
}

// teamsColors are those of cards; the words say the same.
var teamsColors = map[drift.Severity]string{drift.SeverityHigh: "Attention", drift.SeverityMedium: "Warning", drift.SeverityLow: "Default"}

func teamsAlert(a drift.Alert) []card {
	color := teamsColors[a.Severity]
	if a.Kind == drift.AlertClean || a.Kind == drift.AlertResolved {
		color = "Good"
	}
	word := Heading(a.Kind)
	if a.Severity != "" {
		word += " (" + string(a.Severity) + ")"
	}
	if color == "" {
		color = "Default"
	}
	inlines := []card{run(word+" ", card{"weight": "Bolder", "color": color})}
	if on := clip(address(a), 200); on != "" {
		inlines = append(inlines, run(on, card{"fontType": "Monospace"}))
	}
	if rest := about(a); rest != "" {
		inlines = append(inlines, run(": "+rest, nil))
	}
	return inlines
}
