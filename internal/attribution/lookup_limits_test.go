package attribution_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"holdfast/internal/attribution"
	"holdfast/internal/drift"
)

// eventHistory answers LookupEvents without a network, so that a test can be in a
// bubble of its own time. It is one for all accounts: the access key tells which.
type eventHistory struct {
	pages  int           // of each account and region
	age    time.Duration // of all events, as the service says beside them
	events func(account, region string, page int) []string
	way    func(n int) time.Duration // how long the nth request is under way; nil: no time

	mu    sync.Mutex
	asked map[string][]time.Time // by account and region
	since map[string]time.Time   // likewise, if it is there: from when on
}

func (h *eventHistory) account(id string) attribution.LookupAccount {
	return attribution.LookupAccount{ID: id, Config: aws.Config{HTTPClient: h, Credentials: credentials.NewStaticCredentialsProvider("AKIA"+id, canary, "")}}
}

// Do answers a request; a page's token is its number.
func (h *eventHistory) Do(r *http.Request) (*http.Response, error) {
	scope := strings.Split(r.Header.Get("Authorization"), "/") // Credential=KEY/DATE/REGION/...
	_, account, _ := strings.Cut(scope[0], "AKIA")
	region := scope[2]
	var input struct {
		MaxResults int
		NextToken  string
		StartTime  float64
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil || input.MaxResults != 50 {
		return nil, fmt.Errorf("asked for %d events: %w", input.MaxResults, err)
	}
	page := 0
	_, _ = fmt.Sscan(input.NextToken, &page)
	key := account + " " + region
	h.mu.Lock()
	n := len(h.asked[key])
	h.mu.Unlock()
	if h.way != nil {
		time.Sleep(h.way(n)) // of the bubble's time
	}
	h.mu.Lock()
	h.asked[key] = append(h.asked[key], time.Now())
	if h.since != nil {
		h.since[key] = time.Unix(int64(input.StartTime), 0)
	}
	h.mu.Unlock()
	answer := map[string]any{"Events": []any{}}
	if page+1 < h.pages {
		answer["NextToken"] = fmt.Sprint(page + 1)
	}
	var events []any
	for _, text := range h.events(account, region, page) {
		events = append(events, map[string]any{"CloudTrailEvent": text, "EventTime": time.Now().Add(-h.age).Unix()})
	}
	answer["Events"] = events
	body, err := json.Marshal(answer)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(string(body))), Request: r,
	}, err
}

const (
	accountA = "111111111111"
	accountB = "222222222222"
)

// placed is a finding on a function somewhere.
func placed(account, region string) *attribution.Target {
	t := function("app")
	t.Identifiers[0].Value = "arn:aws:lambda:" + region + ":" + account + ":function:app"
	return t
}

// role is a finding on a role of a stack in a region.
func role(account, region string) *attribution.Target {
	f := &drift.Finding{Type: "aws_iam_role", Kind: drift.Modified, Changes: []drift.Change{{Path: "description", Expected: []byte(`"a"`), Actual: []byte(`"b"`)}}}
	arn := "arn:aws:iam::" + account + ":role/app"
	return &attribution.Target{Finding: f, Region: region, Identifiers: []drift.Identifier{{Name: "arn", Value: arn}, {Name: "name", Value: "app"}}}
}

// did is a write by a user who is called after where it was.
func did(source, event, account, region, params string) string {
	return fmt.Sprintf(`{"eventID":"e-%[3]s-%[4]s","eventTime":%[6]q,"eventSource":"%[1]s.amazonaws.com","eventName":%[2]q,"awsRegion":%[4]q,"recipientAccountId":%[3]q,"userAgent":"aws-cli/2",
"userIdentity":{"type":"IAMUser","userName":"%[3]s-%[4]s"},"requestParameters":%[5]s}`, source, event, account, region, params, time.Now().Add(-time.Minute).UTC().Format(time.RFC3339))
}

