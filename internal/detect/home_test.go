package detect_test

import (
	"testing"

	"holdfast/internal/detect"
	"holdfast/internal/state"
)

// Which region an object names as its own.
func TestHome(t *testing.T) {
	t.Parallel()
	for attributes, want := range map[string]string{
		`{"arn": "arn:aws:sqs:eu-west-1:111:q"}`:                            "eu-west-1",
		`{"id": "arn:aws-cn:sns:cn-north-1:111:t:sub"}`:                     "cn-north-1",
		`{"arn": "arn:aws:apigateway:us-east-1::/restapis/x"}`:              "us-east-1",
		`{"arn": "arn:aws:iam::111:role/r"}`:                                "", // global
		`{"arn": "arn:aws:s3:::bucket", "region": "eu-west-1"}`:             "",
		`{"arn": "arn:aws:sqs:eu-west-1:111:q", "region": "eu-west-1"}`:     "", // looked for there, wherever the provider works
		`{"arn": "arn:aws:sqs:eu-west-1:111:q", "region": null}`:            "eu-west-1",
		`{"role_arn": "arn:aws:sqs:eu-west-1:111:q", "id": "x", "arn": []}`: "",
		`{"arn": "arn:test:n", "id": "1"}`:                                  "",
		`{}`:                                                                "",
		``:                                                                  "",
	} {
		if got := detect.Home(state.Instance{Attributes: []byte(attributes)}); got != want {
			t.Errorf("%s: %q, want %q", attributes, got, want)
		}
	}
}
