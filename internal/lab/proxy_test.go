package lab

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// These calls each speak another protocol.
var (
	dynamoCall = Call{Service: "dynamodb", Method: "list_tables"}
	ec2Call    = Call{Service: "ec2", Method: "describe_vpcs"}
	iamCall    = Call{Service: "iam", Method: "list_roles"}
	lambdaCall = Call{Service: "lambda", Method: "get_function", Params: map[string]any{"FunctionName": "f"}}
	s3Call     = Call{Service: "s3", Method: "list_buckets"}
	routeCall  = Call{Service: "route53", Method: "list_hosted_zones"}
)

func TestFaultsAsSDKsSeeThem(t *testing.T) {
	t.Parallel()
	e := fork(t, root(t))
	for _, test := range []struct {
		call Call
		kind FaultKind
		want string
	}{
		{dynamoCall, AccessDenied, "AccessDeniedException"},
		{dynamoCall, Throttling, "ThrottlingException"},
		{dynamoCall, ServerError, "InternalServerError"},
		{ec2Call, AccessDenied, "UnauthorizedOperation"},
		{ec2Call, Throttling, "RequestLimitExceeded"},
		{iamCall, AccessDenied, "AccessDenied"},
		{iamCall, Throttling, "Throttling"},
		{lambdaCall, AccessDenied, "AccessDeniedException"},
		{lambdaCall, Throttling, "TooManyRequestsException"},
		{s3Call, AccessDenied, "AccessDenied"},
		{s3Call, Throttling, "SlowDown"},
		{routeCall, AccessDenied, "AccessDenied"},
	} {
		p := proxy(t, e)
		p.On(Match("", ""), Fault{Kind: test.kind})
		c := test.call
		c.Endpoint = p.URL()
		_, err := e.Call(t.Context(), c)
		var refused *CallError
		if !errors.As(err, &refused) || refused.Code != test.want {
			t.Errorf("%s: got %v, want %s", c.Service, err, test.want)
		}
	}
}

func TestFaultHitsOnlyWhatMatches(t *testing.T) {
	t.Parallel()
	e := fork(t, root(t))
	p := proxy(t, e)
	remove := p.On(Match("dynamodb", "List*"), Fault{Kind: AccessDenied})
	p.On(Match("ec2", "describevpcs"), Fault{Kind: Throttling, Times: 1})
	try := func(c Call) bool {
		c.Endpoint = p.URL()
		_, err := e.Call(t.Context(), c)
		return err == nil
	}
	for _, step := range []struct {
		what string
		call Call
		want bool
	}{
		{"another service", iamCall, true},
		{"matched", dynamoCall, false},
		{"matched once", ec2Call, false},
		{"used up", ec2Call, true},
	} {
		if got := try(step.call); got != step.want {
			t.Errorf("%s: success is %v", step.what, got)
		}
	}
	remove()
	if !try(dynamoCall) {
		t.Error("a rule taken away still works")
	}
}

func TestProxyRecords(t *testing.T) {
	t.Parallel()
	e := fork(t, root(t))
	p := proxy(t, e)
	for _, c := range []Call{dynamoCall, ec2Call, lambdaCall, s3Call} {
		c.Endpoint = p.URL()
		_, _ = e.Call(t.Context(), c) // there is no such function
	}
	want := []Request{
		{Service: "dynamodb", Action: "ListTables", Method: "POST", Path: "/", Status: 200},
		{Service: "ec2", Action: "DescribeVpcs", Method: "POST", Path: "/", Status: 200},
		{Service: "lambda", Action: "GET /2015-03-31/functions/f", Method: "GET", Path: "/2015-03-31/functions/f", Status: 404},
		{Service: "s3", Action: "GET /", Method: "GET", Path: "/", Status: 200},
	}
	got := p.Requests()
	if len(got) != len(want) {
		t.Fatalf("%d requests, want %d: %+v", len(got), len(want), got)
	}
	for i, w := range want {
		g := got[i]
		if g.Service != w.Service || g.Action != w.Action || g.Method != w.Method || g.Path != w.Path ||
			g.Status != w.Status || g.Region != "us-east-1" || !strings.Contains(g.UserAgent, "Boto3/") {
			t.Errorf("recorded %+v, want %+v", g, w)
		}
	}
	if p.Forget(); len(p.Requests()) != 0 {
		t.Error("nothing was forgotten")
	}
}