// TestLookupAccountsAndRegions asks each account where its findings are, those of
// global services in us-east-1 wherever their stack is, over several pages, and
// never more than twice a second.
func TestLookupAccountsAndRegions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &eventHistory{pages: 3, asked: map[string][]time.Time{}, events: func(account, region string, page int) []string {
			if page < 2 { // what is looked for is on the last
				return nil
			}
			events := []string{did("lambda", "UpdateFunctionConfiguration20150331v2", account, region, `{"functionName":"app","memorySize":512}`)}
			if region == "us-east-1" {
				events = append(events, did("iam", "UpdateRole", account, region, `{"roleName":"app","description":"b"}`))
			}
			return events
		}}
		source := attribution.NewLookup([]attribution.LookupAccount{h.account(accountA), h.account(accountB)}, []string{"ap-south-1"})
		targets := []*attribution.Target{placed(accountA, "eu-west-1"), placed(accountB, "us-west-2"), role(accountA, "eu-west-1"), role(accountB, "us-west-2")}
		began := time.Now()
		causes := attributed(t, source, targets)
		for i, want := range []string{accountA + "-eu-west-1", accountB + "-us-west-2", accountA + "-us-east-1", accountB + "-us-east-1"} {
			if causes[i].Actor != "user "+want || causes[i].Confidence != drift.Exact || len(causes[i].Gaps) > 0 {
				t.Errorf("%s, %s, gaps %v; want %s", causes[i].Summary, causes[i].Confidence, causes[i].Gaps, want)
			}
		}
		for key, times := range h.asked {
			if !slices.Contains([]string{accountA + " eu-west-1", accountB + " us-west-2", accountA + " us-east-1", accountB + " us-east-1"}, key) || len(times) != 3 {
				t.Errorf("%s was asked %d times", key, len(times))
			}
			for i := 1; i < len(times); i++ {
				if d := times[i].Sub(times[i-1]); d < 500*time.Millisecond {
					t.Errorf("%s was asked again after %s", key, d)
				}
			}
		}
		if d := time.Since(began); d > 1500*time.Millisecond {
			t.Errorf("it took %s: accounts and regions were not asked side by side", d)
		}
	})
}

// TestLookupLateRequest: the limit is kept where a request arrives late, and the
// next one at once.
func TestLookupLateRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &eventHistory{pages: 6, asked: map[string][]time.Time{}, events: func(string, string, int) []string { return nil }, way: func(n int) time.Duration {
			return time.Duration(1-n%2) * 400 * time.Millisecond
		}}
		attributed(t, attribution.NewLookup([]attribution.LookupAccount{h.account(accountA)}, nil), []*attribution.Target{placed(accountA, "eu-west-1")})
		times := h.asked[accountA+" eu-west-1"]
		if len(times) != 6 {
			t.Errorf("asked %d times", len(times))
		}
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < 500*time.Millisecond {
				t.Errorf("request %d came %s after the one before", i, d)
			}
		}
	})
}

// Findings whose region is not known are looked for in the regions of the
// settings, besides those of all others; and where there are none that is said of
// those findings alone.
func TestLookupUnplaced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		regions []string
		asked   string
		actor   string
		gap     string
	}{
		{[]string{"ap-south-1"}, "ap-south-1 eu-west-1 us-east-1", "user " + accountA + "-ap-south-1", ""},
		{nil, "eu-west-1 us-east-1", "", "name those to ask in attribution.regions"},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &eventHistory{pages: 1, asked: map[string][]time.Time{}, events: func(account, region string, _ int) []string {
				name := "app"
				if region == "ap-south-1" {
					name = "lost"
				}
				events := []string{did("lambda", "UpdateFunctionConfiguration20150331v2", account, region, `{"functionName":"`+name+`","memorySize":512}`)}
				if region == "us-east-1" {
					events = append(events, did("iam", "UpdateRole", account, region, `{"roleName":"app","description":"b"}`))
				}
				return events
			}}
			lost := function("lost")
			lost.Identifiers = lost.Identifiers[1:] // its name alone
			foreign := placed(accountB, "eu-west-1")
			causes := attributed(t, attribution.NewLookup([]attribution.LookupAccount{h.account(accountA)}, c.regions),
				[]*attribution.Target{placed(accountA, "eu-west-1"), role(accountA, "eu-west-1"), lost, foreign})
			var asked []string
			for key := range h.asked {
				asked = append(asked, strings.TrimPrefix(key, accountA+" "))
			}
			slices.Sort(asked)
			if got := strings.Join(asked, " "); got != c.asked {
				t.Errorf("asked in %s, want %s", got, c.asked)
			}
			for i, actor := range []string{"user " + accountA + "-eu-west-1", "user " + accountA + "-us-east-1"} {
				if causes[i].Actor != actor || len(causes[i].Gaps) > 0 {
					t.Errorf("%s, gaps %v", causes[i].Summary, causes[i].Gaps)
				}
			}
			// Its account is not known either: it may be in the one that is not asked.
			if got := fmt.Sprint(causes[2].Gaps); causes[2].Actor != c.actor || !strings.Contains(got, c.gap) || !strings.Contains(got, accountB) {
				t.Errorf("%s, gaps %s", causes[2].Summary, got)
			}
			if got := fmt.Sprint(causes[3].Gaps); !strings.Contains(got, "account "+accountB+" is not asked") {
				t.Errorf("%s, gaps %s", causes[3].Summary, got)
			}
		})
	}
}

