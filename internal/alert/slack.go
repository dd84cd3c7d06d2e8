package alert

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"holdfast/internal/drift"
)

// SlackOptions say to which channel of Slack messages go.
type SlackOptions struct {
	URL    string // of an incoming webhook: a secret
	Plain  bool   // messages show their text, which a template has made, and no list of ours
	Client *http.Client
}

type slack struct {
	caller
	url   string
	plain bool
}

// NewSlack is the channel of a Slack app's incoming webhook.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
func NewSlack(o SlackOptions) (Notifier, error) {
	u, err := parseURL("slack", o.URL)
	if err != nil {
		return nil, err
	}
	return &slack{caller: newCaller("slack "+u.Host, o.Client, secretsOf(u)...), url: u.String(), plain: o.Plain}, nil
}

// slackAdvice says what to do about an answer; the answer itself is a word such as
// no_service.
// https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks
var slackAdvice = map[int]string{
	http.StatusForbidden: "see that the webhook is still there and may post in its channel; else make a new one in the Slack app",
	http.StatusNotFound:  "the webhook or its channel is gone; make a new one in the Slack app",
	http.StatusGone:      "the channel is archived; make a webhook for another one",
}

func (s *slack) Notify(ctx context.Context, m Message) error {
	blocks := []any{slackBlock{Type: "header", Text: &slackText{Type: "plain_text", Text: clip(tidy(m.Title), slackHeader)}}}
	if s.plain || len(m.Alerts) == 0 {
		blocks = append(blocks, slackPlain(m)...)
	} else {
		blocks = append(blocks, slackStacks(m)...)
	}
	foot := "Holdfast, " + m.At.UTC().Format(asOfTime)
	if link := webLink(m.Link); link != "" && len(slackEscape(link)) < 2_000 {
		foot = slackLink(link, "Open in Holdfast") + ", " + m.At.UTC().Format(asOfTime)
	}
	blocks = append(blocks, slackContext{Type: "context", Elements: []slackText{mrkdwn(foot)}})
	return s.post(ctx, s.url, jsonHeader(), compact(map[string]any{"text": slackEscape(clip(tidy(m.Short), slackSection/5)), "blocks": blocks}), slackAdvice)
}

// Limits of Slack's, with some room: characters, and blocks of a message.
// https://docs.slack.dev/reference/block-kit/blocks
const (
	slackHeader  = 150
	slackSection = 2_900
	slackBlocks  = 45
)

type slackBlock struct {
	Type string     `json:"type"`
	Text *slackText `json:"text"`
}

type slackContext struct {
	Type     string      `json:"type"`
	Elements []slackText `json:"elements"`
}

type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim,omitempty"` // names and URLs in it are no links
}

func mrkdwn(text string) slackText { return slackText{Type: "mrkdwn", Text: text, Verbatim: true} }

func slackPart(text string) slackBlock {
	part := mrkdwn(text)
	return slackBlock{Type: "section", Text: &part}
}

// slackEscape keeps text from being a link or a mention.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// slackCode is a code span. Slack has no way to write a tick within one.
func slackCode(s string) string {
	if s = slackEscape(strings.ReplaceAll(s, "`", "'")); s == "" {
		return ""
	}
	return "`" + s + "`"
}

func slackLink(link, text string) string {
	return "<" + slackEscape(link) + "|" + slackEscape(strings.ReplaceAll(text, "|", "/")) + ">"
}

// slackSigns go before the words of a severity.
var slackSigns = map[drift.Severity]string{
	drift.SeverityHigh: ":red_circle:", drift.SeverityMedium: ":large_orange_circle:", drift.SeverityLow: ":white_circle:",
}

// slackStacks has a section for each stack: how it is, and what has happened.
func slackStacks(m Message) (blocks []any) {
	alerts := byStack(m)
	list := stands(m)
	for i, s := range list {
		if i == slackBlocks {
			return append(blocks, slackPart(more(len(list)-i, "stack")))
		}
		name := "*" + slackEscape(clip(tidy(s.Stack.String()), 200)) + "*"
		if link := webLink(s.Link); link != "" && len(slackEscape(link)) < 500 {
			name = "*" + slackLink(link, clip(tidy(s.Stack.String()), 200)) + "*"
		}
		if summary := s.summary(); summary != "" {
			name += ": " + slackEscape(summary)
		}
		lines := []string{name}
		for _, a := range alerts[s.Stack.ID] {
			lines = append(lines, slackAlert(a, m.pages))
		}
		blocks = append(blocks, slackPart(fitLines(lines, slackSection)))
	}
	return blocks
}

func slackAlert(a drift.Alert, pages Links) string {
	sign := slackSigns[a.Severity]
	if a.Kind == drift.AlertClean || a.Kind == drift.AlertResolved {
		sign = ":white_check_mark:"
	}
	text := strings.TrimSpace(sign + " *" + Heading(a.Kind) + "*")
	if a.Severity != "" {
		text += " (" + string(a.Severity) + ")"
	}
	if on := slackCode(clip(address(a), 200)); on != "" {
		text += " " + on
	}
	if rest := about(a); rest != "" {
		text += ": " + slackEscape(strings.ReplaceAll(rest, "`", "'"))
	}
	if link := webLink(pages.Finding(a.Episode)); link != "" && len(slackEscape(link)) < 500 {
		text += " " + slackLink(link, "open")
	}
	return text
}

// slackPlain is the message's text over as many sections as it takes.
func slackPlain(m Message) (blocks []any) {
	lines := strings.Split(strings.TrimSpace(plain(m.Text)), "\n")
	for i := range lines {
		lines[i] = slackEscape(clip(lines[i], slackSection/5)) // an escape has five characters
	}
	for len(lines) > 0 && lines[0]+strings.Join(lines, "") != "" {
		if len(blocks) == slackBlocks {
			return append(blocks, slackPart(more(len(lines), "line")))
		}
		n, room := 0, slackSection
		for n < len(lines) && (n == 0 || utf8.RuneCountInString(lines[n])+1 <= room) {
			room -= utf8.RuneCountInString(lines[n]) + 1
			n++
		}
		if text := strings.Join(lines[:n], "\n"); strings.TrimSpace(text) != "" {
			blocks = append(blocks, slackPart(text))
		}
		lines = lines[n:]
	}
	return blocks
}

// fitLines joins lines to at most so many characters; what has no room is counted.
func fitLines(lines []string, most int) string {
	var b strings.Builder
	room := most - 40 // for the last one
	for i, line := range lines {
		if room -= utf8.RuneCountInString(line) + 1; room < 0 {
			fmt.Fprintf(&b, "and %d more", len(lines)-i)
			break
		}
		b.WriteString(line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
