package attribution

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Record is what is used of a CloudTrail record.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type Record struct {
	EventID     string    `json:"eventID"`
	Time        time.Time `json:"eventTime"`
	Source      string    `json:"eventSource"` // lambda.amazonaws.com
	Name        string    `json:"eventName"`
	Region      string    `json:"awsRegion"`
	SourceIP    string    `json:"sourceIPAddress"` // or the name of an AWS service
	UserAgent   string    `json:"userAgent"`
	ErrorCode   string    `json:"errorCode"`
	ReadOnly    Flag      `json:"readOnly"`
	Recipient   string    `json:"recipientAccountId"`
	FromConsole Flag      `json:"sessionCredentialFromConsole"`
	Identity    Identity  `json:"userIdentity"`
	Request     Free      `json:"requestParameters"`
	Response    Free      `json:"responseElements"`
	Resources   Resources `json:"resources"`
}

// Identity is who made a request.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
type Identity struct {
	Type      string  `json:"type"` // IAMUser, AssumedRole, Root, AWSService, ...
	ARN       string  `json:"arn"`
	AccountID string  `json:"accountId"`
	UserName  string  `json:"userName"`
	InvokedBy string  `json:"invokedBy"`
	Session   Session `json:"sessionContext"`
}

// Session is that of temporary credentials.
type Session struct {
	SourceIdentity string `json:"sourceIdentity"`
	Attributes     struct {
		MFA Flag `json:"mfaAuthenticated"`
	} `json:"attributes"`
	Issuer struct {
		Type     string `json:"type"`
		ARN      string `json:"arn"`
		UserName string `json:"userName"`
	} `json:"sessionIssuer"`
}

// Resource is an object that a record names by itself; most records name none.
type Resource struct {
	ARN  string `json:"ARN"`
	Name string `json:"resourceName"` // LookupEvents adds it
}

// Resources of a record: a list, or something else that says nothing.
type Resources []Resource

// UnmarshalJSON takes what is no list of objects for none.
func (r *Resources) UnmarshalJSON(data []byte) error {
	var list []Resource
	if json.Unmarshal(data, &list) == nil {
		*r = list
	}
	return nil
}

// Flag is true or false, written as either or as text; nil if it isn't there.
type Flag struct{ value *bool }

// True reports whether the flag is there and true.
func (f Flag) True() bool { return f.value != nil && *f.value }

// Value is nil where the record has no such flag.
func (f Flag) Value() *bool { return f.value }

// UnmarshalJSON takes true, "true" and "True"; anything else but their opposites
// is as if the flag were not there.
func (f *Flag) UnmarshalJSON(data []byte) error {
	text := strings.ToLower(strings.Trim(string(data), `"`))
	if text == "true" || text == "false" {
		value := text == "true"
		f.value = &value
	}
	return nil
}

// Free is parameters of any form, with numbers as json.Number.
type Free struct{ Value any }

// UnmarshalJSON keeps whatever it is.
func (f *Free) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(&f.Value)
}

// errNoRecord is for JSON that has nothing of a record.
var errNoRecord = errors.New("no CloudTrail record: it lacks eventSource, eventName or eventTime")

// ParseRecord decodes one record. Its errors say nothing of what the record
// holds.
func ParseRecord(data []byte) (*Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("CloudTrail record: %w", scrub(err))
	}
	if r.Source == "" || r.Name == "" || r.Time.IsZero() {
		return nil, errNoRecord
	}
	return &r, nil
}

// scrub makes an error of encoding/json one without values of the document.
func scrub(err error) error {
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s is of the wrong type", mismatch.Field)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not valid JSON at byte %d", syntax.Offset)
	}
	return errors.New("not valid")
}

// Event is the record's action without the API version that some services add:
// UpdateFunctionConfiguration20150331v2.
func (r *Record) Event() string {
	name := r.Name
	end := len(name)
	for end > 0 && (name[end-1] >= '0' && name[end-1] <= '9' || name[end-1] == 'v' || name[end-1] == '_') {
		end--
	}
	if len(name)-end >= 8 && strings.HasPrefix(name[end:], "20") {
		return name[:end]
	}
	return name
}

// Account is that whose objects were changed.
func (r *Record) Account() string {
	if r.Recipient != "" {
		return r.Recipient
	}
	return r.Identity.AccountID
}

// write reports whether the record is of a change that happened.
func (r *Record) write() bool {
	if r.ErrorCode != "" || r.ReadOnly.True() {
		return false
	}
	return r.ReadOnly.Value() != nil || !readVerbs[firstWord(r.Name)]
}

// readVerbs begin the names of actions that only read. They count only where a
// record does not say itself.
var readVerbs = map[string]bool{
	"get": true, "list": true, "describe": true, "head": true, "lookup": true, "search": true,
	"query": true, "scan": true, "batch": false, "select": true, "simulate": true, "assume": true,
}