// An account with more events than are read: what is older is a gap, and it takes
// as long as the limit says.
func TestLookupEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &eventHistory{pages: 1 << 20, asked: map[string][]time.Time{}, events: func(string, string, int) []string { return nil }}
		began := time.Now()
		causes := attributed(t, attribution.NewLookup([]attribution.LookupAccount{h.account(accountA)}, nil), []*attribution.Target{placed(accountA, "eu-west-1")})
		if got := fmt.Sprint(causes[0].Gaps); !strings.Contains(got, "there are more than 20000 events") {
			t.Errorf("gaps %s", got)
		}
		if n, d := len(h.asked[accountA+" eu-west-1"]), time.Since(began); n != 400 || d < 199*time.Second || d > 201*time.Second {
			t.Errorf("%d requests in %s", n, d)
		}
	})
}

// Of more events than are read, the older ones take nothing from one that came
// after all of them.
func TestLookupEndsAfterTheEvent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		age  time.Duration // of the oldest event that is read
		want drift.Confidence
		gaps int
	}{
		{time.Hour, drift.Exact, 0},
		{time.Minute, drift.Likely, 1}, // in the same second there may be another
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &eventHistory{pages: 1 << 20, age: c.age, asked: map[string][]time.Time{}, events: func(account, region string, page int) []string {
				if page > 0 {
					return []string{did("lambda", "Invoke", account, region, "{}")}
				}
				return []string{did("lambda", "UpdateFunctionConfiguration20150331v2", account, region, `{"functionName":"app","memorySize":512}`)}
			}}
			causes := attributed(t, attribution.NewLookup([]attribution.LookupAccount{h.account(accountA)}, nil), []*attribution.Target{placed(accountA, "eu-west-1")})
			if got := causes[0]; got.Confidence != c.want || len(got.Gaps) != c.gaps {
				t.Errorf("%s: %s, %s, gaps %v", c.age, got.Summary, got.Confidence, got.Gaps)
			}
		})
	}
}

// Each account and region is asked for its own window: one old finding makes
// nobody read months of all others.
func TestLookupWindows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &eventHistory{pages: 1, asked: map[string][]time.Time{}, since: map[string]time.Time{}, events: func(string, string, int) []string { return nil }}
		old, young, other := placed(accountA, "eu-west-1"), placed(accountA, "eu-west-1"), placed(accountB, "eu-west-1")
		now := time.Now()
		old.Since, young.Since, other.Since = now.AddDate(0, 0, -60), now.Add(-time.Hour), now.Add(-2*time.Hour-time.Millisecond)
		attributed(t, attribution.NewLookup([]attribution.LookupAccount{h.account(accountA), h.account(accountB)}, nil), []*attribution.Target{young, old, other})
		for key, want := range map[string]time.Time{accountA + " eu-west-1": old.Since, accountB + " eu-west-1": other.Since.Truncate(time.Second)} {
			if got := h.since[key]; !got.Equal(want) {
				t.Errorf("%s was asked from %s on, want %s", key, got, want)
			}
		}
	})
}

// Whoever interrupts does not wait for the limit of requests.
func TestLookupInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &eventHistory{pages: 1 << 20, asked: map[string][]time.Time{}, events: func(string, string, int) []string { return nil }}
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		time.AfterFunc(10200*time.Millisecond, cancel)
		_, err := attribution.Attribute(ctx, []attribution.Source{attribution.NewLookup([]attribution.LookupAccount{h.account(accountA)}, nil)},
			[]*attribution.Target{placed(accountA, "eu-west-1")}, attribution.Options{Until: began})
		if d := time.Since(began); err == nil || d > 10300*time.Millisecond {
			t.Errorf("%v after %s", err, d)
		}
	})
}

// silent is a network without a way to AWS.
type silent struct{ asked atomic.Int32 }

func (s *silent) Do(r *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	select {
	case <-time.After(10 * time.Second):
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// Where AWS can't be reached, nobody waits for minutes.
func TestLookupUnreachable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &silent{}
		account := attribution.LookupAccount{ID: accountA, Config: aws.Config{HTTPClient: s, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIA", canary, "")}}
		began := time.Now()
		causes := attributed(t, attribution.NewLookup([]attribution.LookupAccount{account}, nil), []*attribution.Target{placed(accountA, "eu-west-1")})
		got := strings.Join(causes[0].Gaps, "; ")
		if n, d := s.asked.Load(), time.Since(began); n != 3 || d > time.Minute || !strings.Contains(got, "AWS can't be reached") {
			t.Errorf("%d requests in %s, gaps %s", n, d, got)
		}
	})
}

func attributed(t *testing.T, source attribution.Source, targets []*attribution.Target) []*drift.Cause {
	t.Helper()
	now := time.Now()
	causes, err := attribution.Attribute(t.Context(), []attribution.Source{source}, targets, attribution.Options{Since: now.Add(-24 * time.Hour), Until: now})
	if err != nil {
		t.Fatal(err)
	}
	return causes
}