func TestDelayAndCut(t *testing.T) {
	t.Parallel()
	e := fork(t, root(t))
	p := proxy(t, e)
	const delay = 50 * time.Millisecond
	p.On(Match("", ""), Fault{Delay: delay, Times: 1})
	p.On(Match("", ""), Fault{Cut: true})
	c := dynamoCall
	c.Endpoint = p.URL()
	start := time.Now()
	if _, err := e.Call(t.Context(), c); err != nil || time.Since(start) < delay {
		t.Errorf("delayed: %v after %v", err, time.Since(start))
	}
	if _, err := e.Call(t.Context(), c); err == nil || !strings.Contains(err.Error(), "Connection was closed") {
		t.Errorf("cut: got %v", err)
	}
}

func TestCloseEndsDelayedRequests(t *testing.T) {
	t.Parallel()
	p, err := NewProxy("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	p.On(Match("", ""), Fault{Delay: time.Hour})
	ended := make(chan error, 1)
	go func() {
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(p.URL())
		if err == nil {
			response.Body.Close()
		}
		ended <- err
	}()
	eventually(t, "the request arrives", func() bool { return len(p.Requests()) == 1 })
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a request through a closed proxy succeeded")
	}
}

func TestParseRequest(t *testing.T) {
	t.Parallel()
	const scope = "AWS4-HMAC-SHA256 Credential=test/20261122/eu-west-1/%, SignedHeaders=host, Signature=0"
	for _, test := range []struct {
		method, url, service, header, value, body string
		action                                    string
		protocol                                  protocol
	}{
		{"POST", "/", "dynamodb", "X-Amz-Target", "DynamoDB_20120810.GetItem", "{}", "GetItem", awsJSON},
		{"POST", "/", "ec2", "Content-Type", "application/x-www-form-urlencoded; charset=utf-8", "Action=DescribeVpcs&Version=1", "DescribeVpcs", ec2Query},
		{"POST", "/", "iam", "Content-Type", "application/x-www-form-urlencoded", "Action=GetRole", "GetRole", query},
		{"POST", "/service/Granite/operation/PutMetricAlarm", "monitoring", "Smithy-Protocol", "rpc-v2-cbor", "", "PutMetricAlarm", restJSON},
		{"GET", "/bucket/key?acl", "s3", "", "", "", "GET /bucket/key", restXML},
		{"DELETE", "/restapis/x", "apigateway", "", "", "", "DELETE /restapis/x", restJSON},
	} {
		r := httptest.NewRequest(test.method, test.url, strings.NewReader(test.body))
		r.Header.Set("Authorization", strings.Replace(scope, "%", test.service+"/aws4_request", 1))
		r.Header.Set(test.header, test.value)
		got := parseRequest(r, []byte(test.body))
		if got.Service != test.service || got.Region != "eu-west-1" || got.Action != test.action || got.protocol != test.protocol {
			t.Errorf("%s %s: %+v", test.method, test.url, got)
		}
	}
	presigned := httptest.NewRequest("GET", "/b/k?X-Amz-Credential=test/20261122/eu-west-1/s3/aws4_request", nil)
	if got := parseRequest(presigned, nil); got.Service != "s3" {
		t.Errorf("presigned: %+v", got)
	}
	unsigned := httptest.NewRequest("GET", "/", nil)
	if got := parseRequest(unsigned, nil); got.Service != "" || got.Action != "GET /" {
		t.Errorf("unsigned: %+v", got)
	}
}
