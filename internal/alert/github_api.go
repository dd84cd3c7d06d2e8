package alert

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// driftLabel is on every issue of ours: by it they are found. The search API would be
// another way, but what it knows is minutes old.
const driftLabel = "drift"

// githubMostRead bounds an answer: a page has 100 issues of 64 KiB.
const githubMostRead = 64 << 20

// githubIssue is what we read of an issue.
// https://docs.github.com/rest/issues/issues#list-repository-issues
type githubIssue struct {
	Number      int    `json:"number"`
	Body        string `json:"body"`
	State       string `json:"state"` // open or closed
	StateReason string `json:"state_reason"`
	Labels      []struct {
		Name string `json:"name"`
	} `json:"labels"`
	PullRequest *struct{} `json:"pull_request"` // the list has them too
}

func (i *githubIssue) open() bool { return i.State == "open" }

// marker is what the issue's body begins with, "" for an issue of somebody else.
func (i *githubIssue) marker() string {
	return ourMarker.FindString(i.Body)
}

// madeBy is the message that has made the issue.
func (i *githubIssue) madeBy() string {
	if found := madeByMarker.FindStringSubmatch(i.Body); found != nil {
		return found[1]
	}
	return ""
}

// Markers are comments of HTML. They count at the beginning of a body alone, where
// nothing stands but what Holdfast writes.
var (
	ourMarker    = regexp.MustCompile(`^<!-- holdfast:(stack=[A-Za-z0-9._:-]+|overview|test) -->`)
	madeByMarker = regexp.MustCompile(`^<!-- holdfast:[^\r\n]* -->\r?\n<!-- holdfast:message=([A-Za-z0-9._:-]+) -->`)
)

const (
	overviewMarker = "<!-- holdfast:overview -->"
	testMarker     = "<!-- holdfast:test -->"
)

func stackMarker(id string) string   { return "<!-- holdfast:stack=" + markerWord(id) + " -->" }
func messageMarker(id string) string { return "<!-- holdfast:message=" + markerWord(id) + " -->" }

// markerWord keeps an id from ending the marker that it is in.
func markerWord(id string) string {
	return cmp.Or(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._:-", r) {
			return r
		}
		return '.'
	}, id), ".")
}

// githubRound is one look at the repository, and what is done after it.
type githubRound struct {
	*github
	ctx context.Context //nolint:containedctx // of one call of Notify, as the round is
	m   Message

	alerts     map[string][]drift.Alert // by stack
	issues     map[string]*githubIssue  // by marker, the oldest of each
	duplicates []*githubIssue           // open ones with a marker that an older one has
	opened     int                      // open issues of stacks
	folds      foldedStacks             // told in the overview for now
	labelled   bool                     // all labels are there
	wrote      time.Time
}

// load finds our issues, closed ones too.
func (r *githubRound) load() error {
	r.issues = map[string]*githubIssue{}
	query := url.Values{"labels": {driftLabel}, "state": {"all"}, "sort": {"created"}, "direction": {"asc"}, "per_page": {"100"}}
	err := githubPages(r, "list issues", "/issues", query, func(issue githubIssue) {
		marker := issue.marker()
		switch older := r.issues[marker]; {
		case marker == "" || issue.PullRequest != nil:
		case older == nil:
			r.issues[marker] = &issue
		case issue.open():
			r.duplicates = append(r.duplicates, &issue)
		}
	})
	if err != nil {
		return err
	}
	for marker, issue := range r.issues {
		if issue.open() && marker != overviewMarker && marker != testMarker {
			r.opened++
		}
	}
	if issue := r.issues[overviewMarker]; issue != nil {
		r.folds.parse(issue.Body)
	}
	return nil
}

// githubPages reads all pages of a list. The link to the next one is followed by its
// query alone, so that the token goes nowhere else.
// https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
func githubPages[T any](r *githubRound, what, path string, query url.Values, each func(T)) error {
	for query != nil {
		var list []T
		header, err := r.do(what, http.MethodGet, path+"?"+query.Encode(), nil, &list)
		if err != nil {
			return err
		}
		for _, item := range list {
			each(item)
		}
		query = nextPage(header)
	}
	return nil
}

var nextLink = regexp.MustCompile(`<([^>]+)>;\s*rel="next"`)

