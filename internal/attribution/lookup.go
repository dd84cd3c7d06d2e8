package attribution

import (
	"context"
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
	// events, in 200 s and the time of the answers. Older events than those are a gap.
	lookupPages    = 400
	lookupAttempts = 8
	// unansweredRequests is how many requests in a row may go without an answer: throttling
	// is waited out, a network without a way to AWS is not.
	unansweredRequests = 3
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

// unplaced stands for the region of findings of which none is known.
const unplaced = "unknown"

// Each asks accounts and regions side by side: the limit is of each. An account is
// asked in the regions of its own findings alone.
func (l *Lookup) Each(ctx context.Context, q Query, visit func(*Raw)) ([]Gap, error) {
	var gaps []Gap
	if _, unknown := q.regions(); unknown && len(l.regions) == 0 {
		gaps = append(gaps, Gap{Region: unplaced, Where: "CloudTrail LookupEvents", Reason: "the finding's region is not known; name those to ask in attribution.regions"})
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, account := range l.accounts {
		mine := q.in(account.ID)
		regions, unknown := mine.regions()
		if unknown {
			regions = append(regions, l.regions...)
			slices.Sort(regions)
		}
		for _, region := range slices.Compact(regions) {
			group.Go(func() {
				if gap := l.ask(ctx, account, region, mine, visit); gap.Reason != "" {
					gap.Region, gap.Account, gap.Where = region, account.ID, "CloudTrail LookupEvents in "+region
					mu.Lock()
					gaps = append(gaps, gap)
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
	for _, id := range q.accounts() {
		if !slices.ContainsFunc(l.accounts, func(a LookupAccount) bool { return a.ID == "" || a.ID == id }) {
			gaps = append(gaps, Gap{Account: id, Where: "CloudTrail LookupEvents", Reason: "account " + id + " is not asked; add it to attribution.lookup_events", Foreign: true})
		}
	}
	return gaps
}

// ask reads the events of one account and region, newest first. Reads are left
// out by the service. The gap says why events are missing, if any are.
func (l *Lookup) ask(ctx context.Context, account LookupAccount, region string, q Query, visit func(*Raw)) Gap {
	client := l.client(account, region)
	input := &cloudtrail.LookupEventsInput{
		StartTime: aws.Time(q.since(region).UTC().Truncate(time.Second)), EndTime: aws.Time(q.Until.UTC()), MaxResults: aws.Int32(lookupPage),
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyReadOnly, AttributeValue: aws.String("false")}},
	}
	oldest, broken := q.Until, 0
	for range l.pages {
		out, err := client.LookupEvents(ctx, input)
		if err != nil {
			return Gap{Reason: explain(err, "cloudtrail:LookupEvents", "*").Error()}
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
			return Gap{Reason: unreadable(broken)}
		}
		input.NextToken = out.NextToken
	}
	if broken > 0 {
		return Gap{Reason: fmt.Sprintf("there are more than %d events, and %s", l.pages*lookupPage, unreadable(broken))}
	}
	return Gap{Until: oldest, Reason: fmt.Sprintf("there are more than %d events; those before %s were not read. A trail in S3 has no such limit", l.pages*lookupPage, when(oldest))}
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
		o.HTTPClient = newPacer(next, l.pause)
		o.RetryMaxAttempts = lookupAttempts // AWS_MAX_ATTEMPTS is not meant for a limit this low
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

// pacer makes one request at a time, and a pause after its answer: the service
// counts when it gets a request, which is later than it was meant to be sent.
type pacer struct {
	next  aws.HTTPClient
	pause time.Duration
	turn  chan struct{} // full while a request is under way or waits for its time

	// Of who has the turn:
	free time.Time // when the next request may be made
	lost int       // requests in a row without an answer
}

func newPacer(next aws.HTTPClient, pause time.Duration) *pacer {
	return &pacer{next: next, pause: pause, turn: make(chan struct{}, 1)}
}

// unreachable is an error that the SDK does not try again.
type unreachable struct{ error }

func (u unreachable) RetryableError() bool { return false }
func (u unreachable) Unwrap() error        { return u.error }

// Do waits for its turn, or for the request's end.
func (p *pacer) Do(r *http.Request) (*http.Response, error) {
	select {
	case p.turn <- struct{}{}:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	defer func() { <-p.turn }()
	timer := time.NewTimer(time.Until(p.free))
	defer timer.Stop()
	select {
	case <-timer.C:
		return p.send(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (p *pacer) send(r *http.Request) (*http.Response, error) {
	answer, err := p.next.Do(r)
	p.free = time.Now().Add(p.pause)
	if err == nil {
		p.lost = 0
		return answer, nil
	}
	if p.lost++; p.lost >= unansweredRequests {
		err = unreachable{err}
	}
	return nil, err
}
