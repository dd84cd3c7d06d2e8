package alert

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"holdfast/internal/lab"
)

// snsLab is an emulated AWS with a topic that has subscribers of all kinds.
type snsLab struct {
	*lab.Emulator
	t       *testing.T
	topic   string
	posted  chan string // bodies that the HTTP subscriber was sent
	account string      // the key of who makes topics and queues; "" for everybody's
}

func newSNSLab(t *testing.T) *snsLab {
	t.Helper()
	emulator, err := lab.Start(t.Context(), lab.Need(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { emulator.Close() })
	return &snsLab{Emulator: emulator, t: t}
}

// do makes a call that must go well.
func (l *snsLab) do(service, method string, params map[string]any) map[string]any {
	l.t.Helper()
	result, err := l.Call(l.t.Context(), lab.Call{Service: service, Method: method, Params: params, Key: l.account})
	if err != nil {
		l.t.Fatal(err)
	}
	return result
}

// newTopic makes a topic; all that is asked for after it is about this one.
func (l *snsLab) newTopic(name string) {
	params := map[string]any{"Name": name}
	if strings.HasSuffix(name, ".fifo") {
		params["Attributes"] = map[string]any{"FifoTopic": "true"}
	}
	l.topic = l.do("sns", "create_topic", params)["TopicArn"].(string)
}

// subscribe makes a queue and subscribes it, with a filter policy if there is one.
func (l *snsLab) subscribe(name, filter string) (url string) {
	queue := map[string]any{"QueueName": name}
	if strings.HasSuffix(name, ".fifo") {
		queue["Attributes"] = map[string]any{"FifoQueue": "true"}
	}
	url = l.do("sqs", "create_queue", queue)["QueueUrl"].(string)
	got := l.do("sqs", "get_queue_attributes", map[string]any{"QueueUrl": url, "AttributeNames": []any{"QueueArn"}})
	params := map[string]any{"TopicArn": l.topic, "Protocol": "sqs", "Endpoint": got["Attributes"].(map[string]any)["QueueArn"]}
	if filter != "" {
		params["Attributes"] = map[string]any{"FilterPolicy": filter}
	}
	l.do("sns", "subscribe", params)
	return url
}

// listen subscribes a web server.
func (l *snsLab) listen() {
	l.posted = make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.posted <- string(body)
	}))
	l.t.Cleanup(server.Close)
	l.do("sns", "subscribe", map[string]any{"TopicArn": l.topic, "Protocol": "http", "Endpoint": server.URL + "/sns"})
}

// channel is the one to the topic, through an endpoint.
func (l *snsLab) channel(endpoint string) Notifier {
	l.t.Helper()
	n, err := NewSNS(SNSOptions{Topic: l.topic, Endpoint: endpoint, Config: labConfig()})
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

func labConfig() aws.Config {
	return aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", canaryKey, "")}
}

// delivery is what SNS writes into a queue, or posts.
type delivery struct {
	Message, Subject  string
	MessageAttributes map[string]struct{ Type, Value string }
}

// received are the messages that wait in a queue. moto delivers before it answers
// who publishes.
func (l *snsLab) received(url string) []delivery {
	l.t.Helper()
	var all []delivery
	for {
		got := l.do("sqs", "receive_message", map[string]any{"QueueUrl": url, "MaxNumberOfMessages": 10})
		messages, _ := got["Messages"].([]any)
		if len(messages) == 0 {
			return all
		}
		for _, m := range messages {
			all = append(all, l.parse(m.(map[string]any)["Body"].(string)))
			l.do("sqs", "delete_message", map[string]any{"QueueUrl": url, "ReceiptHandle": m.(map[string]any)["ReceiptHandle"]})
		}
	}
}

func (l *snsLab) parse(body string) delivery {
	l.t.Helper()
	var d delivery
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		l.t.Fatalf("%v in %.300s", err, body)
	}
	return d
}

// ids are those of messages.
func (l *snsLab) ids(list []delivery) []string {
	var ids []string
	for _, d := range list {
		ids = append(ids, decodePayload(l.t, messageSchema(l.t), []byte(d.Message)).ID)
	}
	return ids
}

func (l *snsLab) want(url, what string, want ...string) {
	l.t.Helper()
	if diff := cmp.Diff(want, l.ids(l.received(url))); diff != "" {
		l.t.Errorf("%s: %s", what, diff)
	}
}

