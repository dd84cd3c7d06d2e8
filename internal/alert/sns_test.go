package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
)

const (
	canaryKey     = "canary-aws-key-21e7"
	canarySession = "canary-aws-session-0b9f"
	someTopic     = "arn:aws:sns:eu-west-1:123456789012:drift"
)

func snsChannels() []httpChannel {
	return []httpChannel{{
		name: "sns", sdk: true,
		take: func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil || r.Form.Get("Action") != "Publish" || r.Form.Get("TopicArn") != someTopic {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			fmt.Fprint(w, `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
		},
		open: func(base string, client *http.Client) (Notifier, error) {
			return NewSNS(SNSOptions{Topic: someTopic, Endpoint: base, Config: aws.Config{
				Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", canaryKey, canarySession),
				HTTPClient:       client,
				RetryMaxAttempts: 1,
			}})
		},
		secrets: []string{canaryKey, canarySession},
	}}
}

func TestSNSMessage(t *testing.T) {
	t.Parallel()
	schema := messageSchema(t)
	escaped := someMessage()
	escaped.Text = strings.Repeat("\"\\\x01é<&>\n", 40_000)
	wide := someMessage()
	wide.Alerts[0].Finding.Changes[0].Actual = compact(strings.Repeat(`"`, 400_000))
	for name, c := range map[string]struct {
		message        Message
		most           int
		sent, stacks   int // at least
		partial, email bool
	}{
		"two alerts":            {message: someMessage(), most: mostTopic, sent: 2, stacks: 2},
		"test":                  {message: testMessage(), most: mostTopic},
		"10,000 alerts":         {message: manyAlerts(10_000), most: mostTopic, sent: 150, stacks: 150, partial: true, email: true},
		"10,000, a small topic": {message: manyAlerts(10_000), most: mostTopic / 16, sent: 8, stacks: 8, partial: true, email: true},
		"full of escapes":       {message: escaped, most: mostTopic, sent: 2, stacks: 2, email: true},
		"a long value":          {message: wide, most: mostTopic, sent: 2, stacks: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			input := (&topic{arn: someTopic}).input(c.message, c.most)
			size := len(*input.Message) + len(*input.Subject) + attributesSize(input.MessageAttributes)
			if size > c.most {
				t.Errorf("%d bytes", size)
			}
			if c.partial && size < c.most*3/4 {
				t.Errorf("%d bytes of %d: more had room", size, c.most)
			}
			var parts map[string]string
			if err := json.Unmarshal([]byte(*input.Message), &parts); err != nil {
				t.Fatal(err)
			}
			p := decodePayload(t, schema, []byte(parts["default"]))
			if len(p.Alerts) < c.sent || len(p.Stacks) < c.stacks || (p.OmittedAlerts > 0) != c.partial ||
				len(p.Alerts)+p.OmittedAlerts != len(c.message.Alerts) || len(p.Stacks)+p.OmittedStacks != len(c.message.Standing) {
				t.Errorf("%d alerts and %d more, %d stacks and %d more", len(p.Alerts), p.OmittedAlerts, len(p.Stacks), p.OmittedStacks)
			}
			if short := parts["sms"]; short == "" || len(short) > 140 || strings.ContainsFunc(short, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("sms %q", short)
			}
			if cut := strings.HasSuffix(parts["email"], " more lines: "+c.message.Link); cut != c.email {
				t.Errorf("email ends %q", parts["email"][max(0, len(parts["email"])-100):])
			}
			if !c.email && parts["email"] != c.message.Text {
				t.Errorf("email %q", parts["email"])
			}
			if len(input.MessageAttributes) > 10 {
				t.Errorf("%d attributes: SQS hands on ten", len(input.MessageAttributes))
			}
		})
	}
}

func TestSNSSubject(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"prod: 2 alerts":          "prod: 2 alerts",
		"  \tprod\r\nBcc: x\x00 ": "prod Bcc: x",
		"prod – 2 “new” → “é”…":   `prod - 2 "new" -> "e"...`,
		"":                        "Holdfast",
		"日本":                      "??",
		strings.Repeat("a", 200):  strings.Repeat("a", 96) + "...",
		strings.Repeat("…", 60):   strings.Repeat(".", 99),
	} {
		if got := snsSubject(Message{Title: title}); got != want || len(got) >= 100 {
			t.Errorf("%q: %q, want %q", title, got, want)
		}
	}
}

func TestSNSAttributes(t *testing.T) {
	t.Parallel()
	fault := someMessage()
	fault.Severity = drift.SeverityError
	fault.Alerts[0].Kind = drift.AlertIntegrity
	fault.Alerts[0].Finding = nil
	for name, c := range map[string]struct {
		message Message
		want    map[string]string
	}{
		"alerts": {someMessage(), map[string]string{
			"event": `["new","changed"]`, "cause": `["manual-console"]`, "severity": "high", "stack": `["prod/network","prod/device-tokens (blue)"]`,
		}},
		"a fault": {fault, map[string]string{
			"event": `["integrity","changed"]`, "severity": "high", "stack": `["prod/network","prod/device-tokens (blue)"]`,
		}},
		"test": {testMessage(), map[string]string{"event": `["test"]`, "severity": "low"}},
	} {
		got := map[string]string{}
		for name, a := range snsAttributes(c.message, 1000) {
			got[name] = *a.StringValue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var stacks []string
	if err := json.Unmarshal([]byte(*snsAttributes(manyAlerts(1000), 1000)["stack"].StringValue), &stacks); err != nil {
		t.Fatal(err)
	}
	if stacks[0] != everyStack || stacks[1] != "accounts/00000/network" || len(stacks) > 50 {
		t.Errorf("%d stacks: %q", len(stacks), stacks)
	}
}

func TestSNSFIFO(t *testing.T) {
	t.Parallel()
	m := someMessage()
	if in := (&topic{arn: someTopic}).input(m, mostTopic); in.MessageGroupId != nil || in.MessageDeduplicationId != nil {
		t.Error("a topic without order was given ids")
	}
	fifo := &topic{arn: someTopic + ".fifo"}
	if in := fifo.input(m, mostTopic); *in.MessageGroupId != m.Channel || *in.MessageDeduplicationId != m.ID {
		t.Errorf("ids %s and %s", *in.MessageGroupId, *in.MessageDeduplicationId)
	}
	for _, id := range []string{"", "with space", strings.Repeat("x", 129), "é"} {
		if got := snsID(id); len(got) != 64 || got == snsID("other id") {
			t.Errorf("%q: %s", id, got)
		}
	}
}

func TestSNSTopicName(t *testing.T) {
	t.Parallel()
	for arn, fine := range map[string]bool{
		someTopic: true, someTopic + ".fifo": true, "arn:aws-cn:sns:cn-north-1:123456789012:drift": true,
		"": false, "drift": false, "arn:aws:sqs:eu-west-1:123456789012:drift": false, "arn:aws:sns:eu-west-1:123456789012:drift:sub": false,
	} {
		if _, err := NewSNS(SNSOptions{Topic: arn}); (err == nil) != fine {
			t.Errorf("%s: %v", arn, err)
		}
	}
}

// What SNS answers is said with the next step.
func TestSNSErrors(t *testing.T) {
	t.Parallel()
	signed := "The canonical string should have been x-amz-security-token:" + canarySession
	for _, c := range []struct {
		status        int
		code, message string
		refused       bool
		says          string
	}{
		{404, "NotFound", "Topic does not exist", true, "NotFound: Topic does not exist; create the topic"},
		{403, "AuthorizationError", "User: x is not authorized to perform: SNS:Publish on resource", true, "allow sns:Publish"},
		{403, "AccessDenied", "no", true, "allow sns:Publish"},
		{400, "KMSAccessDenied", "no", true, "kms:GenerateDataKey"},
		{400, "KMSDisabled", "no", true, "enable the topic's key"},
		{400, "KMSNotFound", "no", true, "key that there is"},
		{400, "KMSThrottling", "no", false, "KMSThrottling"},
		{400, "InvalidParameter", "Invalid parameter: TopicArn", true, "InvalidParameter"},
		{429, "Throttled", "Rate exceeded", false, "Throttled"},
		{400, "Throttling", "Rate exceeded", false, "Throttling"},
		{500, "InternalError", "oh", false, "InternalError"},
		{503, "ServiceUnavailable", "oh", false, "ServiceUnavailable"},
		{403, "InvalidClientTokenId", "no", true, "credentials that are valid"},
		{403, "SignatureDoesNotMatch", signed, true, "credentials that are valid"},
		{403, "ExpiredToken", "The token is expired " + canarySession, false, "renew the credentials"},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			channel := snsChannels()[0]
			n, _ := channel.serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, c.code, c.message)
			})
			f := channel.fails(t, n)
			if f.Refused != c.refused || !strings.Contains(f.Error(), c.says) || !strings.Contains(f.Error(), someTopic) {
				t.Errorf("refused %v: %v", f.Refused, f)
			}
		})
	}
}