func nextPage(header http.Header) url.Values {
	found := nextLink.FindStringSubmatch(header.Get("Link"))
	if found == nil {
		return nil
	}
	next, err := url.Parse(found[1])
	if err != nil {
		return nil
	}
	return next.Query()
}

// create makes an issue. GitHub silently drops labels that a token may not set; the
// issue would not be found again, so that it is not left there.
// https://docs.github.com/rest/issues/issues#create-an-issue
func (r *githubRound) create(w wanted) error {
	if !w.open {
		return nil
	}
	if err := r.ensureLabels(); err != nil {
		return err
	}
	var issue githubIssue
	_, err := r.do("open an issue", http.MethodPost, "/issues", map[string]any{
		"title": w.title, "body": w.marker + "\n" + messageMarker(r.m.ID) + "\n" + w.content, "labels": r.allLabels(),
	}, &issue)
	if err != nil {
		return err
	}
	r.issues[w.marker] = &issue
	for _, label := range issue.Labels {
		if strings.EqualFold(label.Name, driftLabel) {
			return nil
		}
	}
	err = fmt.Errorf("%s: GitHub has opened #%d without the label %s: give the token the permission issues: write", r.caller.what, issue.Number, driftLabel)
	return Refused(errors.Join(err, r.edit(&issue, map[string]string{"state": "closed", "state_reason": "not_planned"})))
}

// edit changes an issue, if there is something to change.
// https://docs.github.com/rest/issues/issues#update-an-issue
func (r *githubRound) edit(issue *githubIssue, change map[string]string) error {
	if len(change) == 0 {
		return nil
	}
	_, err := r.do(fmt.Sprintf("change issue #%d", issue.Number), http.MethodPatch, fmt.Sprintf("/issues/%d", issue.Number), change, nil)
	return err
}

// comment says something to those who watch an issue, once for each message.
// https://docs.github.com/rest/issues/comments
func (r *githubRound) comment(issue *githubIssue, text string) error {
	marker, path := messageMarker(r.m.ID), fmt.Sprintf("/issues/%d/comments", issue.Number)
	query := url.Values{"per_page": {"100"}}
	if !r.m.At.IsZero() { // clocks differ
		query.Set("since", r.m.At.Add(-24*time.Hour).UTC().Format(time.RFC3339))
	}
	said := false
	err := githubPages(r, fmt.Sprintf("list the comments of issue #%d", issue.Number), path, query, func(c struct {
		Body string `json:"body"`
	}) {
		said = said || strings.HasPrefix(c.Body, marker)
	})
	if err != nil || said {
		return err
	}
	_, err = r.do(fmt.Sprintf("comment on issue #%d", issue.Number), http.MethodPost, path, map[string]string{"body": marker + "\n" + text}, nil)
	return err
}

// allLabels are those of a new issue, each once. Names have at most 50 characters.
func (r *githubRound) allLabels() []string {
	labels := []string{driftLabel}
	for _, label := range r.labels {
		label = clip(tidy(label), 50)
		if label != "" && !slices.ContainsFunc(labels, func(l string) bool { return strings.EqualFold(l, label) }) {
			labels = append(labels, label)
		}
	}
	return labels
}

// ensureLabels makes the labels that are missing.
// https://docs.github.com/rest/issues/labels
func (r *githubRound) ensureLabels() error {
	if r.labelled {
		return nil
	}
	for _, label := range r.allLabels() {
		what := "look for the label " + label
		answer, body, err := r.ask(what, http.MethodGet, "/labels/"+url.PathEscape(label), nil) //nolint:bodyclose // do has read and closed it
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusNotFound {
			if err := r.failure(what, answer, body); err != nil {
				return err
			}
			continue
		}
		_, err = r.do("make the label "+label, http.MethodPost, "/labels", map[string]string{
			"name": label, "color": "d93f0b", "description": "Infrastructure that differs from its code",
		}, nil)
		if err != nil {
			return err
		}
	}
	r.labelled = true
	return nil
}

// do asks the API something about the repository and reads the answer into out. what
// is for people.
func (r *githubRound) do(what, method, path string, in, out any) (http.Header, error) {
	answer, body, err := r.ask(what, method, path, in) //nolint:bodyclose // do has read and closed it
	if err != nil {
		return nil, err
	}
	if err := r.failure(what, answer, body); err != nil {
		return nil, err
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			return nil, fmt.Errorf("%s: the answer is no JSON of GitHub's; is the URL that of an API?", r.doing(what))
		}
	}
	return answer.Header, nil
}