// TestSNSDelivery publishes to a topic with subscribers, filter policies among them.
func TestSNSDelivery(t *testing.T) {
	t.Parallel()
	l := newSNSLab(t)
	l.newTopic("drift")
	all := l.subscribe("all", "")
	high := l.subscribe("high", `{"severity":["high"]}`)
	low := l.subscribe("low", `{"severity":["low"]}`)
	network := l.subscribe("network", `{"stack":["prod/network","*"]}`)
	staging := l.subscribe("staging", `{"stack":[{"prefix":"staging/"}]}`)
	console := l.subscribe("console", `{"cause":["manual-console"],"event":["new"]}`)
	resolved := l.subscribe("resolved", `{"event":["resolved"]}`)
	l.listen()

	m := someMessage()
	if err := l.channel(l.URL()).Notify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := l.received(all)
	if len(got) != 1 || got[0].Subject != "prod/network, prod/device-tokens: 2 alerts - drift" {
		t.Fatalf("received %+v", got)
	}
	wantTypes := map[string][2]string{
		"event":    {"String.Array", `["new","changed"]`},
		"cause":    {"String.Array", `["manual-console"]`},
		"stack":    {"String.Array", `["prod/network","prod/device-tokens (blue)"]`},
		"severity": {"String", "high"},
	}
	types := map[string][2]string{}
	for name, a := range got[0].MessageAttributes {
		types[name] = [2]string{a.Type, a.Value}
	}
	if diff := cmp.Diff(wantTypes, types); diff != "" {
		t.Error(diff)
	}
	schema := messageSchema(t)
	p := decodePayload(t, schema, []byte(got[0].Message))
	if p.ID != m.ID || p.Text != m.Text || len(p.Alerts) != 2 || len(p.Stacks) != 2 {
		t.Errorf("message %+v", p)
	}
	l.want(high, "severity high", m.ID)
	l.want(low, "severity low")
	l.want(network, "stack prod/network", m.ID)
	l.want(staging, "stacks of staging")
	l.want(console, "new, by the console", m.ID)
	l.want(resolved, "resolved")
	posted := l.parse(<-l.posted)
	if q := decodePayload(t, schema, []byte(posted.Message)); q.ID != m.ID || posted.Subject == "" {
		t.Errorf("posted %+v", posted)
	}

	// Oversize: shortened to what has room, and told to all that may want it.
	many := manyAlerts(10_000)
	many.ID = "m-many"
	if err := l.channel(l.URL()).Notify(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	got = l.received(all)
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	p = decodePayload(t, schema, []byte(got[0].Message))
	if p.ID != many.ID || len(p.Alerts) < 150 || p.OmittedAlerts != 10_000-len(p.Alerts) || p.Link == "" {
		t.Errorf("%d alerts and %d more", len(p.Alerts), p.OmittedAlerts)
	}
	l.want(network, "stack prod/network, among more than an attribute holds", many.ID)
	l.want(low, "severity low")
}

// TestSNSFaults: what SNS does not take is reported, and arrives once when it does.
func TestSNSFaults(t *testing.T) {
	t.Parallel()
	l := newSNSLab(t)
	l.newTopic("drift")
	all := l.subscribe("all", "")
	proxy, err := lab.NewProxy(l.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	n, m := l.channel(proxy.URL()), someMessage()
	for _, c := range []struct {
		what    string
		fault   lab.Fault
		refused bool
		says    string
	}{
		{"denied", lab.Fault{Kind: lab.AccessDenied}, true, "sns:Publish"},
		{"throttled", lab.Fault{Kind: lab.Throttling}, false, "Throttling: Rate exceeded"},
		{"an error of SNS", lab.Fault{Kind: lab.ServerError}, false, "InternalFailure"},
		{"cut", lab.Fault{Cut: true}, false, "can't be reached"},
	} {
		remove := proxy.On(lab.Match("sns", "Publish"), c.fault)
		proxy.Forget()
		err := n.Notify(t.Context(), m)
		remove()
		var f *Failure
		if !errors.As(err, &f) {
			f = &Failure{Err: err}
		}
		if err == nil || f.Refused != c.refused || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		noSecrets(t, err, []string{canaryKey})
		if asked := len(proxy.Requests()); asked > snsAttempts {
			t.Errorf("%s: asked %d times", c.what, asked)
		}
	}
	l.want(all, "while nothing was taken")
	proxy.On(lab.Match("sns", "Publish"), lab.Fault{Kind: lab.Throttling, Times: 1})
	if err := n.Notify(t.Context(), m); err != nil {
		t.Errorf("throttled once: %v", err)
	}
	l.want(all, "after all", m.ID)

	l.do("sns", "delete_topic", map[string]any{"TopicArn": l.topic})
	var f *Failure
	if err := n.Notify(t.Context(), m); !errors.As(err, &f) || !f.Refused || !strings.Contains(f.Error(), "create the topic") {
		t.Errorf("no topic: %v", err)
	}
}

// TestSNSFIFODelivery: who is told the same message again by a FIFO topic, is not.
func TestSNSFIFODelivery(t *testing.T) {
	t.Parallel()
	l := newSNSLab(t)
	l.newTopic("drift.fifo")
	all := l.subscribe("all.fifo", "")
	n, first, second := l.channel(l.URL()), someMessage(), someMessage()
	second.ID = "m-20261126-0002"
	for _, m := range []Message{first, first, second, first} {
		if err := n.Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	l.want(all, "each once, in order", first.ID, second.ID)
}

// TestSNSRole publishes to a topic of another account, as a role of that.
func TestSNSRole(t *testing.T) {
	t.Parallel()
	l := newSNSLab(t)
	cfg := labConfig()
	cfg.BaseEndpoint = aws.String(l.URL())
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), "arn:aws:iam::222222222222:role/alerts"))
	assumed, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.account = assumed.AccessKeyID
	l.newTopic("drift")
	all := l.subscribe("all", "")
	if !strings.Contains(l.topic, ":222222222222:") {
		t.Fatalf("topic %s", l.topic)
	}
	if _, err := l.Call(t.Context(), lab.Call{Service: "sns", Method: "get_topic_attributes", Params: map[string]any{"TopicArn": "arn:aws:sns:us-east-1:123456789012:drift"}}); err == nil {
		t.Error("the other account has the topic too")
	}
	n, err := NewSNS(SNSOptions{Topic: l.topic, Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	m := someMessage()
	if err := n.Notify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	l.want(all, "as the role", m.ID)
}