// A topic may be set to take less than the most; it then gets less.
func TestSNSSmallTopic(t *testing.T) {
	t.Parallel()
	var sizes []int
	channel := snsChannels()[0]
	n, _ := channel.serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sizes = append(sizes, len(r.Form.Get("Message")))
		if len(r.Form.Get("Message")) > 65_536 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>InvalidParameter</Code><Message>Invalid parameter: Message too long</Message></Error></ErrorResponse>`)
			return
		}
		channel.take(w, r)
	})
	if err := n.Notify(t.Context(), manyAlerts(2000)); err != nil {
		t.Error(err)
	}
	if len(sizes) != 2 || sizes[1] < 32_768 {
		t.Errorf("sizes %v", sizes)
	}
}

// Who has no credentials is told so, and may have some later.
func TestSNSCredentials(t *testing.T) {
	t.Parallel()
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: x is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>`)
	}))
	t.Cleanup(denied.Close)
	static := credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", canaryKey, canarySession)
	role := stscreds.NewAssumeRoleProvider(sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: &denied.URL, Credentials: static}), "arn:aws:iam::123456789012:role/alerts")
	for name, c := range map[string]struct {
		credentials aws.CredentialsProvider
		refused     bool
		says        string
	}{
		"none": {aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("no role of a machine found")
		}), false, "no credentials: no role of a machine found"},
		"role": {aws.NewCredentialsCache(role), true, "STS AssumeRole: AccessDenied: User: x is not authorized to perform: sts:AssumeRole; allow sts:AssumeRole"},
	} {
		n, err := NewSNS(SNSOptions{Topic: someTopic, Endpoint: denied.URL, Config: aws.Config{Credentials: c.credentials, HTTPClient: denied.Client()}})
		if err != nil {
			t.Fatal(err)
		}
		f := snsChannels()[0].fails(t, n)
		if f.Refused != c.refused || !strings.Contains(f.Error(), c.says) {
			t.Errorf("%s: refused %v: %v", name, f.Refused, f)
		}
	}
}