func (r *githubRound) doing(what string) string { return r.caller.what + ": to " + what }

func (r *githubRound) ask(what, method, path string, in any) (*http.Response, []byte, error) {
	var content io.Reader
	if method != http.MethodGet {
		if err := r.pause(); err != nil {
			return nil, nil, err
		}
		content = bytes.NewReader(compact(in))
	}
	request, err := http.NewRequestWithContext(r.ctx, method, r.base+path, content)
	if err != nil {
		return nil, nil, Refused(r.unreached(err))
	}
	request.Header = jsonHeader()
	request.Header.Set("Accept", "application/vnd.github+json")
	request.Header.Set("Authorization", "Bearer "+r.token)
	request.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	by := r.caller
	by.what = r.doing(what)
	answer, err := by.client.Do(request)
	if err != nil {
		return nil, nil, by.unreached(err)
	}
	defer func() { _ = answer.Body.Close() }()
	most := int64(githubMostRead)
	if answer.StatusCode >= 300 {
		most = mostAnswer
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil && answer.StatusCode < 300 {
		return nil, nil, by.unreached(err)
	}
	return answer, body, nil
}

// pause keeps two writes apart, as GitHub asks.
// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#pause-between-mutative-requests
func (r *githubRound) pause() error {
	if wait := time.Until(r.wrote.Add(r.pace)); wait > 0 && !r.wrote.IsZero() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-r.ctx.Done():
			return fmt.Errorf("%s: %w; the next attempt goes on from there", r.caller.what, r.ctx.Err())
		case <-timer.C:
		}
	}
	r.wrote = time.Now()
	return nil
}

// failure says what an answer means, and what to do about it.
func (r *githubRound) failure(what string, answer *http.Response, body []byte) error {
	var said struct {
		Message string `json:"message"`
		Errors  any    `json:"errors"`
	}
	detail := body
	if json.Unmarshal(body, &said) == nil && said.Message != "" {
		detail = []byte(said.Message)
		if said.Errors != nil {
			detail = append(detail, append([]byte(" "), compact(said.Errors)...)...)
		}
	}
	code, steps := answer.StatusCode, githubSteps
	limited := code == http.StatusTooManyRequests || code == http.StatusForbidden && rateLimited(answer.Header, said.Message)
	if limited {
		steps = nil
	}
	by := r.caller
	by.what = r.doing(what)
	err := by.answered(answer, detail, steps)
	if f, ok := errors.AsType[*Failure](err); ok && limited {
		f.Refused, f.After = false, limitedFor(answer.Header, said.Message, time.Now())
	}
	return err
}

// githubSteps are what to do about an answer that trying again doesn't mend.
var githubSteps = map[int]string{
	http.StatusUnauthorized:      "the token is not valid; make a new one with the permission issues: write",
	http.StatusForbidden:         "give the token the permission issues: write on the repository",
	http.StatusNotFound:          "check the repository's name, and that the token may read and write its issues",
	http.StatusGone:              "issues are disabled there; turn them on in the repository's settings",
	http.StatusMovedPermanently:  "the repository has another name by now; write that",
	http.StatusPermanentRedirect: "the repository has another name by now; write that",
}

// rateLimited tells a limit from a missing permission: both are 403.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
func rateLimited(header http.Header, message string) bool {
	return header.Get("Retry-After") != "" || header.Get("X-Ratelimit-Remaining") == "0" || saysLimit(message)
}

func saysLimit(message string) bool { return strings.Contains(strings.ToLower(message), "rate limit") }

// limitedFor is how long to wait: what the answer says, else a minute, as GitHub asks.
func limitedFor(header http.Header, message string, now time.Time) time.Duration {
	if after := retryAfter(header.Get("Retry-After"), now); after > 0 {
		return after
	}
	if reset, err := strconv.ParseInt(header.Get("X-Ratelimit-Reset"), 10, 64); err == nil && header.Get("X-Ratelimit-Remaining") == "0" {
		if wait := time.Unix(reset, 0).Sub(now); wait > 0 {
			return min(wait, mostWait)
		}
	}
	if saysLimit(message) {
		return time.Minute
	}
	return 0
}
