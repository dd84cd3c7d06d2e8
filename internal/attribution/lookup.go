package attribution

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// Limits of LookupEvents.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
const (
	lookupPause = 500 * time.Millisecond // between requests to an account and region
	lookupPage  = 50                     // events
	// lookupPages is how many pages are read of an account and region: 20,000
	// events, in 200 s. Older events than those are a gap.
	lookupPages    = 400
	lookupAttempts = 8
)

// Lookup asks CloudTrail's event history, which every account has for 90 days,
// with no trail. It needs cloudtrail:LookupEvents.
type Lookup struct {
	accounts []LookupAccount
	regions  []string
	endpoint string        // "": AWS's own
	pause    time.Duration // lookupPause but in tests of what the service does with less
	pages    int
}

// LookupAccount is an account to ask, with credentials for it; one role of it is
// assumed by whoever makes the configuration.
type LookupAccount struct {
	ID     string // "": not known, asked for all targets
	Config aws.Config
}

// NewLookup asks each of the accounts, in the regions of the findings, and where
// those are not known in the regions given.
func NewLookup(accounts []LookupAccount, regions []string) *Lookup {
	return &Lookup{accounts: accounts, regions: regions, pause: lookupPause, pages: lookupPages}
}

// At makes it ask another endpoint than AWS's.
func (l *Lookup) At(endpoint string) *Lookup {
	l.endpoint = endpoint
	return l
}

// Each asks accounts and regions side by side: the limit is of each.
func (l *Lookup) Each(ctx context.Context, q Query, visit func(*Raw)) ([]Gap, error) {
	regions := q.Regions
	if len(regions) == 0 {
		regions = l.regions
	}
	var gaps []Gap
	if len(regions) == 0 {
		return []Gap{{Where: "CloudTrail LookupEvents", Reason: "no region is known; name some in attribution.regions"}}, nil
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, account := range l.accounts {
		if account.ID != "" && len(q.Accounts) > 0 && !slices.Contains(q.Accounts, account.ID) {
			continue
		}
		for _, region := range regions {
			group.Go(func() {
				if reason := l.ask(ctx, account, region, q, visit); reason != "" {
					mu.Lock()
					gaps = append(gaps, Gap{region, account.ID, "CloudTrail LookupEvents in " + region, reason})
					mu.Unlock()
				}
			})
		}
	}
	group.Wait()
	return append(gaps, l.unasked(q)...), ctx.Err()
}

// unasked are accounts of findings that nobody gave credentials for.
func (l *Lookup) unasked(q Query) []Gap {
	var gaps []Gap
	for _, id := range q.Accounts {
		if id != "" && !slices.ContainsFunc(l.accounts, func(a LookupAccount) bool { return a.ID == "" || a.ID == id }) {
			gaps = append(gaps, Gap{Account: id, Where: "CloudTrail LookupEvents", Reason: "account " + id + " is not asked; add it to attribution.accounts"})
		}
	}
	return gaps
}

// ask reads the events of one account and region, newest first. Reads are left
// out by the service. The reason is why events are missing.
func (l *Lookup) ask(ctx context.Context, account LookupAccount, region string, q Query, visit func(*Raw)) (reason string) {
	client := l.client(account, region)
	input := &cloudtrail.LookupEventsInput{
		StartTime: aws.Time(q.Since.UTC().Truncate(time.Second)), EndTime: aws.Time(q.Until.UTC()), MaxResults: aws.Int32(lookupPage),
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyReadOnly, AttributeValue: aws.String("false")}},
	}
	oldest, broken := q.Until, 0
	for range l.pages {
		out, err := client.LookupEvents(ctx, input)
		if err != nil {
			return explain(err, "cloudtrail:LookupEvents", "*").Error()
		}
		for _, event := range out.Events {
			if at := aws.ToTime(event.EventTime); !at.IsZero() && at.Before(oldest) {
				oldest = at
			}
			if !visitText(aws.ToString(event.CloudTrailEvent), visit) {
				broken++
			}
		}
		if out.NextToken == nil {
			return unreadable(broken)
		}
		input.NextToken = out.NextToken
	}
	return fmt.Sprintf("there are more than %d events; those before %s were not read. A trail in S3 has no such limit", l.pages*lookupPage, when(oldest))
}

func unreadable(events int) string {
	if events == 0 {
		return ""
	}
	return fmt.Sprintf("%d events can't be read", events)
}

// visitText hands on a record that is JSON in a string.
func visitText(text string, visit func(*Raw)) bool {
	data := []byte(text)
	if len(data) == 0 || data[0] != '{' {
		return false
	}
	raw := Raw{Data: data}
	if n, err := splitRecord(data, &raw); err != nil || n == 0 {
		return false
	}
	visit(&raw)
	return true
}

// client keeps to the limit also with what it tries again: each request waits for
// its turn.
func (l *Lookup) client(account LookupAccount, region string) *cloudtrail.Client {
	return cloudtrail.NewFromConfig(account.Config, func(o *cloudtrail.Options) {
		o.Region = region
		if l.endpoint != "" {
			o.BaseEndpoint = &l.endpoint
		}
		next := o.HTTPClient
		if next == nil {
			next = http.DefaultClient
		}
		o.HTTPClient = &pacer{next: next, pause: l.pause}
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = lookupAttempts, 20*time.Second
			r.RateLimiter = noQuota{}
		})
	})
}

// noQuota lets every try be made: throttling here is the rule, not a failure.
type noQuota struct{}

func (noQuota) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (noQuota) AddTokens(uint) error { return nil }

// pacer spaces requests out.
type pacer struct {
	next  aws.HTTPClient
	pause time.Duration

	mu   sync.Mutex
	free time.Time // when the next request may be made
}

// Do waits for its turn, or for the request's end.
func (p *pacer) Do(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	now := time.Now()
	turn := p.free
	if turn.Before(now) {
		turn = now
	}
	p.free = turn.Add(p.pause)
	p.mu.Unlock()
	timer := time.NewTimer(turn.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return p.next.Do(r)
	case <-r.Context().Done():
		return nil, errors.Join(r.Context().Err())
	}
}
