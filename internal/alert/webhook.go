package alert

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

// WebhookOptions say where messages are posted.
type WebhookOptions struct {
	URL    string // a secret, or as good as one
	Secret string // messages are signed with it; "": they are not signed
	Client *http.Client
	Now    func() time.Time // nil: time.Now
}

type webhook struct {
	caller
	url    string
	secret []byte
	now    func() time.Time
}

// mostWebhook is how long a body gets, in bytes: what servers take by default.
const mostWebhook = 1_000_000

// NewWebhook is a channel to any program that takes JSON by HTTP; its side of it is
// docs/alerts-webhook.md.
func NewWebhook(o WebhookOptions) (Notifier, error) {
	u, err := parseURL("webhook", o.URL)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &webhook{
		caller: newCaller("webhook "+u.Host, o.Client, append(secretsOf(u), o.Secret)...),
		url:    u.String(), secret: []byte(o.Secret), now: o.Now,
	}, nil
}

// webhookAdvice says what to do about an answer.
var webhookAdvice = map[int]string{
	http.StatusUnauthorized:          "see that both sides have the same secret, and that the clocks agree",
	http.StatusForbidden:             "see that both sides have the same secret, and that the clocks agree",
	http.StatusNotFound:              "see that its URL is right",
	http.StatusGone:                  "see that its URL is right",
	http.StatusRequestEntityTooLarge: "let it take bodies of 1 MB",
}

func (w *webhook) Notify(ctx context.Context, m Message) error {
	body := encode(m, mostWebhook, nil)
	header := jsonHeader()
	header.Set("Holdfast-Id", m.ID)
	timestamp := strconv.FormatInt(w.now().Unix(), 10)
	header.Set("Holdfast-Timestamp", timestamp)
	if len(w.secret) > 0 {
		header.Set("Holdfast-Signature", "v1="+sign(w.secret, timestamp, body))
	}
	return w.post(ctx, w.url, header, body, webhookAdvice)
}

// sign is the HMAC-SHA-256 of a time, a dot and a body.
func sign(secret []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + ".")) // a hash never fails
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
