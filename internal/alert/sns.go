package alert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// SNSOptions say which topic messages are published to, and as whom.
type SNSOptions struct {
	Topic    string     // its ARN; the region is that of it
	Endpoint string     // "" for what Config says, or AWS's own
	Config   aws.Config // credentials, the HTTP client
}

// What SNS takes of a message.
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
const (
	mostTopic   = 262_144 // bytes of all: message, subject and attributes
	mostSubject = 99      // characters
	mostSMS     = 140     // characters
	mostGroupID = 128     // characters, also of a deduplication id
)

// snsAttempts are made by the SDK; who calls tries again later.
const snsAttempts = 2

// topicSizes are what is tried, in turn: a topic may be set to take less.
var topicSizes = []int{mostTopic, mostTopic / 4, mostTopic / 16}

// everyStack is in the attribute stack where not all have room.
const everyStack = "*"

// snsTopic is the ARN of a topic: partition, region, account, name.
var snsTopic = regexp.MustCompile(`^arn:[a-z0-9-]+:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`)

type topic struct {
	arn    string
	client *sns.Client
}

// NewSNS is a channel to an SNS topic; docs/alerts-sns.md says what is published.
func NewSNS(o SNSOptions) (Notifier, error) {
	parts := snsTopic.FindStringSubmatch(o.Topic)
	if parts == nil {
		return nil, fmt.Errorf("SNS topic %q: write the ARN of a topic, as arn:aws:sns:eu-west-1:123456789012:drift", o.Topic)
	}
	client := sns.NewFromConfig(o.Config, func(s *sns.Options) {
		s.Region = parts[1]
		s.HTTPClient = still(s.HTTPClient)
		if o.Endpoint != "" {
			s.BaseEndpoint = &o.Endpoint
		}
		if s.RetryMaxAttempts == 0 || s.RetryMaxAttempts > snsAttempts {
			s.RetryMaxAttempts = snsAttempts
		}
	})
	return &topic{arn: o.Topic, client: client}, nil
}

// still is a client that follows no redirect: who moves gives messages to nobody
// else.
func still(client sns.HTTPClient) sns.HTTPClient {
	switch c := client.(type) {
	case *http.Client:
		return newCaller("", c).client
	case *awshttp.BuildableClient:
		return newCaller("", &http.Client{Transport: c.GetTransport(), Timeout: c.GetTimeout()}).client
	}
	return client
}

func (t *topic) Notify(ctx context.Context, m Message) error {
	var err error
	for _, most := range topicSizes {
		if _, err = t.client.Publish(ctx, t.input(m, most)); !isTooLong(err) {
			break
		}
	}
	if err != nil {
		return t.failure(ctx, err)
	}
	return nil
}

// input is what is published of a message, in at most so many bytes.
func (t *topic) input(m Message, most int) *sns.PublishInput {
	attributes, subject := snsAttributes(m, most/8), snsSubject(m)
	input := &sns.PublishInput{
		TopicArn: &t.arn, Subject: &subject, MessageAttributes: attributes, MessageStructure: aws.String("json"),
		Message: aws.String(snsMessage(m, most-len(subject)-attributesSize(attributes))),
	}
	if strings.HasSuffix(t.arn, ".fifo") {
		input.MessageGroupId = aws.String(snsID(m.Channel))
		input.MessageDeduplicationId = aws.String(snsID(m.ID))
	}
	return input
}

// isTooLong reports whether SNS wants a shorter message.
func isTooLong(err error) bool {
	var invalid *types.InvalidParameterException
	return errors.As(err, &invalid) && strings.Contains(strings.ToLower(invalid.ErrorMessage()), "too long")
}

// snsMessage is the message by protocol, of at most so many bytes. Programs have the
// most room, so what they get is there once: as the default.
func snsMessage(m Message, most int) string {
	message := map[string]string{"sms": ascii(m.Short, mostSMS), "default": ""}
	for room := most / 8; ; room /= 2 {
		message["email"] = plain(shorten(m.Text, room, m.Link))
		if len(compact(message)) <= most/4 || room == 0 { // more than room, if full of what JSON escapes
			break
		}
	}
	room := most - len(compact(message))
	message["default"] = string(encode(m, room, func(text []byte) int { return len(compact(string(text))) - len(`""`) }))
	return string(compact(message))
}

// snsSubject is a title as SNS wants it: ASCII that begins with something visible.
func snsSubject(m Message) string {
	if subject := ascii(m.Title, mostSubject); subject != "" {
		return subject
	}
	return "Holdfast"
}

// snsAttributes are what filter policies go by, with so many bytes of stacks at most.
func snsAttributes(m Message, mostStacks int) map[string]types.MessageAttributeValue {
	var events, causes, stacks []string
	for _, a := range m.Alerts {
		events = append(events, string(a.Kind))
		stacks = append(stacks, a.Stack.String())
		if cause := a.Cause(); cause != "" {
			causes = append(causes, string(cause))
		}
	}
	for _, s := range m.Standing {
		stacks = append(stacks, s.Stack.String())
	}
	if m.Test {
		events = append(events, "test")
	}
	attributes := map[string]types.MessageAttributeValue{}
	lists := map[string][]string{"event": distinct(events), "cause": distinct(causes), "stack": bounded(distinct(stacks), mostStacks)}
	for name, values := range lists {
		if len(values) > 0 {
			attributes[name] = attribute("String.Array", string(compact(values)))
		}
	}
	if m.Severity != "" {
		attributes["severity"] = attribute("String", string(m.Severity.OfFinding()))
	}
	return attributes
}

func attribute(kind, value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: &kind, StringValue: &value}
}

// attributesSize is what SNS counts of attributes: names, types and values.
func attributesSize(attributes map[string]types.MessageAttributeValue) int {
	size := 0
	for name, a := range attributes {
		size += len(name) + len(*a.DataType) + len(*a.StringValue)
	}
	return size
}

// distinct are the values of a list, each once, in order of their first.
func distinct(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}

// bounded are as many names of stacks as have room in so many bytes. If those are not
// all, it says so: a filter policy must be able to not miss the others.
func bounded(names []string, room int) []string {
	for i, name := range names {
		if room -= len(compact(name)) + 1; room < 0 {
			return append([]string{everyStack}, names[:i]...)
		}
	}
	return names
}

// unfitID is what ids of FIFO topics must not hold.
var unfitID = regexp.MustCompile(`[^\x21-\x7e]`)

// snsID is a name as an id of a FIFO topic; one that is not fit, by its hash.
func snsID(name string) string {
	if name == "" || len(name) > mostGroupID || unfitID.MatchString(name) {
		sum := sha256.Sum256([]byte(name))
		return hex.EncodeToString(sum[:])
	}
	return name
}
