package attribution_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"holdfast/internal/attribution"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
)

const canary = "canarySecret"

func account(id string) attribution.LookupAccount {
	return attribution.LookupAccount{ID: id, Config: aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKIA", canary, "")}}
}

// function is a finding on a function in us-east-1.
func function(name string) *attribution.Target {
	f := &drift.Finding{Type: "aws_lambda_function", Kind: drift.Modified, Changes: []drift.Change{{Path: "memory_size", Expected: []byte("128"), Actual: []byte("512")}}}
	arn := "arn:aws:lambda:us-east-1:" + lab.TrailAccount + ":function:" + name
	return &attribution.Target{Finding: f, Identifiers: []drift.Identifier{{Name: "arn", Value: arn}, {Name: "function_name", Value: name}}}
}

// TestLookup asks a stub with the documented limits, over several pages.
func TestLookup(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	nothing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(nothing.Close)
	trail, err := lab.NewTrail(tools, nothing.URL, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close() })
	now := time.Now().UTC().Truncate(time.Second)
	for i := range 170 {
		trail.Add(map[string]any{
			"eventID": fmt.Sprint(i), "eventTime": now.Add(-time.Duration(i) * time.Minute).Format(time.RFC3339), "eventSource": "lambda.amazonaws.com",
			"eventName": "UpdateFunctionConfiguration20150331v2", "awsRegion": "us-east-1", "userAgent": "aws-cli/2", "readOnly": false,
			"userIdentity": map[string]any{"type": "IAMUser", "userName": "alice"}, "requestParameters": map[string]any{"functionName": fmt.Sprint("f", i), "memorySize": 512},
		})
	}
	source := attribution.NewLookup([]attribution.LookupAccount{account("")}, nil).At(trail.URL())
	o := attribution.Options{Since: now.Add(-24 * time.Hour), Until: now.Add(time.Minute)}
	causes, err := attribution.Attribute(t.Context(), []attribution.Source{source}, []*attribution.Target{function("f169"), function("nobody")}, o)
	if err != nil {
		t.Fatal(err)
	}
	if causes[0].EventID != "169" || causes[0].Confidence != drift.Exact || len(causes[0].Gaps) > 0 {
		t.Errorf("got %s, gaps %v", causes[0].Summary, causes[0].Gaps)
	}
	if !strings.HasPrefix(causes[1].Summary, "unknown: no matching event since") || len(causes[1].Gaps) > 0 {
		t.Errorf("got %s", causes[1].Summary)
	}
	if trail.Refused > 0 {
		t.Errorf("%d requests were too many", trail.Refused)
	}
}

// Throttling is waited out; what is refused for good is a gap with the next step,
// and never a secret.
func TestLookupRefused(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		code := "AccessDeniedException"
		if strings.Contains(r.Header.Get("Authorization"), "/us-east-1/") {
			code = "ThrottlingException"
			if asked.Add(1) > 2 {
				fmt.Fprint(w, `{"Events":[{"CloudTrailEvent":"{broken"}]}`)
				return
			}
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"no"}`, code)
	}))
	t.Cleanup(server.Close)
	now := time.Now()
	o := attribution.Options{Since: now.Add(-24 * time.Hour), Until: now}
	west := function("x")
	west.Identifiers[0].Value = strings.Replace(west.Identifiers[0].Value, "us-east-1", "us-west-2", 1)
	foreign := function("y")
	foreign.Identifiers[0].Value = strings.Replace(foreign.Identifiers[0].Value, lab.TrailAccount, "999999999999", 1)
	source := attribution.NewLookup([]attribution.LookupAccount{account(lab.TrailAccount)}, nil).At(server.URL)
	causes, err := attribution.Attribute(t.Context(), []attribution.Source{source}, []*attribution.Target{function("z"), west, foreign}, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"1 events can't be read", "access denied; allow cloudtrail:LookupEvents", "account 999999999999 is not asked"} {
		if got := fmt.Sprint(causes[i].Gaps); !strings.Contains(got, want) || !strings.Contains(causes[i].Summary, "the evidence is incomplete") || strings.Contains(got, canary) {
			t.Errorf("gaps %s, want %s; %s", got, want, causes[i].Summary)
		}
	}
	if asked.Load() != 3 {
		t.Errorf("asked %d times", asked.Load())
	}
}
