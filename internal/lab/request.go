package lab

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Request is an API request that a proxy saw.
type Request struct {
	Time      time.Time
	Service   string // as signed: "dynamodb", "ec2", "monitoring"; empty if unsigned
	Action    string // "DescribeTable"; where the protocol names none, METHOD and path
	Region    string // as signed
	Method    string
	Path      string
	Query     string
	UserAgent string
	Body      []byte
	// Status is what the proxy answered: 0 while it has not, or when it cut the
	// connection.
	Status int

	protocol protocol
}

// protocol is the family that decides how an error looks on the wire.
// https://smithy.io/2.0/aws/protocols/index.html
type protocol int

const (
	restJSON protocol = iota // Lambda, API Gateway
	awsJSON                  // X-Amz-Target: DynamoDB, KMS, SSM, SQS
	query                    // Action= in a form: IAM, SNS, STS
	ec2Query                 // the same, with errors of its own
	restXML                  // S3, Route 53, CloudFront
)

// xmlServices answer in XML though their requests name no action.
var xmlServices = map[string]bool{"s3": true, "route53": true, "cloudfront": true}

// parseRequest tells service, region and action from what a client sent.
func parseRequest(r *http.Request, body []byte) Request {
	request := Request{
		Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		UserAgent: r.UserAgent(), Body: body,
	}
	request.Service, request.Region = signedFor(r)
	request.Action, request.protocol = action(r, body, request.Service)
	return request
}

// signedFor reads the credential scope of a version 4 signature, in the header
// or, for a presigned URL, in the query.
func signedFor(r *http.Request) (service, region string) {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	if scope == "" {
		scope = r.URL.Query().Get("X-Amz-Credential")
	}
	parts := strings.Split(scope, "/") // key, date, region, service, aws4_request
	if len(parts) != 5 {
		return "", ""
	}
	return parts[3], parts[2]
}

func action(r *http.Request, body []byte, service string) (string, protocol) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndexByte(target, '.')+1:], awsJSON
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
			if service == "ec2" {
				return form.Get("Action"), ec2Query
			}
			return form.Get("Action"), query
		}
	}
	if _, operation, ok := strings.Cut(r.URL.Path, "/operation/"); ok && strings.HasPrefix(r.URL.Path, "/service/") {
		return operation, restJSON // Smithy RPC
	}
	name := r.Method + " " + r.URL.Path
	if xmlServices[service] {
		return name, restXML
	}
	return name, restJSON
}

// Match returns a condition for Proxy.On: the service as signed, and the action,
// both without regard to case. An empty string matches all; a * at the end of
// the action stands for the rest.
func Match(service, action string) func(Request) bool {
	return func(r Request) bool {
		return (service == "" || strings.EqualFold(service, r.Service)) &&
			(action == "" || matchAction(strings.ToLower(action), strings.ToLower(r.Action)))
	}
}

func matchAction(pattern, action string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(action, prefix)
	}
	return pattern == action
}
