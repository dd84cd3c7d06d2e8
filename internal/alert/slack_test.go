package alert

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"holdfast/internal/drift"
)

// slackFaults holds a message against what Slack documents; it gives what Slack would
// answer, and why.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
// https://docs.slack.dev/reference/block-kit/blocks (50 a message), and there header-block
// (plain_text, 150 characters), section-block (3,000) and context-block (10 elements)
func slackFaults(r *http.Request) (answer string, faults []string) {
	wrong := func(answerWord, format string, args ...any) {
		answer, faults = answerWord, append(faults, fmt.Sprintf(format, args...))
	}
	body, err := io.ReadAll(r.Body)
	var m struct {
		Text   string `json:"text"`
		Blocks []struct {
			Type     string          `json:"type"`
			Text     *slackObject    `json:"text"`
			Elements []slackObject   `json:"elements"`
			Fields   json.RawMessage `json:"fields"`
		} `json:"blocks"`
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || err != nil || json.Unmarshal(body, &m) != nil {
		wrong("invalid_payload", "no JSON by POST: %s", body)
		return answer, faults
	}
	if m.Text == "" {
		wrong("no_text", "no text for notifications")
	}
	if len(m.Blocks) == 0 || len(m.Blocks) > 50 {
		wrong("invalid_blocks", "%d blocks", len(m.Blocks))
	}
	for _, b := range m.Blocks {
		var texts []slackObject
		kind, most := "mrkdwn", 3000
		switch b.Type {
		case "header":
			kind, most = "plain_text", 150
			fallthrough
		case "section":
			if b.Text == nil {
				wrong("invalid_blocks", "a %s without a text", b.Type)
				continue
			}
			texts = []slackObject{*b.Text}
		case "context":
			texts = b.Elements
			if len(texts) == 0 || len(texts) > 10 {
				wrong("invalid_blocks", "%d elements", len(texts))
			}
		default:
			wrong("invalid_blocks", "a block of type %q", b.Type)
		}
		for _, text := range texts {
			if n := utf8.RuneCountInString(text.Text); n == 0 || n > most || text.Type != kind {
				wrong("invalid_blocks", "%s of %d characters in a %s", text.Type, n, b.Type)
			}
			if kind == "mrkdwn" && regexp.MustCompile("<[!@#]").MatchString(text.Text) {
				wrong("mention", "a mention in %s", text.Text)
			}
		}
	}
	return answer, faults
}

type slackObject struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

// slackServer answers as Slack does; it keeps the bodies.
func slackTake(faults func(string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, wrong := slackFaults(r)
		for _, fault := range wrong {
			faults(fault)
		}
		if answer != "" {
			http.Error(w, answer, http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, "ok")
	}
}

const slackCanary = "/services/T00000000/B11111111/CanaryCanaryCanary012345"

// chatMessages are of all kinds that a chat may get.
func chatMessages() map[string]Message {
	hostile := "x[\"` <!channel> <@U123> @here *b* _i_ [a](https://evil.example) <at>all</at> & \u202e ``` | \"]"
	evil := telling("m-evil", drift.AlertNew, drifted(hostile, hostile), cleanStack("b"))
	evil.Title, evil.Short, evil.Text, evil.Link = hostile, hostile, hostile, "javascript:alert(1)"
	evil.Alerts[0].Detail = hostile
	evil.Alerts[0].Finding.Cause.Summary = hostile
	evil.Standing[0].Link = "https://holdfast.example.com/<!channel>|x"
	var addresses []string
	for i := range 2000 {
		addresses = append(addresses, fmt.Sprintf("aws_thing.%s[%d]", strings.Repeat("&é<", 200), i))
	}
	long := telling("m-long", drift.AlertNew, drifted(strings.Repeat("&long/", 200), addresses...))
	long.Title, long.Short, long.Text = strings.Repeat("t", 500), strings.Repeat("<", 5000), strings.Repeat(strings.Repeat("<&", 4000)+"\n\n", 300)
	long.Link = "https://holdfast.example.com/" + strings.Repeat("&", 1500)
	long.Standing[0].Link = long.Link
	longText := long
	longText.ID, longText.Alerts, longText.Standing = "m-text", nil, nil
	many := manyAlerts(10_000)
	for i := range many.Standing {
		many.Standing[i].Stack.ID = fmt.Sprint(i)
		many.Alerts[i].Stack.ID = fmt.Sprint(i)
	}
	failing := cleanStack("a")
	failing.Status, failing.Errors = drift.StatusError, []drift.Error{{Code: "no_credentials", Message: "no credentials"}}
	unsound := cleanStack("a")
	unsound.Integrity = []drift.Integrity{{Code: "duplicate_address", Severity: drift.SeverityError, Message: "twice", Address: "x.y"}}
	fault := Message{ID: "m-fault", At: checkedAt, Title: "t", Short: "s", Text: "t", Standing: []Standing{unsound}, Alerts: []drift.Alert{{Kind: drift.AlertIntegrity, At: checkedAt, Stack: unsound.Stack, Severity: drift.SeverityHigh, Fault: &unsound.Integrity[0]}}}
	return map[string]Message{
		"some": someMessage(), "test": testMessage(), "many": many, "hostile": evil, "long": long, "long text": longText, "fault": fault,
		"clean":    telling("m-clean", drift.AlertClean, cleanStack("a")),
		"failing":  {ID: "m-fail", At: checkedAt, Title: "t", Short: "s", Text: "t", Standing: []Standing{failing}, Alerts: []drift.Alert{{Kind: drift.AlertNotCheckable, At: checkedAt, Stack: failing.Stack, Count: 3}}},
		"no stand": {ID: "m-none", At: checkedAt, Title: "t", Short: "s", Text: "t", Alerts: someMessage().Alerts},
	}
}

func slackChannels() []httpChannel {
	return []httpChannel{{
		name: "slack",
		open: func(base string, client *http.Client) (Notifier, error) {
			return NewSlack(SlackOptions{URL: base + slackCanary, Client: client})
		},
		take:    slackTake(func(fault string) { panic(fault) }),
		secrets: []string{slackCanary, "CanaryCanaryCanary012345", "T00000000"},
	}}
}

// sendAll sends all kinds of messages to a server that takes them by its vendor's
// documentation, and gives their bodies.
func sendAll(t *testing.T, open func(base string, client *http.Client) (Notifier, error), faults func(r *http.Request) (string, []string), taken func(http.ResponseWriter)) map[string][]string {
	t.Helper()
	bodies := map[string][]string{}
	for name, m := range chatMessages() {
		c := httpChannel{open: open}
		n, _ := c.serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			bodies[name] = append(bodies[name], string(body))
			answer, wrong := faults(r)
			for _, fault := range wrong {
				t.Errorf("%s: %s", name, clip(fault, 500))
			}
			if answer != "" {
				http.Error(w, answer, http.StatusBadRequest)
				return
			}
			taken(w)
		})
		if err := n.Notify(t.Context(), m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	return bodies
}

func TestSlackMessages(t *testing.T) {
	t.Parallel()
	for _, asText := range []bool{false, true} {
		bodies := sendAll(t, func(base string, client *http.Client) (Notifier, error) {
			return NewSlack(SlackOptions{URL: base + slackCanary, Client: client, Plain: asText})
		}, slackFaults, func(w http.ResponseWriter) { fmt.Fprint(w, "ok") })
		for name, want := range map[string]string{
			"some":  ":red_circle: *new drift* (high) `aws_security_group.web`: modified: ingress; anna, in the console",
			"many":  "and 9955 more stacks",
			"clean": ":white_check_mark: *all clean again*",
			"fault": "*the state is unsound* (high) `x.y`: twice",
			"test":  "This is a test of the channel ops.",
		} {
			if !asText && !strings.Contains(bodies[name][0], want) {
				t.Errorf("%s: no %s in\n%s", name, want, clip(bodies[name][0], 2000))
			}
		}
		if asText && !strings.Contains(bodies["some"][0], `aws_security_group.web: ingress`) {
			t.Errorf("not the text: %s", bodies["some"][0])
		}
	}
}

// TestSlackAnswers: the words that Slack answers with.
func TestSlackAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code    int
		word    string
		want    string
		refused bool
	}{
		{400, "invalid_payload", "invalid_payload", true},
		{403, "action_prohibited", "make a new one in the Slack app", true},
		{403, "invalid_token", "invalid_token", true},
		{404, "no_service", "make a new one in the Slack app", true},
		{404, "channel_not_found", "channel_not_found", true},
		{410, "channel_is_archived", "another", true},
		{500, "rollup_error", "rollup_error", false},
	} {
		ch := slackChannels()[0]
		n, _ := ch.serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.code)
			fmt.Fprint(w, c.word)
		})
		if f := ch.fails(t, n); f.Refused != c.refused || !strings.Contains(f.Error(), c.want) || !strings.Contains(f.Error(), c.word) {
			t.Errorf("%d %s: refused %v: %v", c.code, c.word, f.Refused, f)
		}
	}
}
