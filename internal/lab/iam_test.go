package lab

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPermissions(t *testing.T) {
	t.Parallel()
	permissions, err := NewPermissions(Need(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, url, service, target, form, want string }{
		{"GET", "/bucket?policy=", "s3", "", "", "s3:GetBucketPolicy"},
		{"GET", "/bucket?encryption=", "s3", "", "", "s3:GetEncryptionConfiguration"},
		{"HEAD", "/bucket", "s3", "", "", "s3:ListBucket"},
		{"GET", "/bucket?list-type=2&prefix=env%3A%2F", "s3", "", "", "s3:ListBucket"},
		{"GET", "/bucket/a/b.tfstate?x-id=GetObject", "s3", "", "", "s3:GetObject"},
		{"GET", "/", "s3", "", "", "s3:ListAllMyBuckets"},
		{"GET", "/2015-03-31/functions/app/policy", "lambda", "", "", "lambda:GetPolicy"},
		{"GET", "/restapis/a1/resources/b2/methods/POST", "apigateway", "", "", "apigateway:GET"},
		{"POST", "/", "dynamodb", "DynamoDB_20120810.GetItem", "", "dynamodb:GetItem"},
		{"POST", "/", "monitoring", "", "Action=DescribeAlarms", "cloudwatch:DescribeAlarms"},
		{"POST", "/", "ec2", "", "Action=DescribeVpcs", "ec2:DescribeVpcs"},
		{"POST", "/", "dynamodb", "DynamoDB_20120810.Unheard", "", ""},
		{"GET", "/nothing/at/all", "lambda", "", "", ""},
		{"GET", "/", "unheard", "", "", ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.url, strings.NewReader(c.form))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261101/us-east-1/"+c.service+"/aws4_request, SignedHeaders=host")
		r.Header.Set("X-Amz-Target", c.target)
		if c.form != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		got, err := permissions.Action(parseRequest(r, []byte(c.form)))
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s %s of %s needs %q, %v; want %q", c.method, c.url, c.service, got, err, c.want)
		}
	}
	view, err := permissions.Managed("ViewOnlyAccess")
	if err != nil {
		t.Fatal(err)
	}
	if !view("s3:ListAllMyBuckets") || view("s3:PutObject") {
		t.Error("ViewOnlyAccess is not what it was")
	}
	if _, err := permissions.Managed("NoSuchPolicy"); err == nil {
		t.Error("a policy that there is not")
	}
}
