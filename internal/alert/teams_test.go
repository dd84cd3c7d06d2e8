package alert

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// teamsFaults holds a message against what Microsoft documents for workflows.
// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
// (28 KB, attachments, the content type) and https://adaptivecards.io/explorer/
func teamsFaults(r *http.Request) (answer string, faults []string) {
	wrong := func(format string, args ...any) {
		answer, faults = "Bad Request", append(faults, fmt.Sprintf(format, args...))
	}
	body, err := io.ReadAll(r.Body)
	var m struct {
		Type        string `json:"type"`
		Attachments []struct {
			ContentType string `json:"contentType"`
			Content     struct {
				Schema  string           `json:"$schema"`
				Type    string           `json:"type"`
				Version string           `json:"version"`
				Body    []map[string]any `json:"body"`
				Actions []map[string]any `json:"actions"`
			} `json:"content"`
		} `json:"attachments"`
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || err != nil || json.Unmarshal(body, &m) != nil {
		wrong("no JSON by POST: %s", body)
		return answer, faults
	}
	if len(body) > 28*1024 {
		wrong("%d bytes", len(body))
	}
	if m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
		wrong("no message with one Adaptive Card")
		return answer, faults
	}
	card := m.Attachments[0].Content
	if card.Schema != "http://adaptivecards.io/schemas/adaptive-card.json" || card.Type != "AdaptiveCard" || card.Version != "1.4" || len(card.Body) == 0 {
		wrong("no Adaptive Card: %+v", card)
	}
	for _, part := range card.Body {
		if part["type"] != "RichTextBlock" {
			wrong("a part of type %v", part["type"])
			continue
		}
		inlines, _ := part["inlines"].([]any)
		if len(inlines) == 0 {
			wrong("a block without text")
		}
		for _, inline := range inlines {
			run, _ := inline.(map[string]any)
			text, _ := run["text"].(string)
			if run["type"] != "TextRun" || text == "" {
				wrong("a run %v", run)
			}
			for key, allowed := range map[string][]string{
				"weight": {"Default", "Lighter", "Bolder"}, "size": {"Default", "Small", "Medium", "Large", "ExtraLarge"},
				"color": {"Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"}, "fontType": {"Default", "Monospace"},
			} {
				if value, has := run[key]; has && !slices.Contains(allowed, fmt.Sprint(value)) {
					wrong("%s %v", key, value)
				}
			}
		}
	}
	for _, action := range card.Actions {
		if url, _ := action["url"].(string); action["type"] != "Action.OpenUrl" || !strings.HasPrefix(url, "http") || action["title"] == "" {
			wrong("an action %v", action)
		}
	}
	return answer, faults
}

const teamsCanary = "/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sig=CanaryCanary_Canary-012345"

func teamsChannels() []httpChannel {
	return []httpChannel{{
		name: "teams",
		open: func(base string, client *http.Client) (Notifier, error) {
			return NewTeams(TeamsOptions{URL: base + teamsCanary, Client: client})
		},
		take: func(w http.ResponseWriter, r *http.Request) {
			if _, wrong := teamsFaults(r); len(wrong) > 0 {
				panic(wrong)
			}
			w.WriteHeader(http.StatusAccepted)
		},
		secrets: []string{"CanaryCanary_Canary-012345", "0123456789abcdef"},
	}}
}

func TestTeamsMessages(t *testing.T) {
	t.Parallel()
	for _, asText := range []bool{false, true} {
		bodies := sendAll(t, func(base string, client *http.Client) (Notifier, error) {
			return NewTeams(TeamsOptions{URL: base + teamsCanary, Client: client, Plain: asText})
		}, teamsFaults, func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) })
		for name, want := range map[string][]string{
			"some":  {`"new drift (high) "`, `"aws_security_group.web"`, `": modified: ingress; anna, in the console"`, `"Open in Holdfast"`},
			"many":  {" more stacks", `"accounts/00000/network"`},
			"clean": {`"all clean again (low) "`, `"Good"`},
			"long":  {"and 19"},
			"test":  {"This is a test of the channel ops."},
		} {
			for _, text := range want {
				if !asText && !strings.Contains(bodies[name][0], text) {
					t.Errorf("%s: no %s in\n%s", name, text, clip(bodies[name][0], 2000))
				}
			}
		}
	}
}

// TestTeamsAnswers: an old connector tells of a throttled message with a success.
func TestTeamsAnswers(t *testing.T) {
	t.Parallel()
	ch := teamsChannels()[0]
	n, _ := ch.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x")
	})
	if f := ch.fails(t, n); f.Refused {
		t.Errorf("refused: %v", f)
	}
	n, _ = ch.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"code":"DirectApiAuthorizationRequired","message":"The OAuth authorization scheme is required."}}`)
	})
	if f := ch.fails(t, n); !f.Refused || !strings.Contains(f.Error(), "copy the URL again") {
		t.Errorf("refused %v: %v", f.Refused, f)
	}
}
